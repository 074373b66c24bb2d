"""Vaults and keystores that cannot do what is asked say so, and show neither key nor password."""

import json
import pickle
import traceback
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account

from alm_core.execution.allow_list import allow_list_for
from alm_core.execution.calldata import SWAP_SELECTORS
from alm_core.execution.erc20 import APPROVE_SELECTOR
from alm_core.execution.liquidity_calls import (
    COLLECT_SELECTOR,
    DECREASE_LIQUIDITY_SELECTOR,
    MULTICALL_SELECTOR,
    PAYS_NOBODY,
)
from alm_core.model.errors import ConfigError, SignerRefused
from alm_resources.signer.keystore import address_in
from alm_resources.signer.safe import WRAPPING_GAS, RoleAccount, SafeSigner, role_calls
from alm_resources.signer.signing import SigningPolicy
from alm_resources.signer.vault import encrypted_new_key, open_vault, refuse_open_file, vault_of_key
from alm_tests.core.execution.test_allow_list import DIAMOND, MANAGER, POOL, THIEF
from alm_tests.resources.signer.scene import BID, TERMS, noop, payload

KEY = "c0ffee" + "5a" * 29
FIELDS: dict[str, object] = {
    "type": 2,
    "chainId": 8453,
    "nonce": 4,
    "to": "0x" + "11" * 20,
    "value": 0,
    "data": "0x",
    "gas": 21_000,
    "maxFeePerGas": 2,
    "maxPriorityFeePerGas": 1,
}
ACCOUNT = RoleAccount(safe=THIEF, roles="0x" + "22" * 20, role_key=b"r".ljust(32, b"\0"))
PASS, OR, MATCHES, EQUAL_TO_AVATAR, EQUAL_TO = 0, 2, 5, 15, 16
"""Operators of ``Types.sol``."""


@pytest.mark.parametrize("broken", [{"to": "0x12"}, {"maxFeePerGas": -1}, {"chainId": "x"}])
def test_fields_that_make_no_transaction_are_refused_by_their_nonce_alone(broken: dict[str, object]) -> None:
    vault = vault_of_key(KEY)
    assert vault is not None
    assert vault.sign(FIELDS).raw.startswith("0x02")
    with pytest.raises(SignerRefused, match=r"nonce 4 cannot be signed: \w+$") as caught:
        vault.sign(FIELDS | broken)
    assert caught.value.__context__ is None, "the library's error holds the key in its frames"
    told = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
    assert KEY[:40] not in told.replace(repr(KEY), "")
    assert repr(vault) == f"KeyVault(address={vault.address}, key=<redacted>)"
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(vault)


def test_a_key_is_64_digits_within_the_curve() -> None:
    assert vault_of_key("0x" + KEY) is not None
    for none in ("", KEY[:-1], KEY + "0", f"{KEY[:2]} {KEY[2:]}", "zz" * 32, "00" * 32, "ff" * 32):
        assert vault_of_key(none) is None


def test_a_password_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nowhere cannot be read: FileNotFoundError"):
        refuse_open_file(tmp_path / "nowhere")


def test_a_keystore_and_a_password_that_do_not_fit_are_named_and_the_password_is_not(tmp_path: Path) -> None:
    keystore, password = tmp_path / "k.json", tmp_path / "password"
    keystore.write_text(json.dumps(Account.encrypt(KEY, "right", iterations=2)))
    password.write_text("canary-wrong\n")
    password.chmod(0o400)
    with pytest.raises(ConfigError, match=r"k\.json and password file .*password do not fit") as caught:
        open_vault(keystore, password)
    assert "canary-wrong" not in "".join(traceback.format_exception(caught.value))
    password.chmod(0o600)
    password.write_text(" right\n")
    assert open_vault(keystore, password).address == Account.from_key(KEY).address


