"""Every control of the money path by name: what it watches, and where the runbook says what to do when it fires."""

from dataclasses import dataclass

RUNBOOK = "docs/execution/runbook.md"


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """One control.

    Parameters
    ----------
    name
        As it appears in violations, refusals, standstills and alerts.
    watches
        What it compares with what, in a few words.
    entry
        Heading of its entry in the runbook, as an anchor.
    """

    name: str
    watches: str
    entry: str

    @property
    def runbook(self) -> str:
        """Where a person reads on."""
        return f"{RUNBOOK}#{self.entry}"


CONTROLS: tuple[Control, ...] = (
    Control(name="allow_list", watches="contracts, selectors, recipients, spenders of a payload", entry="allow-list"),
    Control(
        name="balances", watches="every balance of the wallet against the ledger, to the wei", entry="books-differ"
    ),
    Control(
        name="books_equal_chain",
        watches="both sides of every change, balances, positions, transfers against the chain after an epoch",
        entry="discrepancy",
    ),
    Control(name="chain_unreachable", watches="whether a chain answers as the one it is", entry="chain-unreachable"),
    Control(
        name="endpoints_agree", watches="blocks and answers of two endpoints of a chain", entry="chain-unreachable"
    ),
    Control(name="believable_fee", watches="what a node asks for gas against any fee that ever was", entry="gas"),
    Control(name="clock_skew", watches="this machine's clock against the median of the exchanges'", entry="clock-skew"),
    Control(name="code_hash", watches="code of every contract we call against what it was first", entry="code-hash"),
    Control(name="gas_reserve", watches="native coin of a wallet against the chain's reserve", entry="gas-reserve"),
    Control(name="head_age", watches="age of a chain's head", entry="chain-unreachable"),
    Control(name="journal_lost", watches="a used wallet of which the journal knows nothing", entry="journal-lost"),
    Control(name="known_block", watches="a final block that a chain must still have", entry="known-block"),
    Control(name="foreign_nonce", watches="transactions of a wallet that the journal does not know", entry="nonce"),
    Control(name="outcome_unknown", watches="transactions whose outcome no chain tells", entry="outcome-unknown"),
    Control(name="registry_entry", watches="tokens, decimals, pools, factories against the registry", entry="registry"),
    Control(name="lifi_budget", watches="requests to Li.Fi against the window it grants", entry="lifi-budget"),
    Control(
        name="quote_tampered",
        watches="every field of a quote and its calldata against what was asked",
        entry="quote-tampered",
    ),
    Control(name="journal_intact", watches="pages of the journal's file, when it is opened", entry="journal-broken"),
    Control(name="transaction_gas_cap", watches="gas of a transaction against what its chain takes", entry="gas-cap"),
    Control(
        name="simulated_effects",
        watches="token transfers of a payload that is run, not sent, against its bounds",
        entry="simulated-effects",
    ),
    Control(name="max_gas_usd", watches="fee of one transaction at its bid", entry="gas"),
    Control(
        name="signer_allow_list", watches="the signer's own list against calldata it decodes itself", entry="signer"
    ),
    Control(name="signer_approval", watches="amount of an approval against the cap of its token", entry="signer"),
    Control(
        name="signer_fence", watches="lead of who asks against the largest the signer has seen", entry="signer-fence"
    ),
    Control(name="signer_gas", watches="gas, its price and the fee against the caps of the chain", entry="signer"),
    Control(name="signer_halt", watches="the signer's halt file", entry="signer-halt"),
    Control(name="signer_nonce", watches="payload against what its nonce was signed for before", entry="signer-nonce"),
    Control(name="signer_rate", watches="signatures within an hour", entry="signer-rate"),
    Control(name="signer_state", watches="whether the signer can remember what it signs", entry="signer-state"),
    Control(name="lead", watches="whether another executor has the wallet, or may have it", entry="lead"),
    Control(
        name="signer_withdraw_only", watches="whether calldata only takes out, claims or resets", entry="signer-halt"
    ),
    Control(name="max_gas_cheap_usd", watches="fee of one transaction on any chain but Ethereum", entry="gas"),
    Control(name="max_gas_value_frac", watches="fee of one transaction against the value it serves", entry="gas"),
    Control(name="max_gas_simulated_multiple", watches="gas limit against the simulation", entry="gas"),
    Control(name="max_day_gas_usd", watches="fees of 24 h on one chain, bids in flight included", entry="gas"),
    Control(
        name="max_transaction_nav_frac",
        watches="value one transaction may move against the NAV of its chain",
        entry="spend-caps",
    ),
    Control(
        name="max_epoch_turnover_frac", watches="value an epoch moves against the NAV of its chain", entry="spend-caps"
    ),
    Control(name="max_day_spend_frac", watches="value of 24 h on one chain against its NAV", entry="spend-caps"),
    Control(
        name="max_day_turnover_frac", watches="value of 24 h on all chains against the pair's NAV", entry="spend-caps"
    ),
    Control(
        name="max_day_bridge_frac",
        watches="value sent to other chains in 24 h against the pair's NAV",
        entry="spend-caps",
    ),
    Control(name="max_price_deviation_frac", watches="pool price against the exchanges'", entry="prices"),
    Control(
        name="max_price_deviation_stable_frac",
        watches="pool price of two stables against the exchanges'",
        entry="prices",
    ),
    Control(name="max_twap_deviation_frac", watches="pool price against the pool's own mean", entry="prices"),
    Control(
        name="max_twap_deviation_stable_frac",
        watches="pool price of two stables against the pool's own mean",
        entry="prices",
    ),
    Control(name="min_price_sources", watches="exchanges that agree on a minute", entry="prices"),
    Control(name="swap_slippage_frac", watches="minimum of a swap against the independent price", entry="prices"),
    Control(
        name="swap_slippage_stable_frac",
        watches="minimum of a swap of stables against the independent price",
        entry="prices",
    ),
    Control(name="max_price_impact_frac", watches="what a quote expects against the independent price", entry="prices"),
    Control(
        name="max_price_impact_stable_frac",
        watches="what a quote for stables expects against the independent price",
        entry="prices",
    ),
    Control(name="quote_max_age_s", watches="age of a quote when it is signed", entry="prices"),
    Control(
        name="max_bridge_loss_frac", watches="guaranteed minimum of a transfer against what is sent", entry="transfers"
    ),
    Control(name="bridge_overdue_s", watches="time since a transfer of which nothing has arrived", entry="transfers"),
    Control(name="close_value", watches="minima of a close against what the position holds", entry="prices"),
    Control(
        name="takes_nothing", watches="whether what is called staking or claiming takes something", entry="allow-list"
    ),
    Control(name="held_positions", watches="whose position liquidity is added to", entry="allow-list"),
    Control(name="halt", watches="whether a person or a control has stopped the wallet", entry="standstill"),
    Control(
        name="withdraw_only",
        watches="whether a transaction only leaves, where nothing else may be signed",
        entry="standstill",
    ),
    Control(name="max_hour_loss_frac", watches="NAV against holding, one hour", entry="breakers"),
    Control(name="max_hour_loss_stable_frac", watches="NAV against holding, one hour, stables", entry="breakers"),
    Control(name="max_day_loss_frac", watches="NAV against holding, 24 h", entry="breakers"),
    Control(name="max_day_loss_stable_frac", watches="NAV against holding, 24 h, stables", entry="breakers"),
    Control(name="max_drawdown_frac", watches="a share of the wallet against its peak", entry="breakers"),
    Control(
        name="max_drawdown_stable_frac", watches="a share of the wallet against its peak, stables", entry="breakers"
    ),
    Control(name="depeg_freeze_frac", watches="price of a stable over quarter hours in a row", entry="depeg"),
    Control(name="depeg_leave_frac", watches="price of a stable now", entry="depeg"),
    Control(name="pool", watches="whether capital may enter a pool at all", entry="pools"),
    Control(name="tokens", watches="whether the tokens of a pool keep their word", entry="pools"),
    Control(name="min_pool_tvl_usd", watches="size of a pool", entry="pools"),
    Control(name="min_pool_volume_tvl", watches="least turnover of a pool", entry="pools"),
    Control(name="max_pool_volume_tvl", watches="turnover of a pool that nobody can have", entry="pools"),
    Control(name="min_pool_age_days", watches="age of a pool", entry="pools"),
    Control(name="pool_figures_required", watches="whether services tell of a pool", entry="pools"),
    Control(name="max_pool_reverts_hour", watches="reverted transactions in a pool within the hour", entry="reverts"),
    Control(name="max_rebalances_hour", watches="plans within the hour that close and open", entry="plan-refused"),
    Control(name="limit_ceiling", watches="limits of a file against their ceilings in code", entry="limits-refused"),
    Control(name="loosening_delay_h", watches="how long ago a limit was made looser", entry="limits-refused"),
    Control(name="sources", watches="whether every source of a plan answered", entry="plan-refused"),
    Control(name="price", watches="whether a plan has a price", entry="plan-refused"),
    Control(name="nav_usd", watches="whether a plan knows what there is", entry="plan-refused"),
    Control(name="hold", watches="whether a HOLD moves nothing", entry="plan-refused"),
    Control(name="exit", watches="whether an EXIT only closes", entry="plan-refused"),
    Control(name="closes", watches="whether what a plan closes is ours", entry="plan-refused"),
    Control(name="collects", watches="whether what a plan collects from is ours", entry="plan-refused"),
    Control(name="adds", watches="whether what a plan adds to is ours and lies where it says", entry="plan-refused"),
    Control(
        name="moves",
        watches="whether a plan touches each position, and each way between chains, once",
        entry="plan-refused",
    ),
    Control(name="ticks", watches="whether ticks are usable", entry="plan-refused"),
    Control(name="share_frac", watches="whether the shares of a chain are at most all", entry="plan-refused"),
)
"""All controls. A test fails where one has no scenario that fires it or none that just passes (marker ``control``)."""


def control_named(name: str) -> Control | None:
    """Return a control by name, or ``None``."""
    return next((control for control in CONTROLS if control.name == name), None)
