"""B12-B19, B28, B29: pools that forget, outbid, refuse and hide, and nonces that others use."""

import contextlib
from collections.abc import Callable
from typing import Any

import pytest
from eth_account import Account

from alm_core.model.books import Standstill
from alm_core.model.chains import ChainRules
from alm_core.model.errors import GasReserveShort, LimitExceeded, NotReconciled, OutcomeUnknown, SourceRejected
from alm_core.model.transactions import FeeBid, IntentState, UnsignedTransaction
from alm_localnet.client_rules import BOR, GETH, HYPEREVM, NITRO
from alm_localnet.mempool import Mempool, pooled_transaction
from alm_localnet.rpc_faults import on
from alm_localnet.rule_proxy import SEND, RuleProxy
from alm_tests.chaos.rpc_bench import CHAIN_ID, COIN, GWEI, Bench, bench, node_and_keys

__all__ = ["bench", "node_and_keys"]

pytestmark = pytest.mark.chain
PATIENT = ChainRules(bump_after_s=30.0, finality="finalized", final_depth=2)
BUDGET_WEI = 4 * 10**14


class Budget:
    """A limit on the fee of one transaction."""

    def check(self, tx: UnsignedTransaction, bid: FeeBid, *_: Any) -> None:
        if bid.most_wei > BUDGET_WEI:
            raise LimitExceeded(f"fee budget: {bid.most_wei} (bound {BUDGET_WEI})")


def foreign_transfer(bench: Bench, nonce: int) -> None:
    """Somebody else signs with our key."""
    keystore, password = bench.signer._keystore_path.read_text(), bench.signer._password_file.read_text()
    account = Account.from_key(Account.decrypt(keystore, password))
    payload = {"chainId": CHAIN_ID, "nonce": nonce, "to": "0x" + "99" * 20, "value": 1, "gas": 21_000}
    signed = account.sign_transaction(payload | {"maxFeePerGas": 50 * GWEI, "maxPriorityFeePerGas": GWEI})
    bench.rpc.call("eth_sendRawTransaction", "0x" + signed.raw_transaction.hex().removeprefix("0x"))


def test_b12_where_a_reorganisation_takes_the_predecessor_both_are_mined_in_order(bench: Bench) -> None:
    bench.serve()
    first, second = bench.plan(1), bench.plan(2)
    bench.connect(rules=PATIENT, timeout_s=0.2).run(first)
    bench.rpc.call("evm_setAutomine", False)
    with pytest.raises(OutcomeUnknown):
        bench.engine.run(second)
    bench.rpc.call("anvil_reorg", 1, [])
    assert (bench.effects(), bench.state(second)) == (0, IntentState.BROADCAST)
    bench.rpc.call("evm_setAutomine", True)
    bench.connect(rules=PATIENT)
    bench.engine.recheck()
    bench.engine.resume(bench.journal.read_intent(second.key))
    assert [bench.state(intent) for intent in (first, second)] == [IntentState.FINAL_OK] * 2
    assert (bench.effects(), bench.nonces()) == (2, 2)
    bench.assert_books(effects=2)


def test_b13_what_a_pool_forgets_is_sent_again_and_mined_once(bench: Bench) -> None:
    pool = bench.serve()
    bench.rpc.call("evm_setAutomine", False)
    evictions = iter([pool.evict, pool.evict])
    intent = bench.plan()

    def evict() -> None:
        if bench.proxy.counts[SEND] and pool.pooled():
            next(evictions, lambda: None)()

    with bench.mining(evict, every_s=0.1):
        bench.connect().run(intent)
    assert next(evictions, None) is None
    bench.assert_one_effect(intent)


def told_too_low(bench: Bench) -> None:
    """Fees of a moment ago: once read, the base fee is three times as high for 50 blocks."""
    told = {"baseFeePerGas": [hex(GWEI)], "reward": [["0x1"]]}
    bench.proxy.faults.add(on("eth_feeHistory", "rewrite", rewritten=lambda _: told))


