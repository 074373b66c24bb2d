"""Gauges, farms and Merkl in the registry: off unless a pool names contract and reward token; staked only if told."""

from pathlib import Path

import pytest

from alm_core.model.errors import ConfigError
from alm_resources.registry import Registry, load_registry

AERO, GAUGE = "0x940181a94A35A4569E4529A3CDfB74e38FD98631", "0xB1B1B1B1b1B1b1b1b1B1B1B1B1b1b1B1b1b1B1B1"
CAKE, CHEF = "0x152649eA73beAb28c5b49B26eb48f7EAD6d4c898", "0x556B9306565093C855AEA9AE92A594704c2Cd59e"
DISTRIBUTOR = "0x3Ef3D8bA38EBe18DB133cEc108f4D14CE00Dd9Ae"


def tokens() -> str:
    return "".join(
        f'[[tokens]]\nchain = {chain}\naddress = "{address}"\nsymbol = "{symbol}"\ndecimals = 18\n'
        f'asset_class = "volatile"\nissuer = "dex"\n'
        for chain, address, symbol in ((8453, AERO, "AERO"), (1, CAKE, "CAKE"))
    )


def entry(family: str, keys: str) -> str:
    """An overlay that changes keys of a built-in pool of a family, with both reward tokens."""
    chain = 8453 if family == "slipstream" else 1
    built_in = load_registry(None)
    (pool, *_) = (pool for pool in built_in.listed_pools(chain=chain) if pool.family == family)
    return f'{tokens()}[[pools]]\nchain = {chain}\naddress = "{pool.address}"\n{keys}\n'


def load(folder: Path, text: str) -> Registry:
    path = folder / "overlay.toml"
    path.write_text(text)
    return load_registry(path)


def named(registry: Registry) -> list[tuple[dict[str, str], bool]]:
    pools = [pool for pair in registry.pairs for pool in registry.pools_of(pair.pair_id)]
    roles = [
        {
            role: dict(pool.contracts)[role]
            for role in ("gauge", "master_chef", "reward_token")
            if role in dict(pool.contracts)
        }
        for pool in pools
    ]
    return [(found, pool.stakes) for pool, found in zip(pools, roles, strict=True) if found or pool.stakes]


def test_nothing_is_enrolled_in_the_built_in_registry() -> None:
    registry = load_registry(None)
    assert named(registry) == []
    assert registry.services.merkl_url is None
    assert {chain.merkl_distributor for chain in registry.chains.values()} == {None}


@pytest.mark.parametrize(
    ("family", "role", "contract", "token"),
    [("slipstream", "gauge", GAUGE, AERO), ("pancake_v3", "master_chef", CHEF, CAKE)],
)
def test_a_pool_that_names_its_contract_is_enrolled_and_stakes_only_if_told(
    tmp_path: Path, family: str, role: str, contract: str, token: str
) -> None:
    keys = f'{role} = "{contract}"\nreward_token = "{token}"'
    assert named(load(tmp_path, entry(family, keys))) == [({role: contract, "reward_token": token}, False)]
    both = load(tmp_path, entry(family, f"{keys}\nstake = true"))
    assert named(both) == [({role: contract, "reward_token": token}, True)]
    assert both.version != load(tmp_path, entry(family, keys)).version


def test_merkl_is_on_where_service_and_distributor_are_named(tmp_path: Path) -> None:
    text = f'[chains.1]\nmerkl_distributor = "{DISTRIBUTOR}"\n[services]\nmerkl_url = "https://api.merkl.xyz/"\n'
    registry = load(tmp_path, text)
    assert (registry.services.merkl_url, registry.chain(1).merkl_distributor) == ("https://api.merkl.xyz", DISTRIBUTOR)
    assert registry.chain(8453).merkl_distributor is None


@pytest.mark.parametrize(
    ("family", "keys", "told"),
    [
        ("slipstream", f'gauge = "{GAUGE}"', ("reward_token", "missing", GAUGE)),
        ("slipstream", f'reward_token = "{AERO}"', ("reward_token", AERO, "gauge is absent")),
        ("slipstream", "stake = true", ("stake", "True", "gauge is absent")),
        ("slipstream", f'gauge = "{GAUGE}"\nreward_token = "{CAKE}"', ("reward_token", CAKE, "no such token")),
        ("slipstream", f'gauge = "{GAUGE.lower()}"\nreward_token = "{AERO}"', ("gauge", "checksum")),
        ("slipstream", f'master_chef = "{CHEF}"\nreward_token = "{AERO}"', ("master_chef", CHEF, "slipstream")),
        ("slipstream", f'gauge = "{GAUGE}"\nreward_token = "{AERO}"\nstake = "yes"', ("stake", "'yes'")),
        ("pancake_v3", f'gauge = "{GAUGE}"\nreward_token = "{CAKE}"', ("gauge", GAUGE, "pancake_v3")),
        ("pancake_v3", f'master_chef = "{CHEF}"', ("reward_token", "missing", CHEF)),
        ("uniswap_v3", f'gauge = "{GAUGE}"\nreward_token = "{CAKE}"', ("gauge", "uniswap_v3 have no gauge")),
        ("uniswap_v3", f'reward_token = "{CAKE}"', ("reward_token", CAKE, "nothing pays it")),
        ("uniswap_v3", "stake = true", ("stake", "nothing to stake in")),
    ],
)
def test_half_a_programme_or_that_of_another_family_is_refused(
    tmp_path: Path, family: str, keys: str, told: tuple[str, ...]
) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, entry(family, keys))
    for part in ("overlay.toml", "pools", *told):
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[chains.1]\nmerkl_distributor = "0x12"', "merkl_distributor"),
        ('[services]\nmerkl_url = "api.merkl.xyz"', "merkl_url"),
    ],
)
def test_a_bad_address_of_merkl_is_refused(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        load(tmp_path, text)
