"""The built-in registry: every operable pool is proven by hashing, everything inherited is listed."""

import json
from collections import Counter

import pytest
from eth_abi.abi import encode
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from alm_resources.dex import adapters
from alm_resources.registry import TRADABLE_FAMILIES, ListedPool, load_registry
from alm_resources.registry.families import FAMILIES
from alm_tests.golden.vectors import folder

REGISTRY = load_registry(None)
GOLDEN = folder() / "registry.json"
SIXTEEN = [
    "uni-v3",
    "pcs-v3",
    "aero-v3",
    "camelot-v3",
    "quickswap-v3",
    "ramses-v3",
    "pangolin-v3",
    "blackhole-v3",
    "pharaoh-v3",
    "project-x-v3",
    "joe-v2",
    "joe-v2.1",
    "joe-v2.2",
    "uni-v4",
    "hybra-v4",
    "pcs-v4",
]
# Deployer and hash of the creation code, as public; not read from the registry that they test.
INIT = {
    "uniswap_v3": "e34f199b19b2b4f47f68442619d555527d244f78a3297ea89325f843f87b8b54",
    "pancake_v3": "6ce8eb472fa82df5469c6ab6d485f17c3ad13c8cd7af59b3d4a8026c5ce0f7e2",
    "algebra_v1": "6ec6c9c8091d160c0aa74b2b14ba9c1717e95093bd3ac085cee99a49aab294a4",
    "camelot_v3": "6c1bebd370ba84753516bc1393c0d0a6c645856da55f5393ac8ab3d6dbc861d3",
    "algebra_integral": "eaa3eea3233916c82fe1281a51bd9cde844b7c4673c0714ca0028a57f5634752",
    "ramses_v3": "892f127ed4b26ca352056c8fb54585a3268f76f97fdd84d5836ef4bda8d8c685",
}
DEPLOYERS = {
    ("uniswap_v3", 56): "0xdB1d10011AD0Ff90774D0C6Bb92e5C5c8b4461F7",
    ("uniswap_v3", 8453): "0x33128a8fC17869897dcE68Ed026d694621f6FDfD",
    ("uniswap_v3", 43114): "0x740b1c1de25031C31FF4fC9A62f554A55cdC1baD",
    ("uniswap_v3", None): "0x1F98431c8aD98523631AE4a59f267346ea31F984",
    ("pancake_v3", None): "0x41ff9AA7e16B8B1a8a8dc4f0eFacd93D02d071c9",
    ("algebra_v1", 137): "0x2D98E2FA9da15aa6dC9581AB097Ced7af697CB92",
    ("camelot_v3", 42161): "0x6Dd3FB9653B10e806650F107C3B5A0a6fF974F65",
    ("algebra_integral", 43114): "0x9B2441037E286d5Bf9456a3BE7b5273fe28DbA1e",
    ("ramses_v3", 999): "0x301d2E3c7Db5904b3971cf9C36195e37c5a14873",
    ("ramses_v3", 43114): "0x6a4113ed0915bCf5E48e758e8f4cEBFFC07C66f9",
    ("slipstream", 8453): "0x5e7BB104d84c7CB9B682AaC2F3d509f5F406809A",
}
CUSTOM_DEPLOYERS = {1: "0xDcFccf2e8c4EfBba9127B80eAc76c5A122125d29"}
SLIPSTREAM_POOL = "eC8E5342B19977B4eF8892e02D8DAEcfa1315831"
INFINITY_MANAGER = "0xa0FfB9c1CE1Fe56963B0321B32E7A0302114058b"
NO_HOOKS = "0x" + "00" * 20


def init_hash(family: str) -> bytes:
    if family == "slipstream":  # EIP-1167
        return keccak(
            bytes.fromhex(f"3d602d80600a3d3981f3363d3d373d3d3d363d73{SLIPSTREAM_POOL}5af43d82803e903d91602b57fd5bf3")
        )
    return bytes.fromhex(INIT[family])


