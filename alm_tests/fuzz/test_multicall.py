"""Return data of Multicall3, pools and positions: from the body of one ``eth_call`` to what an epoch sees."""

import json
import random
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from eth_abi.abi import encode

from alm_core.math.tick import MAX_SQRT_PRICE_X96, MAX_TICK, MIN_SQRT_PRICE_X96, MIN_TICK, tick_at_sqrt_price_x96
from alm_core.model.chain_ports import Call, CallResult, HeadReading
from alm_core.model.errors import PoolNotFound, SourceError, SourceRejected
from alm_core.model.market import Block, PoolState, Position
from alm_core.model.pools import Pool
from alm_resources.chains.calldata import ContractFunction
from alm_resources.chains.head import BLOCK_NUMBER, BLOCK_TIMESTAMP, LAST_BLOCK_HASH, SERVED_CHAIN_ID, identity_calls
from alm_resources.chains.multicall import aggregate_data
from alm_resources.dex.erc20 import DECIMALS
from alm_resources.dex.uniswap_v3 import UniswapV3Adapter, abi
from alm_resources.registry import load_registry
from alm_tests.fuzz.harness import CASES, Check, MakeBody, assert_storable, assert_told_apart, fuzz, refused
from alm_tests.fuzz.mutation import Seed, broken_body, broken_words
from alm_tests.fuzz.node import CHAIN_ID, HASH, HEADER, PARENT, Node, envelope

