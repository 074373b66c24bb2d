"""The signer: signs what is on its list, nothing else, and never shows what it knows."""

import json
import pickle
import secrets
import traceback
from dataclasses import replace
from pathlib import Path

import pytest
from eth_account import Account

from alm_core.model.errors import ConfigError, SignerRefused
from alm_core.model.transactions import Action, FeeBid, UnsignedTransaction
from alm_resources.signer import KeystoreSigner, create_keystore
from alm_tests.core.execution.test_allow_list import ALLOWED, MANAGER, POOL, THIEF, mint

BID = FeeBid(gas_limit=300_000, max_fee_per_gas_wei=10**9, max_priority_fee_per_gas_wei=10)
PASSWORD = "canary-password-8f2d"


@pytest.fixture
def key() -> bytes:
    return secrets.token_bytes(32)


@pytest.fixture
def files(tmp_path: Path, key: bytes) -> tuple[Path, Path]:
    keystore, password = tmp_path / "WETH-USDC.json", tmp_path / "password"
    keystore.write_text(json.dumps(Account.encrypt(key, PASSWORD, iterations=2**12)))
    password.write_text(PASSWORD + "\n")
    password.chmod(0o400)
    return keystore, password


@pytest.fixture
def signer(files: tuple[Path, Path]) -> KeystoreSigner:
    return KeystoreSigner(*files, ALLOWED)


def payload(signer: KeystoreSigner, **changes: object) -> UnsignedTransaction:
    plain = UnsignedTransaction(
        chain_id=POOL.chain_id,
        sender=signer.address,
        to=MANAGER,
        data=mint(signer.address),
        value_wei=0,
        action=Action.OPEN,
        summary="test",
    )
    return replace(plain, **changes)


def test_a_signature_recovers_to_the_wallet_and_the_hash_is_known_before_sending(
    signer: KeystoreSigner, key: bytes
) -> None:
    assert signer.address == Account.from_key(key).address
    signed = signer.sign(payload(signer), 7, BID, fence=1)
    assert Account.recover_transaction(signed.raw) == signer.address
    assert len(signed.tx_hash) == 66
    assert signer.sign(payload(signer), 7, BID, fence=1) == signed
    assert signer.sign(payload(signer), 8, BID, fence=1) != signed


def test_the_address_is_known_without_the_password(files: tuple[Path, Path], key: bytes) -> None:
    files[1].unlink()
    assert KeystoreSigner(*files).address == Account.from_key(key).address


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
    ],
)
def test_what_is_not_on_its_own_list_is_refused(signer: KeystoreSigner, changes: dict[str, object]) -> None:
    with pytest.raises(SignerRefused):
        signer.sign(payload(signer, **changes), 0, BID, fence=1)


def test_without_a_list_nothing_is_signed(files: tuple[Path, Path]) -> None:
    signer = KeystoreSigner(*files)
    with pytest.raises(SignerRefused, match="allow-list"):
        signer.sign(payload(signer), 0, BID, fence=1)


@pytest.mark.parametrize("mode", [0o440, 0o404, 0o644])
def test_a_password_file_that_others_can_read_is_refused(files: tuple[Path, Path], mode: int) -> None:
    files[1].chmod(mode)
    signer = KeystoreSigner(*files, ALLOWED)
    with pytest.raises(ConfigError, match="open to others"):
        signer.sign(payload(signer), 0, BID, fence=1)


def test_a_missing_or_broken_keystore_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"WBTC-USDC\.json does not exist"):
        KeystoreSigner(tmp_path / "WBTC-USDC.json", tmp_path / "password")
    (tmp_path / "empty.json").write_text("{}")
    with pytest.raises(ConfigError, match="names no address"):
        KeystoreSigner(tmp_path / "empty.json", tmp_path / "password")


def test_a_keystore_whose_address_is_not_its_key_is_refused(files: tuple[Path, Path]) -> None:
    content = json.loads(files[0].read_text())
    files[0].write_text(json.dumps({**content, "address": "66" * 20}))
    signer = KeystoreSigner(*files, ALLOWED)
    with pytest.raises(ConfigError, match="holds another key"):
        signer.sign(payload(signer), 0, BID, fence=1)


def test_no_secret_leaves_through_repr_errors_tracebacks_or_pickles(
    files: tuple[Path, Path], key: bytes, tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("canary-wrong-password")
    wrong.chmod(0o400)
    signer = KeystoreSigner(*files, ALLOWED)
    signer.sign(payload(signer), 0, BID, fence=1)
    sinks = [repr(signer), str(signer), repr(signer._vault), f"{signer!r:>200}"]
    locked = KeystoreSigner(files[0], wrong, ALLOWED)
    for attempt in (
        lambda: locked.sign(payload(signer), 0, BID, fence=1),
        lambda: signer.sign(payload(signer), -1, BID, fence=1),
        lambda: signer.sign(payload(signer, data="0x"), 0, BID, fence=1),
        lambda: pickle.dumps(signer),
        lambda: pickle.dumps(signer._vault),
    ):
        with pytest.raises((ConfigError, SignerRefused, TypeError)) as caught:
            attempt()
        sinks += [str(caught.value), repr(caught.value), _with_locals(caught.value)]
    text = "\n".join(sinks)
    for secret in (key.hex(), repr(key), str(int.from_bytes(key, "big")), PASSWORD, "canary-wrong-password"):
        assert secret not in text


def test_creating_a_keystore_never_overwrites_one(tmp_path: Path) -> None:
    path, password = tmp_path / "new" / "keys" / "A.json", tmp_path / "password"
    address = create_keystore(path, password)
    assert (path.stat().st_mode & 0o777, password.stat().st_mode & 0o777) == (0o400, 0o400)
    signer = KeystoreSigner(path, password, ALLOWED)
    assert signer.address == address
    assert Account.recover_transaction(signer.sign(payload(signer), 0, BID, fence=1).raw) == address
    with pytest.raises(ConfigError, match="exists already"):
        create_keystore(path, password)
    assert create_keystore(path.with_name("B.json"), password) != address, "of a second pair, beside it"


def _with_locals(error: BaseException | None) -> str:
    """Every frame with its local variables, as tools print them, over the whole chain of causes.

    Frames of this file are left out: the test itself knows the key.
    """
    shown: list[str] = []
    while error is not None:
        summary = traceback.TracebackException.from_exception(error, capture_locals=True)
        shown += [f"{frame.name} {frame.locals}" for frame in summary.stack if frame.filename != __file__]
        error = error.__cause__ or error.__context__
    assert shown
    return "\n".join(shown)
