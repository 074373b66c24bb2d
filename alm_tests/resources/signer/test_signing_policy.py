"""The rules of every signer: each control fires beyond its bound and lets pass what is just within."""

import json
import resource
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from alm_core.execution.allow_list import allow_list_for
from alm_core.execution.erc20 import APPROVE_SELECTOR, address_word, approve_data, uint_word
from alm_core.execution.liquidity_calls import (
    APPROVE_FOR_ALL_SELECTOR,
    MODIFY_LIQUIDITIES_SELECTOR,
    PERMIT2_APPROVE_SELECTOR,
)
from alm_core.execution.reward_calls import NOBODY
from alm_core.execution.unlock_data import (
    BURN_POSITION,
    CLOSE_CURRENCY,
    DECREASE_LIQUIDITY,
    SWEEP,
    TAKE,
    TAKE_PAIR,
)
from alm_core.model.errors import InvalidInput, SignerRefused
from alm_core.model.transactions import Action, FeeBid, UnsignedTransaction
from alm_resources.signer.leaving import leaves
from alm_resources.signer.signing import SigningPolicy, payload_digest
from alm_resources.signer.standstill import SignerSwitch
from alm_resources.signer.state import KEPT_NONCES, FileState, MemoryState, SigningState
from alm_resources.signer.terms import UNLIMITED, SigningTerms
from alm_tests.core.execution.test_allow_list import (
    BURN,
    DECREASE,
    MANAGER,
    POOL,
    THIEF,
    collect,
    increase,
    mint,
    multicall,
    swap,
)
from alm_tests.core.portfolio.scene import pool
from alm_tests.resources.signer.scene import BID, CAP, TERMS, approval, noop, payload

WALLET = "0xAaAaAaAaAaAaAaAaAaAaAaAaAaAaAaAaAaAaAaAa"
PERMIT2 = "0x" + "22" * 20


