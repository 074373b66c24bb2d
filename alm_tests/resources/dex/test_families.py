"""Forks of Uniswap V3: selectors of the deployed contracts, answers of their pools, pools refused, calldata."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from eth_abi.abi import decode, encode
from eth_abi.packed import encode_packed
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

from alm_core.math.liquidity import price_interval
from alm_core.math.tick import Q96, Q128
from alm_core.model.chain_ports import CallResult, ChainClient
from alm_core.model.errors import BadAnswer, PoolNotFound
from alm_core.model.market import PoolState, Position, Twap
from alm_core.model.pools import Pool
from alm_core.model.transactions import Action
from alm_resources.dex.algebra_integral import AlgebraIntegralAdapter
from alm_resources.dex.algebra_integral import abi as integral
from alm_resources.dex.algebra_integral.layout import CUSTOM_DEPLOYER
from alm_resources.dex.uniswap_v3 import abi
from alm_tests.resources.dex.fakes import MANAGER, OWNER, USDC, WETH, TableChain, make_block, word
from alm_tests.resources.dex.v3_answers import (
    ADAPTERS,
    DEPLOYER,
    FAILED,
    LAYOUTS,
    Table,
    answer,
    answered,
    named_answer,
    pool_of,
    sound,
)

DEADLINE = datetime(2026, 11, 22, 10, 32, tzinfo=UTC)
FAMILIES = sorted(ADAPTERS)
DYNAMIC = [family for family in FAMILIES if not LAYOUTS[family].fee_in_key]


def read(pool: Pool, table: Table | None = None, **values: Any) -> PoolState:
    layout = LAYOUTS[pool.family]
    table = sound(pool, **values) if table is None else table
    return ADAPTERS[pool.family].read_pool(pool, answered(layout, pool, table), make_block())


# As published: block explorers, ABIs of the deployed contracts.
@pytest.mark.parametrize(
    ("family", "mint", "state", "find"),
    [
        ("uniswap_v3", "88316456", "3850c7bd", "1698ee82"),
        ("pancake_v3", "88316456", "3850c7bd", "1698ee82"),
        ("pangolin_v3", "88316456", "3850c7bd", "1698ee82"),
        ("algebra_v1", "9cc1a283", "e76c01e4", "d9a641e1"),
        ("camelot_v3", "9cc1a283", "e76c01e4", "d9a641e1"),
        ("algebra_integral", "fe3f3be7", "e76c01e4", "d9a641e1"),
        ("slipstream", "b5007d1f", "3850c7bd", "28af8d0b"),
        ("ramses_v3", "6d70c415", "3850c7bd", "28af8d0b"),
    ],
)
def test_selectors_are_those_of_the_deployed_contracts(family: str, mint: str, state: str, find: str) -> None:
    layout = LAYOUTS[family]
    assert layout.mint.selector.hex() == mint
    assert layout.slot.read.selector.hex() == state
    assert layout.find_pool(pool_of(family))[0].selector.hex() == find


@pytest.mark.parametrize("family", FAMILIES)
def test_every_output_of_a_layout_has_a_name(family: str) -> None:
    layout = LAYOUTS[family]
    for named in (layout.slot, *layout.fee_reads, layout.tick, layout.joint, layout.stored):
        assert len(named.names) == len(named.read.outputs)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_sound_pool_is_read_with_its_source(family: str) -> None:
    state = read(pool_of(family))
    assert (state.source, state.block, state.twap) == ("rpc:1", make_block(), None)
    assert (state.sqrt_price_x96, state.tick, state.liquidity) == (Q96, 0, 10**18)
    assert (state.fee_growth_global0_x128, state.fee_growth_global1_x128) == (5, 6)
    assert state.fee_pips == (600 if family == "camelot_v3" else 500)
    assert (state.protocol_fee_frac0, state.protocol_fee_frac1) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("family", "values", "fracs"),
    [
        ("algebra_v1", {"community0": 150, "community1": 250}, (0.15, 0.25)),
        ("camelot_v3", {"community0": 0, "community1": 100}, (0.0, 0.1)),
        ("algebra_integral", {"community": 125}, (0.125, 0.125)),
        ("algebra_integral", {"community": 1000}, (1.0, 1.0)),
        ("slipstream", {"unstaked_fee": 100_000}, (0.1, 0.1)),
        ("ramses_v3", {"packed_fee": 50_000}, (0.05, 0.05)),
        ("ramses_v3", {"packed_fee": 1_000_000}, (1.0, 1.0)),
    ],
)
def test_the_part_that_is_not_liquiditys_is_read_as_the_family_packs_it(
    family: str, values: Mapping[str, int], fracs: tuple[float, float]
) -> None:
    state = read(pool_of(family), **values)
    assert (state.protocol_fee_frac0, state.protocol_fee_frac1) == fracs


@pytest.mark.parametrize(
    ("family", "values"),
    [
        ("algebra_integral", {"community": 1001}),
        ("slipstream", {"unstaked_fee": 1_000_001}),
        ("ramses_v3", {"packed_fee": 1_000_001}),
    ],
)
def test_more_than_all_of_the_fee_is_no_pool_of_the_family(family: str, values: Mapping[str, int]) -> None:
    with pytest.raises(PoolNotFound, match="more than all of the fee"):
        read(pool_of(family), **values)


@given(st.integers(0, 2**16 - 1), st.integers(0, 2**16 - 1))
def test_the_fee_of_camelot_is_the_mean_of_its_directions_rounded_down(zto: int, otz: int) -> None:
    assert read(pool_of("camelot_v3"), fee_zto=zto, fee_otz=otz).fee_pips == (zto + otz) // 2


@pytest.mark.parametrize("family", DYNAMIC)
def test_a_fee_that_only_the_chain_knows_is_not_compared_with_the_registry(family: str) -> None:
    fee = {"fee": 123, "fee_zto": 123, "fee_otz": 123}
    assert read(pool_of(family), **fee).fee_pips == 123
    assert read(replace(pool_of(family), fee_pips=3000), **fee).fee_pips == 123


@pytest.mark.parametrize("family", FAMILIES)
def test_another_contract_than_the_registrys_pool_is_refused_with_what_differs(family: str) -> None:
    pool, layout = pool_of(family), LAYOUTS[family]
    elsewhere = "0x" + "99" * 20
    own = pool.address
    find, arguments = layout.find_pool(pool)
    lies = {
        "token0 is": ((own, abi.TOKEN0.selector), answer(abi.TOKEN0, WETH)),
        "token1 is": ((own, abi.TOKEN1.selector), answer(abi.TOKEN1, USDC)),
        "tick spacing is 60, registry says 10": ((own, abi.TICK_SPACING.selector), answer(abi.TICK_SPACING, 60)),
        f"factory is {elsewhere}": ((own, abi.FACTORY.selector), answer(abi.FACTORY, elsewhere)),
        "at the factory is": ((pool.factory, find.call(pool.factory, *arguments).data), answer(find, elsewhere)),
        "is not initialised": ((own, layout.slot.read.selector), named_answer(layout.slot)),
        "tick is 9": ((own, layout.slot.read.selector), named_answer(layout.slot, sqrt_price_x96=Q96, tick=9)),
        f"{layout.slot.read.name}() fails": (
            (own, layout.slot.read.selector),
            CallResult(succeeded=False, data=b""),
        ),
    }
    lies |= {
        proof.what: ((proof.target, proof.read.selector), answer(proof.read, elsewhere))
        for proof in layout.proofs(pool)
    }
    for told, (call, lie) in lies.items():
        with pytest.raises(PoolNotFound) as refusal:
            read(pool, sound(pool) | {call: lie})
        assert told in str(refusal.value)
        assert pool.pool_id in str(refusal.value)


def test_a_ramses_pool_whose_deployer_the_registry_does_not_know_is_a_matter_of_its_configuration() -> None:
    from alm_core.model.errors import ConfigError

    with pytest.raises(ConfigError, match="no deployer is known"):
        ADAPTERS["ramses_v3"].pool_calls(replace(pool_of("ramses_v3"), contracts=()))


@pytest.mark.parametrize("family", [family for family in FAMILIES if LAYOUTS[family].observe])
def test_the_mean_tick_is_read_from_the_familys_own_oracle(family: str) -> None:
    observe = LAYOUTS[family].observe
    assert observe is not None
    others: list[list[int]] = [[0, 0] for _ in observe.outputs[1:]]
    state = read(pool_of(family), observed=answer(observe, [1800, 1800 - 1801], *others))
    assert state.twap == Twap(window_s=1800, tick=-2)


PLUGIN = "0x" + "b1" * 20


def test_the_mean_tick_of_algebra_integral_is_asked_of_the_pools_plugin_in_a_second_step() -> None:
    adapter, pool = ADAPTERS["algebra_integral"], pool_of("algebra_integral")
    assert isinstance(adapter, AlgebraIntegralAdapter)
    results = answered(adapter.layout, pool, sound(pool, plugin=PLUGIN))
    (further,) = adapter.further_calls(pool, results)
    assert (further.target, further.may_fail) == (PLUGIN, True)
    assert further.data.hex().startswith("9d3a5241")
    told = answer(integral.GET_TIMEPOINTS, [1800, 1800 + 1800 * 7 - 1], [0, 0])
    assert adapter.read_pool(pool, [*results, told], make_block()).twap == Twap(window_s=1800, tick=6)
    # A plugin without an oracle, or one that is too young.
    assert adapter.read_pool(pool, [*results, FAILED], make_block()).twap is None
    assert adapter.read_pool(pool, results, make_block()).twap is None


def test_without_a_plugin_there_is_nothing_further_to_ask() -> None:
    adapter, pool = ADAPTERS["algebra_integral"], pool_of("algebra_integral")
    assert isinstance(adapter, AlgebraIntegralAdapter)
    assert adapter.further_calls(pool, answered(adapter.layout, pool, sound(pool))) == ()
    for broken in (FAILED, CallResult(succeeded=True, data=b"")):
        table = sound(pool, plugin=PLUGIN) | {(pool.address, integral.PLUGIN.selector): broken}
        assert adapter.further_calls(pool, answered(adapter.layout, pool, table)) == ()


KEYS = st.tuples(st.integers(-887_272, 887_271), st.integers(1, 1000), st.integers(1, 2**64))


@given(KEYS)
def test_the_key_of_algebras_positions_packs_owner_and_ticks_without_hashing(key: tuple[int, int, int]) -> None:
    lower, width, token_id = key
    upper = lower + width
    found = LAYOUTS["algebra_v1"].joint_key(pool_of("algebra_v1"), token_id, lower, upper)
    assert found == bytes(6) + encode_packed(("address", "int24", "int24"), (MANAGER, lower, upper))


@given(KEYS)
def test_only_ramses_keeps_a_position_per_token(key: tuple[int, int, int]) -> None:
    lower, width, token_id = key
    pool, upper = pool_of("ramses_v3"), lower + width
    indexed = keccak(encode_packed(("address", "uint256", "int24", "int24"), (MANAGER, token_id, lower, upper)))
    joint = keccak(encode_packed(("address", "int24", "int24"), (MANAGER, lower, upper)))
    assert LAYOUTS["ramses_v3"].joint_key(pool, token_id, lower, upper) == indexed
    assert LAYOUTS["slipstream"].joint_key(pool, token_id, lower, upper) == joint
    assert LAYOUTS["uniswap_v3"].joint_key(pool, token_id, lower, upper) == joint


def chain_with(pool: Pool, stored: CallResult, **values: int) -> ChainClient:
    """A manager with one token, and a pool whose growth since the last touch is ``grown`` per unit of liquidity."""
    layout = LAYOUTS[pool.family]
    manager, own = pool.position_manager.lower(), pool.address.lower()
    table = {
        (manager, abi.BALANCE_OF.selector): word(1),
        (manager, abi.TOKEN_OF_OWNER_BY_INDEX.selector): word(77),
        (manager, layout.stored.read.selector): stored,
        (own, layout.tick.read.selector): named_answer(layout.tick, outside0=0, outside1=0),
        (own, layout.joint.read.selector): named_answer(layout.joint, **values),
    }
    return TableChain(answers=table)  # type: ignore[return-value]


def positions_in(pool: Pool, chain: ChainClient, growth: tuple[int, int] = (0, 0)) -> tuple[Position, ...]:
    state = read(pool, growth0=growth[0], growth1=growth[1])
    return ADAPTERS[pool.family].read_positions(chain, [state], OWNER, make_block())


def stored(pool: Pool, **values: object) -> CallResult:
    layout = LAYOUTS[pool.family]
    key = layout.pool_key(pool)
    known: dict[str, object] = {"token0": pool.token0.address, "token1": pool.token1.address}
    known |= {"key": key[0]} if key else {}
    return named_answer(
        layout.stored, **(known | {"tick_lower": -1000, "tick_upper": 1000, "liquidity": 10**18} | values)
    )


@pytest.mark.parametrize("family", FAMILIES)
@given(st.integers(0, 2**100), st.integers(0, 2**90), st.integers(-3, 3))
def test_fees_are_the_lower_of_what_manager_and_pool_owe(family: str, grown: int, owed: int, off: int) -> None:
    pool, liquidity = pool_of(family), 10**18
    growth = grown * Q128 // liquidity
    chain = chain_with(
        pool,
        stored(pool, owed0=owed + 5, owed1=0),
        liquidity=liquidity,
        owed0=owed + 5 + off,
        owed1=0,
    )
    (position,) = positions_in(pool, chain, (growth, growth))
    accrued = growth * liquidity // Q128
    assert position.fees0 == accrued + owed + 5 + min(off, 0)
    assert position.fees1 == accrued
    assert (position.token_id, position.liquidity, position.stake) == (77, liquidity, liquidity)


@pytest.mark.parametrize("family", FAMILIES)
def test_positions_in_other_pools_of_the_same_manager_are_left_out(family: str) -> None:
    pool = pool_of(family)
    strangers = [stored(pool, token1=MANAGER)]
    if family in ("uniswap_v3", "pancake_v3", "pangolin_v3", "slipstream", "ramses_v3"):
        strangers.append(stored(pool, key=60))
    if family == "algebra_integral":
        strangers.append(stored(pool, key=DEPLOYER))
    for stranger in strangers:
        assert positions_in(pool, chain_with(pool, stranger)) == ()


BURNED = {
    "slipstream": bytes.fromhex("08c379a0") + encode(("string",), ("ID",)),
    "ramses_v3": keccak(text="InvalidTokenId(uint256)")[:4] + (77).to_bytes(32, "big"),
}
USUAL = bytes.fromhex("08c379a0") + encode(("string",), ("Invalid token ID",))


@pytest.mark.parametrize("family", FAMILIES)
def test_a_burned_id_is_no_position_and_any_other_failure_an_error(family: str) -> None:
    pool = pool_of(family)
    burned = BURNED.get(family, USUAL)
    assert positions_in(pool, chain_with(pool, CallResult(succeeded=False, data=burned))) == ()
    others = [b"", bytes.fromhex("08c379a0") + encode(("string",), ("out of luck",))]
    others += [data for data in (*BURNED.values(), USUAL) if data != burned]
    for data in others:
        with pytest.raises(BadAnswer, match="position 77 does not read"):
            positions_in(pool, chain_with(pool, CallResult(succeeded=False, data=data)))


MINTED = {
    "uniswap_v3": ("mint((address,address,uint24,int24,int24,uint256,uint256,uint256,uint256,address,uint256))", 500),
    "algebra_v1": ("mint((address,address,int24,int24,uint256,uint256,uint256,uint256,address,uint256))", None),
    "algebra_integral": (
        "mint((address,address,address,int24,int24,uint256,uint256,uint256,uint256,address,uint256))",
        "0x" + "00" * 20,
    ),
    "slipstream": (
        "mint((address,address,int24,int24,int24,uint256,uint256,uint256,uint256,address,uint256,uint160))",
        10,
    ),
    "ramses_v3": ("mint((address,address,int24,int24,int24,uint256,uint256,uint256,uint256,address,uint256))", 10),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_an_open_is_the_familys_mint_word_for_word(family: str) -> None:
    like = {"pancake_v3": "uniswap_v3", "pangolin_v3": "uniswap_v3", "camelot_v3": "algebra_v1"}.get(family, family)
    signature, key = MINTED[like]
    state = read(pool_of(family))
    interval = price_interval(state.sqrt_price_x96, 0.005)
    tx = ADAPTERS[family].plan_open(state, -1000, 1000, 10**18, 10**18 + 3, interval, OWNER, DEADLINE)
    assert (tx.to, tx.value_wei, tx.action, tx.opens_position) == (MANAGER, 0, Action.OPEN, True)
    raw = bytes.fromhex(tx.data[2:])
    assert raw[:4] == keccak(text=signature)[:4]
    types = signature.removeprefix("mint(").removesuffix(")")
    (words,) = decode((types,), raw[4:])
    token0, token1, *rest = words
    assert (token0, token1) == (USDC.lower(), WETH.lower())
    if key is not None:
        assert rest.pop(0) == key
    minima = [-bound.max_delta for bound in tx.bounds]
    assert rest[:8] == [-1000, 1000, 10**18, 10**18 + 3, *minima, OWNER, int(DEADLINE.timestamp())]
    assert rest[8:] == ([0] if family == "slipstream" else [])


def test_a_recorded_mint_of_blackhole_is_made_word_for_word() -> None:
    """Avalanche, transaction 0x9e2247a0210448cab301475eef741eba0ee9a9351188a92b8127fce27206b9d0."""
    wavax, usdc = "0xB31f66AA3C1e785363F0875A1B74E27b85FD66c7", "0xB97EF9Ef8734C71904D8002F8b6Bc66Dd9c48a6E"
    recorded = (
        "fe3f3be7"
        "000000000000000000000000b31f66aa3c1e785363f0875a1b74e27b85fd66c7"
        "000000000000000000000000b97ef9ef8734c71904d8002f8b6bc66dd9c48a6e"
        "0000000000000000000000005d433a94a4a2aa8f9aa34d8d15692dc2e9960584"
        "fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffc3100"
        "fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffc35b0"
        "000000000000000000000000000000000000000000000000340d7f1b384fc2cb"
        "0000000000000000000000000000000000000000000000000000000003a8a540"
        "000000000000000000000000000000000000000000000000317338c0424bc5da"
        "000000000000000000000000000000000000000000000000000000000379d030"
        "000000000000000000000000b4dd4fb3d4bced984cce972991fb100488b59223"
        "0000000000000000000000000000000000000000000000000000019a9267bb33"
    )
    base = pool_of("algebra_integral")
    pool = replace(
        base,
        token0=replace(base.token0, address=wavax),
        token1=replace(base.token1, address=usdc),
        tick_spacing=200,
        contracts=((CUSTOM_DEPLOYER, "0x5D433A94A4a2aA8f9AA34D8D15692Dc2E9960584"),),
    )
    layout = LAYOUTS["algebra_integral"]
    words = (
        *(wavax, usdc, *layout.pool_key(pool), -249_600, -248_400),
        *(3_750_793_819_555_087_051, 61_384_000, 3_563_254_128_577_332_698, 58_314_800),
        *("0xb4dd4fb3D4bCED984cce972991fB100488b59223", 1_763_392_863_027),
    )
    assert layout.mint.data(words).hex() == recorded
    find, arguments = layout.find_pool(pool)
    assert (find.name, arguments) == ("customPoolByPair", (pool.contract(CUSTOM_DEPLOYER), wavax, usdc))


@pytest.mark.parametrize("family", FAMILIES)
def test_adding_removing_collecting_and_closing_are_the_same_calls_everywhere(family: str) -> None:
    pool = pool_of(family)
    state = read(pool)
    chain = chain_with(pool, stored(pool), liquidity=10**18)
    (position,) = positions_in(pool, chain)
    adapter, interval = ADAPTERS[family], price_interval(state.sqrt_price_x96, 0.005)
    add = adapter.plan_add(state, position, 10**18, 10**18, interval, OWNER, DEADLINE)
    part = adapter.plan_remove(state, position, 10**17, interval, OWNER, DEADLINE)
    close = adapter.plan_close(state, position, interval, OWNER, DEADLINE)
    collect = adapter.plan_collect(state, position, OWNER)
    assert [tx.to for tx in (add, part, close, collect)] == [MANAGER] * 4
    assert add.data[:10] == "0x219f5d17"
    assert collect.data[:10] == "0xfc6f7865"
    assert [call[:4].hex() for call in calls_of(part.data)] == ["0c49ccbe", "fc6f7865"]
    assert [call[:4].hex() for call in calls_of(close.data)] == ["0c49ccbe", "fc6f7865", "42966c68"]
    assert [grant.give.spender for grant in adapter.placing_grants(pool, OWNER, 5, 6, DEADLINE)] == [MANAGER] * 2
    assert adapter.removing_grants(pool, OWNER) == ()
    assert adapter.parts(pool, -1000, 1000) == ((-1000, 1000),)


def calls_of(data: str) -> list[bytes]:
    raw = bytes.fromhex(data[2:])
    assert raw[:4] == abi.MULTICALL.selector
    (calls,) = decode(("bytes[]",), raw[4:])
    return list(calls)


# Six words against seven, seven against eight, seven against six: in both directions.
@pytest.mark.parametrize(
    ("family", "other"),
    [
        ("uniswap_v3", "slipstream"),
        ("slipstream", "uniswap_v3"),
        ("algebra_v1", "camelot_v3"),
        ("camelot_v3", "algebra_v1"),
        ("algebra_v1", "algebra_integral"),
        ("algebra_integral", "algebra_v1"),
    ],
)
def test_a_pool_of_another_family_is_not_read_as_this_one(family: str, other: str) -> None:
    pool, strange = pool_of(family), LAYOUTS[other].slot
    lie = named_answer(strange, sqrt_price_x96=Q96, tick=0)
    with pytest.raises(PoolNotFound, match=r"\(\) answered \d+ bytes that"):
        read(pool, sound(pool) | {(pool.address, strange.read.selector): lie})
