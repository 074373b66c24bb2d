"""What a signer remembers is durable and one writer's at a time; numbers of its files and messages at their bounds."""

import fcntl
import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from alm_core.execution.erc20 import approve_data
from alm_core.model.errors import InvalidInput, SignerRefused
from alm_core.model.transactions import Action
from alm_resources.registry import load_registry
from alm_resources.settings import Settings
from alm_resources.signer.in_process import policy_in_process
from alm_resources.signer.kms import integers_of_der
from alm_resources.signer.policy import terms_from
from alm_resources.signer.policy_entry import ChainPolicyEntry
from alm_resources.signer.signing import UNLIMITED, SigningPolicy
from alm_resources.signer.standstill import SignerSwitch
from alm_resources.signer.state import FileState, NonceUse, WalletRecord
from alm_resources.signer.wire import MAX_MESSAGE_BYTES, message_of, request_of
from alm_tests.core.execution.test_allow_list import MANAGER, POOL, WALLET
from alm_tests.resources.signer.scene import BID, PAIR, TERMS, payload


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of what is asked of the system, in order; done all the same."""
    made: list[str] = []
    for owner, name in ((os, "fsync"), (fcntl, "flock"), (os, "close")):
        real = getattr(owner, name)

        def noted(*args: int, real: object = real, name: str = name) -> object:
            made.append(name if name != "flock" else f"flock {args[1]}")
            return real(*args)  # type: ignore[operator]

        monkeypatch.setattr(owner, name, noted)
    return made


def test_a_record_is_changed_under_a_lock_and_on_disk_before_it_counts(tmp_path: Path, calls: list[str]) -> None:
    path = tmp_path / "a" / "b" / "state.json"
    FileState(path).change(WALLET, 1, lambda record: replace(record, fence=5))
    assert calls == [f"flock {fcntl.LOCK_EX}", "fsync", "fsync", "close", "close"], "file, then folder, then unlocked"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    seen: list[int] = []
    FileState(path).change(WALLET.upper(), 1, lambda record: (seen.append(record.fence), record)[1])
    FileState(path).change(WALLET, 2, lambda record: (seen.append(record.fence), record)[1])
    assert seen == [5, 0]


def test_a_standstill_is_on_disk_before_it_is_confirmed(tmp_path: Path, calls: list[str]) -> None:
    switch = SignerSwitch(tmp_path / "deep" / "HALT")
    assert switch.set("withdraw_only", "a  drill\n") == "withdraw_only"
    assert calls == ["fsync"]
    assert (tmp_path / "deep" / "HALT").read_text() == "withdraw_only: a drill\n"


def test_a_standstill_is_a_file_of_the_signers_user_alone(tmp_path: Path) -> None:
    path = tmp_path / "home" / "signer" / "HALT"
    SignerSwitch(path).set("halt", "drill")
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_is_synced_is_the_whole_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    synced = os.fsync
    monkeypatch.setattr(
        os, "fsync", lambda descriptor: (sizes.append(os.fstat(descriptor).st_size), synced(descriptor))
    )
    SignerSwitch(tmp_path / "HALT").set("halt", "drill")
    FileState(tmp_path / "state.json").change(WALLET, 1, lambda record: replace(record, fence=5))
    assert sizes[:2] == [(tmp_path / name).stat().st_size for name in ("HALT", "state.json")]


def test_before_the_first_signature_the_last_nonce_is_below_every_nonce() -> None:
    assert WalletRecord().last_nonce == -1
    assert WalletRecord(nonces={nonce: NonceUse(digest="", fence=0) for nonce in (7, 0, 8)}).last_nonce == 8


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("007", 7), ("9" * 79, 10**79 - 1)])
def test_amounts_of_a_policy_are_digits(text: str, number: int) -> None:
    entry = ChainPolicyEntry(
        max_gas_limit=21_000, max_fee_per_gas_wei=text, max_fee_wei=text, spenders=[], contracts={}
    )
    assert (entry.max_fee_per_gas_wei, entry.max_fee_wei) == (number, number)
    with pytest.raises(ValueError, match="frozen"):
        entry.max_fee_wei = 10**30


@pytest.mark.parametrize("text", ["", "-1", "1.0", "0x1", " 1", "٣", "9" * 80, 1.0, True, None])
def test_what_is_no_row_of_digits_is_no_amount(text: object) -> None:
    with pytest.raises(ValueError, match="max_fee_wei"):
        ChainPolicyEntry(max_gas_limit=21_000, max_fee_per_gas_wei=1, max_fee_wei=text, spenders=[], contracts={})


@pytest.mark.parametrize("caps", [None, {(POOL.chain_id, POOL.token0.address.lower()): UNLIMITED}])
def test_no_cap_lets_an_approval_be_unlimited(caps: dict[tuple[int, str], int] | None) -> None:
    policy = SigningPolicy(replace(TERMS, approvals=caps))
    wallet = "0x" + "11" * 20
    for nonce, amount in enumerate((UNLIMITED - 1, UNLIMITED)):
        data = approve_data(MANAGER, amount)
        tx = payload(wallet, to=POOL.token0.address, data=data, action=Action.APPROVE)
        if amount < UNLIMITED:
            policy.admit(tx, wallet, nonce, BID, 1)
        else:
            with pytest.raises(SignerRefused, match="signer_approval"):
                policy.admit(tx, wallet, nonce, BID, 1)


def test_a_message_is_as_long_as_it_may_be_and_no_longer() -> None:
    room = MAX_MESSAGE_BYTES - len(b'{"a":""}\n')
    assert message_of(b'{"a":"' + b"x" * room + b'"}\n') == {"a": "x" * room}
    with pytest.raises(InvalidInput, match=f"more than {MAX_MESSAGE_BYTES} bytes"):
        message_of(b'{"a":"' + b"x" * (room + 1) + b'"}\n')


@pytest.mark.parametrize("pair", ["[]", "{}"])
def test_a_message_has_a_hundred_brackets_at_most(pair: str) -> None:
    line = '{"a":[' + ",".join([pair] * 98) + "]}\n"
    assert len(message_of(line.encode())["a"]) == 98
    with pytest.raises(InvalidInput, match="more than 100 brackets"):
        message_of(line.replace(pair, f"{pair},{pair}", 1).encode())


def test_a_number_in_der_has_33_bytes_at_most() -> None:
    def der(body: bytes) -> bytes:
        content = bytes((2, len(body))) + body + b"\x02\x01\x07"
        return bytes((0x30, len(content))) + content

    assert integers_of_der(der(b"\0" + b"\x11" * 32)) == (int.from_bytes(b"\x11" * 32, "big"), 7)
    with pytest.raises(SignerRefused, match="cut short"):
        integers_of_der(der(b"\0\0" + b"\x11" * 32))


@pytest.mark.parametrize(("mode", "bounded"), [("demo", False), ("live", True)])
def test_only_a_demo_signs_without_a_bound_per_hour(tmp_path: Path, mode: str, bounded: bool) -> None:
    registry = load_registry(None)
    settings = replace(Settings.from_env({"ALM_HOME": str(tmp_path)}), mode=mode)
    policy = policy_in_process(registry, PAIR, settings)
    told = terms_from(registry, PAIR).transactions_per_hour
    assert told is not None
    assert policy._terms.transactions_per_hour == (told if bounded else None)


@pytest.mark.parametrize("op", ["status", "address", "standstill", "sign"])
def test_a_request_has_the_fields_of_its_kind_and_no_others(op: str) -> None:
    with pytest.raises(InvalidInput, match=f"{op}: fields"):
        request_of({"op": op, "more": 1})
    with pytest.raises(InvalidInput, match="unknown operation"):
        request_of({"op": f"{op}s"})