def recomputed(pool: ListedPool) -> str:
    tokens = sorted((pool.base.address, pool.quote.address), key=lambda address: int(address, 16))
    if pool.family == "uniswap_v4":
        types = ["address", "address", "uint24", "int24", "address"]
        return "0x" + keccak(encode(types, [*tokens, pool.fee_pips, pool.tick_spacing, NO_HOOKS])).hex()
    if pool.family == "infinity":
        assert pool.tick_spacing is not None
        parameters = (pool.tick_spacing << 16).to_bytes(32, "big")
        types = ["address", "address", "address", "address", "uint24", "bytes32"]
        return "0x" + keccak(encode(types, [*tokens, NO_HOOKS, INFINITY_MANAGER, pool.fee_pips, parameters])).hex()
    salts = {
        "fee": (["address", "address", "uint24"], [*tokens, pool.fee_pips]),
        "tick_spacing": (["address", "address", "int24"], [*tokens, pool.tick_spacing]),
        "pair": (["address", "address"], tokens),
    }
    if pool.family == "algebra_integral":
        salts["pair"] = (["address", "address", "address"], [CUSTOM_DEPLOYERS[pool.tick_spacing], *tokens])
    salt = keccak(encode(*salts[FAMILIES[pool.family].pool_key]))
    deployer = DEPLOYERS.get((pool.family, pool.chain_id)) or DEPLOYERS[pool.family, None]
    packed = b"\xff" + bytes.fromhex(deployer[2:]) + salt + init_hash(pool.family)
    return to_checksum_address(keccak(packed)[12:])


PROVEN = [pool for pool in REGISTRY.listed if pool.evidence == "keccak"]


@pytest.mark.parametrize("pool", PROVEN, ids=lambda pool: pool.pool_id)
def test_every_proven_pool_is_the_hash_of_its_deployer_tokens_and_key(pool: ListedPool) -> None:
    assert recomputed(pool) == pool.address


def test_a_pool_is_operable_only_if_hashing_proves_it() -> None:
    assert {pool.evidence for pool in REGISTRY.listed if pool.status == "operable"} == {"keccak"}
    assert all(pool.reason for pool in REGISTRY.listed if pool.status != "operable")


def test_the_sixteen_dexes_are_there_and_every_other_id_is_a_variant_of_one() -> None:
    ids = {dex for dex, _ in REGISTRY.dexes} | {pool.dex for pool in REGISTRY.listed}
    assert set(SIXTEEN) <= ids
    assert ids - set(SIXTEEN) == {"aero-v3.2", "aero-v3.3", "blackhole-v3.200", "ramses-v2", "pharaoh-v2"}


def test_what_may_be_traded_is_exactly_what_has_an_adapter() -> None:
    assert set(adapters()) == TRADABLE_FAMILIES
    assert FAMILIES.keys() - {"unknown"} == TRADABLE_FAMILIES
    traded = Counter(pool.family for pool in REGISTRY.pools_of("USDC-USDT"))
    of_v3 = {"uniswap_v3": 5, "pancake_v3": 5, "ramses_v3": 2, "slipstream": 1, "algebra_integral": 1}
    assert traded == {**of_v3, "uniswap_v4": 11, "infinity": 2}
    waiting = [pool for pool in REGISTRY.listed if pool.status != "operable"]
    assert not {p.pool_id for p in waiting} & {p.pool_id for found in REGISTRY.pools.values() for p in found}


def test_what_a_familys_plans_need_is_part_of_its_pools() -> None:
    chain = REGISTRY.chain(56)
    for pool in REGISTRY.pools_of("USDC-USDT"):
        if pool.family == "uniswap_v4":
            assert pool.contract("permit2") == REGISTRY.chain(pool.chain_id).permit2
            assert pool.contract("state_view")
        if pool.family == "infinity":
            assert pool.contract("permit2") != chain.permit2
            assert pool.contract("vault")
        # The pool manager, the position manager and what no plan calls are told elsewhere or not at all.
        assert {role for role, _ in pool.contracts} <= {"permit2", "state_view", "vault", "deployer", "custom_deployer"}


def test_more_families_trade_once_they_are_named() -> None:
    registry = load_registry(None, ["uniswap_v3", "pancake_v3", "uniswap_v4", "infinity"])
    traded = Counter(pool.family for pool in registry.pools_of("USDC-USDT"))
    assert traded == {"uniswap_v3": 5, "pancake_v3": 5, "uniswap_v4": 11, "infinity": 2}
    manager = {pool.factory for pool in registry.pools_of("USDC-USDT") if pool.family == "infinity"}
    assert manager == {INFINITY_MANAGER}


