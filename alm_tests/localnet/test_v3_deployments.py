"""Every V3-shaped deployment of the registry can stand on a local chain at its own addresses, and be traded in."""

import tomllib
from collections.abc import Generator
from importlib.resources import files

import pytest

from alm_localnet.dexes import LocalDex, local_dexes
from alm_localnet.dexes.algebra_integral import LocalAlgebraIntegral
from alm_localnet.dexes.v3_shape import V3Shape
from alm_tests.localnet.v3_stage import TOKENS, Stage

Q96 = 2**96
KEYS: dict[str, dict[str, int]] = {
    "uniswap_v3": {"fee_pips": 3000},
    "pancake_v3": {"fee_pips": 2500},
    "pangolin_v3": {"fee_pips": 8000},
    "algebra_v1": {},
    "algebra_integral": {"tick_spacing": 1, "fee_pips": 40},
    "camelot_v3": {"tick_spacing": 10, "fee_pips": 600},
    "slipstream": {"tick_spacing": 1, "fee_pips": 70},
    "ramses_v3": {"tick_spacing": 5, "fee_pips": 70},
}
WITHOUT_PERIPHERY = {"pancake_v3", "pangolin_v3", "camelot_v3", "slipstream", "ramses_v3"}


def deployments() -> list[tuple[str, LocalDex, dict[str, str]]]:
    data = tomllib.loads((files("alm_resources.registry") / "data" / "dexes.toml").read_text("utf-8"))
    dexes = local_dexes()
    return [
        (f"{dex['id']}-{chain}", dexes[dex["family"]], contracts)
        for dex in data["dexes"]
        if isinstance(dexes.get(dex["family"]), V3Shape)
        for chain, contracts in dex.get("contracts", {}).items()
    ]


ALL = deployments()


@pytest.fixture
def stage(tmp_path_factory: pytest.TempPathFactory) -> Generator[Stage]:
    stage = Stage(tmp_path_factory.mktemp("v3_deployments"))
    yield stage
    stage.stop()


def test_every_v3_shaped_family_of_the_registry_has_its_contracts() -> None:
    assert {dex.family for _, dex, _ in ALL} == KEYS.keys()
    assert len({dex.desk for _, dex, _ in ALL}) == len(KEYS), "two families share a desk"


@pytest.mark.parametrize(
    ("dex", "contracts"), [(dex, found) for _, dex, found in ALL], ids=[name for name, _, _ in ALL]
)
def test_a_deployment_stands_where_the_registry_says_and_trades(
    stage: Stage, dex: LocalDex, contracts: dict[str, str]
) -> None:
    stage.install(dex, contracts)
    for role in contracts.keys() - {"init_code_hash"}:
        if role in {"factory", "position_manager", "deployer"} or dex.family not in WITHOUT_PERIPHERY:
            assert len(stage.rpc.call("eth_getCode", contracts[role], "latest")) > 2, role
    registrar = "deployer" if dex.family == "ramses_v3" else "factory"
    named = stage.read(contracts["position_manager"], f"{registrar}()", "address")
    assert named == (contracts[registrar].lower(),)
    pool = stage.pool(dex, contracts, Q96, **KEYS[dex.family])
    stage.provide(dex, pool, -6_000, 6_000, 10**18)
    receipts = [stage.swap(dex, pool, 10**12, zero_for_one=down) for down in (True, False)]
    wanted = dex.log_filter(contracts, [pool])
    logs = stage.rpc.call("eth_getLogs", {**wanted, "fromBlock": "0x0", "toBlock": "latest"})
    assert [log["transactionHash"] for log in logs] == [receipt["transactionHash"] for receipt in receipts]
    first, second = (dex.swapped_amounts(pool, log) for log in logs)
    assert first is not None
    assert second is not None
    assert first[0] == second[1] == 10**12
    # The price is one and hardly moves; no fee reaches a hundredth.
    assert all(-(10**12) < out < -(10**12) * 98 // 100 for out in (first[1], second[0]))
    assert dex.swapped_amounts(contracts["factory"], logs[0]) is None


def test_pools_of_algebra_integral_are_the_custom_deployers_or_the_factorys(stage: Stage) -> None:
    dex = LocalAlgebraIntegral()
    (listed,) = [found for name, _, found in ALL if name == "blackhole-v3-43114"]
    factory, custom = listed["factory"], listed["custom_deployer"]
    stage.install(dex, listed)
    pool = stage.pool(dex, listed, Q96, tick_spacing=1, fee_pips=40)
    assert stage.read(factory, "poolByPair(address,address)", "uint256", *TOKENS) == (0,)
    known = "customPoolByPair(address,address,address)"
    assert stage.read(factory, known, "address", custom, *TOKENS) == (pool.lower(),)
    without = {role: address for role, address in listed.items() if role != "custom_deployer"}
    other = stage.pool(dex, without, Q96, tick_spacing=5, fee_pips=70)
    assert stage.read(factory, "poolByPair(address,address)", "address", *TOKENS) == (other.lower(),)
    for made, spacing, fee in ((pool, 1, 40), (other, 5, 70)):
        assert stage.read(made, "tickSpacing()", "int24") == (spacing,)
        assert stage.read(made, "fee()", "uint16") == (fee,)
