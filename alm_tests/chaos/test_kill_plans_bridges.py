"""kill -9 at every boundary of plans that send capital to another chain and place what arrives: 0 lost, 0 doubled."""

from pathlib import Path

import pytest

from alm_localnet.presets import PoolPreset
from alm_tests.chaos.rounds import Rounds, kill_everywhere
from alm_tests.chaos.tally import Tally
from alm_tests.chaos.ways import BRIDGE_CHAINS, BRIDGE_WAYS, pools_on

POOL = PoolPreset(fee_pips=500, tick_spacing=10, tvl_usd=3e6, daily_volume_usd=6e6)


@pytest.mark.chain
@pytest.mark.timeout(3600)
def test_transfers_killed_anywhere_are_sent_once_and_arrive_once(tmp_path: Path) -> None:
    with pools_on(tmp_path / "world", BRIDGE_CHAINS, POOL) as localnet:
        rounds = Rounds(localnet, tmp_path, Tally("plans: bridges between two chains"), seed=2, bridging=True)
        kill_everywhere(rounds, BRIDGE_WAYS, ("open", "close", "bridge"))
