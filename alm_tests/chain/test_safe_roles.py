"""Funds in a real Safe behind a real Roles Modifier: the hot key does what its role says, and not a thing besides."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from eth_account import Account

from alm_core.execution.allow_list import allow_list_for
from alm_core.execution.erc20 import approve_data, balance_changes, transfer_data
from alm_core.math.liquidity import price_interval
from alm_core.model.errors import ConfigError, SignerRefused, TransactionWouldRevert
from alm_core.model.transactions import Action, FeeBid, Receipt, UnsignedTransaction
from alm_localnet.contracts import Bytecode, calldata, install
from alm_localnet.node import install_node_modules
from alm_resources.signer.safe import EXEC_SELECTOR, RoleAccount, SafeSigner, role_calls
from alm_resources.signer.signing import SigningPolicy
from alm_resources.signer.standstill import SignerSwitch
from alm_resources.signer.state import MemoryState
from alm_resources.signer.terms import SigningTerms
from alm_resources.signer.vault import vault_of_key
from alm_tests.chain.v3_chain import CHAIN_ID, ETH, MANAGER, USD, V3Chain

pytestmark = pytest.mark.chain
THIEF = "0x7411Ef0000000000000000000000000000000BAd"
MEMBER_KEY = "33" * 32
FUNDS = 10**24
_INTEGRITY, _PACKER = "__$2cd9b773a3c3e0b461f7ad54b09f46e6ae$__", "__$1416e18a31f8412bde5440018f19e21267$__"
_EXECUTE = "execTransaction(address,uint256,bytes,uint8,uint256,uint256,uint256,address,address,bytes)"
ZERO = "0x" + "00" * 20
ROLES = "0x9646fDAD06d3e24444381f44362a3B0eB343D337"
"""The package's build has 25,286 bytes, more than a chain lets be deployed (EIP-170): it is put there as code."""
SINGLETON_FACTORY = "0xce0042B868300000d44A59004Da54A005ffdcf9f"
CREATES = "0x6044358060646000376024359060006000f560005260206000f3"
"""Does what EIP-2470's ``deploy(bytes,bytes32)`` does, CREATE2, where the modifier keeps its conditions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Treasury:
    """The Safe of a chain, its role and its signer."""

    chain: V3Chain
    account: RoleAccount
    signer: SafeSigner

    def send(self, tx: UnsignedTransaction, fence: int = 1) -> Receipt:
        """Have a payload signed, send the bytes, and return what became of them."""
        member = self.signer.member
        wrapped = self.account.wrapped(tx, member)
        gas = self.chain.chain.simulate(wrapped) * 6 // 5
        bid = FeeBid(gas_limit=gas, max_fee_per_gas_wei=10**10, max_priority_fee_per_gas_wei=10**9)
        signed = self.signer.sign(tx, self.chain.chain.read_nonce(member), bid, fence=fence)
        assert Account.recover_transaction(signed.raw) == member
        self.chain.chain.send_raw(signed)
        receipt = self.chain.chain.wait_for_receipt(signed.tx_hash, 10.0)
        assert receipt is not None
        assert receipt.succeeded
        return receipt

    def refusal(self, tx: UnsignedTransaction) -> str:
        """What the chain says to a payload that somebody with the member's key sends past the signer."""
        with pytest.raises(TransactionWouldRevert) as refused:
            self.chain.chain.simulate(self.account.wrapped(tx, self.signer.member))
        return str(refused.value)

    def payload(self, to: str, data: str, action: Action = Action.OPEN) -> UnsignedTransaction:
        return UnsignedTransaction(
            chain_id=CHAIN_ID, sender=self.account.safe, to=to, data=data, value_wei=0, action=action, summary="test"
        )


def deploy(chain: V3Chain, code: str, arguments: bytes = b"") -> str:
    """Address of a contract that was created."""
    sent = {"from": chain.trader, "data": "0x" + code.removeprefix("0x") + arguments.hex()}
    sent |= {"gas": hex(16_000_000), "gasPrice": hex(10**10)}
    receipt = chain.rpc.call("eth_sendTransactionSync", sent)
    assert receipt["status"] == "0x1"
    return str(receipt["contractAddress"])


