"""A key that never leaves a key management service: its ECDSA signatures, made into Ethereum transactions.

Any client that signs a digest with a secp256k1 key (AWS KMS ``ECC_SECG_P256K1``, ``ECDSA_SHA_256``, message type
``DIGEST``; Google Cloud ``EC_SIGN_SECP256K1_SHA256``) can be given; no cloud library is needed here.
"""

from collections.abc import Callable
from typing import Any, NoReturn

from alm_core.model.errors import SignerRefused, SourceUnavailable
from alm_core.model.transactions import SignedTransaction

_CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
_SOURCE = "kms"


class KmsVault:
    """Satisfies ``Vault`` with a key of a service.

    Parameters
    ----------
    address
        Of the key; each signature is proven to recover to it.
    sign_digest
        Signs 32 bytes and returns DER, as the services do; whatever it raises is told by its class only.
    """

    __slots__ = ("_sign_digest", "address")

    def __init__(self, address: str, sign_digest: Callable[[bytes], bytes]) -> None:
        self.address = address
        self._sign_digest = sign_digest

    def sign(self, fields: dict[str, object]) -> SignedTransaction:
        """Sign the fields of an EIP-1559 transaction.

        Raises
        ------
        SourceUnavailable
            If the service does not answer: nothing was signed that anybody knows of.
        SignerRefused
            If the fields make no transaction, or the answer is no signature of the address.
        """
        from eth_account.typed_transactions.typed_transaction import TypedTransaction
        from eth_utils.crypto import keccak

        try:
            unsigned: Any = TypedTransaction.from_dict({**fields, "accessList": ()})
            digest = bytes(unsigned.hash())
        except Exception as error:
            raise SignerRefused(f"fields make no transaction: {type(error).__name__}") from None
        v, r, s = self._signature(digest)
        signed: Any = TypedTransaction.from_dict({**fields, "accessList": (), "v": v, "r": r, "s": s})
        raw = bytes(signed.encode())
        return SignedTransaction(raw="0x" + raw.hex(), tx_hash="0x" + keccak(raw).hex())

    def __repr__(self) -> str:
        return f"KmsVault(address={self.address})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a key cannot be pickled")

    def _signature(self, digest: bytes) -> tuple[int, int, int]:
        """Return v, r and s, where s is the lower of the two that are valid (EIP-2): nodes refuse the other."""
        from eth_keys.datatypes import Signature

        try:
            der = self._sign_digest(digest)
        except Exception as error:  # what a client raises may hold its credentials
            raise SourceUnavailable(_SOURCE, f"does not sign: {type(error).__name__}") from None
        r, s = integers_of_der(der)
        s = min(s, _CURVE_ORDER - s)
        for v in (0, 1):
            try:
                who = Signature(vrs=(v, r, s)).recover_public_key_from_msg_hash(digest).to_checksum_address()
            except Exception:  # noqa: S112 - no point of the curve: the other v, or no signature at all
                continue
            if who.lower() == self.address.lower():
                return v, r, s
        raise SignerRefused(f"the service's signature is not of {self.address}")


def integers_of_der(der: bytes) -> tuple[int, int]:
    """Return r and s of ``SEQUENCE { INTEGER r, INTEGER s }`` (X.690), and nothing that is merely alike.

    Raises
    ------
    SignerRefused
        If it is laid out in any other way.

    Examples
    --------
    >>> integers_of_der(bytes.fromhex("300602010102020080"))
    (1, 128)
    """
    if len(der) < 8 or der[0] != 0x30 or der[1] != len(der) - 2:
        raise SignerRefused(f"{len(der)} bytes are no signature in DER")
    r, rest = _integer(der[2:])
    s, rest = _integer(rest)
    if rest or not (0 < r < _CURVE_ORDER and 0 < s < _CURVE_ORDER):
        raise SignerRefused("a signature in DER with numbers that are none of the curve")
    return r, s


def _integer(der: bytes) -> tuple[int, bytes]:
    length = int.from_bytes(der[1:2], "big")
    body = der[2 : 2 + length]
    if der[:1] != b"\x02" or not 1 <= length <= 33 or len(body) != length:
        raise SignerRefused("a signature in DER that is cut short")
    return int.from_bytes(body, "big"), der[2 + length :]
