"""The process of ``alm signer``: one request, one answer, known users, and nothing a planner can talk it into."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account

from alm_core.model.errors import BadAnswer, ConfigError, SignerRefused, SourceUnavailable
from alm_core.model.transactions import Action
from alm_resources.signer.desk import SignerDesk
from alm_resources.signer.server import SignerServer
from alm_resources.signer.signing import SigningPolicy
from alm_resources.signer.socket_client import SocketSigner
from alm_resources.signer.standstill import SignerSwitch
from alm_resources.signer.vault import vault_of_key
from alm_resources.signer.wire import MAX_MESSAGE_BYTES, line_of, sign_message
from alm_tests.core.execution.test_allow_list import THIEF
from alm_tests.resources.signer.scene import (
    BID,
    PAIR,
    TERMS,
    SignerHome,
    approval,
    noop,
    payload,
    signer_home,
    signer_process,
    wait_until,
)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> SignerHome:
    return signer_home(tmp_path_factory.mktemp("s"))


@pytest.fixture(scope="module")
def process(files: SignerHome) -> Iterator[subprocess.Popen[str]]:
    with signer_process(files) as running:
        yield running


@pytest.fixture
def client(files: SignerHome, process: subprocess.Popen[str]) -> Iterator[SocketSigner]:
    assert process.poll() is None
    yield files.client()
    files.halt_file.unlink(missing_ok=True)


_NONCES = iter(range(10**6))


def said(files: SignerHome, sent: bytes, *, finish: bool = True) -> bytes:
    """What the socket answers to bytes."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10)
        connection.connect(str(files.socket))
        connection.sendall(sent)
        if finish:
            connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def test_it_signs_what_its_policy_admits_and_the_planner_has_no_key(files: SignerHome, client: SocketSigner) -> None:
    assert client.address == files.wallet
    signed = client.sign(payload(files.wallet), next(_NONCES), BID, fence=1)
    assert Account.recover_transaction(signed.raw) == files.wallet
    assert signed.cancels is False


def test_it_refuses_by_the_name_of_the_control(files: SignerHome, client: SocketSigner) -> None:
    nonce = next(_NONCES)
    with pytest.raises(SignerRefused, match="signer_allow_list: contract"):
        client.sign(payload(files.wallet, to=THIEF), nonce, BID, fence=1)
    with pytest.raises(SignerRefused, match=r"signer_allow_list: .* is no wallet of this signer"):
        client.sign(payload(THIEF), nonce, BID, fence=1)
    with pytest.raises(SignerRefused, match="signer_approval"):
        client.sign(approval(files.wallet, 2**256 - 1), nonce, BID, fence=1)
    with pytest.raises(SignerRefused, match="has no wallet here"):
        _ = SocketSigner(files.socket, "WBTC-USDC").address


def test_a_halt_request_stops_it_at_once_and_only_a_person_lifts_it(files: SignerHome, client: SocketSigner) -> None:
    wallet = files.wallet
    client.sign(payload(wallet), next(_NONCES), BID, fence=1)
    asked_at = time.monotonic()
    assert client.stand_still("withdraw_only", "drawdown") == "withdraw_only"
    with pytest.raises(SignerRefused, match="signer_withdraw_only"):
        client.sign(payload(wallet), next(_NONCES), BID, fence=1)
    client.sign(approval(wallet, 0), next(_NONCES), BID, fence=1)
    assert client.stand_still("halt", "enough") == "halt"
    with pytest.raises(SignerRefused, match="signer_halt: nothing is signed: enough"):
        client.sign(noop(wallet), next(_NONCES), BID, fence=1)
    assert time.monotonic() - asked_at < 1.0
    assert client.stand_still("withdraw_only", "please") == "halt"
    assert client.read_status() == {"ok": True, "pairs": {PAIR: wallet}, "standstill": ["halt", "enough"]}
    command = [sys.executable, "-m", "alm_cli.main", "signer", "lift"]
    lifted = subprocess.run(command, env=files.environment, capture_output=True, text=True, check=True)
    assert lifted.stdout == "signing again\n"
    client.sign(payload(wallet), next(_NONCES), BID, fence=1)


