from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alm_core.model.errors import ConfigError
from alm_core.model.pools import Pool
from alm_resources.registry import Registry, load_registry

USDC = "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"
WETH = "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2"
POOL = "0x88e6A0c2dDD26FEEb64F039a2c41296FcB3f5640"

OVERLAY = f"""
[meta]
mode = "replace"
[chains.1]
name = "Ethereum"
rpc = ["http://127.0.0.1:8545"]
multicall3 = "{POOL}"
permit2 = "{POOL}"
wrapped_native = "{WETH}"
native_symbol = "ETH"
gecko_network = "eth"
lifi_diamond = "{POOL}"
finality = "latest"
[[tokens]]
chain = 1
address = "{USDC}"
symbol = "USDC"
decimals = 6
asset_class = "stable"
issuer = "circle"
[[tokens]]
chain = 1
address = "{WETH}"
symbol = "WETH"
decimals = 18
asset_class = "volatile"
issuer = "canonical"
[[dexes]]
id = "uni-v3"
family = "uniswap_v3"
[dexes.contracts.1]
factory = "{POOL}"
position_manager = "{POOL}"
[[pools]]
pair = "WETH-USDC"
chain = 1
dex = "uni-v3"
address = "{POOL}"
base = "{WETH}"
quote = "{USDC}"
fee_pips = 500
tick_spacing = 10
[[pairs]]
id = "WETH-USDC"
base = "WETH"
quote = "USDC"
asset_class = "volatile"
[[sources]]
pair = "WETH-USDC"
exchange = "binance"
symbol = "ETH/USDC"
weight = 0.6
[services]
geckoterminal_url = "http://127.0.0.1:1/api/v2"
lifi_url = "http://127.0.0.1:1/v1"
[services.exchange_urls]
binance = "http://127.0.0.1:1"
"""


def load(tmp_path: Path, text: str) -> Registry:
    path = tmp_path / "overlay.toml"
    path.write_text(text)
    return load_registry(path)


def built_in_pools() -> list[Pool]:
    registry = load_registry(None)
    return [pool for pair in registry.pairs for pool in registry.pools_of(pair.pair_id)]


def test_the_seven_chains_are_built_in_and_hyperevm_has_its_own_diamond() -> None:
    chains = load_registry(None).chains
    assert sorted(chains) == [1, 56, 137, 999, 8453, 42161, 43114]
    diamonds = {chain.lifi_diamond for chain_id, chain in chains.items() if chain_id != 999}
    assert diamonds == {"0x1231DEB6f5749EF6cE6943a275A1D3E7486F4EaE"}
    assert chains[999].lifi_diamond == "0x0a0758d937d1059c356D4714e57F5df0239bce1A"
    assert chains[137].gecko_network == "polygon_pos"


def test_usdt_is_token0_on_bsc_and_avalanche_and_usdc_elsewhere() -> None:
    order = {(pool.chain_id, pool.token0.symbol) for pool in load_registry(None).pools_of("USDC-USDT")}
    usdc_first = {(chain_id, "USDC") for chain_id in (1, 137, 8453, 42161, 999)}
    assert order == usdc_first | {(56, "USDT"), (43114, "USDT")}


def test_base_is_the_base_of_the_pair_in_both_token_orders() -> None:
    for pool in built_in_pools():
        assert int(pool.token0.address, 16) < int(pool.token1.address, 16)
        pair = load_registry(None).pair(f"{pool.base.symbol}-{pool.quote.symbol}")
        assert pool in load_registry(None).pools_of(pair.pair_id)


def test_stables_of_bsc_have_18_decimals() -> None:
    assert {token.decimals for token in load_registry(None).tokens_of(56)} == {18}


