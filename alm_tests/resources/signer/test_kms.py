"""Signatures of a key management service: a local stand-in with a real key answers as the services do."""

import pickle
import secrets
from collections.abc import Callable

import pytest
from eth_account import Account
from eth_keys import keys

from alm_core.model.errors import SignerRefused, SourceUnavailable
from alm_resources.signer.desk import SignerDesk
from alm_resources.signer.kms import KmsVault, integers_of_der
from alm_resources.signer.signing import SigningPolicy, fields_of
from alm_resources.signer.standstill import SignerSwitch
from alm_resources.signer.vault import vault_of_key
from alm_resources.signer.wire import line_of, sign_message
from alm_tests.core.execution.test_allow_list import THIEF
from alm_tests.resources.signer.scene import BID, PAIR, TERMS, payload

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def der_integer(number: int) -> bytes:
    body = number.to_bytes((number.bit_length() // 8) + 1, "big")
    return bytes((2, len(body))) + body


def der(r: int, s: int) -> bytes:
    content = der_integer(r) + der_integer(s)
    return bytes((0x30, len(content))) + content


class Kms:
    """Signs digests; ``high`` gives the s that nodes refuse, as services do half of the time."""

    def __init__(self, *, high: bool) -> None:
        self.key = secrets.token_bytes(32)
        self.high = high

    def sign(self, digest: bytes) -> bytes:
        signature = keys.PrivateKey(self.key).sign_msg_hash(digest)
        s = signature.s
        return der(signature.r, max(s, ORDER - s) if self.high else min(s, ORDER - s))

    @property
    def address(self) -> str:
        return str(Account.from_key(self.key).address)


@pytest.mark.parametrize("high", [False, True])
@pytest.mark.parametrize("nonce", range(8))
def test_a_signature_of_the_service_is_that_of_the_key(high: bool, nonce: int) -> None:
    kms = Kms(high=high)
    vault, own = KmsVault(kms.address, kms.sign), vault_of_key(kms.key.hex())
    assert own is not None
    fields = fields_of(payload(kms.address), nonce, BID)
    signed = vault.sign(fields)
    assert signed == own.sign(fields)
    assert Account.recover_transaction(signed.raw) == kms.address


def test_the_desk_takes_a_service_in_place_of_a_key() -> None:
    kms = Kms(high=True)
    switch = SignerSwitch(None)
    desk = SignerDesk({PAIR: (KmsVault(kms.address, kms.sign), SigningPolicy(TERMS, switch=switch))}, switch)
    assert desk.answer(line_of(sign_message(payload(kms.address), 0, BID, 1)))["ok"]
    refused = desk.answer(line_of(sign_message(payload(kms.address, to=THIEF), 1, BID, 1)))
    assert refused["detail"].startswith("signer_allow_list")


def test_a_signature_of_another_key_is_refused() -> None:
    vault = KmsVault(Kms(high=False).address, Kms(high=False).sign)
    with pytest.raises(SignerRefused, match="is not of"):
        vault.sign(fields_of(payload(vault.address), 0, BID))


def test_a_service_that_fails_is_unavailable_and_its_words_are_not_repeated() -> None:
    def fail(digest: bytes) -> bytes:
        raise ConnectionError("credentials AKIACANARY expired")

    vault = KmsVault(THIEF, fail)
    with pytest.raises(SourceUnavailable, match="kms: does not sign: ConnectionError") as caught:
        vault.sign(fields_of(payload(THIEF), 0, BID))
    assert "AKIACANARY" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_fields_that_make_no_transaction_are_refused_before_the_service_is_asked() -> None:
    def never(digest: bytes) -> bytes:
        raise AssertionError

    with pytest.raises(SignerRefused, match="make no transaction"):
        KmsVault(THIEF, never).sign({**fields_of(payload(THIEF), 0, BID), "gas": "lots"})


def cut(signature: bytes) -> bytes:
    return signature[:-1]


def longer(signature: bytes) -> bytes:
    return bytes((signature[0], signature[1] + 1)) + signature[2:] + b"\0"


def other_kind(signature: bytes) -> bytes:
    return b"\x31" + signature[1:]


def no_integer(signature: bytes) -> bytes:
    return signature[:2] + b"\x04" + signature[3:]


def too_long_integer(signature: bytes) -> bytes:
    return signature[:3] + b"\x60" + signature[4:]


@pytest.mark.parametrize("spoil", [cut, longer, other_kind, no_integer, too_long_integer, lambda _: b""])
def test_what_is_not_der_is_refused(spoil: Callable[[bytes], bytes]) -> None:
    with pytest.raises(SignerRefused, match="DER"):
        integers_of_der(spoil(der(5, 7)))


def test_an_integer_of_no_bytes_is_cut_short() -> None:
    for signature in ("3006020002020101", "3006020201010200"):
        with pytest.raises(SignerRefused, match="cut short"):
            integers_of_der(bytes.fromhex(signature))


@pytest.mark.parametrize(("r", "s"), [(1, 1), (ORDER - 1, ORDER - 1)])
def test_the_smallest_and_largest_numbers_of_the_curve_are_read(r: int, s: int) -> None:
    assert integers_of_der(der(r, s)) == (r, s)


@pytest.mark.parametrize(("r", "s"), [(0, 1), (1, 0), (ORDER, 1), (1, ORDER)])
def test_numbers_that_are_none_of_the_curve_are_refused(r: int, s: int) -> None:
    with pytest.raises(SignerRefused, match="none of the curve"):
        integers_of_der(der(r, s))


def test_an_r_without_a_point_on_the_curve_is_refused() -> None:
    # 5 is the x of no point of secp256k1.
    with pytest.raises(SignerRefused, match="is not of"):
        KmsVault(THIEF, lambda _: der(5, 7)).sign(fields_of(payload(THIEF), 0, BID))


def test_it_shows_its_address_only() -> None:
    vault = KmsVault(THIEF, lambda _: b"")
    assert repr(vault) == f"KmsVault(address={THIEF})"
    with pytest.raises(TypeError):
        pickle.dumps(vault)
