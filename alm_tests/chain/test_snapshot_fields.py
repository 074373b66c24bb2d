"""Pools read in one batch agree field by field with a call for each at the same block: every DEX of every chain."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from alm_core.model.market import PoolState
from alm_localnet import Localnet
from alm_localnet.contracts import calldata
from alm_localnet.dexes import local_dexes
from alm_resources.chains import chains_from
from alm_resources.dex.readers import pool_readers, read_pools, with_ticks
from alm_resources.registry import Registry, load_registry

pytestmark = pytest.mark.chain


@dataclass(frozen=True)
class Word:
    """One word of the answer to a view: of the pool itself, or of a contract that is asked about the pool's id."""

    signature: str
    index: int = 0
    signed: bool = False
    role: str = "pool"


def v3(**others: Word) -> dict[str, Word]:
    return {
        "sqrt_price_x96": Word("slot0()"),
        "tick": Word("slot0()", 1, signed=True),
        "liquidity": Word("liquidity()"),
        "fee_pips": Word("fee()"),
        "fee_growth_global0_x128": Word("feeGrowthGlobal0X128()"),
        "fee_growth_global1_x128": Word("feeGrowthGlobal1X128()"),
        **others,
    }


def algebra(fee: Word) -> dict[str, Word]:
    return v3(
        sqrt_price_x96=Word("globalState()"),
        tick=Word("globalState()", 1, signed=True),
        fee_pips=fee,
        fee_growth_global0_x128=Word("totalFeeGrowth0Token()"),
        fee_growth_global1_x128=Word("totalFeeGrowth1Token()"),
    )


def shared(role: str) -> dict[str, Word]:
    return {
        "sqrt_price_x96": Word("getSlot0(bytes32)", role=role),
        "tick": Word("getSlot0(bytes32)", 1, signed=True, role=role),
        "fee_pips": Word("getSlot0(bytes32)", 3, role=role),
        "liquidity": Word("getLiquidity(bytes32)", role=role),
        "fee_growth_global0_x128": Word("getFeeGrowthGlobals(bytes32)", role=role),
        "fee_growth_global1_x128": Word("getFeeGrowthGlobals(bytes32)", 1, role=role),
    }


FIELDS = {
    "uniswap_v3": v3(),
    "pancake_v3": v3(),
    "pangolin_v3": v3(),
    "slipstream": v3(),
    "ramses_v3": v3(),
    "algebra_v1": algebra(Word("globalState()", 2)),
    # Its fees are one for each direction, and the same here.
    "camelot_v3": algebra(Word("globalState()", 2)),
    "algebra_integral": algebra(Word("fee()")),
    "uniswap_v4": shared("state_view"),
    "infinity": shared("pool_manager"),
}


TICKS = {
    "algebra_integral": Word("ticks(int24)", 4),
    "slipstream": Word("ticks(int24)", 3),
    "uniswap_v4": Word("getTickInfo(bytes32,int24)", 2, role="state_view"),
    "infinity": Word("getPoolTickInfo(bytes32,int24)", 2, role="pool_manager"),
}
"""Where growth outside of a tick on token0 is, that on token1 after it; third word of ``ticks(int24)`` elsewhere."""


@pytest.fixture
def registry(families: Localnet) -> Registry:
    return load_registry(families.registry_file)


@pytest.fixture
def states(registry: Registry) -> Iterator[tuple[PoolState, ...]]:
    chains = chains_from(registry)
    pools = [pool for pair in registry.pairs for pool in registry.pools_of(pair.pair_id)]
    reading = read_pools(pools, chains, pool_readers())
    assert reading.problems == ()
    yield reading.states
    for chain in chains.values():
        chain.close()  # type: ignore[attr-defined]


def words(localnet: Localnet, state: PoolState, to: str, signature: str, *values: Any) -> list[int]:
    call = {"to": to, "data": "0x" + calldata(signature, *values).hex()}
    answer = localnet.rpc(state.pool.chain_id).call("eth_call", call, hex(state.block.number))[2:]
    return [int(answer[at : at + 64], 16) for at in range(0, len(answer), 64)]


def answer(localnet: Localnet, state: PoolState, word: Word, *more: Any) -> list[int]:
    pool = state.pool
    if word.role == "pool":
        return words(localnet, state, pool.address, word.signature, *more)
    view = pool.factory if word.role == "pool_manager" else pool.contract(word.role)
    return words(localnet, state, view, word.signature, bytes.fromhex(pool.address[2:]), *more)


def asked(localnet: Localnet, state: PoolState, word: Word) -> int:
    found = answer(localnet, state, word)[word.index]
    return found - 2**256 if word.signed and found >= 2**255 else found


def test_every_dex_of_every_chain_is_read(families: Localnet, states: tuple[PoolState, ...]) -> None:
    read = {(state.pool.chain_id, state.pool.dex) for state in states}
    assert read == {(chain.preset.chain_id, one.dex) for chain in families.chains for one in chain.deployments}
    assert {state.pool.family for state in states} == local_dexes().keys() == pool_readers().keys()


