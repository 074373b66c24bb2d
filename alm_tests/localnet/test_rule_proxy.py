"""Rules of real nodes before anvil: what each client refuses, and how an endpoint goes wrong."""

from dataclasses import replace
from typing import Any

import pytest

from alm_core.model.transactions import FeeBid, SignedTransaction
from alm_localnet.client_rules import BOR, BSC, CORETH, GETH, HYPEREVM, NITRO, ClientRules, PooledTransaction
from alm_localnet.mempool import Mempool, pooled_transaction
from alm_localnet.rpc import RpcClient
from alm_localnet.rpc_faults import FaultList, RpcFault, on
from alm_localnet.rule_proxy import SEND, RuleProxy
from alm_resources.chains.sending import SendVerdict, send_verdict
from alm_tests.chaos.rpc_bench import CHAIN_ID, GWEI, Bench, bench, node_and_keys

__all__ = ["bench", "node_and_keys"]

TX = PooledTransaction(
    raw="0x02",
    tx_hash="0x" + "5a" * 32,
    chain_id=1,
    sender="0x" + "11" * 20,
    nonce=7,
    gas=100_000,
    max_fee_wei=100 * GWEI,
    tip_wei=30 * GWEI,
)
KNOWN, REFUSED, UNKNOWN = SendVerdict.KNOWN, SendVerdict.REFUSED, SendVerdict.UNKNOWN


def refusal(rules: ClientRules, *, base_fee_wei: int = GWEI, next_nonce: int = 7, **changes: Any) -> str:
    return rules.refusal(replace(TX, **changes), chain_id=1, nonce=7, next_nonce=next_nonce, base_fee_wei=base_fee_wei)


@pytest.mark.parametrize(
    ("rules", "changes", "text"),
    [
        (GETH, {}, ""),
        (GETH, {"nonce": 9}, ""),
        (GETH, {"max_fee_wei": 50 * GWEI, "base_fee_wei": 60 * GWEI}, ""),
        (GETH, {"chain_id": 2}, "invalid chain id"),
        (GETH, {"gas": 2**24 + 1}, "exceeds block gas limit"),
        (GETH, {"gas": 2**24}, ""),
        (GETH, {"tip_wei": 101 * GWEI}, "max priority fee per gas higher"),
        (BOR, {"tip_wei": 25 * GWEI}, ""),
        (BOR, {"tip_wei": 25 * GWEI - 1}, "transaction gas price below minimum"),
        (BSC, {"tip_wei": 50_000_000}, ""),
        (BSC, {"tip_wei": 49_999_999}, "transaction underpriced"),
        (NITRO, {"nonce": 8}, "nonce too high"),
        (NITRO, {"nonce": 8, "next_nonce": 8}, ""),
        (NITRO, {"base_fee_wei": 101 * GWEI}, "max fee per gas less than block base fee"),
        (CORETH, {"base_fee_wei": 101 * GWEI}, "max fee per gas less than block base fee"),
        (HYPEREVM, {"nonce": 14}, ""),
        (HYPEREVM, {"nonce": 15}, "nonce too high"),
        (HYPEREVM, {"gas": 2_000_001}, "exceeds block gas limit"),
        (HYPEREVM, {"gas": 2_000_000}, ""),
    ],
)
def test_each_client_refuses_what_it_refuses_in_words_that_are_understood(
    rules: ClientRules, changes: dict[str, Any], text: str
) -> None:
    found = refusal(rules, **changes)
    assert found.startswith(text)
    assert bool(found) is bool(text)
    assert not text or send_verdict(found) is REFUSED


def test_a_used_nonce_is_refused_by_all_and_tells_nothing() -> None:
    for rules in (GETH, BOR, BSC, NITRO, CORETH, HYPEREVM):
        assert send_verdict(refusal(rules, nonce=6)) is UNKNOWN


@pytest.mark.parametrize(
    ("price", "tip", "refused"),
    [(110, 33, False), (110, 32, True), (109, 33, True), (110, 30, True), (200, 60, False)],
)
def test_a_replacement_needs_a_tenth_more_of_both_prices(price: int, tip: int, refused: bool) -> None:
    new = replace(TX, max_fee_wei=price * GWEI, tip_wei=tip * GWEI)
    assert GETH.refuses_replacement(TX, new) is refused


def test_a_replacement_of_nothing_needs_more_than_nothing() -> None:
    free = replace(TX, tip_wei=0)
    assert GETH.refuses_replacement(free, replace(free, max_fee_wei=200 * GWEI))
    assert not GETH.refuses_replacement(free, replace(free, max_fee_wei=200 * GWEI, tip_wei=1))


def test_faults_hit_as_often_and_where_they_should_and_alike_for_the_same_seed() -> None:
    faults = FaultList()
    faults.add(on("a", "null", times=2), RpcFault(kind="empty", when=lambda params: params == [1]))
    assert [fault and fault.kind for fault in (faults.hit("a", []), faults.hit("b", []), faults.hit("a", [1]))] == [
        "null",
        None,
        "null",
    ]
    assert [faults.hit("a", [1]) is not None for _ in range(2)] == [True, False]

    def chances(seed: int) -> list[bool]:
        some = FaultList(seed)
        some.add(RpcFault(kind="null", times=None, chance=0.5))
        return [some.hit("a", []) is not None for _ in range(40)]

    assert chances(1) == chances(1) != chances(2)
    assert 5 < sum(chances(1)) < 35