def test_replace_leaves_nothing_built_in(tmp_path: Path) -> None:
    registry = load(tmp_path, OVERLAY)
    assert sorted(registry.chains) == [1]
    assert [pair.pair_id for pair in registry.pairs] == ["WETH-USDC"]
    assert registry.pools_of("WETH-USDC")[0].token0.symbol == "USDC"
    assert registry.pools_of("WETH-USDC")[0].base_is_token0 is False
    assert dict(registry.services.exchange_urls) == {"binance": "http://127.0.0.1:1"}
    assert registry.sources_of("WETH-USDC")[0].weight == 0.6


def test_merge_changes_single_keys_and_keeps_the_rest(tmp_path: Path) -> None:
    registry = load(tmp_path, '[chains.1]\nrpc = ["https://node.example/key"]\n[services]\nlifi_url = "http://x"\n')
    assert registry.chain(1).rpc == ("https://node.example/key",)
    assert registry.chain(1).native_symbol == "ETH"
    assert registry.services.lifi_url == "http://x"
    assert registry.pools_of("USDC-USDT") == load_registry(None).pools_of("USDC-USDT")


def test_merge_adds_a_token_and_replaces_a_weight(tmp_path: Path) -> None:
    registry = load(
        tmp_path,
        f"""
        [[tokens]]
        chain = 1
        address = "{POOL}"
        symbol = "LBTC"
        decimals = 8
        asset_class = "volatile"
        issuer = "bitgo"
        [[sources]]
        pair = "WETH-USDC"
        exchange = "okx"
        weight = 0.5
        """,
    )
    assert registry.token(1, "LBTC").decimals == 8
    weights = {source.exchange: source.weight for source in registry.sources_of("WETH-USDC")}
    assert weights == {"binance": 0.4, "bybit": 0.25, "okx": 0.5, "mexc": 0.1, "gate": 0.15, "bitget": 0.1}


def test_a_pool_listed_twice_is_refused_even_under_another_pair(tmp_path: Path) -> None:
    block = OVERLAY[OVERLAY.index("[[pools]]") : OVERLAY.index("[[pairs]]")]
    with pytest.raises(ConfigError, match="listed twice"):
        load(tmp_path, OVERLAY.replace("[[pairs]]", block + "[[pairs]]", 1))


def test_a_missing_overlay_is_an_error_and_not_the_built_in_registry(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.toml"):
        load_registry(tmp_path / "nowhere.toml")


def test_rpc_urls_are_not_in_the_repr() -> None:
    assert "publicnode" not in repr(load_registry(None).chain(1))


def test_the_version_changes_with_a_fee_and_not_with_an_endpoint(tmp_path: Path) -> None:
    version = load(tmp_path, OVERLAY).version
    assert len(version) == 64
    assert load(tmp_path, OVERLAY.replace("127.0.0.1:8545", "127.0.0.1:9999")).version == version
    assert load(tmp_path, OVERLAY.replace("fee_pips = 500", "fee_pips = 501")).version != version


@pytest.mark.parametrize(
    "lookup",
    [
        lambda r: r.pair("NO-PAIR"),
        lambda r: r.chain(2),
        lambda r: r.token(1, "DOGE"),
        lambda r: r.token_at(1, POOL),
        lambda r: r.contracts("uni-v3", 999),
        lambda r: r.sources_of("NO-PAIR"),
    ],
)
def test_unknown_lookups_are_named_errors(lookup: object) -> None:
    with pytest.raises(ConfigError, match=r"NO-PAIR|DOGE|chain 2|0x88e6|999"):
        lookup(load_registry(None))  # type: ignore[operator]


@given(cut=st.integers(0, len(OVERLAY)), junk=st.text(max_size=5))
def test_a_damaged_overlay_either_loads_or_is_a_config_error_naming_the_file(
    tmp_path_factory: pytest.TempPathFactory, cut: int, junk: str
) -> None:
    path = tmp_path_factory.mktemp("overlay") / "overlay.toml"
    path.write_text(OVERLAY[:cut] + junk + OVERLAY[cut + len(junk) :], encoding="utf-8")
    outcome = ""
    try:
        outcome = load_registry(path).version + "overlay.toml"
    except ConfigError as error:
        outcome = str(error)
    assert "overlay.toml" in outcome
