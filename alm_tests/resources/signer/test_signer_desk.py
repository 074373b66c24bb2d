"""The desk of the signer process, asked in this process: answers to every kind of request and to what is none."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from alm_core.model.errors import ConfigError, InvalidInput
from alm_resources.signer import hardening
from alm_resources.signer.desk import SignerDesk
from alm_resources.signer.signing import SigningPolicy
from alm_resources.signer.standstill import SignerSwitch
from alm_resources.signer.vault import account_library, encrypted_new_key, open_vault_with, vault_of_key
from alm_resources.signer.wire import MAX_MESSAGE_BYTES, line_of, message_of, sign_message
from alm_tests.core.execution.test_allow_list import THIEF
from alm_tests.resources.signer.scene import BID, PAIR, TERMS, payload, signer_home


@pytest.fixture
def desk(tmp_path: Path) -> SignerDesk:
    vault = vault_of_key("11" * 32)
    assert vault is not None
    switch = SignerSwitch(tmp_path / "HALT")
    return SignerDesk({PAIR: (vault, SigningPolicy(TERMS, switch=switch))}, switch)


def test_each_kind_of_request_has_its_answer(desk: SignerDesk, tmp_path: Path) -> None:
    address = desk.answer(line_of({"op": "address", "pair": PAIR}))["address"]
    assert desk.answer(line_of({"op": "address", "pair": "A-B"}))["kind"] == "refused"
    assert desk.answer(line_of(sign_message(payload(address), 0, BID, 1)))["ok"]
    assert desk.answer(line_of(sign_message(payload(THIEF), 1, BID, 1)))["detail"].endswith("no wallet of this signer")
    assert desk.answer(line_of({"op": "status"})) == {"ok": True, "pairs": {PAIR: address}, "standstill": None}
    standstill = {"op": "standstill", "mode": "halt", "reason": "drill"}
    assert desk.answer(line_of(standstill)) == {"ok": True, "mode": "halt"}
    assert (tmp_path / "HALT").read_text() == "halt: drill\n"
    assert desk.answer(line_of(standstill | {"mode": "run"}))["kind"] == "bad_request"


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{}",
        b"[]\n",
        b"nonsense\n",
        b"[" * 1000 + b"\n",
        b"x" * (MAX_MESSAGE_BYTES + 1),
    ],
)
def test_a_line_that_is_no_message_is_an_error(line: bytes) -> None:
    with pytest.raises(InvalidInput, match="a message"):
        message_of(line)


@pytest.mark.parametrize(
    "change",
    [
        {"nonce": -1},
        {"nonce": True},
        {"nonce": 2**256},
        {"tx": None},
        {"more": 1},
        {"op": "lift"},
        {"tx": {**sign_message(payload(THIEF), 0, BID, 1)["tx"], "action": "steal"}},
    ],
)
def test_a_message_of_another_shape_is_a_bad_request(desk: SignerDesk, change: dict[str, object]) -> None:
    answer = desk.answer(line_of(sign_message(payload(THIEF), 0, BID, 1) | change))
    assert (answer["ok"], answer["kind"]) == (False, "bad_request")


def test_a_process_is_sealed(monkeypatch: pytest.MonkeyPatch) -> None:
    code = (
        "from alm_resources.signer.hardening import seal_process; import resource;"
        "print(seal_process(), resource.getrlimit(resource.RLIMIT_CORE))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "True (0, 0)\n"
    limits = resource.getrlimit(resource.RLIMIT_CORE)
    monkeypatch.setattr(resource, "setrlimit", lambda *_: None)
    monkeypatch.setattr(hardening.sys, "platform", "darwin")
    assert hardening.seal_process() is False
    assert resource.getrlimit(resource.RLIMIT_CORE) == limits


def test_nested_json_does_not_kill_a_process_that_knows_keys() -> None:
    code = (
        "from alm_resources.signer.vault import account_library; account_library();"
        "import json\ntry: json.loads('[' * 200000)\nexcept RecursionError: print('alive')"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "alive\n"
    assert account_library() is not None


def test_a_password_of_a_descriptor_opens_its_keystore_and_no_other(tmp_path: Path) -> None:
    files = signer_home(tmp_path)
    keystore = tmp_path / f"{PAIR}.json"
    assert open_vault_with(keystore, files.password.encode() + b"\n").address == files.wallet
    with pytest.raises(ConfigError, match="do not fit") as caught:
        open_vault_with(keystore, b"canary-other")
    assert "canary-other" not in str(caught.value)


def test_a_password_file_that_exists_is_used(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("mine")
    (tmp_path / "password").chmod(0o400)
    address, text = encrypted_new_key(tmp_path / "password")
    assert (tmp_path / "password").read_text() == "mine"
    (tmp_path / "A.json").write_text(text)
    assert open_vault_with(tmp_path / "A.json", b"mine").address == address
