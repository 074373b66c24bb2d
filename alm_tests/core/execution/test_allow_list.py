"""What may be signed is decided by calldata: contract, selector, recipient, spender. Everything else is refused."""

from dataclasses import replace

import hypothesis.strategies as st
import pytest
from hypothesis import given

from alm_core.execution.allow_list import NOBODY, STAKING_SELECTORS, AllowList, allow_list_for
from alm_core.execution.calldata import SWAP_SINGLE_SELECTOR, approved_amount, payees_of, swap_minimum
from alm_core.execution.erc20 import address_word, approve_data, transfer_data, uint_word
from alm_core.execution.liquidity_calls import (
    BURN_SELECTOR,
    COLLECT_SELECTOR,
    DECREASE_LIQUIDITY_SELECTOR,
    INCREASE_LIQUIDITY_SELECTOR,
    MINT_SELECTOR,
    MULTICALL_SELECTOR,
)
from alm_core.model.errors import InvalidInput
from alm_core.model.transactions import Action, UnsignedTransaction
from alm_tests.core.portfolio.scene import pool

WALLET = "0xAaAaAaAaAaAaAaAaAaAaAaAaAaAaAaAaAaAaAaAa"
THIEF = "0x" + "66" * 20
DIAMOND = "0x" + "dd" * 20
POOL = pool()
MANAGER = POOL.position_manager
ALLOWED = allow_list_for([POOL], {POOL.chain_id: DIAMOND})


def tx(to: str, data: str, **changes: object) -> UnsignedTransaction:
    plain = UnsignedTransaction(
        chain_id=POOL.chain_id, sender=WALLET, to=to, data=data, value_wei=0, action=Action.OPEN, summary="test"
    )
    return replace(plain, **changes)


def mint(recipient: str) -> str:
    return MINT_SELECTOR + uint_word(1) * 9 + address_word(recipient) + uint_word(9)


def collect(recipient: str) -> str:
    return COLLECT_SELECTOR + uint_word(5) + address_word(recipient) + uint_word(2**128 - 1) * 2