def test_after_halt_no_signature_comes_while_many_ask(files: SignerHome, client: SocketSigner) -> None:
    halted = threading.Event()

    def ask(nonce: int) -> bool:
        began_after = halted.is_set()
        try:
            client.sign(payload(files.wallet), nonce, BID, fence=1)
        except SignerRefused:
            return False
        return began_after

    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(ask, next(_NONCES)) for _ in range(40)]
        client.stand_still("halt", "drill")
        halted.set()
        asked += [pool.submit(ask, next(_NONCES)) for _ in range(40)]
        assert not any(one.result() for one in asked)


def test_the_socket_is_for_its_user_alone(files: SignerHome, client: SocketSigner) -> None:
    assert client.address
    assert files.socket.stat().st_mode & 0o777 == 0o600


def test_the_process_cannot_be_read_or_dumped_and_shows_no_secret(
    files: SignerHome, process: subprocess.Popen[str]
) -> None:
    proc = Path(f"/proc/{process.pid}")
    # What is not dumpable belongs to root, whoever started it; its limits say that no core is written.
    assert (proc / "mem").stat().st_uid == 0
    assert any(line.split()[4:6] == ["0", "0"] for line in (proc / "limits").read_text().splitlines() if "core" in line)
    shown = (proc / "cmdline").read_bytes() + (proc / "environ").read_bytes()
    for secret in (files.password.encode(), files.key.hex().encode(), files.key):
        assert secret not in shown


def message(files: SignerHome, **changes: Any) -> dict[str, Any]:
    return {**sign_message(payload(files.wallet), 10**6, BID, 1), **changes}


def test_what_is_no_request_is_answered_and_harms_nothing(files: SignerHome, client: SocketSigner) -> None:
    good = message(files)
    broken = [
        b"",
        b"{}\n",
        b"[]\n",
        b"nonsense\n",
        b"[" * 100_000 + b"\n",
        b"{}",
        line_of({"op": "lift"}),
        line_of({"op": ["sign"]}),
        line_of({"op": "status", "more": 1}),
        line_of({"op": "address", "pair": 5}),
        line_of({"op": "standstill", "mode": "run", "reason": ""}),
        line_of(good | {"nonce": -1}),
        line_of(good | {"nonce": True}),
        line_of(good | {"nonce": 2**256}),
        line_of(good | {"tx": None}),
        line_of(good | {"tx": good["tx"] | {"action": "steal"}}),
        line_of(good | {"tx": good["tx"] | {"gas": 1}}),
        line_of({name: value for name, value in good.items() if name != "fence"}),
        b"x" * (MAX_MESSAGE_BYTES + 1),
    ]
    for sent in broken:
        answer = json.loads(said(files, sent))
        assert (answer["ok"], answer["kind"]) == (False, "bad_request"), sent[:80]
    assert client.sign(payload(files.wallet), next(_NONCES), BID, fence=1)


def test_one_that_sends_slowly_keeps_nobody_waiting(files: SignerHome, client: SocketSigner) -> None:
    with socket.socket(socket.AF_UNIX) as slow:
        slow.connect(str(files.socket))
        slow.sendall(b'{"op"')
        began = time.monotonic()
        assert client.read_status()["ok"]
        assert time.monotonic() - began < 2.0


def test_one_that_hangs_up_early_harms_nothing(files: SignerHome, client: SocketSigner) -> None:
    for _ in range(20):
        with socket.socket(socket.AF_UNIX) as gone:
            gone.connect(str(files.socket))
            gone.sendall(line_of({"op": "status"}))
    assert client.read_status()["ok"]


def test_killed_in_the_middle_it_is_unavailable_and_remembers_after_a_restart(tmp_path: Path) -> None:
    files = signer_home(tmp_path)
    with signer_process(files) as process:
        client = files.client()
        first = client.sign(payload(files.wallet), 7, BID, fence=9)
        process.kill()
        process.wait()
        with pytest.raises(SourceUnavailable, match="alm signer"):
            client.sign(payload(files.wallet), 8, BID, fence=9)
    with signer_process(files):
        again = files.client()
        assert again.sign(payload(files.wallet), 7, BID, fence=9) == first
        with pytest.raises(SignerRefused, match="signer_fence"):
            again.sign(payload(files.wallet), 8, BID, fence=8)
        with pytest.raises(SignerRefused, match="signer_nonce"):
            again.sign(approval(files.wallet, 1), 7, BID, fence=9)