def linked_roles(chain: V3Chain, code: Bytecode) -> str:
    raw = _unlinked("ZodiacRoles")
    for mark, library in ((_INTEGRITY, "ZodiacIntegrity"), (_PACKER, "ZodiacPacker")):
        raw = raw.replace(mark, deploy(chain, code.creation(library).hex())[2:].lower())
    return raw


def _unlinked(name: str) -> str:
    import json

    from alm_localnet.contracts import ARTIFACTS

    artifact: dict[str, Any] = json.loads((ARTIFACTS / f"{name}.json").read_text())
    return artifact["bytecode"]


def safe_of(chain: V3Chain, code: Bytecode) -> str:
    """A Safe with one owner, the trader."""
    singleton = deploy(chain, code.creation("Safe").hex())
    factory = deploy(chain, code.creation("SafeProxyFactory").hex())
    setup = calldata(
        "setup(address[],uint256,address,bytes,address,address,uint256,address)",
        [chain.trader],
        1,
        ZERO,
        b"",
        ZERO,
        ZERO,
        0,
        ZERO,
    )
    create = calldata("createProxyWithNonce(address,bytes,uint256)", singleton, setup, 7)
    found = chain.rpc.call("eth_call", {"from": chain.trader, "to": factory, "data": "0x" + create.hex()}, "latest")
    chain.rpc.transact(chain.trader, factory, create)
    return "0x" + found[-40:]


def by_owner(chain: V3Chain, safe: str, to: str, data: bytes) -> None:
    """A call of the Safe, approved by its owner being the sender (signature with v = 1)."""
    signature = bytes(12) + bytes.fromhex(chain.trader[2:]) + bytes(32) + b"\x01"
    call = calldata(_EXECUTE, to, 0, data, 0, 0, 0, 0, ZERO, ZERO, signature)
    chain.rpc.transact(chain.trader, safe, call)


@pytest.fixture(scope="module")
def treasury(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Treasury]:
    chain = V3Chain(tmp_path_factory.mktemp("safe"))
    code = Bytecode(install_node_modules())
    safe = safe_of(chain, code)
    creation = bytes.fromhex(linked_roles(chain, code)[2:])
    chain.rpc.call("anvil_setCode", SINGLETON_FACTORY, CREATES)
    install(chain.rpc, chain.trader, ROLES, creation, "(address,address,address)", safe, safe, safe)
    roles = ROLES
    account = RoleAccount(safe=safe, roles=roles, role_key=b"liquidity".ljust(32, b"\0"))
    vault = vault_of_key(MEMBER_KEY)
    assert vault is not None
    allowed = allow_list_for([chain.usd_eth], {})
    by_owner(chain, safe, safe, calldata("enableModule(address)", roles))
    for call in role_calls(allowed, CHAIN_ID, account, vault.address):
        by_owner(chain, safe, roles, call)
    chain.rpc.call("anvil_setBalance", vault.address, hex(10**20))
    for token in (USD, ETH):
        chain.rpc.transact(chain.trader, token.address, calldata("mint(address,uint256)", safe, FUNDS))
    terms = SigningTerms(allow_list=allowed)
    yield Treasury(chain=chain, account=account, signer=SafeSigner(vault, SigningPolicy(terms), account))
    chain.stop()


def test_a_position_is_opened_and_collected_from_by_the_role_and_belongs_to_the_safe(treasury: Treasury) -> None:
    chain, safe = treasury.chain, treasury.account.safe
    pool, state = chain.usd_eth, chain.state(chain.usd_eth)
    low = state.tick // 10 * 10 - 1000
    amounts = (10**9, 10**18)
    interval = price_interval(state.sqrt_price_x96, 0.005)
    grants = chain.adapter.placing_grants(pool, safe, *amounts, chain.deadline())
    for grant in grants:
        treasury.send(grant.give)
    tx = chain.adapter.plan_open(state, low, low + 2000, *amounts, interval, safe, chain.deadline())
    receipt = treasury.send(tx)
    moved = balance_changes(receipt.logs, safe)
    for bound in tx.bounds:
        assert bound.min_delta <= moved.get(bound.token.lower(), 0) <= bound.max_delta
    assert any(moved.values())
    for grant in grants:
        treasury.send(grant.revoke)
        (left,) = chain.chain.read_calls([grant.remaining], chain.block())
        assert int.from_bytes(left.data, "big") == 0
    (position,) = chain.positions(pool, owner=safe)
    assert position.liquidity > 0
    chain.swap(pool, 10**21, zero_for_one=True)
    state = chain.state(pool)
    (position,) = chain.positions(pool, owner=safe)
    collected = treasury.send(chain.adapter.plan_collect(state, position, safe))
    assert balance_changes(collected.logs, safe)[USD.address.lower()] == position.fees0 > 0