def multicall(*calls: str) -> str:
    bodies = [bytes.fromhex(call[2:]) for call in calls]
    heads, tail = "", ""
    for body in bodies:
        heads += uint_word(32 * len(bodies) + len(tail) // 2)
        padded = body.ljust(-(-len(body) // 32) * 32, b"\0")
        tail += uint_word(len(body)) + padded.hex()
    return MULTICALL_SELECTOR + uint_word(32) + uint_word(len(bodies)) + heads + tail


def swap(receiver: str, minimum: int = 5) -> str:
    return SWAP_SINGLE_SELECTOR + uint_word(0) * 3 + address_word(receiver) + uint_word(minimum) + uint_word(0) * 8


DECREASE = DECREASE_LIQUIDITY_SELECTOR + uint_word(5) * 5
BURN = BURN_SELECTOR + uint_word(5)


def increase(token_id: int) -> str:
    return INCREASE_LIQUIDITY_SELECTOR + uint_word(token_id) + uint_word(9) * 5


@pytest.mark.parametrize(
    ("to", "data"),
    [
        (MANAGER, mint(WALLET)),
        (MANAGER, multicall(DECREASE, collect(WALLET), BURN)),
        (MANAGER, increase(5)),
        (MANAGER, collect(WALLET)),
        (DIAMOND, swap(WALLET)),
        (POOL.token0.address, approve_data(MANAGER, 7)),
        (POOL.token1.address, approve_data(DIAMOND, 0)),
    ],
)
def test_what_the_money_path_sends_is_allowed(to: str, data: str) -> None:
    assert ALLOWED.refusals(tx(to, data), WALLET) == ()
    assert ALLOWED.refusals(tx(to, data), WALLET.lower()) == ()


@pytest.mark.parametrize(
    ("to", "data", "why"),
    [
        (MANAGER, mint(THIEF), "recipient"),
        (MANAGER, collect(THIEF), "recipient"),
        (MANAGER, multicall(DECREASE, collect(THIEF), BURN), "recipient"),
        (MANAGER, multicall(collect(WALLET), approve_data(THIEF, 5)), "inside a multicall"),
        (MANAGER, multicall(multicall(collect(THIEF))), "multicall inside"),
        (DIAMOND, swap(THIEF), "recipient"),
        (POOL.token0.address, approve_data(THIEF, 7), "spender"),
        (POOL.token0.address, transfer_data(THIEF, 7), "unknown selector"),
        (MANAGER, approve_data(DIAMOND, 7), "selector 0x095ea7b3"),
        (THIEF, approve_data(DIAMOND, 7), "contract"),
        (MANAGER, "0x", "no selector"),
        (MANAGER, mint(WALLET)[:300], "ends before"),
        (MANAGER, "0xzz", "not hex"),
    ],
)
def test_everything_else_is_refused_with_its_reason(to: str, data: str, why: str) -> None:
    assert any(why in reason for reason in ALLOWED.refusals(tx(to, data), WALLET))


def test_another_sender_another_chain_and_native_value_are_refused() -> None:
    assert ALLOWED.refusals(tx(MANAGER, mint(WALLET), sender=THIEF), WALLET)
    assert ALLOWED.refusals(tx(MANAGER, mint(WALLET), chain_id=1), WALLET)
    assert ALLOWED.refusals(tx(MANAGER, mint(WALLET), value_wei=1), WALLET)


def test_an_empty_list_refuses_everything_but_freeing_a_nonce() -> None:
    noop = tx(WALLET, "0x", action=Action.NOOP)
    assert AllowList().refusals(tx(MANAGER, mint(WALLET)), WALLET)
    assert AllowList().refusals(noop, WALLET) == ()
    for bad in (replace(noop, to=THIEF), replace(noop, value_wei=1), replace(noop, data=mint(WALLET))):
        assert ALLOWED.refusals(bad, WALLET)


def test_address_words_with_dirty_upper_bits_are_refused() -> None:
    dirty = mint(WALLET).replace(address_word(WALLET), "01" + address_word(WALLET)[2:])
    with pytest.raises(InvalidInput, match="not an address"):
        payees_of(dirty)


@given(st.binary(max_size=400), st.sampled_from([MANAGER, DIAMOND, POOL.token0.address]))
def test_random_calldata_is_refused_and_never_breaks_the_decoder(noise: bytes, to: str) -> None:
    assert ALLOWED.refusals(tx(to, "0x" + noise.hex()), WALLET)


@given(st.binary(max_size=400), st.sampled_from([MINT_SELECTOR, COLLECT_SELECTOR, MULTICALL_SELECTOR]))
def test_random_arguments_never_pay_anybody_but_the_wallet(noise: bytes, selector: str) -> None:
    data = selector + noise.hex()
    if ALLOWED.refusals(tx(MANAGER, data), WALLET) == ():
        assert set(payees_of(data).recipients) <= {WALLET.lower()}


def test_positions_that_grow_are_read_from_calldata_wherever_they_are_named() -> None:
    assert payees_of(increase(77)).grown == (77,)
    assert payees_of(multicall(collect(WALLET), increase(1), increase(2**255))).grown == (1, 2**255)
    assert payees_of(mint(WALLET)).grown == ()
    with pytest.raises(InvalidInput, match="ends before"):
        payees_of(INCREASE_LIQUIDITY_SELECTOR)


def test_amounts_are_read_back_from_calldata() -> None:
    assert approved_amount(approve_data(MANAGER, 2**200)) == 2**200
    assert swap_minimum(swap(WALLET, 77)) == 77
    with pytest.raises(InvalidInput):
        swap_minimum(approve_data(MANAGER, 1))
    with pytest.raises(InvalidInput):
        approved_amount(swap(WALLET))


def test_staking_lets_the_manager_give_positions_to_the_gauge_alone() -> None:
    gauge = "0x" + "b1" * 20
    staked = replace(POOL, contracts=(("gauge", gauge), ("reward_token", THIEF)))
    called, giving = STAKING_SELECTORS["gauge"]
    manager = (POOL.chain_id, MANAGER.lower())
    plain, staking = allow_list_for([POOL], {}), allow_list_for([staked], {})
    assert staking.selectors[manager] == plain.selectors[manager] | {giving}
    assert staking.selectors[(POOL.chain_id, gauge)] == called
    assert staking.takers == {manager: frozenset({gauge, NOBODY})}
    assert plain.takers == {}
    assert staking.spenders == plain.spenders, "a gauge takes positions, never tokens"
