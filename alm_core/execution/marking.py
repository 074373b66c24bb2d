"""The mark of an epoch: what a wallet is worth over all chains, and what came to it and left it from outside."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from alm_core.accounting.ledger import FEES, REWARDS
from alm_core.math.orientation import split_base_quote, to_float
from alm_core.model.books import Journal, Mark
from alm_core.model.decisions import AllocationPlan
from alm_core.model.market import Holdings, MarketSnapshot
from alm_core.model.pools import Pool, Token
from alm_core.model.transactions import IntentState
from alm_core.model.transfers import TransferState
from alm_core.portfolio.sight import unseen_chains
from alm_core.portfolio.worth import is_amount

_OWN_KINDS = ("transfer", FEES, REWARDS, "bridge", "reorg")
"""Ledger entries that our own transactions made. Whatever else a wallet holds came from outside, booked or not yet."""


@dataclass(slots=True)
class _Amounts:
    """Whole tokens of both sides of a pair."""

    base: float = 0.0
    quote: float = 0.0

    def add(self, token: Token, raw: int, *, is_base: bool) -> None:
        if is_base:
            self.base += to_float(token, raw)
        else:
            self.quote += to_float(token, raw)


def mark_of(journal: Journal, wallet: str, plan: AllocationPlan, snapshot: MarketSnapshot) -> Mark | None:
    """Return what a wallet is worth at the plan's price, or ``None`` where that is not known.

    Notes
    -----
    What came from outside is what the wallet holds beyond what our own transactions did to it, by the ledger: that is
    right before and after reconciliation books a deposit. It is not while something of ours is in flight, nor where the
    books are newer than the snapshot, so then there is no mark. Capital between chains counts as held.
    """
    quote_usd = snapshot.quote_usd
    if quote_usd is None or not (is_amount(quote_usd) and is_amount(plan.price)):
        return None
    if unseen_chains(snapshot) or not snapshot.holdings or _moves_on(journal, wallet, snapshot):
        return None
    held, flows = _Amounts(), _Amounts()
    for holdings in snapshot.holdings:
        pools = _pools_on(snapshot, holdings.block.chain_id)
        if not _is_known(holdings, pools):
            return None
        _add_holdings(held, flows, holdings, pools, _own_sums(journal, holdings.block.chain_id, wallet))
    for transit in snapshot.in_transit:
        for token, is_base in _sides(_pools_on(snapshot, transit.to_chain)).items():
            if token.address.lower() == transit.token.lower():
                held.add(token, transit.amount, is_base=is_base)
    base_usd = plan.price * quote_usd
    return Mark(
        pair=plan.pair,
        wallet=wallet,
        epoch_at=plan.epoch_at,
        nav_usd=held.base * base_usd + held.quote * quote_usd,
        base_usd=base_usd,
        quote_usd=quote_usd,
        base_amount=held.base,
        quote_amount=held.quote,
        base_flow=flows.base,
        quote_flow=flows.quote,
    )


def _add_holdings(
    held: _Amounts, flows: _Amounts, holdings: Holdings, pools: Sequence[Pool], own: dict[str, int]
) -> None:
    for token, is_base in _sides(pools).items():
        balance = holdings.balance(token.address)
        held.add(token, balance, is_base=is_base)
        flows.add(token, balance - own.get(token.address.lower(), 0), is_base=is_base)
    by_id = {pool.pool_id: pool for pool in pools}
    for position in holdings.positions:
        pool = by_id[position.pool_id]
        base, quote = split_base_quote(pool, position.amount0 + position.fees0, position.amount1 + position.fees1)
        held.add(pool.base, base, is_base=True)
        held.add(pool.quote, quote, is_base=False)


def _is_known(holdings: Holdings, pools: Sequence[Pool]) -> bool:
    pool_ids = {pool.pool_id for pool in pools}
    read = {entry.address for entry in holdings.balances}
    return all(position.pool_id in pool_ids for position in holdings.positions) and all(
        token.address in read for token in _sides(pools)
    )


def _moves_on(journal: Journal, wallet: str, snapshot: MarketSnapshot) -> bool:
    """Whether books and snapshot are not of one moment: something is in flight, or was done since."""
    for holdings in snapshot.holdings:
        chain_id = holdings.block.chain_id
        point = journal.read_reconciled(chain_id, wallet)
        # A process that dies between settling and reconciling leaves books that are newer than their last proof.
        booked = (journal.read_last_settled(chain_id, wallet), point.block_number if point is not None else None)
        if any(number is not None and number > holdings.block.number for number in booked):
            return True
        open_intents = journal.read_open_intents(chain_id, wallet)
        if any(intent.nonce is not None for intent in open_intents):
            return True
    return _transit_differs(journal, wallet, snapshot)


def _transit_differs(journal: Journal, wallet: str, snapshot: MarketSnapshot) -> bool:
    """Whether a transfer has arrived by the snapshot alone, where it looks a deposit, or by the books alone."""
    seen = Counter((one.from_chain, one.to_chain, one.token, one.amount, one.started_at) for one in snapshot.in_transit)
    booked = Counter(
        (one.from_chain, one.to_chain, one.buy_token, one.expected_amount, one.started_at)
        for one in journal.read_transfers(snapshot.pair, wallet)
        if one.state is not TransferState.PLANNED or journal.read_intent(one.intent_key).state is IntentState.FINAL_OK
    )
    return booked != seen


def _own_sums(journal: Journal, chain_id: int, wallet: str) -> dict[str, int]:
    sums: dict[str, int] = {}
    for kind in _OWN_KINDS:
        for token, amount in journal.read_ledger_sums(chain_id, wallet, kind=kind).items():
            sums[token] = sums.get(token, 0) + amount
    return sums


def _pools_on(snapshot: MarketSnapshot, chain_id: int) -> list[Pool]:
    return [state.pool for state in snapshot.pools if state.pool.chain_id == chain_id]


def _sides(pools: Sequence[Pool]) -> dict[Token, bool]:
    """Tokens of some pools, each with whether it is the base."""
    return {pool.base: True for pool in pools} | {pool.quote: False for pool in pools}
