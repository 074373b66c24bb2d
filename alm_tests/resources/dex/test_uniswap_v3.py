"""Calldata of the family against recorded payloads and by its own decoder; positions that do not read."""

from datetime import UTC, datetime
from typing import Any

import pytest
from eth_abi.abi import encode
from hypothesis import given
from hypothesis import strategies as st

from alm_core.execution.calldata import payees_of
from alm_core.math.liquidity import amounts_for_liquidity, price_interval
from alm_core.math.tick import Q96, sqrt_price_x96_at_tick
from alm_core.model.chain_ports import CallResult, ChainClient
from alm_core.model.errors import BadAnswer
from alm_core.model.market import Position
from alm_core.model.transactions import Action
from alm_resources.dex import adapters
from alm_resources.dex.uniswap_v3 import UniswapV3Adapter, abi
from alm_tests.resources.dex.fakes import (
    MANAGER,
    OWNER,
    USDC,
    WETH,
    TableChain,
    make_block,
    make_pool,
    make_state,
    word,
)

DEADLINE = datetime(2026, 11, 22, 10, 32, tzinfo=UTC)
ADAPTER = UniswapV3Adapter()
STATE = make_state(make_pool())


def position(liquidity: int, lower: int = -1000, upper: int = 1000) -> Position:
    bounds = sqrt_price_x96_at_tick(lower), sqrt_price_x96_at_tick(upper)
    amount0, amount1 = amounts_for_liquidity(STATE.sqrt_price_x96, *bounds, liquidity, round_up=False)
    return Position(
        pool_id=STATE.pool.pool_id,
        token_id=77,
        tick_lower=lower,
        tick_upper=upper,
        liquidity=liquidity,
        amount0=amount0,
        amount1=amount1,
        fees0=3,
        fees1=4,
    )


def test_the_family_is_found_by_the_name_of_the_registry() -> None:
    assert adapters()["uniswap_v3"].family == "uniswap_v3"


# Selectors as published in the ABI of the deployed contracts.
@pytest.mark.parametrize(
    ("function", "selector"),
    [
        (abi.MINT, "88316456"),
        (abi.INCREASE_LIQUIDITY, "219f5d17"),
        (abi.DECREASE_LIQUIDITY, "0c49ccbe"),
        (abi.COLLECT, "fc6f7865"),
        (abi.BURN, "42966c68"),
        (abi.MULTICALL, "ac9650d8"),
        (abi.POSITIONS, "99fbab88"),
        (abi.SLOT0, "3850c7bd"),
        (abi.TICKS, "f30dba93"),
        (abi.POOL_POSITIONS, "514ea4bf"),
        (abi.OBSERVE, "883bdbfd"),
        (abi.GET_POOL, "1698ee82"),
        (abi.TOKEN_OF_OWNER_BY_INDEX, "2f745c59"),
    ],
)
def test_selectors_are_those_of_the_deployed_contracts(function: Any, selector: str) -> None:
    assert function.selector.hex() == selector


@given(st.integers(1, 10**24), st.integers(1, 10**24), st.sampled_from([0.0, 0.001, 0.01]))
def test_an_open_spends_at_most_the_amounts_and_pays_only_the_owner(amount0: int, amount1: int, width: float) -> None:
    interval = price_interval(STATE.sqrt_price_x96, width)
    tx = ADAPTER.plan_open(STATE, -1000, 1000, amount0, amount1, interval, OWNER, DEADLINE)
    assert (tx.to, tx.value_wei, tx.action, tx.opens_position) == (MANAGER, 0, Action.OPEN, True)
    assert payees_of(tx.data).recipients == (OWNER,)
    quote = ADAPTER.quote_liquidity(STATE, -1000, 1000, amount0, amount1)
    used = {USDC: quote.amount0, WETH: quote.amount1}
    assert [bound.token for bound in tx.bounds] == [USDC, WETH]
    for bound, given_amount in zip(tx.bounds, (amount0, amount1), strict=True):
        assert bound.min_delta == -given_amount <= -used[bound.token] <= bound.max_delta <= 0