class Clock:
    """Seconds that only a test moves."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(params=["memory", "file"])
def state(request: pytest.FixtureRequest, tmp_path: Path) -> SigningState:
    return MemoryState() if request.param == "memory" else FileState(tmp_path / "state.json")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def switch(tmp_path: Path) -> SignerSwitch:
    return SignerSwitch(tmp_path / "signer" / "HALT")


@pytest.fixture
def policy(state: SigningState, switch: SignerSwitch, clock: Clock) -> SigningPolicy:
    return SigningPolicy(TERMS, state, switch, clock)


def admit(policy: SigningPolicy, tx: UnsignedTransaction, nonce: int = 7, bid: FeeBid = BID, fence: int = 5) -> None:
    policy.admit(tx, WALLET, nonce, bid, fence)


@pytest.mark.control("signer_allow_list", "fires")
@pytest.mark.parametrize(
    "changes",
    [
        {"to": THIEF},
        {"data": mint(THIEF)},
        {"data": "0xdeadbeef"},
        {"sender": THIEF},
        {"chain_id": 1},
        {"value_wei": 1},
        {"action": Action.NOOP},
        {"to": POOL.token0.address, "data": approve_data(THIEF, 1)},
    ],
)
def test_what_the_policy_does_not_name_is_refused(policy: SigningPolicy, changes: dict[str, Any]) -> None:
    with pytest.raises(SignerRefused, match=r"^signer_allow_list: .*nonce 7"):
        admit(policy, payload(WALLET, **changes))


@pytest.mark.control("signer_allow_list", "passes")
def test_what_the_policy_names_is_admitted(policy: SigningPolicy) -> None:
    for nonce, tx in enumerate((payload(WALLET), approval(WALLET, 0), noop(WALLET))):
        admit(policy, tx, nonce)


@pytest.mark.control("signer_approval", "fires")
@pytest.mark.parametrize("amount", [CAP + 1, UNLIMITED - 1, UNLIMITED, 2**256 - 1])
def test_an_approval_beyond_the_cap_of_its_token_is_refused(policy: SigningPolicy, amount: int) -> None:
    with pytest.raises(SignerRefused, match=f"signer_approval: {amount} of {POOL.token0.address.lower()}"):
        admit(policy, approval(WALLET, amount))


@pytest.mark.control("signer_approval", "passes")
def test_an_approval_of_just_the_cap_is_admitted(policy: SigningPolicy) -> None:
    admit(policy, approval(WALLET, CAP))


def test_without_caps_of_its_own_only_an_approval_without_limit_is_refused(clock: Clock) -> None:
    policy = SigningPolicy(SigningTerms(allow_list=TERMS.allow_list), clock=clock)
    admit(policy, approval(WALLET, UNLIMITED - 1))
    with pytest.raises(SignerRefused, match="signer_approval"):
        admit(policy, approval(WALLET, UNLIMITED), 8)


def test_a_token_that_has_no_cap_may_only_lose_rights() -> None:
    policy = SigningPolicy(replace(TERMS, approvals={}))
    admit(policy, approval(WALLET, 0))
    with pytest.raises(SignerRefused, match="cap of 0"):
        admit(policy, approval(WALLET, 1), 8)


def permit(amount: int, expires_at: int, token: str = POOL.token0.address) -> str:
    return (
        PERMIT2_APPROVE_SELECTOR
        + address_word(token)
        + address_word(MANAGER)
        + uint_word(amount)
        + uint_word(expires_at)
    )


def test_a_right_at_permit2_has_the_cap_of_its_token_and_an_end() -> None:
    listed = replace(
        TERMS.allow_list,
        selectors={
            **TERMS.allow_list.selectors,
            (POOL.chain_id, PERMIT2): frozenset({PERMIT2_APPROVE_SELECTOR}),
        },
    )
    policy = SigningPolicy(replace(TERMS, allow_list=listed))
    admit(policy, payload(WALLET, to=PERMIT2, data=permit(CAP, 1_800_000_000)))
    admit(policy, payload(WALLET, to=PERMIT2, data=permit(0, 2**48 - 1)), 8)
    admit(policy, payload(WALLET, to=PERMIT2, data=permit(CAP, 2**48 - 2)), 9)
    for data in (permit(CAP + 1, 9), permit(1, 2**48 - 1), permit(1, 9, THIEF)):
        with pytest.raises(SignerRefused, match="signer_approval"):
            admit(policy, payload(WALLET, to=PERMIT2, data=data), 10)


def test_an_approval_of_a_position_has_no_amount() -> None:
    gauged = replace(pool(), contracts=(("gauge", "0x" + "99" * 20),), family="slipstream")
    policy = SigningPolicy(replace(TERMS, allow_list=allow_list_for([gauged], {})))
    admit(policy, payload(WALLET, data=approve_data("0x" + "99" * 20, 2**200)))


@pytest.mark.control("signer_gas", "fires")
@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"gas_limit": 1_000_001}, "gas limit 1000001 is above 1000000"),
        ({"max_fee_per_gas_wei": 50 * 10**9 + 1, "gas_limit": 21_000}, "price of gas"),
        ({"gas_limit": 1_000_000, "max_fee_per_gas_wei": 10**10 + 1}, "fee 10000000001000000 is above"),
        ({"gas_limit": 0}, "is no bid"),
        ({"max_priority_fee_per_gas_wei": 10**9 + 1}, "is no bid"),
        ({"max_priority_fee_per_gas_wei": -1}, "is no bid"),
    ],
)
def test_a_bid_beyond_the_caps_of_its_chain_is_refused(
    policy: SigningPolicy, changes: dict[str, int], named: str
) -> None:
    with pytest.raises(SignerRefused, match=f"signer_gas: .*{named}"):
        admit(policy, payload(WALLET), bid=replace(BID, **changes))


@pytest.mark.control("signer_gas", "passes")
@pytest.mark.parametrize(
    "changes",
    [
        {"gas_limit": 1_000_000, "max_fee_per_gas_wei": 10**10},
        {"gas_limit": 200_000, "max_fee_per_gas_wei": 50 * 10**9, "max_priority_fee_per_gas_wei": 50 * 10**9},
        {"gas_limit": 1, "max_fee_per_gas_wei": 0, "max_priority_fee_per_gas_wei": 0},
    ],
)
def test_a_bid_of_just_the_caps_is_admitted(policy: SigningPolicy, changes: dict[str, int]) -> None:
    admit(policy, payload(WALLET), bid=replace(BID, **changes))


def test_a_chain_without_caps_is_refused() -> None:
    with pytest.raises(SignerRefused, match=f"no caps for chain {POOL.chain_id}"):
        admit(SigningPolicy(replace(TERMS, chains={})), payload(WALLET))


@pytest.mark.control("signer_rate", "fires")
def test_more_signatures_than_an_hour_may_have_are_refused(state: SigningState, clock: Clock) -> None:
    policy = SigningPolicy(replace(TERMS, transactions_per_hour=3), state, clock=clock)
    for nonce in range(3):
        admit(policy, payload(WALLET), nonce)
        clock.now += 1000
    with pytest.raises(SignerRefused, match="signer_rate: 3 signatures within an hour, the most are 3"):
        admit(policy, payload(WALLET), 3)


@pytest.mark.control("signer_rate", "passes")
def test_an_hour_later_there_is_room_again(state: SigningState, clock: Clock) -> None:
    policy = SigningPolicy(replace(TERMS, transactions_per_hour=1), state, clock=clock)
    admit(policy, payload(WALLET), 0)
    clock.now += 3600
    admit(policy, payload(WALLET), 1)


def test_a_signer_without_a_bound_per_hour_forgets_no_time_that_one_with_a_bound_counts(state: SigningState) -> None:
    bounded = SigningPolicy(replace(TERMS, transactions_per_hour=2), state)
    for nonce in range(2):
        admit(bounded, payload(WALLET), nonce)
    admit(SigningPolicy(replace(TERMS, transactions_per_hour=None), state), payload(WALLET), 2)
    with pytest.raises(SignerRefused, match="signer_rate: 2 signatures within an hour"):
        admit(bounded, payload(WALLET), 3)


@pytest.mark.control("signer_fence", "fires")
def test_an_executor_that_lost_the_lead_gets_no_signature(policy: SigningPolicy) -> None:
    admit(policy, payload(WALLET), fence=5)
    for fence in (4, 0, -1):
        with pytest.raises(SignerRefused, match=f"signer_fence: {fence} is older than 5"):
            admit(policy, payload(WALLET), 8, fence=fence)


@pytest.mark.control("signer_fence", "passes")
def test_the_same_lead_and_later_ones_get_signatures(policy: SigningPolicy) -> None:
    for nonce, fence in enumerate((0, 5, 5, 6, 90)):
        admit(policy, payload(WALLET), nonce, fence=fence)


def test_fences_of_other_wallets_and_chains_are_their_own(state: SigningState) -> None:
    here = SigningPolicy(TERMS, state)
    admit(here, payload(WALLET), fence=9)
    other = "0x" + "12" * 20
    here.admit(payload(other), other, 0, BID, 1)


@pytest.mark.control("signer_nonce", "fires")
def test_a_nonce_is_not_signed_for_two_payloads_of_one_lead(policy: SigningPolicy) -> None:
    admit(policy, payload(WALLET), 7)
    with pytest.raises(SignerRefused, match="signer_nonce: 7 was signed for another payload"):
        admit(policy, approval(WALLET, 1), 7)
    admit(policy, payload(WALLET), 8)
    for fence in (5, 6):
        with pytest.raises(SignerRefused, match="signer_nonce: 7 was signed for another payload"):
            admit(policy, approval(WALLET, 1), 7, fence=fence)
    admit(policy, payload(WALLET), 2**64 - 2, fence=6)
    for nonce in (-1, 2**64 - 1):
        with pytest.raises(SignerRefused, match=f"signer_nonce: {nonce} is no nonce"):
            admit(policy, payload(WALLET), nonce, fence=6)


@pytest.mark.control("signer_nonce", "passes")
def test_a_nonce_is_signed_again_for_its_payload_at_any_bid_and_for_a_noop(policy: SigningPolicy) -> None:
    admit(policy, payload(WALLET), 7)
    admit(policy, payload(WALLET), 8)
    admit(policy, payload(WALLET), 7, replace(BID, max_fee_per_gas_wei=2 * 10**9))
    admit(policy, noop(WALLET), 7)
    admit(policy, payload(WALLET), 7)
    admit(policy, noop(WALLET), 3)
    admit(policy, payload(WALLET), 6)


def test_a_last_nonce_that_was_handed_back_serves_the_next_lead(policy: SigningPolicy) -> None:
    admit(policy, payload(WALLET), 7, fence=5)
    admit(policy, approval(WALLET, 1), 7, fence=6)
    with pytest.raises(SignerRefused, match="signer_nonce"):
        admit(policy, payload(WALLET), 7, fence=6)


def test_a_nonce_freed_by_a_noop_is_not_used_again_by_the_same_lead(policy: SigningPolicy) -> None:
    admit(policy, noop(WALLET), 7)
    with pytest.raises(SignerRefused, match="signer_nonce: 7 was signed for another payload, a noop"):
        admit(policy, payload(WALLET), 7)


def test_nonces_long_gone_are_forgotten_and_then_refused(policy: SigningPolicy) -> None:
    for nonce in range(KEPT_NONCES + 1):
        admit(policy, payload(WALLET), nonce)
    admit(policy, payload(WALLET), 1)
    with pytest.raises(SignerRefused, match="signer_nonce: 0 is below 1"):
        admit(policy, payload(WALLET), 0)
    admit(policy, noop(WALLET), 0)


def test_a_digest_is_of_what_a_payload_does_and_not_of_how_it_is_spelled() -> None:
    tx = payload(WALLET)
    assert payload_digest(tx) == payload_digest(replace(tx, to=tx.to.lower(), data=tx.data.upper(), summary="other"))
    changed = {payload_digest(replace(tx, **change)) for change in ({"chain_id": 2}, {"value_wei": 1}, {"data": BURN})}
    assert len(changed | {payload_digest(tx)}) == 4


@pytest.mark.control("signer_halt", "fires")
@pytest.mark.parametrize("written", ["halt: told so", "", "withdraw only", "nonsense: x"])
def test_nothing_is_signed_while_the_halt_file_is_there(policy: SigningPolicy, tmp_path: Path, written: str) -> None:
    (tmp_path / "signer").mkdir()
    (tmp_path / "signer" / "HALT").write_text(written)
    for tx in (payload(WALLET), noop(WALLET), approval(WALLET, 0)):
        with pytest.raises(SignerRefused, match="signer_halt: nothing is signed"):
            admit(policy, tx)


@pytest.mark.control("signer_halt", "passes")
def test_after_a_person_lifted_the_halt_everything_is_signed_again(policy: SigningPolicy, switch: SignerSwitch) -> None:
    assert switch.set("halt", "told\nso") == "halt"
    assert switch.read() == ("halt", "told so")
    assert switch.lift()
    assert not switch.lift()
    admit(policy, payload(WALLET))


def test_a_halt_is_never_made_milder(switch: SignerSwitch) -> None:
    assert switch.set("withdraw_only", "drawdown") == "withdraw_only"
    assert switch.set("halt", "worse") == "halt"
    for mode in ("withdraw_only", "halt"):
        assert switch.set(mode, "again") == "halt"
        assert switch.read() == ("halt", "worse"), "why it stands still is told to who looks, not who asks last"


def test_the_reason_of_a_standstill_is_the_first_that_was_given(switch: SignerSwitch) -> None:
    for reason in ("drawdown", "again"):
        assert switch.set("withdraw_only", reason) == "withdraw_only"
    assert switch.read() == ("withdraw_only", "drawdown")


def test_a_standstill_is_what_its_first_word_says_whatever_the_reason(switch: SignerSwitch) -> None:
    assert switch.set("withdraw_only", "halt") == "withdraw_only"
    assert switch.read() == ("withdraw_only", "halt")
    assert switch.set("halt", "withdraw_only") == "halt"
    assert switch.read() == ("halt", "withdraw_only")


def test_a_halt_file_that_cannot_be_read_is_a_halt(tmp_path: Path) -> None:
    (tmp_path / "HALT").mkdir()
    switch = SignerSwitch(tmp_path / "HALT")
    standing = switch.read()
    assert standing is not None
    assert standing[0] == "halt"
    assert "cannot be read" in standing[1]


def test_a_halt_that_cannot_be_kept_is_not_confirmed(tmp_path: Path) -> None:
    (tmp_path / "HALT.new").mkdir()
    with pytest.raises(SignerRefused, match="cannot be written"):
        SignerSwitch(tmp_path / "HALT").set("halt", "x")
    with pytest.raises(SignerRefused, match="no switch"):
        SignerSwitch(None).set("halt", "x")
    assert not SignerSwitch(None).lift()


def modify(*actions: int) -> str:
    """``modifyLiquidities`` of actions without what they say."""
    params = b"".join((32 * (len(actions) + at)).to_bytes(32, "big") for at in range(len(actions)))
    listed = len(actions).to_bytes(32, "big") + params + bytes(32 * len(actions))
    kinds = len(actions).to_bytes(32, "big") + bytes(actions).ljust(32, b"\0")
    data = (64).to_bytes(32, "big") + (64 + len(kinds)).to_bytes(32, "big") + kinds + listed
    return MODIFY_LIQUIDITIES_SELECTOR + uint_word(64) + uint_word(9) + uint_word(len(data)) + data.hex()


LEAVING_ACTIONS = (DECREASE_LIQUIDITY, BURN_POSITION, TAKE, TAKE_PAIR, CLOSE_CURRENCY, SWEEP)
STAYS = [
    mint(WALLET),
    increase(5),
    multicall(DECREASE, mint(WALLET)),
    swap(WALLET),
    approve_data(MANAGER, 1),
    permit(1, 9),
    modify(1, 2),
    modify(0),
    modify(0x0B),
    modify(*LEAVING_ACTIONS, 0),
]
LEAVES = [
    DECREASE,
    collect(WALLET),
    multicall(DECREASE, collect(WALLET), BURN),
    approve_data(MANAGER, 0),
    APPROVE_SELECTOR + address_word(NOBODY) + uint_word(5),
    permit(0, 0),
    modify(1, 0x11),
    modify(3, 0x12, 0x12),
    modify(*LEAVING_ACTIONS),
    APPROVE_FOR_ALL_SELECTOR + address_word(MANAGER) + uint_word(1),
]


@pytest.mark.control("signer_withdraw_only", "fires")
@pytest.mark.parametrize("data", STAYS)
def test_in_withdraw_only_mode_what_places_or_moves_is_refused(
    policy: SigningPolicy, switch: SignerSwitch, data: str
) -> None:
    switch.set("withdraw_only", "drawdown")
    with pytest.raises(SignerRefused, match="signer_withdraw_only: only what leaves is signed: drawdown"):
        # Whatever the planner calls it.
        admit(policy, payload(WALLET, data=data, action=Action.CLOSE))


@pytest.mark.control("signer_withdraw_only", "passes")
def test_in_withdraw_only_mode_what_leaves_is_signed(policy: SigningPolicy, switch: SignerSwitch) -> None:
    switch.set("withdraw_only", "drawdown")
    admit(policy, payload(WALLET, data=multicall(DECREASE, collect(WALLET), BURN)), 0)
    admit(policy, approval(WALLET, 0), 1)
    admit(policy, noop(WALLET), 2)
    with pytest.raises(SignerRefused, match="cannot be decoded"):
        admit(policy, payload(WALLET, data="0x"), 3)


@pytest.mark.parametrize("data", LEAVES)
def test_what_leaves_is_told_from_calldata(data: str) -> None:
    assert leaves(data)


def test_calldata_cut_short_tells_nothing() -> None:
    with pytest.raises(InvalidInput):
        leaves(APPROVE_SELECTOR)


def break_json(path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text('{"')


def break_shape(path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    key = f"{WALLET.lower()}:{POOL.chain_id}"
    path.write_text(json.dumps({key: {"fence": 1, "nonces": [1], "signed_at": []}}))


@pytest.mark.control("signer_state", "fires")
@pytest.mark.parametrize("broken", [break_json, break_shape])
def test_a_signer_that_cannot_remember_signs_nothing(tmp_path: Path, broken: Callable[[Path], None]) -> None:
    path = tmp_path / "signer" / "state.json"
    broken(path)
    with pytest.raises(SignerRefused, match="signer_state: "):
        admit(SigningPolicy(TERMS, FileState(path)), payload(WALLET))


@pytest.mark.control("signer_state", "fires")
def test_a_full_disk_stops_signatures_before_they_exist(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    policy = SigningPolicy(TERMS, FileState(path))
    admit(policy, payload(WALLET), fence=5)
    before, soft = path.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, soft[1]))
    try:
        with pytest.raises(SignerRefused, match=r"signer_state: .*OSError"):
            admit(policy, payload(WALLET), 8, fence=6)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, soft)
        signal.signal(signal.SIGXFSZ, ignored)
    assert path.read_bytes() == before


@pytest.mark.control("signer_state", "passes")
def test_what_was_signed_is_remembered_by_the_next_process(tmp_path: Path) -> None:
    path = tmp_path / "signer" / "state.json"
    admit(SigningPolicy(TERMS, FileState(path)), payload(WALLET), 7, fence=5)
    again = SigningPolicy(TERMS, FileState(path))
    admit(again, payload(WALLET), 7, fence=5)
    with pytest.raises(SignerRefused, match="signer_fence"):
        admit(again, payload(WALLET), 8, fence=4)
    with pytest.raises(SignerRefused, match="signer_nonce"):
        admit(again, approval(WALLET, 1), 7, fence=5)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_a_refusal_leaves_no_trace(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    policy = SigningPolicy(TERMS, FileState(path))
    with pytest.raises(SignerRefused):
        admit(policy, payload(WALLET, to=THIEF), fence=99)
    assert not path.exists()
    admit(policy, payload(WALLET), fence=1)
