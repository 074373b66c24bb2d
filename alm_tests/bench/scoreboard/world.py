"""A tape as the live code sees a market: a snapshot of its pool at every quarter hour, and the candles before it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np

from alm_core.math.tick import Q128
from alm_core.model.candles import CandleSeries
from alm_core.model.epochs import EPOCH_LENGTH
from alm_core.model.inputs import LOOK_BACK
from alm_core.model.market import Holdings, MarketSnapshot, TokenBalance
from alm_core.model.pools import Pool
from alm_tests.bench.scoreboard.tapes import ScoreTape
from alm_tests.core.backtest.tape_snapshot import (
    POLYGON,
    POOL,
    TVL_PER_ACTIVE,
    PoolAt,
    block_at,
    fees_per_liquidity,
    liquidity_worth,
    snapshot_at,
)

CAPITAL_USD = 10_000.0
EPOCH_MINUTES = 15
DAY_MINUTES = 1440


class TapeWorld:
    """Snapshots of one tape, of a wallet that holds ``CAPITAL_USD``, half in each token at the first scored epoch.

    Parameters
    ----------
    tape
        What happens.
    first_at
        First scored epoch; what lies before it is history.
    pool
        Whose snapshots; its base must be its token0.
    tvl_per_active
        TVL of the pool over the full-range value of its active liquidity.
    """

    def __init__(
        self, tape: ScoreTape, first_at: datetime, pool: Pool = POOL, tvl_per_active: float = TVL_PER_ACTIVE
    ) -> None:
        self.tape = tape
        self._pool, self._tvl_per_active = pool, tvl_per_active
        base, quote = 10**pool.base.decimals, 10**pool.quote.decimals
        self._start_ms = int(tape.candles.ts_ms[0])
        price = float(tape.candles.close[self.row(first_at) - 1])
        self._balances = (
            TokenBalance(address=pool.base.address, amount=int(CAPITAL_USD / 2 / price * base)),
            TokenBalance(address=pool.quote.address, amount=int(CAPITAL_USD / 2 * quote)),
        )
        self._liquidity = liquidity_worth(pool, tape.active_usd, tape.candles.close)
        self._fee_frac = (pool.fee_pips or 0) / 1e6
        growths = fees_per_liquidity(pool, tape.fees_base, tape.fees_quote, self._liquidity)
        self._growth0, self._growth1 = np.cumsum(growths[0]), np.cumsum(growths[1])
        self._volume_usd = np.cumsum((tape.fees_base * tape.candles.close + tape.fees_quote) / self._fee_frac)

    def candles_at(self, at: datetime) -> CandleSeries:
        """Minutes of the look-back before an epoch."""
        return self.tape.candles.between(at - LOOK_BACK, at)

    def snapshot(self, at: datetime) -> MarketSnapshot:
        """Return the pool as it was right before an epoch."""
        row = self.row(at) - 1
        seen = PoolAt(
            pool=self._pool,
            price=float(self.tape.candles.close[row]),
            liquidity=int(self._liquidity[row]),
            growth0_x128=int(self._growth0[row] * Q128),
            growth1_x128=int(self._growth1[row] * Q128),
            tvl_usd=float(self.tape.active_usd[row]) * self._tvl_per_active,
            volume_24h_usd=self._volume_24h(row),
        )
        held = Holdings(
            block=block_at(POLYGON, at),
            wallet="0x" + "9" * 40,
            native_wei=10**18,
            balances=self._balances,
            positions=(),
        )
        return replace(snapshot_at(at, (seen,)), holdings=(held,))

    def epochs(self, first_at: datetime) -> list[datetime]:
        """Return the scored epochs, oldest first."""
        last_ms = int(self.tape.candles.ts_ms[-1])
        count = (last_ms - int(first_at.timestamp() * 1000)) // (EPOCH_MINUTES * 60_000)
        return [first_at + number * EPOCH_LENGTH for number in range(count + 1)]

    def row(self, at: datetime) -> int:
        """Return the number of the minute that opens at a moment."""
        return (int(at.timestamp() * 1000) - self._start_ms) // 60_000

    def _volume_24h(self, row: int) -> float:
        before = self._volume_usd[row - DAY_MINUTES] if row >= DAY_MINUTES else 0.0
        return float(self._volume_usd[row] - before)


class TapeHistory:
    """A tape as a recorded market without holdings of ours: a :class:`alm_core.model.backtest.MarketHistory`.

    Parameters
    ----------
    world
        The tape.
    """

    def __init__(self, world: TapeWorld) -> None:
        self._world = world
        self._found: dict[datetime, MarketSnapshot] = {}

    def candles(self, start_at: datetime, end_at: datetime) -> CandleSeries:
        """Minutes that open in ``[start_at, end_at)``."""
        return self._world.tape.candles.between(start_at, end_at)

    def snapshot(self, epoch_at: datetime) -> MarketSnapshot | None:
        """Return the pool at an epoch; ``None`` before the tape and after it."""
        row = self._world.row(epoch_at)
        if not 0 < row <= len(self._world.tape.candles):
            return None
        if epoch_at not in self._found:
            self._found[epoch_at] = replace(self._world.snapshot(epoch_at), holdings=())
        return self._found[epoch_at]


def first_epoch(tape: ScoreTape, warm_days: int) -> datetime:
    """Return the first quarter hour with ``warm_days`` of history before it."""
    start = datetime.fromtimestamp(int(tape.candles.ts_ms[0]) / 1000, tz=UTC) + timedelta(days=warm_days)
    seconds = int(start.timestamp())
    return datetime.fromtimestamp(-(-seconds // 900) * 900, tz=UTC)