def spike_of(bench: Bench, base_fee_wei: int, blocks: int = 50) -> Callable[[], None]:
    left = iter(range(blocks))

    def raise_base_fee() -> None:
        if next(left, None) is not None:
            bench.rpc.call("anvil_setNextBlockBaseFeePerGas", hex(base_fee_wei))

    raise_base_fee()
    return raise_base_fee


def test_b14_a_bid_that_the_base_fee_overtakes_is_raised(bench: Bench) -> None:
    bench.serve()
    bench.rpc.call("evm_setAutomine", False)
    intent = bench.plan()
    told_too_low(bench)
    with bench.mining(spike_of(bench, 3 * GWEI)):
        bench.connect().run(intent)
    bench.assert_one_effect(intent)
    bids = [attempt.bid.max_fee_per_gas_wei for attempt in bench.journal.read_attempts(intent.key)]
    assert bids[0] < 3 * GWEI < bids[-1]


def test_b14_a_bid_below_the_base_fee_that_a_sequencer_refuses_is_nowhere_and_planned_again(bench: Bench) -> None:
    bench.serve(NITRO)
    first, again = bench.plan(1), bench.plan(2)
    bench.rpc.call("anvil_setNextBlockBaseFeePerGas", hex(3 * GWEI))
    bench.rpc.call("evm_mine")
    told_too_low(bench)
    with pytest.raises(SourceRejected, match="max fee per gas less than block base fee"):
        bench.connect().run(first)
    bench.assert_nothing(first, IntentState.EXPIRED_UNSENT)
    bench.engine.run(again)
    bench.assert_one_effect(again)


def test_b14_beyond_the_budget_the_nonce_is_freed_instead(bench: Bench) -> None:
    bench.serve()
    bench.rpc.call("evm_setAutomine", False)
    intent = bench.plan()
    told_too_low(bench)
    with bench.mining(spike_of(bench, 8 * GWEI, blocks=1000)):
        # Nine gwei for 55,000 gas are over the budget, for a transfer to ourselves they are not.
        bench.connect(guard=Budget()).run(intent)
    assert bench.state(intent) is IntentState.CANCELLED
    assert (bench.effects(), bench.nonces()) == (0, 1)
    bench.assert_books(effects=0)
    assert [attempt.cancels for attempt in bench.journal.read_signed(intent.key)] == [False, True]


@pytest.mark.parametrize(("client", "tip"), [(GETH, 0), (BOR, 25 * GWEI)])
def test_b15_every_replacement_is_high_enough_for_real_pools(bench: Bench, client: Any, tip: int) -> None:
    pool = bench.serve(client)
    bench.rpc.call("evm_setAutomine", False)
    intent = bench.plan()
    rules = ChainRules(bump_after_s=0.1, min_priority_fee_wei=tip)
    with pytest.raises(OutcomeUnknown, match=r"\(6 attempts\)"):
        bench.connect(rules=rules, timeout_s=0.6).run(intent)
    attempts = bench.journal.read_signed(intent.key)
    assert [one.tx_hash for one in pool.pooled()] == [attempts[-1].tx_hash]
    bench.rpc.call("evm_mine")
    bench.engine.resume(bench.journal.read_intent(intent.key))
    bench.assert_one_effect(intent)


def test_b15_a_replacement_that_is_not_high_enough_may_be_out_all_the_same(bench: Bench) -> None:
    bench.serve()
    bench.rpc.call("evm_setAutomine", False)
    intent = bench.plan()
    with pytest.raises(OutcomeUnknown):
        bench.connect(rules=PATIENT, timeout_s=0.2).run(intent)
    (first,) = bench.journal.read_attempts(intent.key)
    price = first.bid.max_fee_per_gas_wei * 109 // 100
    bid = FeeBid(
        gas_limit=first.bid.gas_limit,
        max_fee_per_gas_wei=price,
        max_priority_fee_per_gas_wei=first.bid.max_priority_fee_per_gas_wei * 2,
    )
    low = bench.signer.sign(intent.tx, bench.first_nonce, bid, fence=1)
    with pytest.raises(OutcomeUnknown, match="replacement transaction underpriced"):
        bench.chain.send_raw(low)
    bench.rpc.call("evm_mine")
    bench.engine.resume(bench.journal.read_intent(intent.key))
    bench.assert_one_effect(intent)


