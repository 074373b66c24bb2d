"""Past snapshots of real contracts: what is read afterwards is what was there."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from alm_core.model.chain_ports import ChainClient
from alm_core.model.epochs import EPOCH_LENGTH, Epoch, floor_to_epoch
from alm_localnet import Localnet
from alm_resources.chains import Web3Chain, chains_from
from alm_resources.dex.readers import pool_readers, read_pools
from alm_resources.history.archive import archive_of
from alm_resources.registry import Registry, load_registry
from alm_tests.chain.conftest import localnet, standing_localnet

__all__ = ["localnet", "standing_localnet"]

pytestmark = pytest.mark.chain

PAIR = "WETH-USDC"


@pytest.fixture
def registry(localnet: Localnet) -> Registry:
    return load_registry(localnet.registry_file)


@pytest.fixture
def chains(registry: Registry) -> Iterator[dict[int, ChainClient]]:
    made = chains_from(registry)
    yield made
    for chain in made.values():
        assert isinstance(chain, Web3Chain)
        chain.close()


def test_states_read_afterwards_are_those_of_then(
    localnet: Localnet, registry: Registry, chains: dict[int, ChainClient]
) -> None:
    pools = registry.pools_of(PAIR)
    start_at = floor_to_epoch(localnet.now) + EPOCH_LENGTH
    seen = {}
    for number in range(3):
        # The chains stand one second before the quarter hour.
        localnet.advance_to(start_at + number * EPOCH_LENGTH - timedelta(seconds=1))
        seen[start_at + number * EPOCH_LENGTH] = read_pools(pools, chains, pool_readers())
    localnet.advance_to(start_at + 3 * EPOCH_LENGTH)
    archive = archive_of(registry, chains)
    for at, then in seen.items():
        assert then.problems == ()
        snapshot = archive.read_past_snapshot(Epoch(pair=PAIR, epoch_at=at))
        assert len(snapshot.problems) == 1
        for state, live in zip(snapshot.pools, then.states, strict=True):
            assert state.pool == live.pool
            assert (state.block.number, state.block.block_at) == (live.block.number, live.block.block_at)
            assert state.block.block_hash is not None
            assert (state.sqrt_price_x96, state.tick, state.liquidity) == (
                live.sqrt_price_x96,
                live.tick,
                live.liquidity,
            )
            assert (state.fee_growth_global0_x128, state.fee_growth_global1_x128) == (
                live.fee_growth_global0_x128,
                live.fee_growth_global1_x128,
            )
    prices = {at: then.states[0].sqrt_price_x96 for at, then in seen.items()}
    assert len(set(prices.values())) == len(prices)
