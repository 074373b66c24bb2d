"""The signer process against a planner that was taken over: thousands of forbidden payloads, none of them signed.

Each is a real call of one of the 13 deployments with one thing changed for the worse, or noise. In between the real
calls go through: a signer that refuses everything would be safe too.
"""

import os
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pytest

from alm_core.execution.calldata import selector_of
from alm_core.execution.erc20 import address_word, approve_data, transfer_data, uint_word
from alm_core.model.errors import SignerRefused
from alm_core.model.transactions import Action, FeeBid, UnsignedTransaction
from alm_resources.signer.leaving import leaves
from alm_resources.signer.socket_client import SocketSigner
from alm_tests.core.execution.test_allow_list import multicall, swap
from alm_tests.resources.signer.lives import CAPS, lives, terms_of_lives
from alm_tests.resources.signer.scene import BID, noop, signer_home, signer_process

CASES = int(os.environ.get("ALM_FUZZ_CASES", "10000"))
FENCE = 50
THIEF = "0x7411ef0000000000000000000000000000000bad"
DIAMOND = "0x" + "dd" * 20
TERMS = terms_of_lives({life.pool.chain_id: DIAMOND for life in lives()})
DANGEROUS = (
    "0x23b872dd",  # transferFrom(address,address,uint256)
    "0xa9059cbb",  # transfer(address,uint256)
    "0x42842e0e",  # safeTransferFrom(address,address,uint256)
    "0xd505accf",  # permit of ERC-2612
    "0x39509351",  # increaseAllowance(address,uint256)
    "0xf2fde38b",  # transferOwnership(address)
    "0x3659cfe6",  # upgradeTo(address)
    "0x2b67b570",  # permit of Permit2
    "0xdf2ab5bb",  # sweepToken(address,uint256,address)
    "0x49404b7c",  # unwrapWETH9(uint256,address)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What a planner asks for."""

    tx: UnsignedTransaction
    nonce: int
    bid: FeeBid = BID
    fence: int = FENCE


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SocketSigner]:
    files = signer_home(tmp_path_factory.mktemp("s"), TERMS)
    with signer_process(files):
        yield files.client()


def real_calls(wallet: str) -> list[UnsignedTransaction]:
    calls = [tx for life in lives() for tx in life.of(wallet)]
    swaps = [replace(calls[0], to=DIAMOND, data=swap(wallet), action=Action.SWAP)]
    return calls + swaps


def test_every_real_call_of_every_family_is_signed(client: SocketSigner) -> None:
    wallet = client.address
    calls = real_calls(wallet)
    for nonce, tx in enumerate(calls):
        assert client.sign(tx, nonce, BID, fence=FENCE).tx_hash, (tx.summary, tx.action)
    assert len({tx.summary for tx in calls}) == 13
    assert len(calls) >= 150


def test_what_leaves_is_told_right_for_every_family() -> None:
    away = {Action.APPROVE_RESET, Action.REMOVE, Action.CLOSE, Action.COLLECT}
    stays = {Action.OPEN, Action.ADD}
    for life in lives():
        for tx in life.of(THIEF):
            operator = "0x" + tx.data[2:10] in ("0xe584b654", "0xa22cb465")
            if tx.action in away or operator:
                assert leaves(tx.data), (life.name, tx.action)
            elif tx.action in stays or tx.action is Action.APPROVE:
                assert not leaves(tx.data), (life.name, tx.action)


Worse = Callable[[random.Random, Ask], Ask | None]


def other_contract(rng: random.Random, ask: Ask) -> Ask:
    return replace(ask, tx=replace(ask.tx, to=f"0x{rng.getrandbits(160):040x}"))


def known_contract_wrong_call(rng: random.Random, ask: Ask) -> Ask | None:
    chain, to = rng.choice(sorted(TERMS.allow_list.selectors))
    if selector_of(ask.tx.data) in TERMS.allow_list.selectors[chain, to]:
        return None
    return replace(ask, tx=replace(ask.tx, chain_id=chain, to=to))


