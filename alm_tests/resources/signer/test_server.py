"""The signer's socket, served in this process: who may connect, what is owed to whom, and the client."""

import os
import pickle
import socket
import stat
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from alm_core.model.errors import BadAnswer, ConfigError, SignerRefused, SourceUnavailable
from alm_resources.signer.desk import SignerDesk
from alm_resources.signer.server import SignerServer
from alm_resources.signer.signing import SigningPolicy
from alm_resources.signer.socket_client import SocketSigner
from alm_resources.signer.standstill import SignerSwitch
from alm_resources.signer.vault import vault_of_key
from alm_resources.signer.wire import MAX_MESSAGE_BYTES, line_of
from alm_tests.core.execution.test_allow_list import THIEF
from alm_tests.resources.signer.scene import BID, PAIR, TERMS, noop, payload

OURS = (os.geteuid(),)


@pytest.fixture
def path() -> Iterator[Path]:
    # A socket's path may have a hundred characters; those of tests are longer.
    with tempfile.TemporaryDirectory(prefix="alm-s-") as folder:
        yield Path(folder) / "deep" / "s"


@contextmanager
def served(path: Path, answer: Callable[[bytes], dict[str, Any]], users: tuple[int, ...] = OURS) -> Iterator[None]:
    server = SignerServer(path, answer, users)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.close()


def asked(path: Path, line: bytes = b"x\n") -> bytes:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10.0)
        connection.connect(str(path))
        # Who is not known is hung up on, perhaps before the line is out.
        with suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(line)
            return connection.makefile("rb").readline()
        return b""


def desk(halt_file: Path | None = None) -> tuple[SignerDesk, str]:
    vault = vault_of_key("11" * 32)
    assert vault is not None
    switch = SignerSwitch(halt_file)
    return SignerDesk({PAIR: (vault, SigningPolicy(TERMS, switch=switch))}, switch), vault.address


def said(**answer: Any) -> Callable[[bytes], dict[str, Any]]:
    return lambda _: answer


def test_one_line_is_answered_by_one_line_to_known_users_only(path: Path) -> None:
    with served(path, lambda line: {"got": line.decode()}):
        assert asked(path, b"hello\n") == b'{"got":"hello\\n"}\n'
    with served(path, said(ok=True), users=(OURS[0] + 1,)):
        assert asked(path) == b""


def test_no_more_than_a_message_and_one_byte_is_read_of_a_line(path: Path) -> None:
    with served(path, lambda line: {"bytes": len(line)}):
        assert asked(path, b"x" * (MAX_MESSAGE_BYTES - 1) + b"\n") == line_of({"bytes": MAX_MESSAGE_BYTES})
        assert asked(path, b"x" * (MAX_MESSAGE_BYTES + 1)) == line_of({"bytes": MAX_MESSAGE_BYTES + 1})


def test_the_socket_is_for_its_owner_alone_and_is_gone_afterwards(path: Path) -> None:
    mask = os.umask(0o022)
    os.umask(mask)
    with served(path, said(ok=True)):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        kept = os.umask(mask)
        assert kept == mask, "files made afterwards are not the socket's matter"
    assert not path.exists()


def test_the_folders_of_a_socket_are_made(path: Path) -> None:
    below = path.parent / "a" / "b" / "s"
    with served(below, said(ok=True)):
        assert asked(below) == b'{"ok":true}\n'
    with served(below, said(ok=True)):
        assert asked(below) == b'{"ok":true}\n', "they are there already"


def test_a_socket_that_nobody_listens_on_is_replaced_and_no_other(path: Path) -> None:
    path.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    with served(path, said(ok=True)):
        assert asked(path) == b'{"ok":true}\n'
        with pytest.raises(ConfigError, match="another signer listens"):
            SignerServer(path, said(ok=True), OURS)
        assert asked(path) == b'{"ok":true}\n'
    path.write_text("mine")
    with pytest.raises(ConfigError, match="another kind of file"):
        SignerServer(path, said(ok=True), OURS)
    assert path.read_text() == "mine"