def halt_of(bench: Bench) -> Standstill | None:
    return bench.journal.read_halt(CHAIN_ID, bench.signer.address)


def test_b16_a_nonce_that_somebody_else_used_before_us_halts_the_wallet(bench: Bench) -> None:
    bench.serve()
    first, second = bench.plan(1), bench.plan(2)
    bench.connect().run(first)
    foreign_transfer(bench, bench.first_nonce + 1)
    with pytest.raises(NotReconciled, match="somebody else uses the key"):
        bench.engine.run(second)
    assert (bench.effects(), bench.nonces()) == (1, 2)
    assert bench.state(second) is IntentState.PLANNED
    found = halt_of(bench)
    assert found is not None
    assert found.mode == "halt"


def test_b16_a_nonce_that_somebody_else_took_from_under_us_is_a_persons_matter(bench: Bench) -> None:
    pool = bench.serve()
    bench.rpc.call("evm_setAutomine", False)
    intent = bench.plan()
    with pytest.raises(OutcomeUnknown):
        bench.connect(rules=PATIENT, timeout_s=0.2).run(intent)
    pool.evict()
    foreign_transfer(bench, bench.first_nonce)
    bench.rpc.call("evm_mine")
    with pytest.raises(NotReconciled, match="used by a transaction that is not ours"):
        bench.engine.resume(bench.journal.read_intent(intent.key))
    assert bench.state(intent) is IntentState.MANUAL
    assert (bench.effects(), bench.nonces()) == (0, 1)
    assert halt_of(bench) is not None


@pytest.mark.parametrize("client", [NITRO, HYPEREVM, GETH])
def test_b17_a_gap_below_is_filled_with_what_was_lost_and_nothing_is_doubled(bench: Bench, client: Any) -> None:
    bench.serve(client)
    first, second = bench.plan(1), bench.plan(2)
    bench.connect().run(first)
    bench.rpc.call("anvil_reorg", 1, [])  # nobody looked again: the second goes out above a nonce that is free now
    with contextlib.suppress(SourceRejected):
        bench.engine.run(second)
    bench.engine.recheck()
    if bench.state(second) is IntentState.EXPIRED_UNSENT:
        assert client is NITRO  # refused, so nowhere: the nonce is free, and the next plan takes it
        second = bench.plan(3)
    bench.engine.run(bench.journal.read_intent(second.key))
    assert [bench.state(intent) for intent in (first, second)] == [IntentState.FINAL_OK] * 2
    assert (bench.effects(), bench.nonces()) == (2, 2)
    bench.assert_books(effects=2)


def test_b17_a_nonce_beyond_the_window_of_hyperevm_is_refused(bench: Bench) -> None:
    pool = bench.serve(HYPEREVM)
    bid = FeeBid(gas_limit=100_000, max_fee_per_gas_wei=5 * GWEI, max_priority_fee_per_gas_wei=0)
    tx = bench.plan().tx
    bench.connect()
    with pytest.raises(SourceRejected, match="nonce too high"):
        bench.chain.send_raw(bench.signer.sign(tx, bench.first_nonce + 8, bid, fence=1))
    bench.chain.send_raw(bench.signer.sign(tx, bench.first_nonce + 7, bid, fence=1))
    assert [one.nonce for one in pool.pooled()] == [bench.first_nonce + 7]
    assert bench.effects() == 0


@pytest.mark.parametrize("has_it", [True, False], ids=["the node has it", "the node says so only"])
def test_b18_already_known_on_the_first_send_is_sent(bench: Bench, has_it: bool) -> None:
    bench.serve()
    bench.proxy.faults.add(on(SEND, "error", message="already known", after=has_it))
    intent = bench.plan()
    bench.connect().run(intent)
    bench.assert_one_effect(intent)
    assert bench.sends() == [1 if has_it else 2]


