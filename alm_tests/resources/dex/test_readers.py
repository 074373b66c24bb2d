"""Pools of several families and chains: one batch each, decoded per family, and troubles that stay with their pool."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest
from eth_abi.abi import encode
from hypothesis import given
from hypothesis import strategies as st

from alm_core.math.tick import Q96
from alm_core.model.chain_ports import Call, CallResult, HeadReading
from alm_core.model.errors import PoolNotFound, SourceUnavailable
from alm_core.model.market import Block, PoolState, Twap
from alm_core.model.pools import Pool
from alm_resources.chains.calldata import ContractFunction
from alm_resources.dex import adapters
from alm_resources.dex.erc20 import DECIMALS
from alm_resources.dex.readers import PoolBatch, pool_readers, read_pools
from alm_resources.dex.uniswap_v3 import abi
from alm_tests.resources.dex.fakes import FACTORY, MANAGER, USDC, WETH, make_block, make_pool

READERS = pool_readers()
FAILED = CallResult(succeeded=False, data=b"")


def answer(read: ContractFunction, *values: object) -> CallResult:
    return CallResult(succeeded=True, data=encode(read.outputs, values))


def told(pool: Pool, *, packed_fee: int = 0, observed: CallResult = FAILED) -> dict[tuple[str, bytes], CallResult]:
    """What a sound pool and the contracts around it answer."""
    answers = {
        abi.SLOT0: (Q96, 0, 0, 1, 1, packed_fee, True),
        abi.LIQUIDITY: (10**18,),
        abi.FEE: (pool.fee_pips,),
        abi.TICK_SPACING: (pool.tick_spacing,),
        abi.TOKEN0: (pool.token0.address,),
        abi.TOKEN1: (pool.token1.address,),
        abi.FACTORY: (pool.factory,),
        abi.FEE_GROWTH_GLOBAL0: (5,),
        abi.FEE_GROWTH_GLOBAL1: (6,),
    }
    table = {(pool.address, read.selector): answer(read, *values) for read, values in answers.items()}
    table[pool.address, abi.OBSERVE.selector] = observed
    table[FACTORY, abi.GET_POOL.call(FACTORY, USDC, WETH, pool.fee_pips).data] = answer(abi.GET_POOL, pool.address)
    table[MANAGER, abi.FACTORY.selector] = answer(abi.FACTORY, FACTORY)
    table[USDC, DECIMALS.selector] = answer(DECIMALS, 6)
    table[WETH, DECIMALS.selector] = answer(DECIMALS, 18)
    return table


@dataclass
class Head:
    """A head that answers from a table."""

    table: dict[tuple[str, bytes], CallResult]
    block: Block
    asked: int = 0
    failure: Exception | None = None

    def read_head(self, calls: Sequence[Call]) -> HeadReading:
        self.asked += 1
        if self.failure:
            raise self.failure
        return HeadReading(block=self.block, results=tuple(self._answer(call) for call in calls))

    def _answer(self, call: Call) -> CallResult:
        exact = self.table.get((call.target, call.data))
        return exact or self.table[call.target, call.data[:4]]


def read(pool: Pool, **changes: object) -> PoolState:
    head = Head(told(pool, **changes), make_block(pool.chain_id))  # type: ignore[arg-type]
    batch = PoolBatch([pool], READERS)
    reading = head.read_head(batch.calls)
    calls = dict(zip(batch.calls, reading.results, strict=True))
    reader = READERS[pool.family]
    return reader.read_pool(pool, [calls[call] for call in reader.pool_calls(pool)], reading.block)


def of_family(family: str) -> Pool:
    return replace(make_pool(), family=family)


def test_every_adapter_has_a_reader_of_its_family() -> None:
    assert set(adapters()) <= set(READERS)
    assert all(READERS[family].family == family for family in READERS)


def test_a_sound_pool_is_read_with_its_source() -> None:
    state = read(of_family("uniswap_v3"))
    assert (state.source, state.block) == ("rpc:1", make_block())
    assert (state.liquidity, state.fee_growth_global0_x128, state.fee_growth_global1_x128) == (10**18, 5, 6)


@pytest.mark.parametrize(
    ("family", "packed", "fracs"),
    [
        ("uniswap_v3", 0, (0.0, 0.0)),
        ("uniswap_v3", 4 + (6 << 4), (1 / 4, 1 / 6)),
        ("uniswap_v3", 10 << 4, (0.0, 1 / 10)),
        ("pangolin_v3", 8 + (5 << 4), (1 / 8, 1 / 5)),
        ("pancake_v3", 3300 + (3200 << 16), (0.33, 0.32)),
        # What PancakeV3Pool.initialize writes for the fees 500 and 2500.
        ("pancake_v3", 222_825_800, (0.34, 0.34)),
        ("pancake_v3", 209_718_400, (0.32, 0.32)),
    ],
)
def test_the_protocols_part_is_read_as_the_family_packs_it(
    family: str, packed: int, fracs: tuple[float, float]
) -> None:
    state = read(of_family(family), packed_fee=packed)
    assert (state.protocol_fee_frac0, state.protocol_fee_frac1) == fracs


@pytest.mark.parametrize(("family", "packed"), [("uniswap_v3", 256), ("uniswap_v3", 1), ("pancake_v3", 10_000)])
def test_a_protocol_fee_that_the_family_cannot_have_is_not_that_family(family: str, packed: int) -> None:
    with pytest.raises(PoolNotFound, match=f"protocol fee {packed}"):
        read(of_family(family), packed_fee=packed)


@given(st.integers(-887_272 * 1800, 887_272 * 1800), st.integers(-(2**55), 2**55 - 1))
def test_the_mean_tick_is_floored_and_survives_the_wrap_of_its_counter(delta: int, before: int) -> None:
    now = (before + delta + 2**55) % 2**56 - 2**55
    twap = read(of_family("uniswap_v3"), observed=answer(abi.OBSERVE, [before, now], [0, 0])).twap
    expected = int(delta / 1800)
    if delta < 0 and delta % 1800:
        expected = -(-delta // 1800) - 1
    assert twap == Twap(window_s=1800, tick=expected)


@pytest.mark.parametrize(
    "observed",
    [
        answer(abi.OBSERVE, [0, 887_273 * 1800], [0, 0]),
        answer(abi.OBSERVE, [0], [0]),
        CallResult(succeeded=True, data=b""),
    ],
)
def test_observations_that_no_pool_makes_are_refused(observed: CallResult) -> None:
    with pytest.raises(PoolNotFound, match=r"observe\(\)"):
        read(of_family("uniswap_v3"), observed=observed)


def test_a_refusal_to_observe_is_no_mean_price() -> None:
    assert read(of_family("uniswap_v3")).twap is None


POOLS = (
    make_pool(1, "0x" + "a1" * 20),
    replace(make_pool(1, "0x" + "a2" * 20, 3000, 60), family="pancake_v3"),
    make_pool(8453, "0x" + "a3" * 20),
)


def heads() -> dict[int, Head]:
    return {
        chain_id: Head(
            {key: value for pool in POOLS if pool.chain_id == chain_id for key, value in told(pool).items()},
            make_block(chain_id),
        )
        for chain_id in (1, 8453)
    }


def test_pools_of_many_chains_are_read_in_one_request_each_and_in_the_order_asked_for() -> None:
    chains = heads()
    reading = read_pools(POOLS[::-1], chains, READERS)
    assert reading.problems == ()
    assert [state.pool for state in reading.states] == list(POOLS[::-1])
    assert [head.asked for head in chains.values()] == [1, 1]


def test_a_call_that_pools_share_is_made_once() -> None:
    single, double = PoolBatch(POOLS[:1], READERS), PoolBatch(POOLS[:2], READERS)
    # Shared: the manager's factory and the decimals of both tokens.
    assert len(double.calls) == 2 * len(single.calls) - 3
    assert len(set(double.calls)) == len(double.calls)


@pytest.mark.parametrize(
    ("read_", "value", "what"),
    [
        (abi.TOKEN0, WETH, "token0 is"),
        (abi.FEE, 100, "fee is 100, registry says 500"),
        (abi.FACTORY, "0x" + "99" * 20, "factory is"),
    ],
)
def test_a_pool_that_is_another_is_a_problem_that_names_it_and_the_others_are_read(
    read_: ContractFunction, value: object, what: str
) -> None:
    chains = heads()
    chains[1].table[POOLS[0].address, read_.selector] = answer(read_, value)
    reading = read_pools(POOLS, chains, READERS)
    assert [state.pool for state in reading.states] == list(POOLS[1:])
    (problem,) = reading.problems
    assert problem.source == "rpc:1"
    assert POOLS[0].pool_id in problem.detail
    assert what in problem.detail


def test_other_decimals_than_the_registrys_take_all_pools_of_that_token_out_and_no_others() -> None:
    chains = heads()
    chains[1].table[USDC, DECIMALS.selector] = answer(DECIMALS, 18)
    reading = read_pools(POOLS, chains, READERS)
    assert [state.pool for state in reading.states] == [POOLS[2]]
    assert len(reading.problems) == 2
    assert all(f"decimals of USDC {USDC} is 18, registry says 6" in problem.detail for problem in reading.problems)


def test_a_chain_that_fails_or_has_no_client_is_named_and_the_rest_is_read() -> None:
    chains = heads()
    chains[1].failure = SourceUnavailable("rpc:1", "no endpoint answers")
    reading = read_pools(POOLS, chains, READERS)
    assert [state.pool for state in reading.states] == [POOLS[2]]
    assert [(problem.source, problem.detail) for problem in reading.problems] == [("rpc:1", "no endpoint answers")]
    del chains[8453]
    assert {problem.source for problem in read_pools(POOLS, chains, READERS).problems} == {"rpc:1", "rpc:8453"}


def test_a_family_without_reader_is_a_problem_of_its_pools_only() -> None:
    strange = replace(POOLS[0], family="constant_sum")
    chains = heads()
    reading = read_pools((strange, *POOLS[1:]), chains, READERS)
    assert [state.pool for state in reading.states] == list(POOLS[1:])
    (problem,) = reading.problems
    assert strange.pool_id in problem.detail
    assert "constant_sum" in problem.detail
    alone = read_pools([strange], chains, READERS)
    assert alone.states == ()
    assert alone.problems == (problem,)


def test_without_pools_there_is_nothing_to_read() -> None:
    reading = read_pools((), {}, READERS)
    assert (reading.states, reading.problems) == ((), ())