def test_a_socket_that_somebody_else_removed_is_no_fault(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with served(path, said(ok=True)):
        path.unlink()

    class Raced(socket.socket):
        """Finds a dead socket just as another signer that starts, too, takes it away."""

        def connect(self, address: Any) -> None:
            path.unlink()
            super().connect(address)

    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    with monkeypatch.context() as patched:
        patched.setattr("alm_resources.signer.server.socket.socket", Raced)
        server = SignerServer(path, said(ok=True), OURS)
    server.close()


def test_a_socket_that_cannot_be_made_is_named(path: Path) -> None:
    long = path.parent / ("x" * 200)
    with pytest.raises(ConfigError, match="cannot be made"):
        SignerServer(long, said(ok=True), OURS)


def test_nothing_is_owed_to_who_hung_up_and_the_next_one_is_answered(
    path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    asked_for, gone, done = threading.Event(), threading.Event(), threading.Event()

    def answer(line: bytes) -> dict[str, Any]:
        if line == b"leaving\n":
            asked_for.set()
            gone.wait(10)
            done.set()
        return {"ok": True}

    with served(path, answer):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(path))
            connection.sendall(b"leaving\n")
            assert asked_for.wait(10)
        gone.set()
        assert done.wait(10)
        assert asked(path) == b'{"ok":true}\n'
    assert capfd.readouterr() == ("", "")


def test_a_fault_in_the_signer_shows_no_traceback_and_ends_nothing(
    path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    def answer(line: bytes) -> dict[str, Any]:
        if line == b"break\n":
            raise RuntimeError("canary")
        return {"ok": True}

    with served(path, answer):
        assert asked(path, b"break\n") == b""
        assert asked(path) == b'{"ok":true}\n'
    assert capfd.readouterr() == ("", "")


def test_a_client_gets_signatures_refusals_and_standstills_of_the_desk(path: Path) -> None:
    own, wallet = desk(path.parent.parent / "HALT")
    with served(path, own.answer):
        client = SocketSigner(path, PAIR, timeout_s=10.0)
        assert client.address == wallet
        assert client.read_status() == {"ok": True, "pairs": {PAIR: wallet}, "standstill": None}
        assert client.sign(payload(wallet), 3, BID, fence=1).raw.startswith("0x02")
        with pytest.raises(SignerRefused, match="signer_allow_list"):
            client.sign(payload(wallet, to=THIEF), 4, BID, fence=1)
        with pytest.raises(SignerRefused, match="has no wallet here"):
            _ = SocketSigner(path, "A-B").address
        assert client.stand_still("withdraw_only", "drill") == "withdraw_only"
        assert client.stand_still("halt", "drill") == "halt"
    assert client.address == wallet, "asked once"
    with pytest.raises(SourceUnavailable, match="is it running"):
        client.sign(noop(wallet), 5, BID, fence=1)
    assert repr(client) == f"SocketSigner(pair={PAIR}, socket={path})"
    with pytest.raises(TypeError):
        pickle.dumps(client)


def test_a_payload_is_as_long_as_a_signer_reads_and_no_longer(path: Path) -> None:
    own, wallet = desk()
    client = SocketSigner(path, PAIR, timeout_s=10.0)
    room = MAX_MESSAGE_BYTES - len(line_of({"op": "address", "pair": ""}))
    with served(path, own.answer):
        with pytest.raises(SignerRefused, match="longer than a signer reads"):
            client.sign(payload(wallet, data="0x" + "00" * MAX_MESSAGE_BYTES), 0, BID, fence=1)
        with pytest.raises(SignerRefused, match="has no wallet here"):
            _ = SocketSigner(path, "A" * room).address
        with pytest.raises(SignerRefused, match="longer than a signer reads"):
            _ = SocketSigner(path, "A" * (room + 1)).address


@pytest.mark.parametrize(
    ("answer", "expected", "why"),
    [
        ({"ok": True}, BadAnswer, "without raw"),
        ({"ok": True, "raw": 5, "tx_hash": "0x"}, BadAnswer, "without raw"),
        ({"ok": True, "raw": "0x"}, BadAnswer, "without tx_hash"),
        ({"ok": True, "raw": "0xzz", "tx_hash": "0x", "address": THIEF}, BadAnswer, "no signed transaction"),
        ({"ok": 1, "raw": "0x", "tx_hash": "0x"}, SignerRefused, "None"),
        ({"ok": False, "kind": "broken", "detail": "disk full"}, SourceUnavailable, "disk full"),
        ({"ok": False, "kind": "refused", "detail": "no"}, SignerRefused, "no"),
    ],
)
def test_an_answer_that_is_no_signature_is_none(
    path: Path, answer: dict[str, Any], expected: type[Exception], why: str
) -> None:
    with served(path, said(**answer)), pytest.raises(expected, match=why):
        SocketSigner(path, PAIR, timeout_s=10.0).sign(payload(THIEF), 0, BID, fence=1)


def test_a_signature_of_another_key_or_under_another_hash_is_refused(path: Path) -> None:
    own, wallet = desk()
    signed = own.answer(line_of_sign(wallet))
    for lie, claimed in ((signed, THIEF), ({**signed, "tx_hash": "0x" + "00" * 32}, wallet)):
        answer = {**lie, "address": claimed}
        with served(path, said(**answer)), pytest.raises(BadAnswer, match="not of"):
            SocketSigner(path, PAIR, timeout_s=10.0).sign(payload(wallet), 0, BID, fence=1)


def test_an_answer_is_as_long_as_a_message_and_no_longer(path: Path) -> None:
    room = MAX_MESSAGE_BYTES - len(line_of({"ok": True, "more": ""}))
    client = SocketSigner(path, PAIR, timeout_s=10.0)
    with served(path, said(ok=True, more="x" * room)):
        assert client.read_status() == {"ok": True, "more": "x" * room}
    with served(path, said(ok=True, more="x" * (room + 1))), pytest.raises(BadAnswer, match="a message of more than"):
        client.read_status()


def test_a_server_that_hangs_up_or_babbles_gave_no_answer(path: Path) -> None:
    with served(path, said(ok=True), users=()), pytest.raises(SourceUnavailable):
        SocketSigner(path, PAIR, timeout_s=10.0).read_status()

    def babbling(_: bytes) -> dict[str, Any]:
        return {"nested": [[[] for _ in range(300)] for _ in range(10)]}

    with served(path, babbling), pytest.raises(BadAnswer, match="brackets"):
        SocketSigner(path, PAIR, timeout_s=10.0).read_status()


def line_of_sign(wallet: str) -> bytes:
    from alm_resources.signer.wire import sign_message

    return line_of(sign_message(replace(payload(wallet), summary="x"), 0, BID, 1))