def test_a_password_comes_through_an_inherited_descriptor(tmp_path: Path) -> None:
    files = signer_home(tmp_path)
    (tmp_path / "password").unlink()
    reader, writer = os.pipe()
    os.write(writer, files.password.encode() + b"\n")
    os.close(writer)
    with signer_process(files, "--password-fd", str(reader), pass_fds=[reader]) as process:
        os.close(reader)
        assert files.client().sign(payload(files.wallet), 0, BID, fence=1)
        with pytest.raises(SignerRefused):
            files.client().sign(payload(files.wallet, to=THIEF), 1, BID, fence=1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    assert not files.socket.exists()


def refused(files: SignerHome, *arguments: str, **more: str) -> str:
    command = [sys.executable, "-m", "alm_cli.main", "signer", *arguments]
    done = subprocess.run(
        command, env={**files.environment, **more}, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 2
    assert files.password not in done.stdout + done.stderr
    assert files.key.hex() not in done.stdout + done.stderr
    return done.stderr


def test_it_does_not_start_on_what_does_not_fit(files: SignerHome, client: SocketSigner, tmp_path: Path) -> None:
    assert client.address
    assert "another signer listens" in refused(files, "--all")
    assert "say whose wallets" in refused(files)
    assert "make and read it: alm signer policy WBTC-USDC" in refused(files, "--pair", "WBTC-USDC")
    assert "--password-fd 77 cannot be read" in refused(files, "--all", "--password-fd", "77")
    pinned = files.home / "signer" / "policy" / f"{PAIR}.toml"
    named = {"ALM_SIGNER_POLICY": str(tmp_path / "own.toml")}
    (tmp_path / "own.toml").write_text(pinned.read_text().replace(PAIR, "USDC-USDT"))
    assert "is the policy of USDC-USDT, not of WETH-USDC" in refused(files, "--all", **named)
    (tmp_path / "own.toml").write_text(pinned.read_text().replace(files.wallet.lower(), THIEF))
    assert f"is of {files.wallet}, its policy of {THIEF}" in refused(files, "--all", **named)
    (tmp_path / "wrong").write_text("canary-wrong")
    (tmp_path / "wrong").chmod(0o400)
    told = refused(files, "--all", ALM_KEYSTORE_PASSWORD_FILE=str(tmp_path / "wrong"))
    assert "do not fit together" in told
    assert "canary-wrong" not in told
    reader, writer = os.pipe()
    os.write(writer, b"canary-wrong\n")
    os.close(writer)
    command = [sys.executable, "-m", "alm_cli.main", "signer", "--all", "--password-fd", str(reader)]
    done = subprocess.run(
        command, env=files.environment, pass_fds=[reader], capture_output=True, text=True, check=False
    )
    os.close(reader)
    assert "the password of the descriptor do not fit" in done.stderr
    assert "canary-wrong" not in done.stderr


class _Listener:
    """A server in this process, for what a real signer never answers."""

    def __init__(self, path: Path, answer: Any, users: set[int] | None = None) -> None:
        self.server = SignerServer(path, answer, {os.getuid()} if users is None else users)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})

    def __enter__(self) -> None:
        self.thread.start()

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.close()


WALLET_KEY = "11" * 32


def own_desk(tmp_path: Path) -> SignerDesk:
    vault = vault_of_key(WALLET_KEY)
    assert vault is not None
    switch = SignerSwitch(tmp_path / "HALT")
    return SignerDesk({PAIR: (vault, SigningPolicy(TERMS, switch=switch))}, switch)


def test_users_that_are_not_known_get_no_answer(tmp_path: Path) -> None:
    listener = _Listener(tmp_path / "s", own_desk(tmp_path).answer, users={os.getuid() + 1})
    with listener, pytest.raises(SourceUnavailable, match=r"hung up|no answer"):
        SocketSigner(tmp_path / "s", PAIR).read_status()


