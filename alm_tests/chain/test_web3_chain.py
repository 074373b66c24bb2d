"""The chain client against a real node: broadcasts, receipts, reorganisations, transfers."""

from collections.abc import Iterator

import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount

from alm_core.execution.erc20 import balance_changes, balance_of_data, transfer_data
from alm_core.model.chain_ports import Call
from alm_core.model.errors import OutcomeUnknown, SourceRejected, SourceUnavailable, TransactionWouldRevert, WrongChain
from alm_core.model.transactions import Action, SignedTransaction, UnsignedTransaction
from alm_resources.chains import Web3Chain
from alm_tests.chain.v3_chain import CHAIN_ID, USD, Access, V3Chain

pytestmark = pytest.mark.chain

KEY = "0x" + "4c" * 32


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[V3Chain]:
    chain = V3Chain(tmp_path_factory.mktemp("web3"))
    yield chain
    chain.stop()


@pytest.fixture
def account(world: V3Chain) -> Iterator[LocalAccount]:
    snapshot = world.rpc.call("evm_snapshot")
    signer: LocalAccount = Account.from_key(KEY)
    world.rpc.call("anvil_setBalance", signer.address, hex(10**18))
    world.rpc.transact(world.wallet, USD.address, bytes.fromhex(transfer_data(signer.address, 1000)[2:]))
    yield signer
    # What is left in the pool would be mined along with the next test's funds.
    world.rpc.call("anvil_dropAllTransactions")
    world.rpc.call("evm_setAutomine", True)
    world.rpc.call("evm_revert", snapshot)
    world.rpc.call("anvil_dropAllTransactions")


def signed(account: LocalAccount, nonce: int, *, tip: int = 10**9, **changes: object) -> SignedTransaction:
    fields = {
        "chainId": CHAIN_ID,
        "nonce": nonce,
        "to": USD.address,
        "value": 0,
        "gas": 100_000,
        "data": transfer_data("0x" + "99" * 20, 10 + nonce),
        "maxFeePerGas": 20 * 10**9,
        "maxPriorityFeePerGas": tip,
    }
    done = account.sign_transaction(fields | changes)
    return SignedTransaction(raw="0x" + done.raw_transaction.hex(), tx_hash="0x" + done.hash.hex())


def transfer_of(sender: str, amount: int) -> UnsignedTransaction:
    return UnsignedTransaction(
        chain_id=CHAIN_ID,
        sender=sender,
        to=USD.address,
        data=transfer_data("0x" + "99" * 20, amount),
        value_wei=0,
        action=Action.NOOP,
        summary="move USD",
    )


def test_a_broadcast_lands_once_and_its_receipt_is_complete(world: V3Chain, account: LocalAccount) -> None:
    tx = signed(account, 0)
    assert world.chain.read_receipt(tx.tx_hash) is None
    world.chain.send_raw(tx)
    receipt = world.chain.wait_for_receipt(tx.tx_hash, 10.0)
    assert receipt is not None
    assert receipt.succeeded
    assert receipt.block_hash == world.chain.read_block().block_hash
    assert len(receipt.logs) == 1
    assert world.chain.read_nonce(account.address) == 1
    spent = receipt.gas_used * receipt.effective_gas_price_wei + receipt.l1_fee_wei
    assert world.chain.read_native_balance(account.address, world.chain.read_block()) == 10**18 - spent


def test_the_same_bytes_again_count_as_sent_while_they_wait(world: V3Chain, account: LocalAccount) -> None:
    world.rpc.call("evm_setAutomine", False)
    tx = signed(account, 0)
    world.chain.send_raw(tx)
    world.chain.send_raw(tx)
    assert world.chain.wait_for_receipt(tx.tx_hash, 0.1) is None


