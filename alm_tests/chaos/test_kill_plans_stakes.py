"""kill -9 at every boundary of plans that stake in a Slipstream gauge, and take back: 0 lost, 0 doubled."""

from pathlib import Path

import pytest

from alm_localnet.contracts import Bytecode
from alm_localnet.node import install_node_modules
from alm_localnet.presets import PoolPreset
from alm_localnet.staking import open_gauge
from alm_resources.dex.rewards import staking_programmes
from alm_tests.chaos.rounds import Rounds, kill_everywhere
from alm_tests.chaos.tally import Tally
from alm_tests.chaos.ways import PLACED, WAYS, pools_on

POOLS = (
    PoolPreset(dex="aero-v3", fee_pips=500, tick_spacing=100, tvl_usd=2.5e6, daily_volume_usd=7e6),
    PoolPreset(fee_pips=500, tick_spacing=10, tvl_usd=3e6, daily_volume_usd=6e6),  # the exchange swaps here
)


@pytest.mark.chain
@pytest.mark.timeout(3600)
def test_stakes_killed_anywhere_lose_nothing_and_nothing_is_staked_twice(tmp_path: Path) -> None:
    with pools_on(tmp_path / "world", (8453,), *POOLS) as localnet:
        code = Bytecode(install_node_modules(localnet.config.node_dir))
        (chain,) = localnet.chains
        (pool,) = (pool for pool in chain.pools if pool.deployment.family == "slipstream")
        registry = localnet.registry_file
        registry.write_text(open_gauge(chain, code, pool).registry(registry.read_text()))
        programmes = tuple(staking_programmes().values())
        rounds = Rounds(localnet, tmp_path, Tally("plans: a gauge of Slipstream"), seed=31, programmes=programmes)
        kill_everywhere(rounds, WAYS, (*PLACED, "stake", "unstake"))
