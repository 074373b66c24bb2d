"""Who is paid by the calls of every family: encoded with an ABI library, decoded by hand, refused when in doubt."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

from alm_core.execution import liquidity_calls as calls
from alm_core.execution.allow_list import AllowList, allow_list_for
from alm_core.execution.calldata import payees_of
from alm_core.model.errors import ConfigError, InvalidInput
from alm_core.model.pools import Pool
from alm_core.model.transactions import Action, UnsignedTransaction
from alm_tests.core.portfolio.scene import pool

WALLET = "0x" + "aa" * 20
THIEF = "0x" + "66" * 20
PERMIT2 = "0x" + "99" * 20
TOKENS = ("0x" + "11" * 20, "0x" + "22" * 20)
ZERO = "0x" + "00" * 20
THE_MANAGER = f"0x{2:040x}"
"""What stands for the position manager in a recipient's place."""
POOL = pool()

_V3_AMOUNTS = "uint256,uint256,uint256,uint256,address,uint256"
MINTS = {
    "uniswap_v3": ("mint", f"address,address,uint24,int24,int24,{_V3_AMOUNTS}", (*TOKENS, 500, -10, 10)),
    "algebra_v1": ("mint", f"address,address,int24,int24,{_V3_AMOUNTS}", (*TOKENS, -10, 10)),
    "algebra_integral": ("mint", f"address,address,address,int24,int24,{_V3_AMOUNTS}", (*TOKENS, ZERO, -10, 10)),
    "slipstream": ("mint", f"address,address,int24,int24,int24,{_V3_AMOUNTS},uint160", (*TOKENS, 10, -10, 10)),
    "ramses_v3": ("mint", f"address,address,int24,int24,int24,{_V3_AMOUNTS}", (*TOKENS, 10, -10, 10)),
}
SIGNATURES = {
    calls.MODIFY_LIQUIDITIES_SELECTOR: "modifyLiquidities(bytes,uint256)",
    calls.PERMIT2_APPROVE_SELECTOR: "approve(address,address,uint160,uint48)",
    calls.REMOVE_LIQUIDITY_SELECTOR: "removeLiquidity(address,address,uint16,uint256,uint256,uint256[],uint256[],"
    "address,uint256)",
    calls.APPROVE_FOR_ALL_SELECTOR: "approveForAll(address,bool)",
    calls.SET_APPROVAL_FOR_ALL_SELECTOR: "setApprovalForAll(address,bool)",
    calls.COLLECT_FEES_SELECTOR: "collectFees(address,uint256[])",
}
ADD = "address,address,uint256,uint256,uint256,uint256,uint256,uint256,uint256,int256[],uint256[],uint256[],address"
V4_KEY = ("(address,address,uint24,int24,address)", (*TOKENS, 500, 10, ZERO))
INFINITY_KEY = (
    "(address,address,address,address,uint24,bytes32)",
    (*TOKENS, ZERO, POOL.factory, 500, (10 << 16).to_bytes(32, "big")),
)


def call(signature: str, *values: object) -> str:
    types = signature[signature.index("(") + 1 : -1]
    return "0x" + (keccak(text=signature)[:4] + encode(_split(types), values)).hex()


def mint(family: str, recipient: str) -> str:
    name, types, head = MINTS[family]
    tail = (1, 2, 0, 0, recipient, 9, *([0] if types.endswith("uint160") else []))
    return call(f"{name}(({types}))", (*head, *tail))


def add_liquidity(to: str, refund_to: str | None) -> str:
    types = f"{ADD},uint256" if refund_to is None else f"{ADD},address,uint256"
    values = (*TOKENS, 10, 1, 2, 0, 0, 2**23, 5, [-1, 0], [0, 10**18], [10**18, 0], to)
    return call(f"addLiquidity(({types}))", (*values, *([] if refund_to is None else [refund_to]), 9))


def remove_liquidity(to: str) -> str:
    return call(SIGNATURES[calls.REMOVE_LIQUIDITY_SELECTOR], *TOKENS, 10, 0, 0, [2**23], [5], to, 9)


def modify(*steps: tuple[int, bytes]) -> str:
    actions, params = bytes(action for action, _ in steps), [param for _, param in steps]
    return call("modifyLiquidities(bytes,uint256)", encode(("bytes", "bytes[]"), (actions, params)), 9)


def mint_position(key: tuple[str, tuple[object, ...]], owner: str, hook_data: bytes = b"") -> tuple[int, bytes]:
    types = (key[0], "int24", "int24", "uint256", "uint128", "uint128", "address", "bytes")
    return 0x02, encode(types, (key[1], -10, 10, 7, 1, 2, owner, hook_data))


