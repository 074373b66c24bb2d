"""kill -9 at every boundary of plans in pools of Liquidity Book and Algebra: 0 lost, 0 doubled."""

from pathlib import Path

import pytest

from alm_localnet.pairs import BINS
from alm_localnet.presets import PoolPreset
from alm_tests.chaos.rounds import Rounds, kill_everywhere
from alm_tests.chaos.tally import Tally
from alm_tests.chaos.ways import BIN_WAYS, pools_on

POOLS = (
    PoolPreset(dex="joe-v2.2", fee_pips=1000, bin_step=10, tvl_usd=2e6, daily_volume_usd=4e6, ranges=BINS),
    PoolPreset(dex="blackhole-v3.200", fee_pips=500, tick_spacing=200, tvl_usd=2e6, daily_volume_usd=4e6),
    PoolPreset(fee_pips=500, tick_spacing=10, tvl_usd=3e6, daily_volume_usd=6e6),  # the exchange swaps here
)


@pytest.mark.chain
@pytest.mark.timeout(3600)
def test_plans_killed_anywhere_lose_nothing_and_do_nothing_twice(tmp_path: Path) -> None:
    with pools_on(tmp_path / "world", (43114,), *POOLS) as localnet:
        kill_everywhere(
            Rounds(localnet, tmp_path, Tally("plans: Liquidity Book and Algebra"), seed=43114),
            BIN_WAYS,
            ("open", "add", "close"),
        )
