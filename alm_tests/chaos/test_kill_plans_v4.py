"""kill -9 at every boundary of plans in pools of Uniswap V4 and PancakeSwap V3: 0 lost, 0 doubled."""

from pathlib import Path

import pytest

from alm_localnet.presets import PoolPreset
from alm_tests.chaos.rounds import Rounds, kill_everywhere
from alm_tests.chaos.tally import Tally
from alm_tests.chaos.ways import PLACED, WAYS, pools_on

POOLS = (
    PoolPreset(dex="uni-v4", fee_pips=500, tick_spacing=10, tvl_usd=3e6, daily_volume_usd=6e6),
    PoolPreset(dex="pcs-v3", fee_pips=500, tick_spacing=10, tvl_usd=1e6, daily_volume_usd=2.4e6),
    PoolPreset(fee_pips=500, tick_spacing=10, tvl_usd=3e6, daily_volume_usd=6e6),  # the exchange swaps here
)


@pytest.mark.chain
@pytest.mark.timeout(3600)
def test_plans_killed_anywhere_lose_nothing_and_do_nothing_twice(tmp_path: Path) -> None:
    with pools_on(tmp_path / "world", (1,), *POOLS) as localnet:
        kill_everywhere(Rounds(localnet, tmp_path, Tally("plans: Uniswap V4 and PancakeSwap V3"), seed=1), WAYS, PLACED)