def mint_from_deltas(key: tuple[str, tuple[object, ...]], owner: str, hook_data: bytes = b"") -> tuple[int, bytes]:
    types = (key[0], "int24", "int24", "uint128", "uint128", "address", "bytes")
    return 0x05, encode(types, (key[1], -10, 10, 1, 2, owner, hook_data))


def settle(token: str, amount: int, *, by_owner: bool) -> tuple[int, bytes]:
    return 0x0B, encode(("address", "uint256", "bool"), (token, amount, by_owner))


def take(token: str, recipient: str) -> tuple[int, bytes]:
    return 0x0E, encode(("address", "address", "uint256"), (token, recipient, 5))


def sweep(token: str, recipient: str) -> tuple[int, bytes]:
    return 0x14, encode(("address", "address"), (token, recipient))


def take_pair(recipient: str) -> tuple[int, bytes]:
    return 0x11, encode(("address", "address", "address"), (*TOKENS, recipient))


def of_token(action: int, token_id: int) -> tuple[int, bytes]:
    types = ("uint256", "uint256", "uint128", "uint128", "bytes")
    return action, encode(types, (token_id, 0, 0, 0, b""))


def of_family(family: str) -> Pool:
    return replace(POOL, family=family, contracts=(("permit2", PERMIT2),))


def tx(to: str, data: str) -> UnsignedTransaction:
    return UnsignedTransaction(
        chain_id=POOL.chain_id, sender=WALLET, to=to, data=data, value_wei=0, action=Action.OPEN, summary="test"
    )


PAYING = {
    **{family: (lambda who, family=family: mint(family, who)) for family in MINTS},
    "uniswap_v4": lambda who: modify(mint_position(V4_KEY, who), (0x0D, b""), take_pair(who)),
    "infinity": lambda who: modify(mint_position(INFINITY_KEY, who), (0x0D, b""), take_pair(who)),
    "liquidity_book": lambda who: add_liquidity(who, who),
    "liquidity_book_v20": lambda who: add_liquidity(who, None),
}


@pytest.mark.parametrize("family", sorted(PAYING))
def test_an_open_may_pay_the_wallet_and_nobody_else(family: str) -> None:
    traded = of_family(family)
    allowed = allow_list_for([traded], {})
    assert allowed.refusals(tx(traded.position_manager, PAYING[family](WALLET)), WALLET) == ()
    refused = allowed.refusals(tx(traded.position_manager, PAYING[family](THIEF)), WALLET)
    assert f"recipient {THIEF} is not the wallet" in refused


@pytest.mark.parametrize("family", sorted(MINTS))
def test_the_mint_of_another_family_is_not_allowed(family: str) -> None:
    traded = of_family(family)
    allowed = allow_list_for([traded], {})
    for other in MINTS.keys() - {family}:
        (refusal,) = allowed.refusals(tx(traded.position_manager, mint(other, WALLET)), WALLET)
        assert "not on the allow-list" in refusal


@pytest.mark.parametrize(("selector", "signature"), sorted(SIGNATURES.items()))
def test_selectors_are_those_of_their_signatures(selector: str, signature: str) -> None:
    assert selector == "0x" + keccak(text=signature)[:4].hex()


def test_a_refund_of_an_add_is_a_payment_too() -> None:
    assert payees_of(add_liquidity(WALLET, THIEF)).recipients == (WALLET, THIEF)


def test_removing_bins_pays_whom_it_names() -> None:
    assert payees_of(remove_liquidity(THIEF)).recipients == (THIEF,)
    assert payees_of(call(SIGNATURES[calls.COLLECT_FEES_SELECTOR], THIEF, [1, 2])).recipients == (THIEF,)


@pytest.mark.parametrize("name", ["approveForAll", "setApprovalForAll"])
def test_an_operator_of_bins_is_a_spender(name: str) -> None:
    assert payees_of(call(f"{name}(address,bool)", THIEF, True)).spenders == (THIEF,)


def test_a_permit_names_its_spender_and_only_known_ones_are_let_through() -> None:
    traded = of_family("uniswap_v4")
    allowed = allow_list_for([traded], {})

    def permit(spender: str) -> str:
        return call(SIGNATURES[calls.PERMIT2_APPROVE_SELECTOR], TOKENS[0], spender, 5, 9)

    assert allowed.refusals(tx(PERMIT2, permit(traded.position_manager)), WALLET) == ()
    assert allowed.refusals(tx(PERMIT2, permit(THIEF)), WALLET) == (
        f"spender {THIEF} on chain {POOL.chain_id} is not on the allow-list",
    )


