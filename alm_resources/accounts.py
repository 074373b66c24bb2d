"""Accounts of a pair: recorded snapshots and prices beside the ledger of its wallet, over days."""

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property

from eth_utils.address import to_checksum_address

from alm_core.accounting.ledger import NATIVE
from alm_core.accounting.lots_events import Naming, book_events
from alm_core.accounting.pnl import Marked, epoch_pnl
from alm_core.accounting.pnl_idle import do_nothing_usd
from alm_core.accounting.pnl_lines import NATIVE_DECIMALS
from alm_core.model.accounts import EpochPnl, Movement
from alm_core.model.decisions import AllocationPlan, DecisionKind
from alm_core.model.errors import InvalidInput
from alm_core.model.lots import BookEvent, Named
from alm_core.model.market import MarketSnapshot
from alm_core.model.pools import Token
from alm_core.model.transactions import ExecutionReport, IntentState
from alm_resources.history import HistoryStore
from alm_resources.history.store import day_bounds
from alm_resources.journal.movements import WalletLedger, read_ledger
from alm_resources.journal.store import SqlJournal
from alm_resources.registry import Registry

MOST_PRICE_AGE = timedelta(minutes=30)
"""A price of an epoch that is older says nothing of a moment."""
_ADOPTED = re.compile(r"^\w+ of -?\d+ \S+ in (\S+)$")
_OPENING = re.compile(r"^opening balance -?\d+ of (\S+)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """Two neighbouring epochs whose holdings are known, and what came between."""

    before: Marked
    now: Marked
    pnl: EpochPnl


@dataclass(frozen=True, slots=True, kw_only=True)
class _Priced:
    at: datetime
    base_usd: float
    quote_usd: float
    native_usd: Mapping[int, float]


@dataclass(slots=True)
class _Seen:
    prices: list[_Priced] = field(default_factory=list[_Priced])
    sides: dict[tuple[int, str], tuple[Token, bool]] = field(default_factory=dict[tuple[int, str], tuple[Token, bool]])
    wallet: str | None = None

    def take(self, one: Marked) -> None:
        snapshot = one.snapshot
        if snapshot.quote_usd is not None:
            self.prices.append(
                _Priced(
                    at=snapshot.epoch_at,
                    base_usd=one.price * snapshot.quote_usd,
                    quote_usd=snapshot.quote_usd,
                    native_usd={
                        state.block.chain_id: state.native_usd
                        for state in snapshot.chains
                        if state.native_usd is not None
                    },
                )
            )
        for state in snapshot.pools:
            pool = state.pool
            self.sides[pool.chain_id, pool.base.address.lower()] = pool.base, True
            self.sides[pool.chain_id, pool.quote.address.lower()] = pool.quote, False
        for held in snapshot.holdings:
            self.wallet = held.wallet.lower()


@dataclass(slots=True)
class Left:
    """Epochs that are in no interval of their own, each with the reason; the next known one covers them."""

    epochs: list[str] = field(default_factory=list[str])


class PairAccounts:
    """Reads what was recorded of a pair; nothing is written, no chain is asked.

    Parameters
    ----------
    pair
        Id of the pair.
    history, journal, registry
        Where snapshots and plans, the ledger, and names are.
    """

    def __init__(self, pair: str, history: HistoryStore, journal: SqlJournal, registry: Registry) -> None:
        self.pair = pair
        self._history = history
        self._journal = journal
        self._registry = registry

    def marked(self, since_at: datetime, until_at: datetime) -> Iterator[Marked]:
        """Yield the snapshots in ``[since_at, until_at]`` that have a plan and with it a price, oldest first."""
        first = since_at
        while first <= until_at:
            last = min(day_bounds(first.date())[1], until_at + timedelta(microseconds=1))
            plans = {
                plan.epoch_at: plan
                for plan in self._history.read_epochs("allocations", AllocationPlan, self.pair, first, last)
            }
            for snapshot in self._history.read_epochs("pool_snapshots", MarketSnapshot, self.pair, first, last):
                if snapshot.epoch_at in plans:
                    yield Marked(snapshot=snapshot, price=plans[snapshot.epoch_at].price)
            first = last

    def intervals(self, since_at: datetime, until_at: datetime, left: Left | None = None) -> Iterator[Interval]:
        """Yield profit and loss between neighbouring epochs; one whose holdings are unknown is bridged over."""
        before: Marked | None = None
        for now in self.marked(since_at, until_at):
            if before is None:
                before = now if now.snapshot.holdings and now.snapshot.quote_usd else None
                continue
            try:
                ledger = self.ledger_of(now.snapshot)
                pnl = epoch_pnl(before, now, ledger.between(before.snapshot, now.snapshot).movements)
            except InvalidInput as problem:
                if left is not None:
                    left.epochs.append(str(problem))
                continue
            yield Interval(before=before, now=now, pnl=pnl)
            before = now

    def do_nothing_usd(self, one: Interval) -> float | None:
        """Value had nothing been done at the beginning of an interval."""
        return do_nothing_usd(one.before, one.now, one.pnl)

    def acted(self, since_at: datetime, until_at: datetime) -> tuple[AllocationPlan, ...]:
        """Return the plans of a time that acted: at least one of their transactions succeeded."""
        window = self.pair, since_at, until_at
        done = {
            report.epoch_at
            for report in self._history.read_epochs("executed_transactions", ExecutionReport, *window)
            if any(tx.state is IntentState.FINAL_OK for tx in report.transactions)
        }
        plans = self._history.read_epochs("allocations", AllocationPlan, *window)
        return tuple(p for p in plans if p.epoch_at in done and p.decision.kind is not DecisionKind.HOLD)

    def ledger_of(self, snapshot: MarketSnapshot) -> WalletLedger:
        """Return the ledger of the wallet that a snapshot is of.

        Raises
        ------
        InvalidInput
            If it holds nothing of a wallet.
        """
        wallets = {held.wallet.lower() for held in snapshot.holdings}
        if len(wallets) != 1:
            raise InvalidInput(f"{self.pair} at {snapshot.epoch_at.isoformat()}: holdings of {len(wallets)} wallets")
        return self._ledger(wallets.pop())

    def _ledger(self, wallet: str) -> WalletLedger:
        if wallet not in self._ledgers:
            self._ledgers[wallet] = read_ledger(self._journal, self.pair, wallet)
        return self._ledgers[wallet]

    def events(self) -> tuple[BookEvent, ...]:
        """Return all that ever happened to the wallet's assets, in order.

        Raises
        ------
        InvalidInput
            If no snapshot of the pair tells whose wallet it is.
        """
        if self._seen.wallet is None:
            raise InvalidInput(f"{self.pair}: no recorded snapshot holds a wallet")
        ledger = self._ledger(self._seen.wallet)
        moments = _filled({one.seq: self._moment(one) for one in ledger.movements})
        naming = Naming(
            token=self._named,
            price_usd=self._price_usd,
            moment=lambda one: moments.get(one.seq),
            transfers={one.intent_key: one for one in ledger.transfers},
        )
        return book_events(ledger.movements, naming)

    @cached_property
    def _ledgers(self) -> dict[str, WalletLedger]:
        return {}

    @cached_property
    def _seen(self) -> "_Seen":
        """What one pass over all snapshots tells: prices, tokens and the wallet; the snapshots are not kept."""
        seen = _Seen()
        days = self._history.stored_days("pool_snapshots", self.pair)
        for one in self.marked(day_bounds(days[0])[0], day_bounds(days[-1])[1]) if days else ():
            seen.take(one)
        return seen

    def _named(self, chain_id: int, token: str) -> Named:
        if token == NATIVE:
            chain = self._registry.chains.get(chain_id)
            symbol = chain.native_symbol if chain is not None else f"native coin of chain {chain_id}"
            return Named(chain_id=chain_id, asset=symbol, symbol=symbol, address=None, decimals=NATIVE_DECIMALS)
        side = self._seen.sides.get((chain_id, token.lower()))
        listed = side[0] if side else self._listed.get((chain_id, token.lower()))
        if listed is None:
            address = to_checksum_address(token)
            return Named(chain_id=chain_id, asset=address, symbol=address, address=address, decimals=None)
        pair = self._registry.pair(self.pair)
        asset = listed.symbol if side is None else pair.base if side[1] else pair.quote
        return Named(
            chain_id=chain_id, asset=asset, symbol=listed.symbol, address=listed.address, decimals=listed.decimals
        )

    @cached_property
    def _listed(self) -> dict[tuple[int, str], Token]:
        return {
            (chain_id, token.address.lower()): token
            for chain_id in self._registry.chains
            for token in self._registry.tokens_of(chain_id)
        }

    def _price_usd(self, at: datetime | None, chain_id: int, token: str) -> float | None:
        if at is None:
            return None
        index = bisect_right(self._seen.prices, at, key=lambda one: one.at) - 1
        if index < 0 or at - self._seen.prices[index].at > MOST_PRICE_AGE:
            return None
        known = self._seen.prices[index]
        if token == NATIVE:
            return known.native_usd.get(chain_id)
        side = self._seen.sides.get((chain_id, token.lower()))
        return None if side is None else known.base_usd if side[1] else known.quote_usd

    def _moment(self, one: Movement) -> datetime | None:
        if one.kind == "opening":
            return self._found.get((one.chain_id, f"opening:{one.token}"))
        if one.intent_key is None or one.kind == "bridge":
            return self._found.get((one.chain_id, one.tx_hash))
        return one.epoch_at

    @cached_property
    def _found(self) -> dict[tuple[int, str], datetime]:
        """Epoch whose execution found something that no transaction of ours made, by chain and what names it."""
        days = self._history.stored_days("executed_transactions", self.pair)
        if not days:
            return {}
        window = self.pair, day_bounds(days[0])[0], day_bounds(days[-1])[1]
        found: dict[tuple[int, str], datetime] = {}
        for report in self._history.read_epochs("executed_transactions", ExecutionReport, *window):
            for one in report.reconciliations:
                for text in one.adopted:
                    adopted, opening = _ADOPTED.match(text), _OPENING.match(text)
                    if adopted is not None:
                        found.setdefault((one.chain_id, adopted[1]), report.epoch_at)
                    if opening is not None:
                        found.setdefault((one.chain_id, f"opening:{opening[1]}"), report.epoch_at)
            for transfer in report.transfers:
                if transfer.arrival_tx is not None:
                    for chain_id in (transfer.from_chain, transfer.to_chain):
                        found.setdefault((chain_id, transfer.arrival_tx), report.epoch_at)
        return found


def _filled(moments: Mapping[int, datetime | None]) -> dict[int, datetime | None]:
    """Give what nothing dates the moment of what was booked next, or before: it was booked in between."""
    found = dict(moments)
    for order in (sorted(found, reverse=True), sorted(found)):
        known: datetime | None = None
        for seq in order:
            known = found[seq] or known
            found[seq] = known
    return found
