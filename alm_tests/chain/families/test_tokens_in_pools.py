"""Tokens are tried out where pools keep them: in the pool, in the manager of all pools, in a vault."""

from collections.abc import Callable
from pathlib import Path

import pytest

from alm_localnet.config import PERMIT2
from alm_localnet.dexes.infinity import LocalInfinity
from alm_localnet.dexes.slipstream import LocalSlipstream
from alm_localnet.dexes.uniswap_v3 import LocalUniswapV3
from alm_localnet.dexes.uniswap_v4 import LocalUniswapV4
from alm_resources.dex.pancake_infinity import PancakeInfinityAdapter
from alm_resources.dex.slipstream import SlipstreamAdapter
from alm_resources.dex.uniswap_v3 import UniswapV3Adapter
from alm_resources.dex.uniswap_v4 import UniswapV4Adapter
from alm_resources.tokens import refusals, uses_in
from alm_tests.chain.families.v3_shaped import V3World, contracts_of, key_of, v3_world

pytestmark = pytest.mark.chain


def in_pools(folder: Path) -> V3World:
    key = key_of(fee_pips=500, tick_spacing=10)
    return v3_world(folder, LocalUniswapV3(), UniswapV3Adapter(), contracts_of("uni-v3", 1), key)


def in_proxies(folder: Path) -> V3World:
    key = key_of(tick_spacing=50)
    return v3_world(folder, LocalSlipstream(), SlipstreamAdapter(), contracts_of("aero-v3", 8453), key)


def in_a_manager(folder: Path) -> V3World:
    contracts = {**contracts_of("uni-v4", 1), "permit2": PERMIT2}
    key = key_of(fee_pips=3000, tick_spacing=60)
    return v3_world(folder, LocalUniswapV4(), UniswapV4Adapter(), contracts, key)


def in_a_vault(folder: Path) -> V3World:
    key = key_of(fee_pips=3000, tick_spacing=60)
    return v3_world(folder, LocalInfinity(), PancakeInfinityAdapter(), contracts_of("pcs-v4", 56), key)


@pytest.mark.parametrize("start", [in_pools, in_proxies, in_a_manager, in_a_vault], ids=lambda start: start.__name__)
def test_honest_tokens_are_accepted_wherever_a_pool_keeps_them(
    start: Callable[[Path], V3World], tmp_path: Path
) -> None:
    world = start(tmp_path)
    chain = world.chain
    try:
        for pool in (world.usd_eth, world.eth_btc):
            block, uses = chain.block(), uses_in(pool, chain.wallet)
            assert [refusals(chain.chain, use, block) for use in uses] == [(), ()]
            assert all(chain.rpc.call("eth_getCode", use.holder, "latest") != "0x" for use in uses)
        # The pool is as it was: it trades.
        world.trade_both_ways(world.usd_eth)
    finally:
        chain.stop()