def test_a_family_that_pulls_through_permit2_needs_its_address() -> None:
    with pytest.raises(ConfigError, match="no permit2 is known"):
        allow_list_for([replace(POOL, family="uniswap_v4")], {})


def test_a_family_without_calls_is_refused() -> None:
    with pytest.raises(InvalidInput, match="'curve' has no calls"):
        allow_list_for([replace(POOL, family="curve")], {})


def test_growing_a_position_names_it() -> None:
    assert payees_of(modify(of_token(0x00, 77), (0x0D, b""))).grown == (77,)
    assert payees_of(modify(of_token(0x01, 77), take_pair(WALLET))).grown == ()


@pytest.mark.parametrize("action", [0x06, 0x0C, 0x0F, 0x10, 0x13, 0x15, 0x16, 0xFF])
def test_an_action_that_no_plan_uses_is_refused(action: int) -> None:
    with pytest.raises(InvalidInput, match="unknown action"):
        payees_of(modify(take_pair(WALLET), (action, encode(("address",), (THIEF,)))))


@pytest.mark.parametrize("key", [V4_KEY, INFINITY_KEY])
def test_amounts_paid_in_first_open_for_the_wallet_only_and_the_rest_comes_back_to_it(
    key: tuple[str, tuple[object, ...]],
) -> None:
    def placing(owner: str, rest: str) -> str:
        borrowed = take(TOKENS[0], THE_MANAGER), settle(TOKENS[0], 0, by_owner=False), sweep(TOKENS[0], rest)
        return modify(settle(TOKENS[0], 9, by_owner=True), mint_from_deltas(key, owner), *borrowed)

    assert payees_of(placing(WALLET, WALLET)).recipients == (WALLET, WALLET)
    assert payees_of(placing(THIEF, WALLET)).recipients == (THIEF, WALLET)
    assert payees_of(placing(WALLET, THIEF)).recipients == (WALLET, THIEF)
    assert payees_of(modify((0x04, of_token(0x04, 77)[1]))).grown == (77,)


def test_a_take_pays_whom_it_names() -> None:
    assert payees_of(modify(take(TOKENS[0], THIEF))).recipients == (THIEF,)


def test_what_the_manager_is_left_with_anybody_may_sweep() -> None:
    lent = take(TOKENS[0], THE_MANAGER)
    for steps in ([lent], [lent, sweep(TOKENS[1], WALLET)], [sweep(TOKENS[0], WALLET), lent]):
        with pytest.raises(InvalidInput, match="not swept afterwards"):
            payees_of(modify(*steps))


@pytest.mark.parametrize("mint_with", [mint_position, mint_from_deltas])
def test_hook_data_are_refused(mint_with: Callable[..., tuple[int, bytes]]) -> None:
    with pytest.raises(InvalidInput, match="no mint of ours"):
        payees_of(modify(mint_with(V4_KEY, WALLET, b"x" * 32)))


def test_a_mint_laid_out_for_both_managers_at_once_is_refused() -> None:
    # Fourteen words with the thief where V4 reads the owner: V4's offset of the hook data would be an address then.
    action, param = mint_position(INFINITY_KEY, WALLET)
    words = [param[at : at + 32] for at in range(0, len(param), 32)]
    words[12] = (12 * 32).to_bytes(32, "big")
    with pytest.raises(InvalidInput, match="no mint of ours"):
        payees_of(modify((action, b"".join(words))))


@given(cut=st.integers(4, 700))
def test_calldata_cut_short_names_nobody_else(cut: int) -> None:
    whole = PAYING["uniswap_v4"](WALLET)
    data = whole[: 2 + 2 * cut]
    try:
        payees = payees_of(data)
    except InvalidInput:
        return
    assert {*payees.recipients} <= {WALLET}
    assert len(data) > 2 + 2 * 4


@given(st.sampled_from(sorted(PAYING)), st.integers(4, 900), st.binary(min_size=1, max_size=40))
def test_calldata_with_other_bytes_inside_never_raises_anything_else(family: str, at: int, noise: bytes) -> None:
    raw = bytearray.fromhex(PAYING[family](WALLET)[2:])
    raw[at : at + len(noise)] = noise
    allowed: AllowList = allow_list_for([of_family(family)], {})
    assert isinstance(allowed.refusals(tx(POOL.position_manager, "0x" + raw.hex()), WALLET), tuple)


def _split(types: str) -> Sequence[str]:
    found, depth, start = list[str](), 0, 0
    for position, char in enumerate(types):
        depth += (char == "(") - (char == ")")
        if char == "," and depth == 0:
            found.append(types[start:position])
            start = position + 1
    return [*found, types[start:]]
