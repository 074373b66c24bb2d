"""Staking and claiming: encoded with an ABI library, decoded by hand; positions go only where pools say."""

from dataclasses import replace

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from alm_core.execution import reward_calls as calls
from alm_core.execution.allow_list import allow_list_for
from alm_core.execution.calldata import payees_of
from alm_core.execution.erc20 import APPROVE_SELECTOR
from alm_core.model.errors import InvalidInput
from alm_core.model.pools import Pool
from alm_core.model.transactions import Action, UnsignedTransaction
from alm_tests.core.portfolio.scene import pool

WALLET, THIEF, DIAMOND = ("0x" + byte * 20 for byte in ("aa", "66", "dd"))
GAUGE, OTHER_GAUGE, CHEF, DISTRIBUTOR, REWARD = ("0x" + byte * 20 for byte in ("b1", "b2", "c1", "d1", "e1"))
SIGNATURES = {
    calls.GAUGE_DEPOSIT_SELECTOR: "deposit(uint256)",
    calls.GAUGE_WITHDRAW_SELECTOR: "withdraw(uint256)",
    calls.GET_REWARD_SELECTOR: "getReward(uint256)",
    calls.CHEF_WITHDRAW_SELECTOR: "withdraw(uint256,address)",
    calls.HARVEST_SELECTOR: "harvest(uint256,address)",
    calls.SAFE_TRANSFER_FROM_SELECTOR: "safeTransferFrom(address,address,uint256)",
    calls.MERKL_CLAIM_SELECTOR: "claim(address[],address[],uint256[],bytes32[][])",
    APPROVE_SELECTOR: "approve(address,uint256)",
}


def named(role: str, contract: str, family: str, number: int = 1) -> Pool:
    """A pool of a manager of its family, for which the registry names a contract that pays."""
    made = replace(
        pool(), family=family, address=f"0x{number:040x}", position_manager="0x" + family[:1].encode().hex() * 20
    )
    return replace(made, contracts=((role, contract), ("reward_token", REWARD)))


SLIPSTREAM, SECOND = named("gauge", GAUGE, "slipstream"), named("gauge", OTHER_GAUGE, "slipstream", 2)
PANCAKE, PLAIN = named("master_chef", CHEF, "pancake_v3", 3), replace(pool(), address=f"0x{4:040x}")
CHAIN_ID = PLAIN.chain_id
LISTED = allow_list_for([SLIPSTREAM, SECOND, PANCAKE, PLAIN], {CHAIN_ID: DIAMOND}, {CHAIN_ID: DISTRIBUTOR})


def call(signature: str, *values: object) -> str:
    types = signature[signature.index("(") + 1 : -1].split(",")
    return "0x" + (keccak(text=signature)[:4] + encode(types, values)).hex()


def claim(*users: str, tokens: int | None = None) -> str:
    several = [REWARD] * (len(users) if tokens is None else tokens)
    proofs = [[bytes(32), b"\1" * 32] for _ in users]
    return call(SIGNATURES[calls.MERKL_CLAIM_SELECTOR], list(users), several, [5] * len(users), proofs)


def refusals(to: str, data: str) -> tuple[str, ...]:
    tx = UnsignedTransaction(
        chain_id=CHAIN_ID, sender=WALLET, to=to, data=data, value_wei=0, action=Action.STAKE, summary="test"
    )
    return LISTED.refusals(tx, WALLET)


def test_selectors_are_the_hashes_of_their_signatures() -> None:
    for selector, signature in SIGNATURES.items():
        assert "0x" + keccak(text=signature)[:4].hex() == selector


@pytest.mark.parametrize(
    ("to", "data"),
    [
        (GAUGE, call("deposit(uint256)", 7)),
        (OTHER_GAUGE, call("withdraw(uint256)", 7)),
        (GAUGE, call("getReward(uint256)", 7)),
        (SLIPSTREAM.position_manager, call("approve(address,uint256)", GAUGE, 7)),
        (SLIPSTREAM.position_manager, call("approve(address,uint256)", OTHER_GAUGE, 7)),
        (SLIPSTREAM.position_manager, call("approve(address,uint256)", "0x" + "00" * 20, 7)),
        (CHEF, call("withdraw(uint256,address)", 7, WALLET)),
        (CHEF, call("harvest(uint256,address)", 7, WALLET)),
        (PANCAKE.position_manager, call("safeTransferFrom(address,address,uint256)", WALLET, CHEF, 7)),
        (DISTRIBUTOR, claim(WALLET)),
        (DISTRIBUTOR, claim(WALLET, WALLET)),
        (PLAIN.token0.address, call("approve(address,uint256)", DIAMOND, 7)),
    ],
)
def test_what_staking_and_claiming_send_is_allowed(to: str, data: str) -> None:
    assert refusals(to, data) == ()