def test_a_used_nonce_is_unknown_because_it_may_be_ours_that_used_it(world: V3Chain, account: LocalAccount) -> None:
    world.chain.send_raw(signed(account, 0))
    with pytest.raises(OutcomeUnknown, match="nonce too low"):
        world.chain.send_raw(signed(account, 0, tip=2 * 10**9))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"value": 10**19}, "nsufficient funds"),
        ({"gas": 20_000}, "intrinsic gas too low"),
        ({"maxFeePerGas": 1, "maxPriorityFeePerGas": 1}, "less than block base fee"),
        ({"chainId": 1}, "invalid chain id"),
    ],
)
def test_what_the_node_refuses_for_good_is_rejected(
    world: V3Chain, account: LocalAccount, changes: dict[str, int], told: str
) -> None:
    tx = signed(account, 0, **changes)
    with pytest.raises(SourceRejected, match=told):
        world.chain.send_raw(tx)
    assert world.chain.read_receipt(tx.tx_hash) is None
    assert world.chain.read_nonce(account.address) == 0


def test_a_simulation_tells_the_gas_or_the_reason(world: V3Chain, account: LocalAccount) -> None:
    assert 21_000 < world.chain.simulate(transfer_of(account.address, 1000)) < 100_000
    with pytest.raises(TransactionWouldRevert, match="move USD: Token: balance too low"):
        world.chain.simulate(transfer_of(account.address, 1001))


def test_what_a_payload_would_leave_is_told_without_sending_it(world: V3Chain, account: LocalAccount) -> None:
    nonce = world.chain.read_nonce(account.address)
    effects = world.chain.read_effects(transfer_of(account.address, 7))
    assert effects is not None
    assert balance_changes(effects, account.address) == {USD.address.lower(): -7}
    with pytest.raises(TransactionWouldRevert):
        world.chain.read_effects(transfer_of(account.address, 1001))
    assert world.chain.read_nonce(account.address) == nonce


def test_reads_at_a_pinned_block_do_not_see_what_came_later(world: V3Chain, account: LocalAccount) -> None:
    block = world.chain.read_block()
    balance = Call(target=USD.address, data=bytes.fromhex(balance_of_data(account.address)[2:]))
    world.chain.send_raw(signed(account, 0))
    (then,) = world.chain.read_calls([balance], block)
    (now,) = world.chain.read_calls([balance], world.chain.read_block())
    assert [int.from_bytes(answer.data, "big") for answer in (then, now)] == [1000, 990]


def test_a_pinned_block_that_is_reorganised_away_is_noticed(world: V3Chain, account: LocalAccount) -> None:
    world.chain.send_raw(signed(account, 0))
    block = world.chain.read_block()
    world.rpc.call("anvil_reorg", 1, [])
    balance = Call(target=USD.address, data=bytes.fromhex(balance_of_data(account.address)[2:]))
    with pytest.raises(SourceUnavailable, match=f"block {block.number} changed"):
        world.chain.read_calls([balance], block)


def test_transfers_of_a_wallet_are_found_with_their_signs(world: V3Chain, account: LocalAccount) -> None:
    first = world.chain.read_block().number
    for nonce in range(3):
        world.chain.send_raw(signed(account, nonce))
    last = world.chain.read_block().number
    rows = world.chain.read_transfers([USD.address], account.address, first, last)
    assert [amount for _, amount, _, _ in rows] == [1000, -10, -11, -12]
    assert {token for token, *_ in rows} == {USD.address.lower()}
    assert world.chain.read_transfers([USD.address], account.address, first + 1, last - 1) == rows[1:-1]


def test_fees_cover_what_the_next_block_charges(world: V3Chain, account: LocalAccount) -> None:
    fees = world.chain.read_fees()
    world.chain.send_raw(signed(account, 0))
    receipt = world.chain.wait_for_receipt(signed(account, 0).tx_hash, 10.0)
    assert receipt is not None
    assert fees.base_fee_wei <= receipt.effective_gas_price_wei <= fees.base_fee_wei + 10**9
    assert fees.priority_fee_wei > 0


def test_a_node_of_another_chain_is_refused(world: V3Chain) -> None:
    elsewhere = Web3Chain(Access(chain_id=1, rpc=(world.node.url,)))
    with pytest.raises(WrongChain, match="rpc:1"):
        elsewhere.read_block()
    elsewhere.close()