pytestmark = pytest.mark.timeout(300 + CASES // 250)

ADAPTER = UniswapV3Adapter()
POOL = next(
    pool for pool in load_registry(None).pools_of("WETH-USDC") if pool.chain_id == 1 and pool.family == "uniswap_v3"
)
OWNER = "0x552008c0f6870c2f77e5cC1d2eb9bdff03e30Ea0"
TICK = 197_310
SQRT_PRICE_X96 = 1_523_000_000_000_000_000_000_000_000_000_000
CALLS = ADAPTER.pool_calls(POOL)


def _answers(pool: Pool) -> dict[tuple[str, bytes], bytes]:
    growth = 2**130 + 7
    known: list[tuple[str, ContractFunction, tuple[Any, ...]]] = [
        (pool.address, abi.SLOT0, (SQRT_PRICE_X96, tick_at_sqrt_price_x96(SQRT_PRICE_X96), 1, 2, 2, 0x44, True)),
        (pool.address, abi.LIQUIDITY, (10**18,)),
        (pool.address, abi.FEE, (pool.fee_pips,)),
        (pool.address, abi.TICK_SPACING, (pool.tick_spacing,)),
        (pool.address, abi.TOKEN0, (pool.token0.address,)),
        (pool.address, abi.TOKEN1, (pool.token1.address,)),
        (pool.address, abi.FACTORY, (pool.factory,)),
        (pool.address, abi.FEE_GROWTH_GLOBAL0, (growth,)),
        (pool.address, abi.FEE_GROWTH_GLOBAL1, (growth,)),
        (pool.address, abi.OBSERVE, ((0, 1800 * TICK), (0, 2**40))),
        (pool.factory, abi.GET_POOL, (pool.address,)),
        (pool.position_manager, abi.FACTORY, (pool.factory,)),
        (pool.token0.address, DECIMALS, (pool.token0.decimals,)),
        (pool.token1.address, DECIMALS, (pool.token1.decimals,)),
        (pool.position_manager, abi.BALANCE_OF, (2,)),
        (pool.position_manager, abi.TOKEN_OF_OWNER_BY_INDEX, (77,)),
        (pool.position_manager, abi.POSITIONS, _position_of(pool)),
        (pool.address, abi.TICKS, (10**18, 10**18, 5, 5, 0, 0, 0, True)),
        (pool.address, abi.POOL_POSITIONS, (10**18, 3, 3, 1, 1)),
    ]
    return {(target.lower(), read.selector): encode(read.outputs, values) for target, read, values in known}


def _position_of(pool: Pool) -> tuple[Any, ...]:
    tokens = (pool.token0.address, pool.token1.address)
    lower, upper = (TICK // pool.tick_spacing + step for step in (-100, 100))
    ticks = lower * pool.tick_spacing, upper * pool.tick_spacing
    return (0, OWNER, *tokens, pool.fee_pips, *ticks, 10**15, 2, 2, 5, 6)


ANSWERS = _answers(POOL)
LENGTHS = sorted(set(ANSWERS.values()))
BLOCK = Block(
    chain_id=CHAIN_ID, number=100, block_hash=HASH, block_at=datetime(2026, 11, 22, tzinfo=UTC), parent_hash=PARENT
)
MAX_CALLS = 20_000
"""A wallet that would need more is not believed: the calls alone would fill the memory."""
IDENTITY = {
    read.selector: encode(read.outputs, (value,))
    for read, value in (
        (SERVED_CHAIN_ID, CHAIN_ID),
        (BLOCK_NUMBER, 100),
        (BLOCK_TIMESTAMP, 1_763_831_808),
        (LAST_BLOCK_HASH, bytes.fromhex(HEADER["parentHash"][2:])),
    )
}


HEAD_CALLS = (
    abi.LIQUIDITY.call(POOL.address),
    abi.SLOT0.call(POOL.address, may_fail=True),
    DECIMALS.call(POOL.token0.address, may_fail=True),
)
WRAPPED = encode(
    ["(bool,bytes)[]"],
    [
        [
            (True, answer)
            for answer in (*IDENTITY.values(), *(ANSWERS[call.target.lower(), call.data[:4]] for call in HEAD_CALLS))
        ]
    ],
)


class Contracts:
    """A chain whose contracts answer rightly, but for the calls that the body lists by their number."""

    def __init__(self, body: bytes) -> None:
        self._broken = {int(number): answer for number, answer in json.loads(body).items()}
        self._asked = 0
        self.chain_id = CHAIN_ID

    def read_calls(self, calls: Sequence[Call], _block: Block) -> tuple[CallResult, ...]:
        assert len(calls) <= MAX_CALLS, f"{len(calls)} calls for a wallet"
        return tuple(self._answer(call) for call in calls)

    def _answer(self, call: Call) -> CallResult:
        self._asked += 1
        if self._asked in self._broken:
            succeeded, data = self._broken[self._asked]
            if not succeeded and not call.may_fail:
                raise SourceRejected("rpc:1", "call failed")
            return CallResult(succeeded=succeeded, data=bytes.fromhex(data))
        return CallResult(succeeded=True, data=ANSWERS[call.target.lower(), call.data[:4]])


def broken_contracts(rng: random.Random, calls: int) -> bytes:
    """Body that breaks the answers to one call or two of the first ``calls``."""
    broken: dict[str, tuple[bool, str]] = {}
    for _ in range(rng.choice((1, 1, 2))):
        right = rng.choice(LENGTHS)
        broken[str(rng.randrange(calls) + 1)] = (rng.random() < 0.9, broken_words(rng, right).hex())
    return json.dumps(broken).encode()


def test_right_answers_give_block_pool_and_positions(node: Node) -> None:
    node.answer("eth_call", envelope("0x" + WRAPPED.hex()))
    reading = node.chain.read_head(HEAD_CALLS)
    _is_head(reading)
    assert reading.block.number == 100
    state = ADAPTER.read_pool(POOL, Contracts(b"{}").read_calls(CALLS, BLOCK), BLOCK)
    _is_pool(state)
    assert state.twap is not None
    (first, *_) = ADAPTER.read_positions(Contracts(b"{}"), [state], OWNER, BLOCK)
    _is_position(first)
    assert first.liquidity == 10**15


def test_a_broken_batch_is_refused_or_has_an_answer_to_every_call(
    node: Node, record_property: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The question is always the same one, and to write it takes longer than to read the answer.
    identity = identity_calls(CHAIN_ID, node.chain._multicall3)
    question = aggregate_data([*identity, *HEAD_CALLS])
    monkeypatch.setattr("alm_resources.chains.web3_chain.identity_calls", lambda *_: identity)
    monkeypatch.setattr("alm_resources.chains.web3_chain.aggregate_data", lambda _calls: question)
    seed = Seed(json.loads(envelope("0x" + WRAPPED.hex())))

    def make_body(rng: random.Random) -> bytes:
        if rng.random() < 0.2:
            return broken_body(rng, seed)
        return envelope("0x" + broken_words(rng, WRAPPED).hex())

    def check(body: bytes) -> bool:
        node.answer("eth_call", body)
        try:
            _is_head(node.chain.read_head(HEAD_CALLS))
        except SourceError as error:
            return refused(error, "rpc:1")
        return True

    _fuzzed("multicall", make_body, check, record_property)


def test_a_broken_pool_is_refused_or_has_a_price(record_property: Any) -> None:
    def check(body: bytes) -> bool:
        try:
            _is_pool(ADAPTER.read_pool(POOL, Contracts(body).read_calls(CALLS, BLOCK), BLOCK))
        except (PoolNotFound, SourceError) as error:
            assert_storable(str(error))
            return False
        return True

    _fuzzed("pool state", lambda rng: broken_contracts(rng, len(CALLS)), check, record_property)


def test_broken_positions_are_refused_or_are_positions_of_the_pool(record_property: Any) -> None:
    state = ADAPTER.read_pool(POOL, Contracts(b"{}").read_calls(CALLS, BLOCK), BLOCK)

    def check(body: bytes) -> bool:
        try:
            found = ADAPTER.read_positions(Contracts(body), [state], OWNER, BLOCK)
        except SourceError as error:
            assert_storable(str(error))
            return False
        for position in found:
            _is_position(position)
        return True

    _fuzzed("positions", lambda rng: broken_contracts(rng, 20), check, record_property)


def _fuzzed(name: str, make_body: MakeBody, check: Check, record_property: Any) -> None:
    verdicts = fuzz(name, make_body, check)
    record_property("fuzz", dict(verdicts))
    assert_told_apart(verdicts)


def _is_head(reading: HeadReading) -> None:
    assert len(reading.results) == len(HEAD_CALLS)
    assert 0 <= reading.block.number < 2**63
    assert reading.block.block_at.tzinfo is not None
    assert reading.block.parent_hash is None or len(reading.block.parent_hash) == 66


def _is_pool(state: PoolState) -> None:
    assert MIN_SQRT_PRICE_X96 <= state.sqrt_price_x96 < MAX_SQRT_PRICE_X96
    # A swap that ends on an initialised tick going down stores the tick below it.
    assert tick_at_sqrt_price_x96(state.sqrt_price_x96) - state.tick in (0, 1), "tick is not that of the price"
    assert 0 <= state.liquidity < 2**128
    assert state.fee_pips == POOL.fee_pips
    assert 0 <= state.fee_growth_global0_x128 < 2**256
    assert 0 <= state.fee_growth_global1_x128 < 2**256
    assert state.twap is None or MIN_TICK <= state.twap.tick <= MAX_TICK
    assert 0 <= state.protocol_fee_frac0 < 1
    assert 0 <= state.protocol_fee_frac1 < 1


def _is_position(position: Position) -> None:
    assert position.pool_id == POOL.pool_id
    assert MIN_TICK <= position.tick_lower < position.tick_upper <= MAX_TICK
    assert 0 <= position.token_id < 2**256
    assert 0 <= position.liquidity < 2**128
    assert min(position.amount0, position.amount1, position.fees0, position.fees1) >= 0