def test_a_new_key_gets_a_password_of_its_own_in_a_file_for_its_owner_alone(tmp_path: Path) -> None:
    password = tmp_path / "a" / "b" / "password"
    address, text = encrypted_new_key(password)
    assert password.stat().st_mode & 0o777 == 0o400
    assert len(password.read_text()) == 43  # 32 bytes in base64
    assert json.loads(text)["address"].lower() == address[2:].lower()


def test_no_key_is_made_under_a_password_that_others_can_read(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("known to many")
    password.chmod(0o644)
    with pytest.raises(ConfigError, match=r"open to others \(mode 644\); chmod 400 it"):
        encrypted_new_key(password)


@pytest.mark.parametrize("content", ["{", "", "\udcff"])
def test_a_keystore_that_cannot_be_read_is_named_without_its_content(tmp_path: Path, content: str) -> None:
    path = tmp_path / "k.json"
    path.write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(ConfigError, match=r"k\.json cannot be read: \w+Error$") as caught:
        address_in(path)
    assert caught.value.__cause__ is None
    with pytest.raises(ConfigError, match="cannot be read: IsADirectoryError"):
        address_in(tmp_path)


@pytest.mark.parametrize("content", ["[]", "5", '{"address": 5}', '{"address": "12"}'])
def test_a_keystore_that_names_no_address_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "k.json").write_text(content)
    with pytest.raises(ConfigError, match="names no address"):
        address_in(tmp_path / "k.json")


def scopes(calls: tuple[bytes, ...]) -> dict[tuple[str, str], list[tuple[int, int, int, bytes]]]:
    """Conditions by contract and selector, out of the calls that scope functions."""
    from eth_abi.abi import decode
    from eth_utils.crypto import keccak

    types = ["bytes32", "address", "bytes4", "(uint8,uint8,uint8,bytes)[]", "uint8"]
    four = keccak(text=f"scopeFunction({','.join(types)})")[:4]
    told = [decode(types, call[4:]) for call in calls if call[:4] == four]
    assert all(key == ACCOUNT.role_key and options == 0 for key, *_, options in told)
    return {(at, "0x" + selector.hex()): list(conditions) for _, at, selector, conditions, _ in told}


def test_a_role_may_approve_each_of_several_spenders_and_no_other() -> None:
    calls = role_calls(allow_list_for([POOL], {POOL.chain_id: DIAMOND}), POOL.chain_id, ACCOUNT, THIEF)
    found = scopes(calls)
    words = [bytes.fromhex("00" * 12 + at[2:].lower()) for at in sorted((DIAMOND, MANAGER))]
    for token in (POOL.token0, POOL.token1):
        assert found[(token.address.lower(), APPROVE_SELECTOR)] == [
            (0, 5, MATCHES, b""),
            (0, 0, OR, b""),
            *((1, 1, EQUAL_TO, word) for word in words),
        ]
    assert found[(MANAGER.lower(), COLLECT_SELECTOR)] == [
        (0, 5, MATCHES, b""),
        (0, 1, PASS, b""),
        (0, 1, EQUAL_TO_AVATAR, b""),
    ]
    assert (MANAGER.lower(), DECREASE_LIQUIDITY_SELECTOR) not in found, "it pays nobody: allowed as a whole"


def called(calls: tuple[bytes, ...], signature: str) -> list[tuple[Any, ...]]:
    """Arguments of the calls of one function of the modifier."""
    from eth_abi.abi import decode
    from eth_utils.crypto import keccak

    types = signature[signature.index("(") + 1 : -1].split(",")
    return [decode(types, call[4:]) for call in calls if call[:4] == keccak(text=signature)[:4]]


