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
    Control(name="chain_unreachable", watches="whether a chain answers as the one it is", entry="chain-unreachable"),
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
    Control(
        name="signer_withdraw_only", watches="whether calldata only takes out, claims or resets", entry="signer-halt"
    ),
)
"""All controls. A test fails where one has no scenario that fires it or none that just passes (marker ``control``)."""


def control_named(name: str) -> Control | None:
    """Return a control by name, or ``None``."""
    return next((control for control in CONTROLS if control.name == name), None)
