"""All seven chains: forty-one pools spread like the reference, with decimals and addresses of the real tokens."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import pytest

from alm_core.model.errors import ConfigError
from alm_localnet import Localnet, LocalnetConfig
from alm_localnet.contracts import calldata
from alm_localnet.deployments import deployment
from alm_localnet.pairs import USDC_USDT, WBTC_USDC, WETH_USDC
from alm_localnet.presets import PoolPreset, chain_presets
from alm_localnet.worlds import forty_one_pools, uniswap_v3_alone
from alm_resources.registry import load_registry
from alm_tests.chain.conftest import START_AT

SPREAD = {1: 6, 56: 9, 42161: 5, 8453: 2, 999: 3, 43114: 9, 137: 7}


@pytest.fixture(scope="module")
def seven() -> Iterator[Localnet]:
    with Localnet(config=replace(forty_one_pools(), start_at=START_AT, warm_up_minutes=2)) as localnet:
        yield localnet


def test_the_forty_one_pools_are_spread_like_the_reference() -> None:
    config = forty_one_pools()
    presets = chain_presets()
    assert {chain: len(config.tiers_on(presets[chain])) for chain in config.chains} == SPREAD
    assert sum(SPREAD.values()) == 41


def test_the_default_is_two_pairs_on_three_chains_each_with_uniswap_v3() -> None:
    config = LocalnetConfig()
    for chain in config.chains:
        tiers = config.tiers_on(chain_presets()[chain])
        uniswap = [pair.pair_id for pair, tier in tiers if tier.dex == "uni-v3"]
        assert sorted(uniswap) == ["USDC-USDT", "USDC-USDT", "WETH-USDC", "WETH-USDC"]
        assert len(config.tiers_on(chain_presets()[chain])) == len(set(tiers))
        alone = uniswap_v3_alone(config).tiers_on(chain_presets()[chain])
        assert [tier.dex for _, tier in alone] == ["uni-v3"] * 4


def test_the_default_has_on_each_chain_what_trades_most_there() -> None:
    presets, config = chain_presets(), LocalnetConfig()
    families = {
        chain: {deployment(tier.dex, presets[chain]).family for _, tier in config.tiers_on(presets[chain])}
        for chain in config.chains
    }
    assert families == {
        1: {"uniswap_v3", "uniswap_v4", "pancake_v3"},
        8453: {"uniswap_v3", "slipstream", "infinity"},
        43114: {"uniswap_v3", "ramses_v3", "algebra_integral", "liquidity_book", "pangolin_v3"},
    }


def test_a_pool_of_a_dex_is_only_where_the_dex_is() -> None:
    everywhere = PoolPreset(dex="pharaoh-v3", fee_pips=500, tick_spacing=10, tvl_usd=1.0, daily_volume_usd=1.0)
    pair = replace(WETH_USDC, pools=(everywhere,))
    placed = {chain: LocalnetConfig(pairs=(pair,)).tiers_on(preset) for chain, preset in chain_presets().items()}
    assert {chain for chain, tiers in placed.items() if tiers} == {43114}
    with pytest.raises(ConfigError, match="chain 1 has no pharaoh-v3 for the pharaoh-v3 pool of 500 pips of WETH-USDC"):
        LocalnetConfig(pairs=(replace(pair, pools=(replace(everywhere, chains=(1,)),)),))
    with pytest.raises(ConfigError, match="'pharaoh-v3' is not on chain 1"):
        deployment("pharaoh-v3", chain_presets()[1])


def test_a_pair_has_no_pool_where_its_tokens_are_missing() -> None:
    hyper = chain_presets()[999]
    assert {pair.pair_id for pair, _ in LocalnetConfig(chains=(999,)).tiers_on(hyper)} == {"USDC-USDT"}
    assert LocalnetConfig(chains=(999,)).pairs_on(hyper) == (USDC_USDT,)
    tier = PoolPreset(fee_pips=500, tick_spacing=10, tvl_usd=1.0, daily_volume_usd=1.0, chains=(999,))
    with pytest.raises(ConfigError, match=r"chain 999 has no \['WETH'\] for the uni-v3 pool of 500 pips of WETH-USDC"):
        LocalnetConfig(pairs=(replace(WETH_USDC, pools=(tier,)),))


def test_bitcoin_has_the_decimals_of_each_chain() -> None:
    decimals = {
        chain_id: preset.tokens["WBTC"].decimals for chain_id, preset in chain_presets().items() if chain_id != 999
    }
    assert decimals == {1: 8, 8453: 8, 43114: 8, 56: 18, 42161: 8, 137: 8}
    assert WBTC_USDC.initial_price == 90_000


@pytest.mark.chain
def test_all_pools_stand_at_the_market_price(seven: Localnet) -> None:
    assert Counter(pool.chain_id for chain in seven.chains for pool in chain.pools) == SPREAD
    for chain in seven.chains:
        data = "0x" + calldata("slot0()").hex()
        answers = chain.rpc.call_many(
            [("eth_call", ({"to": pool.address, "data": data}, "latest")) for pool in chain.pools]
        )
        for pool, answer in zip(chain.pools, answers, strict=True):
            close = seven.market.price(pool.pair.pair_id, seven.clock.minute - 1)
            assert pool.price(int(answer[2:66], 16)) == pytest.approx(close, rel=pool.fee_frac * 1.01)


@pytest.mark.chain
def test_the_registry_of_seven_chains_is_read_by_the_product(seven: Localnet) -> None:
    registry = load_registry(seven.registry_file)
    pools = [pool for pair in ("USDC-USDT", "WETH-USDC", "WBTC-USDC") for pool in registry.pools_of(pair)]
    assert Counter(pool.chain_id for pool in pools) == SPREAD
    assert len({pool.pool_id for pool in pools}) == 41
    assert {source.symbol for source in registry.sources_of("WBTC-USDC")} == {"BTC/USDT"}


@pytest.mark.chain
def test_wallets_are_funded_only_where_their_pair_has_pools(seven: Localnet) -> None:
    hyper = next(chain for chain in seven.chains if chain.preset.chain_id == 999)
    balances = {
        pair: int(hyper.rpc.call("eth_getBalance", wallet, "latest"), 16)
        for pair, wallet in seven.wallets.addresses.items()
    }
    assert balances == {"USDC-USDT": 10 * 10**18, "WETH-USDC": 0, "WBTC-USDC": 0}
