"""ERC-20 words by hand, against the ABI library and against hostile logs."""

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

from alm_core.execution.erc20 import (
    TRANSFER_TOPIC,
    allowance_data,
    approve_data,
    balance_changes,
    balance_of_data,
    transfer_data,
    transfer_from_log,
    uint_from_result,
)
from alm_core.model.errors import InvalidInput
from alm_core.model.transactions import Log

TOKEN, WALLET, OTHER = "0x" + "Cc" * 20, "0x" + "Aa" * 20, "0x" + "bb" * 20
addresses = st.binary(min_size=20, max_size=20).map(lambda raw: "0x" + raw.hex())
amounts = st.integers(0, 2**256 - 1)


def calldata(signature: str, *values: object) -> str:
    types = signature[signature.index("(") + 1 : -1].split(",")
    return "0x" + (keccak(text=signature)[:4] + encode(types, values)).hex()


@given(addresses, addresses, amounts)
def test_calldata_is_what_the_abi_library_makes(owner: str, other: str, amount: int) -> None:
    assert approve_data(other, amount) == calldata("approve(address,uint256)", other, amount)
    assert transfer_data(other, amount) == calldata("transfer(address,uint256)", other, amount)
    assert balance_of_data(owner) == calldata("balanceOf(address)", owner)
    assert allowance_data(owner, other) == calldata("allowance(address,address)", owner, other)
    assert keccak(text="Transfer(address,address,uint256)").hex() == TRANSFER_TOPIC[2:]


@pytest.mark.parametrize("address", ["", "0x12", "0x" + "zz" * 20, "0x" + "11" * 21, "0x" + "11" * 19])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(InvalidInput, match="not an address"):
        approve_data(address, 1)


@pytest.mark.parametrize("amount", [-1, 2**256])
def test_what_does_not_fit_a_word_is_refused(amount: int) -> None:
    with pytest.raises(InvalidInput, match="256-bit"):
        approve_data(WALLET, amount)


def word(address: str) -> str:
    return "0x" + "00" * 12 + address[2:].lower()


def transfer(sender: str, recipient: str, amount: int, index: int = 0) -> Log:
    return Log(
        address=TOKEN, topics=(TRANSFER_TOPIC, word(sender), word(recipient)), data=f"0x{amount:064x}", log_index=index
    )


@given(
    st.lists(st.tuples(st.sampled_from([(WALLET, OTHER), (OTHER, WALLET), (OTHER, OTHER), (WALLET, WALLET)]), amounts))
)
def test_the_change_of_a_wallet_is_what_came_less_what_went(moves: list[tuple[tuple[str, str], int]]) -> None:
    logs = tuple(transfer(*sides, amount) for sides, amount in moves)
    came = sum(amount for sides, amount in moves if sides == (OTHER, WALLET))
    went = sum(amount for sides, amount in moves if sides == (WALLET, OTHER))
    assert balance_changes(logs, WALLET).get(TOKEN.lower(), 0) == came - went


def test_a_transfer_is_decoded_with_lower_case_addresses() -> None:
    decoded = transfer_from_log(transfer(WALLET, OTHER, 5, 9))
    assert decoded is not None
    assert (decoded.token, decoded.sender, decoded.recipient) == (TOKEN.lower(), WALLET.lower(), OTHER)
    assert (decoded.amount, decoded.log_index) == (5, 9)


@pytest.mark.parametrize(
    "log",
    [
        Log(
            address=TOKEN, topics=(TRANSFER_TOPIC, word(WALLET), word(OTHER), "0x" + "00" * 32), data="0x", log_index=0
        ),
        Log(address=TOKEN, topics=("0x" + "12" * 32, word(WALLET), word(OTHER)), data="0x" + "00" * 32, log_index=0),
        Log(address=TOKEN, topics=(TRANSFER_TOPIC, word(WALLET), word(OTHER)), data="0x", log_index=0),
        Log(address=TOKEN, topics=(), data="0x", log_index=0),
    ],
    ids=["erc-721", "other event", "no amount", "anonymous"],
)
def test_other_events_are_no_transfers(log: Log) -> None:
    assert transfer_from_log(log) is None


def test_an_answer_shorter_than_a_word_is_refused_and_not_zero() -> None:
    assert uint_from_result((7).to_bytes(32, "big")) == 7
    with pytest.raises(InvalidInput, match="31 bytes"):
        uint_from_result(b"\0" * 31)