def test_the_status_shown_names_what_is_in_the_way() -> None:
    shown = Counter(REGISTRY.status_text(pool).split(":")[0] for pool in REGISTRY.listed_pools("USDC-USDT"))
    only_on_chain = "operable, but its fee or tick spacing is only known on chain"
    assert shown == {"operable": 27, only_on_chain: 2, "unverified": 8, "inoperable": 1}
    narrow = load_registry(None, ["uniswap_v3"])
    texts = {narrow.status_text(pool) for pool in narrow.listed_pools("USDC-USDT", 8453)}
    assert texts == {"family without adapter: slipstream", "family without adapter: pancake_v3"}


def test_pools_that_hold_bridged_usdc_are_a_pair_of_their_own_without_sources() -> None:
    pools = REGISTRY.listed_pools("USDC.e-USDT")
    assert len(pools) == 3
    assert {pool.status for pool in pools} == {"inoperable"}
    assert {pool.base.symbol for pool in pools} == {"USDC.e"}
    assert REGISTRY.pools_of("USDC.e-USDT") == ()
    assert "USDC.e-USDT" not in REGISTRY.sources


def test_the_pool_that_was_listed_as_uniswap_is_pancakes() -> None:
    (pool,) = [p for p in REGISTRY.listed if p.address.lower() == "0x7e928afb59f5de9d2f4d162f754c6eb40c88aa8e"]
    assert (pool.dex, pool.family, pool.contracts.manager) == (
        "pcs-v3",
        "pancake_v3",
        "0x46A15B0b27311cedF172AB29E4f4766fbE7F4364",
    )


def test_bridged_tokens_are_tokens_apart_and_issuers_differ() -> None:
    symbols = {(token.chain_id, token.symbol): token for token in REGISTRY.tokens}
    assert len(symbols) == len(REGISTRY.tokens)
    for chain_id, bridged, native in ((137, "USDC.e", "USDC"), (43114, "USDT.e", "USDT"), (42161, "USDC.e", "USDC")):
        assert symbols[chain_id, bridged].issuer != symbols[chain_id, native].issuer
        assert symbols[chain_id, bridged].address != symbols[chain_id, native].address
    assert {token.decimals for token in REGISTRY.tokens if token.symbol in ("WBTC", "WBTC.e")} == {8}
    assert {t.chain_id for t in REGISTRY.tokens if t.symbol == "WBTC"} == {1, 137, 8453, 42161}


def test_every_traded_pair_has_six_exchanges_and_volatile_ones_are_converted() -> None:
    for pair in ("USDC-USDT", "WETH-USDC", "WBTC-USDC"):
        sources = REGISTRY.sources_of(pair)
        assert {s.exchange for s in sources} == {"binance", "bybit", "okx", "mexc", "gate", "bitget"}
        assert {s.convert_by for s in sources} == {None if pair == "USDC-USDT" else "USDC-USDT"}
        assert sum(s.weight for s in sources) == pytest.approx(1.2)


def test_listed_pools_are_filtered_by_pair_and_chain() -> None:
    assert len(REGISTRY.listed_pools(chain=999)) == 3
    assert {p.chain_id for p in REGISTRY.listed_pools("WBTC-USDC", 1)} == {1}
    assert len(REGISTRY.listed_pools()) == len(REGISTRY.listed)


@pytest.mark.reference
@pytest.mark.skipif(not GOLDEN.exists(), reason="needs ALM_GOLDEN")
def test_all_inherited_pools_chains_tokens_and_weights_are_there() -> None:
    golden = json.loads(GOLDEN.read_text())
    inherited = {f"{pool['chain']}:{pool['id']}".lower() for pool in golden["poolRegistry"]["USDC-USDT"]}
    listed = {pool.pool_id.lower() for pair in ("USDC-USDT", "USDC.e-USDT") for pool in REGISTRY.listed_pools(pair)}
    assert len(inherited) == 41
    assert listed == inherited
    assert {int(chain) for chain in golden["chains"]} == set(REGISTRY.chains)
    assert set(golden["dexFamily"]) == set(SIXTEEN)
    for symbol, token in golden["tokens"].items():
        for chain, address in token["addresses"].items():
            if (symbol, chain) != ("USDC", "999"):  # CREATE2 of the Ramses pool says another one
                assert REGISTRY.token(int(chain), symbol).address == address
    for pair, sources in golden["ohlcSources"].items():
        weights = {source.exchange: source.weight for source in REGISTRY.sources_of(pair)}
        assert {s["exchange"]: s["weight"] for s in sources}.items() <= weights.items()
