"""The signer over an environment variable keeps the rules of the one over a keystore."""

import pickle
import secrets
import traceback
from dataclasses import replace

import pytest
from eth_account import Account

from alm_core.model.errors import ConfigError, SignerRefused
from alm_core.model.transactions import Action, UnsignedTransaction
from alm_resources.signer import EnvironmentSigner, vault_from_environment
from alm_tests.core.execution.test_allow_list import ALLOWED, MANAGER, POOL, THIEF, mint
from alm_tests.resources.signer.test_keystore import BID

NAME = "FORK_KEY"


@pytest.fixture
def key() -> str:
    return secrets.token_hex(32)


@pytest.fixture
def signer(key: str) -> EnvironmentSigner:
    return EnvironmentSigner(vault_from_environment(NAME, {NAME: key}), ALLOWED)


def payload(signer: EnvironmentSigner, **changes: object) -> UnsignedTransaction:
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


@pytest.mark.parametrize("spelled", ["{}", "0x{}", " {}\n", " 0x{} "])
def test_a_signature_recovers_to_the_key_however_it_was_exported(key: str, spelled: str) -> None:
    signer = EnvironmentSigner(vault_from_environment(NAME, {NAME: spelled.format(key)}), ALLOWED)
    assert signer.address == Account.from_key(key).address
    assert Account.recover_transaction(signer.sign(payload(signer), 7, BID, fence=1).raw) == signer.address


@pytest.mark.parametrize(
    "changes", [{"to": THIEF}, {"data": mint(THIEF)}, {"sender": THIEF}, {"chain_id": 1}, {"value_wei": 1}]
)
def test_what_is_not_on_the_list_is_not_signed(signer: EnvironmentSigner, changes: dict[str, object]) -> None:
    with pytest.raises(SignerRefused):
        signer.sign(payload(signer, **changes), 7, BID, fence=1)


def test_without_a_variable_the_error_names_it() -> None:
    for environ in ({}, {NAME: ""}, {NAME: "  "}):
        with pytest.raises(ConfigError, match="FORK_KEY is not set"):
            vault_from_environment(NAME, environ)


@pytest.mark.parametrize("broken", ["{}00", "{}zz", "zz{}", "", "0x"])
def test_a_text_that_is_no_key_is_refused_and_not_shown(key: str, broken: str) -> None:
    text = broken.format(key[:62]) or "x"
    with pytest.raises(ConfigError, match=NAME) as refused:
        vault_from_environment(NAME, {NAME: text + "q"})
    told = "".join(traceback.format_exception(refused.value))
    assert key[:62] not in told
    assert refused.value.__cause__ is refused.value.__context__ is None


@pytest.mark.parametrize("number", [0, 2**256 - 1])
def test_a_number_that_is_no_key_of_the_curve_is_refused(number: int) -> None:
    with pytest.raises(ConfigError, match="private key"):
        vault_from_environment(NAME, {NAME: f"{number:064x}"})


def test_the_key_shows_nowhere(signer: EnvironmentSigner, key: str) -> None:
    for shown in (repr(signer), str(signer), repr(vault_from_environment(NAME, {NAME: key}))):
        assert key not in shown
        assert "redacted" in shown
    with pytest.raises(TypeError):
        pickle.dumps(signer)
    with pytest.raises(SignerRefused) as refused:
        signer.sign(payload(signer, action=Action.NOOP), 7, BID, fence=1)
    assert key not in "".join(traceback.format_exception(refused.value))