def test_an_answer_that_is_no_signature_of_the_wallet_is_not_taken(tmp_path: Path) -> None:
    desk = own_desk(tmp_path)
    answers: list[dict[str, Any]] = []

    def answer(line: bytes) -> dict[str, Any]:
        return answers.pop(0) if answers else desk.answer(line)

    with _Listener(tmp_path / "s", answer):
        client = SocketSigner(tmp_path / "s", PAIR)
        signed = client.sign(payload(client.address), 0, BID, fence=1)
        thief = vault_of_key("22" * 32)
        assert thief is not None
        from alm_resources.signer.signing import fields_of

        foreign = thief.sign(fields_of(payload(client.address), 0, BID))
        for told in (
            {"ok": True},
            {"ok": True, "raw": "0xzz", "tx_hash": signed.tx_hash},
            {"ok": True, "raw": "0x02", "tx_hash": signed.tx_hash},
            {"ok": True, "raw": signed.raw, "tx_hash": "0x" + "00" * 32},
            {"ok": True, "raw": foreign.raw, "tx_hash": foreign.tx_hash},
        ):
            answers.append(told)
            with pytest.raises(BadAnswer):
                client.sign(payload(client.address), 0, BID, fence=1)
        answers.append({"ok": False, "kind": "broken", "detail": "out of order"})
        with pytest.raises(SourceUnavailable, match="out of order"):
            client.sign(payload(client.address), 0, BID, fence=1)


def test_garbage_and_silence_are_not_answers(tmp_path: Path) -> None:
    def serve(reply: bytes | None) -> None:
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(str(tmp_path / "s"))
            listening.listen()
            bound.set()
            connection, _ = listening.accept()
            with connection:
                connection.recv(65536)
                if reply is None:
                    done.wait(10)
                else:
                    connection.sendall(reply)
        (tmp_path / "s").unlink()

    for reply, error in (
        (b"garbage\n", BadAnswer),
        (b"{", SourceUnavailable),
        (b"", SourceUnavailable),
        (None, SourceUnavailable),
    ):
        bound, done = threading.Event(), threading.Event()
        thread = threading.Thread(target=serve, args=(reply,))
        thread.start()
        bound.wait(10)
        with pytest.raises(error):
            SocketSigner(tmp_path / "s", PAIR, timeout_s=0.2).read_status()
        done.set()
        thread.join()


def test_a_payload_longer_than_a_message_is_refused_before_it_is_sent(tmp_path: Path) -> None:
    with pytest.raises(SignerRefused, match="longer than a signer reads"):
        SocketSigner(tmp_path / "none", PAIR).sign(
            payload(THIEF, data="0x" + "00" * MAX_MESSAGE_BYTES), 0, BID, fence=1
        )


def test_an_error_of_the_house_inside_the_signer_is_told_and_not_raised(tmp_path: Path) -> None:
    class Broken:
        address = THIEF

        def sign(self, fields: dict[str, object]) -> Any:
            raise SourceUnavailable("kms", "down")

    switch = SignerSwitch(None)
    desk = SignerDesk({PAIR: (Broken(), SigningPolicy(TERMS))}, switch)
    answer = desk.answer(line_of(sign_message(noop(THIEF), 0, BID, 1)))
    assert answer == {"ok": False, "kind": "broken", "detail": "kms: down"}


def test_the_socket_file_of_a_dead_signer_is_replaced_and_other_files_are_not(tmp_path: Path) -> None:
    desk = own_desk(tmp_path)
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "s"))
    with _Listener(tmp_path / "s", desk.answer):
        assert SocketSigner(tmp_path / "s", PAIR).read_status()["ok"]
        with pytest.raises(ConfigError, match="another signer listens"):
            SignerServer(tmp_path / "s", desk.answer, ())
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ConfigError, match="another kind of file"):
        SignerServer(tmp_path / "file", desk.answer, ())
    with pytest.raises(ConfigError, match="cannot be made"):
        SignerServer(tmp_path / ("long" * 40) / "s", desk.answer, ())


def test_a_signer_shows_no_more_than_where_it_is(tmp_path: Path) -> None:
    import pickle

    signer = SocketSigner(tmp_path / "s", PAIR)
    assert repr(signer) == f"SocketSigner(pair={PAIR}, socket={tmp_path / 's'})"
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(signer)


def test_the_action_that_the_planner_names_proves_nothing(files: SignerHome, client: SocketSigner) -> None:
    for action in Action:
        with pytest.raises(SignerRefused, match="signer_allow_list"):
            client.sign(payload(files.wallet, to=THIEF, action=action), next(_NONCES), BID, fence=1)


def test_it_listens_again_after_it_was_ended(tmp_path: Path) -> None:
    files = signer_home(tmp_path)
    for _ in range(2):
        with signer_process(files):
            assert files.client().read_status()["ok"]
    wait_until(lambda: not files.socket.exists())