def signed(bench: Bench, nonce: int, price: int, tip: int = 1) -> SignedTransaction:
    bid = FeeBid(gas_limit=100_000, max_fee_per_gas_wei=price, max_priority_fee_per_gas_wei=tip)
    return bench.signer.sign(bench.plan(nonce).tx, bench.first_nonce + nonce, bid, fence=1)


@pytest.mark.chain
def test_a_pool_keeps_what_waits_for_its_price_or_its_nonce(bench: Bench) -> None:
    pool = bench.serve()
    client = RpcClient(bench.proxy.url, "proxy")
    bench.rpc.call("evm_setAutomine", False)
    bench.rpc.call("anvil_setNextBlockBaseFeePerGas", hex(5 * GWEI))
    bench.rpc.call("evm_mine")
    first, second = signed(bench, 0, 2 * GWEI), signed(bench, 1, 50 * GWEI)
    assert client.call(SEND, second.raw) == second.tx_hash
    assert client.call(SEND, first.raw) == first.tx_hash
    bench.rpc.call("evm_mine")
    assert (bench.nonces(), len(pool.pooled())) == (0, 2)
    bench.rpc.call("anvil_setNextBlockBaseFeePerGas", hex(GWEI))
    bench.rpc.call("evm_mine")
    assert client.call("eth_getTransactionReceipt", first.tx_hash) is None  # this request hands both on
    bench.rpc.call("evm_mine")
    assert (bench.nonces(), bench.effects()) == (2, 2)
    client.call("eth_blockNumber")
    assert pool.pooled() == []
    assert bench.proxy.counts[SEND] == 2
    client.close()


@pytest.mark.chain
def test_a_private_endpoint_hides_delays_or_swallows(bench: Bench) -> None:
    pool = bench.serve()
    bench.rpc.call("evm_setAutomine", False)
    tx = signed(bench, 0, 50 * GWEI)
    with RuleProxy(pool, discards=True) as swallowing, RuleProxy(pool, after_blocks=2) as slow:
        for proxy in (swallowing, slow):
            client = RpcClient(proxy.url, "proxy")
            assert client.call(SEND, tx.raw) == tx.tx_hash
            client.close()
    for _ in range(2):
        bench.rpc.call("evm_mine")
        pool.deliver()
        assert bench.nonces() == 0
    bench.rpc.call("evm_mine")
    assert (bench.nonces(), bench.effects()) == (1, 1)


@pytest.mark.chain
def test_a_frozen_endpoint_knows_nothing_that_came_after(bench: Bench) -> None:
    bench.serve()
    client = RpcClient(bench.proxy.url, "proxy")
    bench.proxy.freeze()
    at = bench.proxy.frozen_at
    tx = signed(bench, 0, 50 * GWEI)
    client.call(SEND, tx.raw)
    assert bench.effects() == 1
    assert int(client.call("eth_blockNumber"), 16) == at
    assert int(client.call("eth_getBlockByNumber", "latest", False)["number"], 16) == at
    assert client.call("eth_getBlockByNumber", hex(at + 1), False) is None
    assert client.call("eth_getTransactionReceipt", tx.tx_hash) is None
    wallet = bench.signer.address
    assert int(client.call("eth_getTransactionCount", wallet, "latest"), 16) == bench.first_nonce
    bench.proxy.frozen_at = None
    assert client.call("eth_getTransactionReceipt", tx.tx_hash)["status"] == "0x1"
    bench.proxy.chain_id = 5
    assert client.call("eth_chainId") == "0x5"
    client.close()


@pytest.mark.chain
def test_bytes_are_decoded_as_they_were_signed_and_others_refused(bench: Bench) -> None:
    tx = signed(bench, 3, 50 * GWEI, tip=7)
    found = pooled_transaction(tx.raw)
    assert (found.tx_hash, found.sender) == (tx.tx_hash, bench.signer.address.lower())
    assert (found.chain_id, found.nonce, found.gas) == (CHAIN_ID, bench.first_nonce + 3, 100_000)
    assert (found.max_fee_wei, found.tip_wei) == (50 * GWEI, 7)
    with pytest.raises(ValueError, match="no EIP-1559 transaction"):
        Mempool(bench.rpc, GETH).add("0x02aabb")


@pytest.mark.chain
def test_the_same_bytes_are_known_through_every_endpoint_of_a_pool(bench: Bench) -> None:
    pool = bench.serve(endpoints=2)
    bench.rpc.call("evm_setAutomine", False)
    tx = signed(bench, 0, 50 * GWEI)
    assert pool.add(tx.raw) == (tx.tx_hash, "")
    assert pool.add(tx.raw) == (tx.tx_hash, "already known")
    pool.evict()
    assert pool.add(tx.raw) == (tx.tx_hash, "")