def test_b19_without_coin_for_gas_nothing_is_sent_until_there_is_some(bench: Bench) -> None:
    bench.serve()
    first, second = bench.plan(1), bench.plan(2)
    bench.connect().run(first)
    spent = 10 * COIN - bench.native()
    bench.rpc.call("anvil_setBalance", bench.signer.address, hex(10**12))
    for _ in range(2):
        with pytest.raises(GasReserveShort, match="gas_reserve: send native coin to"):
            bench.engine.run(bench.journal.read_intent(second.key))
    assert bench.state(second) is IntentState.PLANNED
    assert bench.sends() == [1]
    bench.rpc.call("anvil_setBalance", bench.signer.address, hex(10 * COIN - spent))
    bench.engine.run(bench.journal.read_intent(second.key))
    assert (bench.effects(), bench.nonces()) == (2, 2)
    bench.assert_books(effects=2)


HIDDEN = ChainRules(bump_after_s=10.0, private_for_s=0.3)


@pytest.mark.parametrize("fate", ["discarded", "delivered", "refused", "down"])
def test_b28_what_a_private_endpoint_does_not_deliver_goes_public_as_the_same_bytes(bench: Bench, fate: str) -> None:
    pool = bench.serve()
    private = {
        "discarded": lambda: RuleProxy(pool, discards=True),
        "delivered": lambda: RuleProxy(pool, after_blocks=1),
        "refused": lambda: RuleProxy(Mempool(bench.rpc, BOR)),
        "down": lambda: RuleProxy(pool),
    }
    hidden = bench.stack.enter_context(private[fate]())
    if fate == "down":
        hidden.faults.add(on(SEND, "hang_up", times=None))
    bench.rpc.call("evm_setAutomine", False)
    intent = bench.plan()
    with bench.mining():
        bench.connect(rules=HIDDEN, private=(hidden,)).run(intent)
    bench.assert_one_effect(intent)
    (signed,) = bench.journal.read_signed(intent.key)
    assert set(hidden.sent) == {signed.raw}
    assert bench.proxy.sent == ([] if fate == "delivered" else [signed.raw])


def test_b28_bytes_stay_out_of_the_public_until_their_time_is_over(bench: Bench) -> None:
    pool = bench.serve()
    hidden = bench.stack.enter_context(RuleProxy(pool, discards=True))
    bench.rpc.call("evm_setAutomine", False)
    intent = bench.plan()
    with pytest.raises(OutcomeUnknown):
        bench.connect(rules=ChainRules(bump_after_s=0.1), private=(hidden,), timeout_s=0.2).run(intent)
    assert pool.pooled() == [pooled_transaction(raw) for raw in bench.proxy.sent]
    assert hidden.sent[0] == bench.journal.read_signed(intent.key)[0].raw


def test_b29_a_chain_that_stands_still_for_two_hours_goes_on_with_the_same_transaction(bench: Bench) -> None:
    bench.serve()
    bench.rpc.call("evm_setAutomine", False)
    intent = bench.plan()
    bench.connect(rules=PATIENT, timeout_s=0.1)
    for _ in range(4):
        with pytest.raises(OutcomeUnknown):
            bench.engine.run(bench.journal.read_intent(intent.key))
    (signed,) = bench.journal.read_signed(intent.key)
    assert set(bench.proxy.sent) == {signed.raw}
    bench.rpc.call("evm_increaseTime", 2 * 3600)
    bench.rpc.call("evm_mine")
    bench.engine.run(bench.journal.read_intent(intent.key))
    bench.assert_one_effect(intent)


def test_b29_bids_that_were_raised_while_the_chain_stood_still_have_one_effect(bench: Bench) -> None:
    bench.serve()
    bench.rpc.call("evm_setAutomine", False)
    intent = bench.plan()
    with pytest.raises(OutcomeUnknown):
        bench.connect(timeout_s=0.8).run(intent)
    assert len(bench.journal.read_signed(intent.key)) > 1
    bench.rpc.call("evm_mine")
    bench.engine.run(bench.journal.read_intent(intent.key))
    bench.assert_one_effect(intent)