def test_the_chain_refuses_what_the_role_does_not_name(treasury: Treasury) -> None:
    chain, safe = treasury.chain, treasury.account.safe
    state = chain.state(chain.usd_eth)
    low = state.tick // 10 * 10 - 1000
    interval = price_interval(state.sqrt_price_x96, 0.005)
    mint = chain.adapter.plan_open(state, low, low + 2000, 10**6, 10**15, interval, safe, chain.deadline())
    stolen = mint.data.replace(safe[2:].lower(), THIEF[2:].lower())
    assert stolen != mint.data
    forbidden = {
        "recipient": treasury.payload(MANAGER, stolen),
        "spender": treasury.payload(USD.address, approve_data(THIEF, 1)),
        "selector": treasury.payload(USD.address, transfer_data(THIEF, 1)),
        "contract": treasury.payload(THIEF, mint.data),
        "the safe itself": treasury.payload(safe, "0x" + calldata("enableModule(address)", THIEF).hex()),
        "the role itself": treasury.payload(
            treasury.account.roles, "0x" + calldata("transferOwnership(address)", THIEF).hex()
        ),
        "multicall": treasury.payload(
            MANAGER, "0x" + calldata("multicall(bytes[])", [bytes.fromhex(stolen[2:])]).hex()
        ),
        "value": replace(treasury.payload(MANAGER, mint.data), value_wei=1),
    }
    for name, tx in forbidden.items():
        assert treasury.refusal(tx), name
    before = chain.rpc.call(
        "eth_call", {"to": USD.address, "data": "0x70a08231" + "0" * 24 + THIEF[2:].lower()}, "latest"
    )
    assert int(before, 16) == 0


def test_nobody_but_the_member_acts_for_the_safe(treasury: Treasury) -> None:
    tx = treasury.payload(USD.address, approve_data(MANAGER, 1))
    with pytest.raises(TransactionWouldRevert):
        treasury.chain.chain.simulate(treasury.account.wrapped(tx, THIEF))
    assert treasury.chain.chain.simulate(treasury.account.wrapped(tx, treasury.signer.member)) > 0


def test_the_signer_refuses_before_the_chain_has_to(treasury: Treasury) -> None:
    signer = treasury.signer
    bid = FeeBid(gas_limit=100_000, max_fee_per_gas_wei=10**10, max_priority_fee_per_gas_wei=10**9)
    for tx in (
        treasury.payload(USD.address, approve_data(THIEF, 1)),
        treasury.payload(USD.address, transfer_data(THIEF, 1)),
        replace(treasury.payload(USD.address, approve_data(MANAGER, 1)), sender=signer.member),
    ):
        with pytest.raises(SignerRefused, match="signer_allow_list"):
            signer.sign(tx, 1000, bid, fence=1)


def test_a_noop_frees_a_nonce_of_the_member(treasury: Treasury) -> None:
    safe = treasury.account.safe
    noop = UnsignedTransaction(
        chain_id=CHAIN_ID, sender=safe, to=safe, data="0x", value_wei=0, action=Action.NOOP, summary="free"
    )
    before = treasury.chain.chain.read_nonce(treasury.signer.member)
    treasury.send(noop)
    assert treasury.chain.chain.read_nonce(treasury.signer.member) == before + 1


def test_a_role_needs_something_on_its_chain_and_shows_no_key(treasury: Treasury) -> None:
    import pickle

    with pytest.raises(ConfigError, match="nothing on chain 5"):
        role_calls(allow_list_for([treasury.chain.usd_eth], {}), 5, treasury.account, treasury.signer.member)
    assert MEMBER_KEY not in repr(treasury.signer)
    assert treasury.signer.address == treasury.account.safe
    with pytest.raises(TypeError):
        pickle.dumps(treasury.signer)
    assert (
        "0x"
        + calldata(
            "execTransactionWithRole(address,uint256,bytes,uint8,bytes32,bool)", ZERO, 0, b"", 0, bytes(32), True
        )[:4].hex()
        == EXEC_SELECTOR
    )
    assert SignerSwitch(None).read() is None
    assert MemoryState()