def test_a_role_allows_as_a_whole_what_pays_nobody_at_its_manager_alone() -> None:
    calls = role_calls(allow_list_for([POOL], {POOL.chain_id: DIAMOND}), POOL.chain_id, ACCOUNT, THIEF)
    found = called(calls, "allowFunction(bytes32,address,bytes4,uint8)")
    assert {("0x" + selector.hex(), at) for _, at, selector, _ in found} == {
        (selector, MANAGER.lower()) for selector in PAYS_NOBODY
    }
    assert {(key, options) for key, _, _, options in found} == {(ACCOUNT.role_key, 0)}, "neither value nor delegatecall"
    assert called(calls, "assignRoles(address,bytes32[],bool[])") == [(THIEF, (ACCOUNT.role_key,), (True,))]
    assert {at for _, at in called(calls, "scopeTarget(bytes32,address)")} == {
        at.lower() for at in (MANAGER, DIAMOND, POOL.token0.address, POOL.token1.address)
    }


def test_a_role_has_no_rule_for_calls_whose_payees_do_not_stand_in_their_words() -> None:
    listed = allow_list_for([POOL], {POOL.chain_id: DIAMOND})
    found = scopes(role_calls(listed, POOL.chain_id, ACCOUNT, THIEF))
    assert MULTICALL_SELECTOR in listed.selectors[POOL.chain_id, MANAGER.lower()]
    assert (MANAGER.lower(), MULTICALL_SELECTOR) not in found
    swaps = {selector for at, selector in found if at == DIAMOND.lower()}
    assert swaps == SWAP_SELECTORS, "a bridge pays on another chain"
    for selector in swaps:
        assert found[DIAMOND.lower(), selector] == [
            (0, 5, MATCHES, b""),
            *[(0, 1, PASS, b"")] * 3,
            (0, 1, EQUAL_TO_AVATAR, b""),
        ]


def test_a_role_with_one_spender_or_none_has_no_choice_of_spenders() -> None:
    one = scopes(role_calls(allow_list_for([POOL], {}), POOL.chain_id, ACCOUNT, THIEF))
    word = bytes.fromhex("00" * 12 + MANAGER[2:].lower())
    at = (POOL.token0.address.lower(), APPROVE_SELECTOR)
    assert one[at] == [(0, 5, MATCHES, b""), (0, 1, EQUAL_TO, word)]
    nobody = replace(allow_list_for([POOL], {}), spenders=frozenset())
    assert at not in scopes(role_calls(nobody, POOL.chain_id, ACCOUNT, THIEF))


def test_a_payload_of_the_safe_gets_gas_for_the_way_through_the_role_and_a_noop_none() -> None:
    from eth_account.typed_transactions import TypedTransaction
    from hexbytes import HexBytes

    vault = vault_of_key(KEY)
    assert vault is not None
    signer = SafeSigner(vault, SigningPolicy(TERMS), ACCOUNT)
    for tx, to, gas in (
        (payload(ACCOUNT.safe), ACCOUNT.roles, BID.gas_limit + WRAPPING_GAS),
        (noop(ACCOUNT.safe), vault.address.lower(), BID.gas_limit),
    ):
        signed = signer.sign(tx, 3 if tx.to == ACCOUNT.safe else 2, BID, fence=1)
        fields = TypedTransaction.from_bytes(HexBytes(signed.raw)).as_dict()
        assert "0x" + bytes(fields["to"]).hex() == to
        assert fields["gas"] == gas
        assert fields["value"] == 0
    assert signer.member == vault.address
    assert signer.address == ACCOUNT.safe
    assert KEY not in repr(signer)


def test_the_gas_of_the_role_counts_against_the_cap_of_the_signer() -> None:
    vault = vault_of_key(KEY)
    assert vault is not None
    cap = TERMS.chains[POOL.chain_id].max_gas_limit
    signer = SafeSigner(vault, SigningPolicy(TERMS), ACCOUNT)
    low = replace(BID, max_fee_per_gas_wei=1, max_priority_fee_per_gas_wei=1)
    signer.sign(payload(ACCOUNT.safe), 1, replace(low, gas_limit=cap - WRAPPING_GAS), fence=1)
    with pytest.raises(SignerRefused):
        signer.sign(payload(ACCOUNT.safe), 2, replace(low, gas_limit=cap - WRAPPING_GAS + 1), fence=1)
