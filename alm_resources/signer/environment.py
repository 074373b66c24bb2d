"""Signer over a key in an environment variable: for proving adapters on forks, not for keeping capital."""

from collections.abc import Mapping
from typing import NoReturn

from alm_core.execution.allow_list import AllowList
from alm_core.model.errors import ConfigError
from alm_core.model.transactions import FeeBid, SignedTransaction, UnsignedTransaction
from alm_resources.signer.signing import SigningPolicy, fields_of
from alm_resources.signer.terms import SigningTerms
from alm_resources.signer.vault import KeyVault, vault_of_key


class EnvironmentSigner:
    """Satisfies the ``Signer`` port for one wallet.

    Parameters
    ----------
    vault
        Of :func:`vault_from_environment`; it cannot tell its key.
    allow_list
        The signer's own copy of what may be called.
    """

    __slots__ = ("_policy", "_vault")

    def __init__(self, vault: KeyVault, allow_list: AllowList) -> None:
        self._vault = vault
        self._policy = SigningPolicy(SigningTerms(allow_list=allow_list))

    @property
    def address(self) -> str:
        """Checksummed address of the key."""
        return self._vault.address

    def sign(self, tx: UnsignedTransaction, nonce: int, bid: FeeBid, *, fence: int) -> SignedTransaction:
        """Sign an EIP-1559 transaction that the signer's own rules admit; :class:`SignerRefused` otherwise."""
        self._policy.admit(tx, self.address, nonce, bid, fence)
        return self._vault.sign(fields_of(tx, nonce, bid))

    def __repr__(self) -> str:
        return f"EnvironmentSigner(address={self.address}, key=<redacted>)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a signer cannot be pickled")


def vault_from_environment(name: str, environ: Mapping[str, str]) -> KeyVault:
    """Take the key out of an environment variable.

    Raises
    ------
    ConfigError
        If the variable is not set, or does not hold 32 bytes in hex that are a key. Its value is never shown.
    """
    if not environ.get(name, "").strip():
        raise ConfigError(f"environment variable {name} is not set: export the private key of the wallet in it")
    vault = vault_of_key(environ[name].strip())
    if vault is None:
        raise ConfigError(f"environment variable {name} does not hold a private key, 64 hex digits (it is not shown)")
    return vault