@pytest.mark.parametrize(
    ("to", "data", "why"),
    [
        (SLIPSTREAM.position_manager, call("approve(address,uint256)", THIEF, 7), "spender"),
        # What may spend tokens must not get positions, and the other way round.
        (SLIPSTREAM.position_manager, call("approve(address,uint256)", DIAMOND, 7), "spender"),
        (SLIPSTREAM.position_manager, call("approve(address,uint256)", CHEF, 7), "spender"),
        (PLAIN.token0.address, call("approve(address,uint256)", GAUGE, 7), "spender"),
        (SLIPSTREAM.position_manager, call("safeTransferFrom(address,address,uint256)", WALLET, GAUGE, 7), "selector"),
        (PANCAKE.position_manager, call("approve(address,uint256)", CHEF, 7), "selector"),
        (PANCAKE.position_manager, call("safeTransferFrom(address,address,uint256)", WALLET, THIEF, 7), "spender"),
        (PANCAKE.position_manager, call("safeTransferFrom(address,address,uint256)", WALLET, DIAMOND, 7), "spender"),
        (PANCAKE.position_manager, call("safeTransferFrom(address,address,uint256)", THIEF, CHEF, 7), "recipient"),
        (PLAIN.position_manager, call("approve(address,uint256)", GAUGE, 7), "selector"),
        (PLAIN.position_manager, call("safeTransferFrom(address,address,uint256)", WALLET, CHEF, 7), "selector"),
        (CHEF, call("withdraw(uint256,address)", 7, THIEF), "recipient"),
        (CHEF, call("harvest(uint256,address)", 7, THIEF), "recipient"),
        (GAUGE, call("withdraw(uint256,address)", 7, WALLET), "selector"),
        (THIEF, call("deposit(uint256)", 7), "contract"),
        (PLAIN.token1.address, call("withdraw(uint256)", 7), "selector"),
        (DISTRIBUTOR, claim(THIEF), "recipient"),
        (DISTRIBUTOR, claim(WALLET, THIEF), "recipient"),
        (DISTRIBUTOR, claim(), "lists of [0]"),
        (DISTRIBUTOR, claim(WALLET, tokens=2), "lists of [1, 2]"),
        (DISTRIBUTOR, claim(WALLET)[:300], "cannot be decoded"),
        (GAUGE, "0xb6b55f25", "cannot be decoded"),
    ],
)
def test_everything_else_is_refused_with_its_reason(to: str, data: str, why: str) -> None:
    assert any(why in reason for reason in refusals(to, data)), refusals(to, data)


@pytest.mark.parametrize(
    "clean",
    [
        call("withdraw(uint256,address)", 7, WALLET),
        call("safeTransferFrom(address,address,uint256)", CHEF, WALLET, 7),
        claim(WALLET),
    ],
)
def test_an_address_with_more_than_160_bits_is_refused(clean: str) -> None:
    padded = "00" * 12 + WALLET[2:]
    assert payees_of(clean)
    with pytest.raises(InvalidInput, match="not an address"):
        payees_of(clean.replace(padded, "01" + padded[2:]))


def test_without_a_named_contract_nothing_can_be_staked_or_claimed() -> None:
    bare = allow_list_for([replace(one, contracts=()) for one in (SLIPSTREAM, PANCAKE)], {CHAIN_ID: DIAMOND})
    assert bare.takers == {}
    assert not {GAUGE, CHEF, DISTRIBUTOR} & {address for _, address in bare.selectors}
    managers = {address: found for (_, address), found in bare.selectors.items() if found & {APPROVE_SELECTOR}}
    assert managers.keys() == {token.address.lower() for token in (SLIPSTREAM.token0, SLIPSTREAM.token1)}
