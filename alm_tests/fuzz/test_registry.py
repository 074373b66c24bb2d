"""Registry files of a user: refused by name, or a registry on which everything rests."""

import random
import re
from math import inf
from pathlib import Path
from typing import Any

import pytest

from alm_core.model.errors import ConfigError
from alm_resources.registry import Registry, load_registry
from alm_resources.registry.families import FAMILIES
from alm_tests.fuzz.harness import CASES, assert_told_apart, fuzz, named
from alm_tests.fuzz.mutation import Seed, broken_bytes
from alm_tests.fuzz.toml_text import broken_toml, toml_of

pytestmark = pytest.mark.timeout(300 + CASES // 200)

USDC = "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"
WETH = "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2"
CONTRACT = "0x88e6A0c2dDD26FEEb64F039a2c41296FcB3f5640"
OVERLAY: dict[str, Any] = {
    "meta": {"mode": "replace"},
    "chains": {
        "1": {
            "name": "Ethereum",
            "rpc": ["http://127.0.0.1:8545"],
            "multicall3": CONTRACT,
            "wrapped_native": WETH,
            "native_symbol": "ETH",
            "gecko_network": "eth",
            "lifi_diamond": CONTRACT,
            "finality": "latest",
        }
    },
    "tokens": [
        {"chain": 1, "address": a, "symbol": s, "decimals": d, "asset_class": k, "issuer": "x"}
        for a, s, d, k in ((USDC, "USDC", 6, "stable"), (WETH, "WETH", 18, "volatile"))
    ],
    "dexes": [
        {
            "id": "uni-v3",
            "family": "uniswap_v3",
            "contracts": {"1": {"factory": CONTRACT, "position_manager": CONTRACT}},
        }
    ],
    "pools": [
        {
            "pair": "WETH-USDC",
            "chain": 1,
            "dex": "uni-v3",
            "address": CONTRACT,
            "base": WETH,
            "quote": USDC,
            "fee_pips": 500,
            "tick_spacing": 10,
        }
    ],
    "pairs": [{"id": "WETH-USDC", "base": "WETH", "quote": "USDC", "asset_class": "volatile"}],
    "sources": [{"pair": "WETH-USDC", "exchange": "binance", "symbol": "ETH/USDC", "weight": 0.6}],
    "services": {"geckoterminal_url": "http://127.0.0.1:1/api/v2", "lifi_url": "http://127.0.0.1:1/v1"},
}
SEED = Seed(OVERLAY)
TEXT = toml_of(OVERLAY)
_ADDRESS = re.compile("0x[0-9a-fA-F]{40}")


def test_the_right_overlay_is_a_registry(tmp_path: Path) -> None:
    path = tmp_path / "overlay.toml"
    path.write_bytes(TEXT)
    registry = load_registry(path)
    _is_registry(registry)
    assert [pool.fee_pips for pool in registry.pools_of("WETH-USDC")] == [500]


def test_a_broken_overlay_is_refused_or_a_registry(tmp_path: Path, record_property: Any) -> None:
    path = tmp_path / "overlay.toml"

    def make_body(rng: random.Random) -> bytes:
        return broken_bytes(rng, TEXT) if rng.random() < 0.15 else broken_toml(rng, SEED)

    def check(text: bytes) -> bool:
        path.write_bytes(text)
        try:
            registry = load_registry(path)
        except ConfigError as error:
            return named(error, str(path), "built-in registry")
        _is_registry(registry)
        return True

    verdicts = fuzz("overlay of the registry", make_body, check)
    record_property("fuzz", dict(verdicts))
    assert_told_apart(verdicts)


def _is_registry(registry: Registry) -> None:
    for chain_id, chain in registry.chains.items():
        assert chain_id == chain.chain_id > 0
        assert chain.rpc
        assert all(url.startswith(("http://", "https://")) for url in chain.rpc)
        assert _ADDRESS.fullmatch(chain.multicall3)
        assert _ADDRESS.fullmatch(chain.lifi_diamond)
    for token in registry.tokens:
        assert token.chain_id in registry.chains
        assert _ADDRESS.fullmatch(token.address)
        assert type(token.decimals) is int
        assert 0 <= token.decimals <= 36
    for pair_id, pools in registry.pools.items():
        pair = registry.pair(pair_id)
        for pool in pools:
            assert (pool.base.symbol, pool.quote.symbol) == (pair.base, pair.quote)
            assert {pool.token0, pool.token1} <= set(registry.tokens)
            assert int(pool.token0.address, 16) < int(pool.token1.address, 16)
            assert pool.fee_pips is None or 0 <= pool.fee_pips < 1_000_000
            assert (pool.bin_step is None) == (FAMILIES[pool.family].pool_key != "bin_step")
            assert pool.tick_spacing >= 1
    for pair_id, sources in registry.sources.items():
        assert registry.pair(pair_id)
        assert all(0 < source.weight < inf for source in sources)
    assert re.fullmatch("[0-9a-f]{64}", registry.version)