@given(st.integers(1, 10**24), st.integers(1, 10**24), st.sampled_from([0.0, 0.001, 0.01]))
def test_an_add_spends_what_an_open_at_its_ticks_would_and_names_its_position(
    amount0: int, amount1: int, width: float
) -> None:
    interval = price_interval(STATE.sqrt_price_x96, width)
    tx = ADAPTER.plan_add(STATE, position(10**18), amount0, amount1, interval, OWNER, DEADLINE)
    mint = ADAPTER.plan_open(STATE, -1000, 1000, amount0, amount1, interval, OWNER, DEADLINE)
    assert (tx.to, tx.value_wei, tx.action, tx.adds_token_id) == (MANAGER, 0, Action.ADD, 77)
    assert not tx.opens_position
    assert tx.bounds == mint.bounds
    assert payees_of(tx.data).grown == (77,)
    assert payees_of(tx.data).recipients == ()
    words, minted = _words(tx.data), _words(mint.data)
    # tokenId, amounts and minima as the mint's words 5 to 8, deadline.
    assert words == [f"{77:064x}", *minted[5:9], minted[10]]


@given(st.integers(0, 10**24), st.sampled_from([(-1000, 1000), (-3000, -2000), (2000, 3000)]))
def test_a_close_is_one_multicall_that_pays_only_the_owner_and_burns(liquidity: int, ticks: tuple[int, int]) -> None:
    interval = price_interval(STATE.sqrt_price_x96, 0.005)
    held = position(liquidity, *ticks)
    tx = ADAPTER.plan_close(STATE, held, interval, OWNER, DEADLINE)
    payees = payees_of(tx.data)
    assert (tx.action, tx.closes_token_id) == (Action.CLOSE, 77)
    assert payees.recipients == (OWNER,)
    steps = {"0x" + one.selector.hex() for one in (abi.DECREASE_LIQUIDITY, abi.COLLECT, abi.BURN)}
    assert payees.inner == (steps if liquidity else steps - {"0x0c49ccbe"})
    for bound, paid in zip(tx.bounds, (held.amount0 + 3, held.amount1 + 4), strict=True):
        assert 0 <= bound.min_delta <= paid <= bound.max_delta


def manager_chain(positions_answer: CallResult) -> ChainClient:
    table = {
        (MANAGER.lower(), abi.BALANCE_OF.selector): word(1),
        (MANAGER.lower(), abi.TOKEN_OF_OWNER_BY_INDEX.selector): word(77),
        (MANAGER.lower(), abi.POSITIONS.selector): positions_answer,
    }
    return TableChain(answers=table)  # type: ignore[return-value]


def reverted(reason: str) -> CallResult:
    return CallResult(succeeded=False, data=bytes.fromhex("08c379a0") + encode(("string",), (reason,)))


def test_a_burned_id_is_no_position() -> None:
    chain = manager_chain(reverted("Invalid token ID"))
    assert ADAPTER.read_positions(chain, [STATE], OWNER, make_block()) == ()


@pytest.mark.parametrize(
    "answer", [reverted("out of luck"), CallResult(succeeded=False, data=b""), CallResult(succeeded=True, data=b"")]
)
def test_a_position_that_does_not_read_is_an_error_and_not_no_position(answer: CallResult) -> None:
    with pytest.raises(BadAnswer, match=f"position manager {MANAGER} of chain 1"):
        ADAPTER.read_positions(manager_chain(answer), [STATE], OWNER, make_block())


def test_an_id_that_the_manager_counts_but_does_not_name_is_an_error_and_not_no_position() -> None:
    table = {
        (MANAGER.lower(), abi.BALANCE_OF.selector): word(1),
        (MANAGER.lower(), abi.TOKEN_OF_OWNER_BY_INDEX.selector): reverted("EnumerableSet: index out of bounds"),
    }
    with pytest.raises(BadAnswer, match="counts a position that it does not name: EnumerableSet"):
        ADAPTER.read_positions(TableChain(answers=table), [STATE], OWNER, make_block())  # type: ignore[arg-type]


def test_without_pools_there_are_no_positions_to_read() -> None:
    assert ADAPTER.read_positions(TableChain(), [], OWNER, make_block()) == ()  # type: ignore[arg-type]


def _words(data: str) -> list[str]:
    return [data[start : start + 64] for start in range(10, len(data), 64)]


def test_quotes_at_price_one_are_symmetric() -> None:
    quote = ADAPTER.quote_liquidity(STATE, -1000, 1000, 10**18, 10**18)
    assert STATE.sqrt_price_x96 == Q96
    assert abs(quote.amount0 - quote.amount1) <= 10