def other_selector(rng: random.Random, ask: Ask) -> Ask | None:
    selector = rng.choice((*DANGEROUS, f"0x{rng.getrandbits(32):08x}"))
    if selector in TERMS.allow_list.selectors[ask.tx.chain_id, ask.tx.to.lower()]:
        return None
    body = rng.choice((ask.tx.data[10:], address_word(THIEF) * 3, address_word(ask.tx.sender) + uint_word(5)))
    return replace(ask, tx=replace(ask.tx, data=selector + body))


def other_payee(rng: random.Random, ask: Ask) -> Ask | None:
    """The wallet, or who may spend, in one word of the calldata is somebody else."""
    who = {ask.tx.sender[2:].lower()} | {at[2:] for chain, at in TERMS.allow_list.spenders if chain == ask.tx.chain_id}
    words = ["0" * 24 + one for one in who]
    spots = [at for word in words for at in _spots(ask.tx.data, word)]
    if ask.tx.action not in (Action.OPEN, Action.COLLECT, Action.CLOSE, Action.REMOVE, Action.SWAP, Action.APPROVE):
        return None
    if not spots:
        return None
    at, thief = rng.choice(spots), rng.choice((THIEF[2:], f"{rng.getrandbits(160) | 1:040x}"))
    return replace(ask, tx=replace(ask.tx, data=ask.tx.data[: at + 24] + thief + ask.tx.data[at + 64 :]))


def dirty_payee(rng: random.Random, ask: Ask) -> Ask | None:
    """Bits above 160 in an address: a decoder that masks them would pay somebody that another one does not see."""
    spots = _spots(ask.tx.data, "0" * 24 + ask.tx.sender[2:].lower())
    if not spots or ask.tx.action in (Action.ADD, Action.APPROVE, Action.APPROVE_RESET):
        return None
    at = rng.choice(spots)
    dirt = f"{rng.getrandbits(96) | 1:024x}"
    return replace(ask, tx=replace(ask.tx, data=ask.tx.data[:at] + dirt + ask.tx.data[at + 24 :]))


def gift_in_a_multicall(rng: random.Random, ask: Ask) -> Ask | None:
    if "0xac9650d8" not in TERMS.allow_list.selectors[ask.tx.chain_id, ask.tx.to.lower()]:
        return None
    gift = rng.choice((transfer_data(THIEF, 5), DANGEROUS[0] + address_word(THIEF) * 3, multicall(ask.tx.data)))
    return replace(ask, tx=replace(ask.tx, data=multicall(ask.tx.data, gift)))


def approval(rng: random.Random, ask: Ask) -> Ask:
    chain, token = rng.choice(sorted(TERMS.approvals or {}))
    spender = rng.choice(sorted(at for where, at in TERMS.allow_list.spenders if where == chain))
    amount = rng.choice(
        (10**30 + 1, 2**96 - 1 + 10**30, 2**160 - 1, 2**255, 2**256 - 1, rng.getrandbits(256) | 1 << 200)
    )
    data = approve_data(spender, amount)
    if rng.random() < 0.5:
        data = approve_data(THIEF, rng.choice((1, amount)))
    return replace(ask, tx=replace(ask.tx, chain_id=chain, to=token, data=data, action=Action.APPROVE))


def native_value(rng: random.Random, ask: Ask) -> Ask:
    return replace(ask, tx=replace(ask.tx, value_wei=rng.getrandbits(rng.randrange(1, 90)) + 1))


def other_chain(rng: random.Random, ask: Ask) -> Ask:
    return replace(ask, tx=replace(ask.tx, chain_id=rng.choice((10, 324, 31337, rng.getrandbits(40) + 50_000))))


def other_sender(rng: random.Random, ask: Ask) -> Ask:
    return replace(ask, tx=replace(ask.tx, sender=f"0x{rng.getrandbits(160):040x}"))


def older_fence(rng: random.Random, ask: Ask) -> Ask:
    return replace(ask, fence=rng.randrange(FENCE))


