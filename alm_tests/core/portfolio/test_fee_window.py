"""A window that slides answers what a new one would."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from alm_core.model.market import Block, MarketSnapshot, PoolState
from alm_core.portfolio.fee_window import FeeWindow
from alm_tests.core.portfolio.scene import Scene

FIRST_AT = datetime(2026, 1, 1, tzinfo=UTC)


def snapshots(seed: int, *, lag_frac: float, gone_frac: float) -> list[MarketSnapshot]:
    """Snapshots of two pools, some of them of a node that lagged, some without a pool, some without growth."""
    draw, scene = random.Random(seed), Scene()
    found: list[MarketSnapshot] = []
    for number in range(60):
        moment = FIRST_AT + number * timedelta(minutes=15)
        pools: list[PoolState] = []
        for state in scene.snapshot().pools:
            back = draw.randrange(3) if draw.random() < lag_frac else 0
            block = Block(
                chain_id=state.pool.chain_id,
                number=1000 + 10 * (number - back),
                block_hash=None,
                block_at=moment - back * timedelta(minutes=15),
            )
            growth = number * 10**38 + draw.randrange(10**38)
            kept = None if draw.random() < gone_frac / 4.0 else growth
            pools.append(
                replace(
                    state,
                    block=block,
                    liquidity=draw.randrange(10**20),
                    fee_growth_global0_x128=kept,
                    fee_growth_global1_x128=kept,
                )
            )
        left = [state for state in pools if draw.random() >= gone_frac]
        found.append(replace(scene.snapshot(), pools=tuple(left), epoch_at=moment))
    return found


@pytest.mark.parametrize(("lag_frac", "gone_frac"), [(0.0, 0.0), (0.3, 0.0), (0.0, 0.3), (0.2, 0.2)])
@pytest.mark.parametrize("seed", range(5))
def test_a_window_that_slides_answers_what_a_new_one_would(seed: int, lag_frac: float, gone_frac: float) -> None:
    seen = snapshots(seed, lag_frac=lag_frac, gone_frac=gone_frac)
    draw, window = random.Random(seed), FeeWindow()
    first = last = 0
    while last < len(seen) - 1:
        last = min(len(seen) - 1, last + draw.choice((0, 1, 1, 1, 2)))
        first = min(last, max(first, last - draw.choice((8, 8, 8, 3, 12))))
        past, now = tuple(seen[first:last]), seen[last].pools
        assert window.taken(past, now) == FeeWindow().taken(past, now)


def test_snapshots_that_are_not_those_before_begin_a_new_window() -> None:
    one, other = (snapshots(seed, lag_frac=0.0, gone_frac=0.0) for seed in (1, 2))
    window = FeeWindow()
    window.taken(one[:20], one[20].pools)
    mixed = [*one[5:15], *other[15:20]]
    assert window.taken(mixed, other[20].pools) == FeeWindow().taken(mixed, other[20].pools)
    assert window.taken((), one[0].pools) == FeeWindow().taken((), one[0].pools)


def test_a_reading_left_out_beside_one_that_is_gone_counts_again() -> None:
    seen = snapshots(3, lag_frac=0.0, gone_frac=0.0)
    (ahead, *_), behind = seen[5].pools, seen[0]
    behind = replace(behind, pools=(replace(behind.pools[0], block=ahead.block), *behind.pools[1:]))
    window, now = FeeWindow(), seen[9].pools
    window.taken((behind, *seen[1:9]), now)
    assert window.taken(seen[1:9], now) == FeeWindow().taken(seen[1:9], now)
