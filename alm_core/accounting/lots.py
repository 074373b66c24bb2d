"""Lots of a wallet: what is left of every acquisition, and what was realised, first, last or dearest lots first."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Literal

from alm_core.accounting.lots_events import lot_units
from alm_core.model.errors import InvalidInput
from alm_core.model.lots import BookEvent, EventKind, Leg, Lot, Realised

Method = Literal["fifo", "lifo", "hifo"]
_INSIDE_A_POOL = frozenset({EventKind.POOL_TRADE, EventKind.POOL_GAIN, EventKind.POOL_LOSS})
_STAYS_OURS = frozenset({EventKind.BRIDGE_OUT, EventKind.BRIDGE_IN})
_LIQUIDITY = frozenset({EventKind.POOL_IN, EventKind.POOL_OUT})


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptLots:
    """Lots that are left, what was realised, and tokens whose amounts nobody can read."""

    method: Method
    lots: tuple[Lot, ...]
    realised: tuple[Realised, ...]
    problems: tuple[str, ...] = ()


def kept_lots(events: Iterable[BookEvent], method: Method, *, lp_as_disposal: bool = False) -> KeptLots:
    """Return what acquisitions and disposals leave.

    Parameters
    ----------
    events
        In order, from the beginning of the books.
    method
        Which lot is given away first: ``fifo`` the oldest, ``lifo`` the newest, ``hifo`` the one that cost most per
        unit; lots of unknown cost last.
    lp_as_disposal
        Liquidity put into a pool counts as sold, and what comes out as bought, at what it is worth then. By default
        lots stay as they are, and only what the pool has traded when a position is closed counts
        (:mod:`alm_core.accounting.lots_events`).

    Raises
    ------
    InvalidInput
        If the method is unknown.

    Notes
    -----
    A trade realises what was received; that is what the received lot costs. Gas and what bridges keep are given away at
    their worth. A withdrawal takes its lots along: nobody here knows what became of them, so no gain is told. What
    begins the books or comes from outside costs what it is worth then.
    """
    if method not in _PICKS:
        raise InvalidInput(f"method {method!r} is not known; there are: {', '.join(_PICKS)}")
    keeper = _Keeper(_PICKS[method])
    for event in events:
        if event.kind in _STAYS_OURS:
            continue
        if event.kind in (_INSIDE_A_POOL if lp_as_disposal else _LIQUIDITY):
            continue
        keeper.take(event)
    lots = tuple(lot for asset in sorted(keeper.lots) for lot in keeper.lots[asset])
    return KeptLots(
        method=method, lots=lots, realised=tuple(keeper.realised), problems=tuple(dict.fromkeys(keeper.problems))
    )


@dataclass(slots=True)
class _Keeper:
    pick: Callable[[list[Lot]], int]
    lots: dict[str, list[Lot]] = field(default_factory=dict[str, list[Lot]])
    realised: list[Realised] = field(default_factory=list[Realised])
    problems: list[str] = field(default_factory=list[str])

    def take(self, event: BookEvent) -> None:
        worth = _worth(event)
        if event.sent is not None:
            self._dispose(event, event.sent, worth)
        if event.received is not None:
            self._acquire(event, event.received, worth)

    def _acquire(self, event: BookEvent, leg: Leg, cost: float | None) -> None:
        amount = self._units(leg)
        if not amount:
            return
        lot = Lot(asset=leg.token.asset, amount=amount, acquired_at=event.at, cost_usd=cost, kind=event.kind)
        self.lots.setdefault(leg.token.asset, []).append(lot)

    def _dispose(self, event: BookEvent, leg: Leg, proceeds: float | None) -> None:
        whole = left = self._units(leg) or 0
        own = self.lots.setdefault(leg.token.asset, [])
        while left:
            at = self.pick(own) if own else None
            lot = own[at] if at is not None else None
            amount = min(left, lot.amount) if lot is not None else left
            cost = None if lot is None or lot.cost_usd is None else lot.cost_usd * (amount / lot.amount)
            self.realised.append(
                Realised(
                    asset=leg.token.asset,
                    amount=amount,
                    acquired_at=lot.acquired_at if lot is not None else None,
                    disposed_at=event.at,
                    cost_usd=cost,
                    proceeds_usd=None if proceeds is None else proceeds * (amount / whole),
                    kind=event.kind,
                    acquired_kind=lot.kind if lot is not None else None,
                    tx_hash=event.tx_hash,
                )
            )
            if lot is not None and at is not None:
                rest = None if lot.cost_usd is None or cost is None else lot.cost_usd - cost
                own[at : at + 1] = [replace(lot, amount=lot.amount - amount, cost_usd=rest)] * (amount < lot.amount)
            left -= amount

    def _units(self, leg: Leg) -> int | None:
        amount = lot_units(leg)
        if amount is None:
            self.problems.append(f"{leg.token.symbol} on chain {leg.token.chain_id}: decimals unknown, it is in no lot")
        return amount


def _worth(event: BookEvent) -> float | None:
    """What a disposal brings, and what an acquisition costs."""
    if event.kind is EventKind.WITHDRAWAL:
        return None
    if event.kind is EventKind.POOL_LOSS:
        return 0.0
    values = [leg.usd for leg in (event.received, event.sent) if leg is not None and leg.usd is not None]
    return values[0] if values else None


def _oldest(_lots: list[Lot]) -> int:
    return 0


def _newest(lots: list[Lot]) -> int:
    return len(lots) - 1


def _dearest(lots: list[Lot]) -> int:
    def unit_cost(at: int) -> tuple[bool, float]:
        cost = lots[at].cost_usd
        return cost is not None, (cost or 0.0) / lots[at].amount

    return max(range(len(lots)), key=lambda at: (*unit_cost(at), -at))


_PICKS: dict[Method, Callable[[list[Lot]], int]] = {"fifo": _oldest, "lifo": _newest, "hifo": _dearest}
