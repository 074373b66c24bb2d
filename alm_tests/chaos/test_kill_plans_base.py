"""kill -9 at every boundary of plans in pools of Uniswap V3 and Slipstream: 0 lost, 0 doubled."""

from pathlib import Path

import pytest

from alm_localnet.presets import PoolPreset
from alm_tests.chaos.rounds import Rounds, kill_everywhere
from alm_tests.chaos.tally import Tally
from alm_tests.chaos.ways import PLACED, WAYS, pools_on

POOLS = (
    PoolPreset(fee_pips=500, tick_spacing=10, tvl_usd=3e6, daily_volume_usd=6e6),
    PoolPreset(dex="aero-v3", fee_pips=500, tick_spacing=100, tvl_usd=2.5e6, daily_volume_usd=7e6),
)


@pytest.mark.chain
@pytest.mark.timeout(3600)
def test_plans_killed_anywhere_lose_nothing_and_do_nothing_twice(tmp_path: Path) -> None:
    with pools_on(tmp_path / "world", (8453,), *POOLS) as localnet:
        kill_everywhere(Rounds(localnet, tmp_path, Tally("plans: Uniswap V3 and Slipstream"), seed=8453), WAYS, PLACED)