def test_each_field_is_what_a_call_of_its_own_tells(families: Localnet, states: tuple[PoolState, ...]) -> None:
    for state in (state for state in states if state.pool.family in FIELDS):
        for name, word in FIELDS[state.pool.family].items():
            assert getattr(state, name) == asked(families, state, word), (state.pool.dex, state.pool.chain_id, name)
        assert state.liquidity > 0
        assert (state.fee_growth_global0_x128 or 0) + (state.fee_growth_global1_x128 or 0) > 0


def test_ticks_are_what_their_own_calls_tell(
    families: Localnet, registry: Registry, states: tuple[PoolState, ...]
) -> None:
    read: set[str] = set()
    chains = chains_from(registry)
    for bare in (state for state in states if state.pool.family in FIELDS and state.pool.family not in read):
        chain = chains[bare.pool.chain_id]
        (state,) = with_ticks([bare], pool_readers(), chain, bare.block)
        word = TICKS.get(state.pool.family, Word("ticks(int24)", 2))
        for one in state.ticks:
            read.add(state.pool.family)
            found = answer(families, state, word, one.tick)
            assert one.liquidity_gross == found[0] > 0
            assert [one.growth0_outside_x128, one.growth1_outside_x128] == found[word.index :][:2]
    for chain in chains.values():
        chain.close()  # type: ignore[attr-defined]
    # Pools of the others have no tick near their prices here; their layouts are those of Uniswap V3.
    assert FIELDS.keys() - read <= {"pancake_v3", "pangolin_v3", "camelot_v3"}


def test_a_pair_of_bins_is_what_its_own_calls_tell(families: Localnet, states: tuple[PoolState, ...]) -> None:
    pairs = [state for state in states if state.active_bin is not None]
    assert {state.pool.dex for state in pairs} == {"joe-v2", "joe-v2.1", "joe-v2.2"}
    for state in pairs:
        assert state.active_bin is not None
        modern = state.pool.family == "liquidity_book"
        head = words(families, state, state.pool.address, "getActiveId()" if modern else "getReservesAndId()")
        static = words(
            families, state, state.pool.address, "getStaticFeeParameters()" if modern else "feeParameters()"
        )[0 if modern else 1 :]
        x, y = words(families, state, state.pool.address, "getBin(uint24)", head[-1])
        token_x = words(families, state, state.pool.address, "getTokenX()" if modern else "tokenX()")[0]
        order = token_x == int(state.pool.token0.address, 16)
        assert state.active_bin.bin_id == head[-1]
        assert state.active_bin.token0_is_x is order
        assert (state.active_bin.reserve0, state.active_bin.reserve1) == ((x, y) if order else (y, x))
        assert bool(state.bins) is modern
        for one in state.bins:
            x, y = words(families, state, state.pool.address, "getBin(uint24)", one.bin_id)
            (supply,) = words(families, state, state.pool.address, "totalSupply(uint256)", one.bin_id)
            assert (one.reserve0, one.reserve1, one.supply) == (*((x, y) if order else (y, x)), supply)
        step = (state.pool.bin_step or 0) / 1e4
        middle = (1 + step) ** (head[-1] - 2**23)
        # Somewhere in the active bin, whose edges are the nearest ticks: where, its composition tells.
        within = step * 0.51 + 1e-4
        assert (state.sqrt_price_x96 / 2**96) ** 2 == pytest.approx(middle if order else 1 / middle, rel=within)
        # Base fee and the protocol's part of it, in 1/10,000ths, the first and the sixth of seven parameters.
        assert state.fee_pips >= static[0] * (state.pool.bin_step or 0) // 100
        assert state.protocol_fee_frac0 == state.protocol_fee_frac1 == static[5] / 1e4
        assert state.fee_growth_global0_x128 is state.fee_growth_global1_x128 is None
        assert state.liquidity > 0


@pytest.mark.parametrize(
    ("signature", "names"),
    [
        ("observe(uint32[])", {"uniswap_v3", "pancake_v3", "pangolin_v3", "slipstream", "ramses_v3"}),
        ("getTimepoints(uint32[])", {"algebra_v1", "camelot_v3"}),
    ],
)
def test_the_mean_tick_is_what_the_pool_itself_observed(
    families: Localnet, states: tuple[PoolState, ...], signature: str, names: set[str]
) -> None:
    of_them = [state for state in states if state.pool.family in names]
    assert of_them
    for state in of_them:
        assert state.twap is not None, state.pool.dex
        answer = words(families, state, state.pool.address, signature, [state.twap.window_s, 0])
        start = answer[0] // 32
        now, then = (value - 2**256 if value >= 2**255 else value for value in answer[start + 2 : start : -1])
        assert state.twap.tick == (now - then) // state.twap.window_s, state.pool.dex
