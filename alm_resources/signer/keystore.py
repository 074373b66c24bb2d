"""Signer over an encrypted keystore file. The key is decrypted when first needed and never leaves this module."""

import json
import os
from pathlib import Path
from typing import Any, NoReturn, cast

from alm_core.execution.allow_list import AllowList
from alm_core.model.errors import ConfigError
from alm_core.model.transactions import FeeBid, SignedTransaction, UnsignedTransaction
from alm_resources.signer.signing import SigningPolicy, fields_of
from alm_resources.signer.terms import SigningTerms
from alm_resources.signer.vault import KeyVault, open_vault


class KeystoreSigner:
    """Satisfies the ``Signer`` port for one wallet.

    Parameters
    ----------
    keystore_path
        Encrypted JSON keystore (scrypt), as :func:`create_keystore` and every wallet program write it.
    password_file
        File whose first line is the password; must not be readable by group or world.
    rules
        The signer's own rules; or just its copy of what may be called, kept with fences and nonces in memory. Without
        either nothing is signed.

    Raises
    ------
    ConfigError
        If the keystore is missing or names no address. The password is not looked at before the first signature.
    """

    __slots__ = ("_address", "_keystore_path", "_password_file", "_policy", "_vault")

    def __init__(
        self, keystore_path: Path, password_file: Path, rules: SigningPolicy | AllowList | None = None
    ) -> None:
        self._keystore_path = keystore_path
        self._password_file = password_file
        own = (
            SigningPolicy(SigningTerms(allow_list=rules or AllowList()))
            if not isinstance(rules, SigningPolicy)
            else rules
        )
        self._policy = own
        self._address = address_in(keystore_path)
        self._vault: KeyVault | None = None

    @property
    def address(self) -> str:
        """Checksummed address, read from the keystore without decrypting it."""
        return self._address

    def sign(self, tx: UnsignedTransaction, nonce: int, bid: FeeBid, *, fence: int) -> SignedTransaction:
        """Sign an EIP-1559 transaction that the signer's own rules admit.

        Raises
        ------
        SignerRefused
            Naming the control that does not admit it.
        ConfigError
            If keystore and password do not fit, or the password file is open to others.
        """
        vault = self._open()
        self._policy.admit(tx, self._address, nonce, bid, fence)
        return vault.sign(fields_of(tx, nonce, bid))

    def __repr__(self) -> str:
        return f"KeystoreSigner(address={self._address}, key=<redacted>)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a signer cannot be pickled")

    def _open(self) -> KeyVault:
        if self._vault is None:
            vault = open_vault(self._keystore_path, self._password_file)
            if vault.address != self._address:
                raise ConfigError(f"keystore {self._keystore_path} names {self._address} but holds another key")
            self._vault = vault
        return self._vault


def create_keystore(path: Path, password_file: Path) -> str:
    """Create a new key, store it encrypted, and return its address.

    Parameters
    ----------
    path
        File to write, mode 0400. An existing keystore is never overwritten.
    password_file
        Password to encrypt with; created with a random one, mode 0400, if it does not exist.

    Raises
    ------
    ConfigError
        If a keystore is already there, or the password file is open to group or world.
    """
    from alm_resources.signer.vault import encrypted_new_key

    if path.exists():
        raise ConfigError(f"keystore {path} exists already and is not overwritten")
    address, text = encrypted_new_key(password_file)
    path.parent.mkdir(parents=True, exist_ok=True)
    _write_private(path, text)
    return address


def _write_private(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)


def address_in(path: Path) -> str:
    """Return the checksummed address that a keystore names; :class:`ConfigError` if it cannot be read."""
    from eth_utils.address import is_address, to_checksum_address

    try:
        content: Any = json.loads(path.read_text())
    except FileNotFoundError as error:
        raise ConfigError(f"keystore {path} does not exist; make one with: alm keystore {path.stem}") from error
    except (OSError, ValueError) as error:
        raise ConfigError(f"keystore {path} cannot be read: {type(error).__name__}") from None
    address = cast("dict[str, Any]", content).get("address") if isinstance(content, dict) else None
    if not isinstance(address, str) or not is_address(address):
        raise ConfigError(f"keystore {path} names no address")
    return to_checksum_address(address)
