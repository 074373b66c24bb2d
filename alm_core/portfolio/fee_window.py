"""Fees of pools over a window of snapshots that slides: each pair of readings is looked at only once."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import is_

from alm_core.model.market import MarketSnapshot, PoolState
from alm_core.portfolio.flows import fees_to_liquidity

Fees = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What a pool took in between its first and its last reading.

    ``fees`` are raw amounts of each token to liquidity; ``None`` where the pool keeps no growth.
    """

    fees: Fees | None
    seconds: float


@dataclass(slots=True)
class _Readings:
    """Readings of one pool, oldest first, the flows between neighbours, and the sums of those that are known."""

    states: deque[PoolState] = field(default_factory=deque[PoolState])
    flows: deque[Fees | None] = field(default_factory=deque[Fees | None])
    sums: Fees = (0, 0)
    unknown: int = 0

    def append(self, state: PoolState) -> None:
        if self.states:
            fees = fees_to_liquidity(self.states[-1], state)
            self.flows.append(fees)
            self._count(fees, 1)
        self.states.append(state)

    def forget_oldest(self) -> None:
        self.states.popleft()
        if self.flows:
            self._count(self.flows.popleft(), -1)

    def _count(self, fees: Fees | None, sign: int) -> None:
        if fees is None:
            self.unknown += sign
        else:
            self.sums = self.sums[0] + sign * fees[0], self.sums[1] + sign * fees[1]


class FeeWindow:
    """What pools took in over the snapshots before an epoch, for one who asks at every epoch.

    Snapshots that are the very ones it was asked of last are not looked at again. Amounts are integers: what is added
    and taken off again leaves nothing behind, so that the answers are those of a new window.
    """

    def __init__(self) -> None:
        self._past: Sequence[MarketSnapshot] = ()
        self._pools: dict[str, _Readings] = {}
        self._left_out = False

    def taken(self, past: Sequence[MarketSnapshot], now: Sequence[PoolState]) -> dict[str, Taken]:
        """Return what pools took in over past snapshots and up to their states now, by pool id.

        Left out are readings of a block seen before, and of a node that lagged: from there, growth would seem to wrap.

        Parameters
        ----------
        past
            Snapshots, oldest first.
        now
            Pools that are asked for, as they are after the last of the snapshots.
        """
        self._slide(past)
        return {state.pool.pool_id: self._up_to(state) for state in now}

    def _slide(self, past: Sequence[MarketSnapshot]) -> None:
        gone = next((row for row, one in enumerate(self._past) if past and one is past[0]), len(self._past))
        kept = self._past[gone:]
        if (gone and self._left_out) or len(kept) > len(past) or not all(map(is_, kept, past)):
            # What was left out beside a reading that is gone might count without it.
            self._pools, self._left_out, gone, kept = {}, False, 0, ()
        for one in self._past[:gone]:
            for state in one.pools:
                self._pools[state.pool.pool_id].forget_oldest()
        for one in past[len(kept) :]:
            self._append(one)
        self._past = past

    def _append(self, snapshot: MarketSnapshot) -> None:
        for state in snapshot.pools:
            readings = self._pools.setdefault(state.pool.pool_id, _Readings())
            if readings.states and not _is_later(state, readings.states[-1]):
                self._left_out = True
            else:
                readings.append(state)

    def _up_to(self, state: PoolState) -> Taken:
        readings = self._pools.get(state.pool.pool_id)
        if readings is None or not readings.states:
            return Taken(fees=(0, 0), seconds=0.0)
        first, last = readings.states[0], readings.states[-1]
        fees = None if readings.unknown else readings.sums
        if _is_later(state, last):
            latest = fees_to_liquidity(last, state)
            fees = None if fees is None or latest is None else (fees[0] + latest[0], fees[1] + latest[1])
            last = state
        return Taken(fees=fees, seconds=(last.block.block_at - first.block.block_at).total_seconds())


def _is_later(state: PoolState, last: PoolState) -> bool:
    block, before = state.block, last.block
    return block.number > before.number and block.block_at >= before.block_at