def second_payload_for_a_nonce(rng: random.Random, ask: Ask) -> Ask | None:
    # The 20 before the last call are remembered and are not the last.
    calls = real_calls(ask.tx.sender)
    here = [number for number, tx in enumerate(calls) if tx.chain_id == ask.tx.chain_id][-20:-1]
    nonce = rng.choice(here)
    same = calls[nonce].data == ask.tx.data and calls[nonce].to == ask.tx.to
    return None if same else replace(ask, nonce=nonce, fence=FENCE)


def too_dear(rng: random.Random, ask: Ask) -> Ask:
    bids = (
        replace(BID, gas_limit=CAPS.max_gas_limit + rng.randrange(1, 10**9)),
        replace(BID, max_fee_per_gas_wei=CAPS.max_fee_per_gas_wei + rng.randrange(1, 10**15)),
        replace(BID, gas_limit=10_000_000, max_fee_per_gas_wei=rng.randrange(100 * 10**9 + 1, 500 * 10**9)),
        replace(BID, max_priority_fee_per_gas_wei=BID.max_fee_per_gas_wei + rng.randrange(1, 10**12)),
    )
    return replace(ask, bid=rng.choice(bids))


def cut_short(rng: random.Random, ask: Ask) -> Ask:
    return replace(ask, tx=replace(ask.tx, data=ask.tx.data[: rng.randrange(2, 2 + 2 * 36)]))


def noise(rng: random.Random, ask: Ask) -> Ask:
    return replace(ask, tx=replace(ask.tx, data="0x" + rng.randbytes(rng.randrange(300)).hex()))


def false_noop(rng: random.Random, ask: Ask) -> Ask:
    wallet = ask.tx.sender
    changes = rng.choice(({"to": THIEF}, {"data": "0x00"}, {"value_wei": 1}, {"to": ask.tx.to, "data": ask.tx.data}))
    return replace(ask, tx=replace(noop(wallet), chain_id=ask.tx.chain_id, **changes))


WORSE: tuple[tuple[Worse, str], ...] = (
    (other_contract, "signer_allow_list"),
    (known_contract_wrong_call, "signer_allow_list"),
    (other_selector, "signer_allow_list"),
    (other_payee, "signer_allow_list"),
    (dirty_payee, "signer_allow_list"),
    (gift_in_a_multicall, "signer_allow_list"),
    (approval, "signer_a"),  # the amount, or the spender
    (native_value, "signer_allow_list"),
    (other_chain, "signer_allow_list"),
    (other_sender, "signer_allow_list"),
    (older_fence, "signer_fence"),
    (second_payload_for_a_nonce, "signer_nonce"),
    (too_dear, "signer_gas"),
    (cut_short, "signer_allow_list"),
    (noise, "signer_allow_list"),
    (false_noop, "signer_allow_list"),
)


def refusal(client: SocketSigner, ask: Ask) -> str:
    """Why it is not signed; empty where it is."""
    try:
        client.sign(ask.tx, ask.nonce, ask.bid, fence=ask.fence)
    except SignerRefused as error:
        return str(error)
    return ""


def test_no_forbidden_payload_is_signed(client: SocketSigner) -> None:
    wallet = client.address
    calls = real_calls(wallet)
    for nonce, tx in enumerate(calls):
        client.sign(tx, nonce, BID, fence=FENCE)
    refused: Counter[str] = Counter()
    rng = random.Random(int(os.environ.get("ALM_FUZZ_SEED", "0")))
    while refused.total() < CASES:
        worse, control = WORSE[refused.total() % len(WORSE)]
        number = rng.randrange(len(calls))
        ask = worse(rng, Ask(tx=calls[number], nonce=number))
        if ask is None:
            continue
        why = refusal(client, ask)
        assert why.startswith(control), f"{worse.__name__}: {why or 'signed'}: {ask}"
        refused[worse.__name__] += 1
        if refused.total() % 100 == 0:
            last = max(place for place, tx in enumerate(calls) if tx.chain_id == calls[number].chain_id)
            client.sign(calls[last], last, BID, fence=FENCE)
    assert min(refused.values()) >= CASES // len(WORSE)


def _spots(data: str, word: str) -> list[int]:
    found, at = list[int](), data.find(word)
    while at >= 0:
        found.append(at)
        at = data.find(word, at + 1)
    return found
