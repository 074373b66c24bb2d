"""Where a decrypted key lives: inside a closure that can sign and nothing else.

No attribute, repr, pickle or exception of this module carries the key or the password. Errors of the libraries below
are replaced, not chained: their frames hold both.
"""

import json
import os
import secrets
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, Protocol

from alm_core.model.errors import ConfigError, SignerRefused
from alm_core.model.transactions import SignedTransaction

_GROUP_OR_WORLD = stat.S_IRWXG | stat.S_IRWXO
_KEY_DIGITS = 64


class Vault(Protocol):
    """Whatever signs for one address: a key in this process, or a service that keeps it."""

    @property
    def address(self) -> str: ...

    def sign(self, fields: dict[str, object]) -> SignedTransaction:
        """Sign the fields of an EIP-1559 transaction; :class:`SignerRefused` if they make none."""
        ...


class KeyVault:
    """Signs with a key that cannot be read out of it."""

    __slots__ = ("_sign", "address")

    def __init__(self, address: str, sign: Callable[[dict[str, object]], tuple[str, str]]) -> None:
        self.address = address
        self._sign = sign

    def sign(self, fields: dict[str, object]) -> SignedTransaction:
        """Sign the fields of an EIP-1559 transaction.

        Raises
        ------
        SignerRefused
            If they do not make a transaction.
        """
        problem = ""
        try:
            raw, tx_hash = self._sign(fields)
        except Exception as error:  # whatever the library raises holds the key in its frames
            problem = type(error).__name__
        else:
            return SignedTransaction(raw=raw, tx_hash=tx_hash)
        raise SignerRefused(f"transaction with nonce {fields.get('nonce')} cannot be signed: {problem}")

    def __repr__(self) -> str:
        return f"KeyVault(address={self.address}, key=<redacted>)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a key cannot be pickled")


def open_vault_with(keystore_path: Path, password: bytes) -> KeyVault:
    """Decrypt a keystore with a password that came through a descriptor.

    Raises
    ------
    ConfigError
        If it does not fit.
    """
    vault = _decrypted(keystore_path, lambda: password.decode().strip())
    if vault is None:
        raise ConfigError(f"keystore {keystore_path} and the password of the descriptor do not fit together")
    return vault


def open_vault(keystore_path: Path, password_file: Path) -> KeyVault:
    """Decrypt a keystore.

    Raises
    ------
    ConfigError
        If the password file is missing or open to group or world, or the password does not fit.
    """
    refuse_open_file(password_file)
    vault = _decrypted(keystore_path, lambda: _password(password_file))
    if vault is None:
        raise ConfigError(f"keystore {keystore_path} and password file {password_file} do not fit together")
    return vault


def vault_of_key(key: str) -> KeyVault | None:
    """Return the vault of a key in hex; ``None`` if it is none. Why is not told: the reason would carry the text."""
    accounts = account_library()
    digits = key.removeprefix("0x")
    if len(digits) != _KEY_DIGITS:
        return None
    try:
        account: Any = accounts.from_key(bytes.fromhex(digits))
    except Exception:  # as below: the library's error holds the key
        return None
    return _vault_of(account)


def encrypted_new_key(password_file: Path) -> tuple[str, str]:
    """Return address and keystore JSON of a new key; a missing password file is created."""
    accounts = account_library()
    if not password_file.exists():
        password_file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(password_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(32))
    refuse_open_file(password_file)
    account: Any = accounts.create()
    keystore = accounts.encrypt(account.key, _password(password_file))
    return str(account.address), json.dumps(keystore)


def refuse_open_file(password_file: Path) -> None:
    """Refuse a password file that is missing or that others can read.

    Raises
    ------
    ConfigError
        Naming the file and what to do.
    """
    try:
        mode = password_file.stat().st_mode
    except OSError as error:
        raise ConfigError(f"password file {password_file} cannot be read: {type(error).__name__}") from None
    if mode & _GROUP_OR_WORLD:
        raise ConfigError(f"password file {password_file} is open to others (mode {mode & 0o777:o}); chmod 400 it")


def _decrypted(keystore_path: Path, password: Callable[[], str]) -> KeyVault | None:
    accounts = account_library()
    try:
        account: Any = accounts.from_key(accounts.decrypt(json.loads(keystore_path.read_text()), password()))
    except Exception:  # the caller names both files; the library's error would carry the password in its frames
        return None
    return _vault_of(account)


def account_library() -> Any:
    """Import the library, without the recursion limit of 100,000 that it brings: nested JSON would kill the process."""
    limit = sys.getrecursionlimit()
    from eth_account import Account

    sys.setrecursionlimit(limit)
    return Account


def _vault_of(account: Any) -> KeyVault:
    def sign(fields: dict[str, object]) -> tuple[str, str]:
        signed: Any = account.sign_transaction(fields)
        return "0x" + bytes(signed.raw_transaction).hex(), "0x" + bytes(signed.hash).hex()

    return KeyVault(str(account.address), sign)


def _password(password_file: Path) -> str:
    return password_file.read_text().strip()
