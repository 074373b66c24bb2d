"""B01-B10: endpoints that fail, lie and lag. Each scenario ends with exactly one effect, or with none and a reason."""

import re
import socket
from collections.abc import Callable
from typing import Any

import pytest

from alm_core.model.chain_ports import Call
from alm_core.model.chains import ChainRules
from alm_core.model.errors import BadAnswer, OutcomeUnknown, SourceError, SourceUnavailable, WrongChain
from alm_core.model.transactions import Intent, IntentState
from alm_localnet.rpc_faults import RpcFault, on
from alm_localnet.rule_proxy import SEND, RuleProxy
from alm_tests.chaos.rpc_bench import CHAIN_ID, GWEI, VENUE, Bench, bench, node_and_keys

__all__ = ["bench", "node_and_keys"]

pytestmark = pytest.mark.chain
READS = [
    "eth_call",
    "eth_estimateGas",
    "eth_feeHistory",
    "eth_getBlockByNumber",
    "eth_getBalance",
    "eth_getTransactionCount",
    "eth_getTransactionReceipt",
]
SLOW_BUMP = ChainRules(bump_after_s=30.0)


def run_until_done(bench: Bench, intent: Intent, *, times: int = 8) -> Intent:
    """Run an intent as epochs do that follow each other; errors must leave something to go on with."""
    for _ in range(times):
        try:
            return bench.engine.run(bench.journal.read_intent(intent.key))
        except (SourceError, OutcomeUnknown):
            assert not bench.state(intent).terminal
    pytest.fail(f"not done after {times} runs: {bench.journal.read_intent(intent.key)}")


def refusing_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


@pytest.mark.parametrize("down", ["http://{port}", "http://no-such-host.invalid", "https://{proxy}"])
def test_b01_an_endpoint_that_cannot_be_reached_is_passed_over(bench: Bench, down: str) -> None:
    bench.serve()
    url = down.format(port=refusing_port(), proxy=bench.proxy.url.removeprefix("http://"))
    intent = bench.plan()
    with pytest.raises(SourceUnavailable, match="no endpoint answers"):
        bench.connect(url).run(intent)
    bench.assert_nothing(intent, IntentState.PLANNED)
    bench.connect(url, bench.proxy.url).run(intent)
    bench.assert_one_effect(intent)
    assert bench.sends() == [1]


@pytest.mark.parametrize("kind", ["hang", "hang_up"])
@pytest.mark.parametrize("after", [False, True], ids=["before the node had it", "after the node had it"])
def test_b02_a_send_whose_answer_is_lost_has_one_effect(bench: Bench, kind: Any, after: bool) -> None:
    bench.serve()
    bench.proxy.faults.add(on(SEND, kind, after=after))
    intent = bench.plan()
    bench.connect().run(intent)
    bench.assert_one_effect(intent)
    assert len(bench.proxy.sent) == len(set(bench.proxy.sent)) == (1 if after else 2)


@pytest.mark.parametrize(
    "limit",
    [
        RpcFault(kind="status", status=429, methods=frozenset({SEND}), times=2),
        RpcFault(kind="status", status=429, retry_after_s=120, methods=frozenset({SEND}), times=2),
        RpcFault(kind="error", code=-32005, message="rate limited", methods=frozenset({SEND}), times=2),
        RpcFault(kind="status", status=429, chance=0.4, times=None),
        RpcFault(kind="error", code=-32005, message="rate limited", chance=0.4, times=None),
    ],
    ids=["429", "429 with Retry-After", "-32005", "429 now and then", "-32005 now and then"],
)
def test_b03_a_limited_endpoint_delays_and_doubles_nothing(bench: Bench, limit: RpcFault) -> None:
    bench.serve()
    bench.proxy.faults.add(limit)
    bench.connect()
    intent = bench.plan()
    run_until_done(bench, intent, times=20)
    bench.proxy.faults.clear()
    bench.assert_one_effect(intent)


@pytest.mark.parametrize("methods", [READS, [SEND]], ids=["every read once", "the send"])
@pytest.mark.parametrize(
    "broken",
    [
        {"kind": "status", "status": 500},
        {"kind": "status", "status": 502, "message": "<html>bad gateway</html>"},
        {"kind": "status", "status": 503},
        {"kind": "html", "status": 200},
        {"kind": "empty"},
        {"kind": "truncated", "after": True},
        {"kind": "wrong_id", "after": True},
        {"kind": "null", "after": True},
    ],
    ids=lambda broken: f"{broken['kind']} {broken.get('status', '')}".strip(),
)
def test_b04_a_broken_body_is_no_answer_whatever_was_asked(
    bench: Bench, methods: list[str], broken: dict[str, Any]
) -> None:
    bench.serve()
    bench.proxy.faults.add(*(on(method, **broken) for method in methods))
    bench.connect()
    intent = bench.plan()
    run_until_done(bench, intent)
    bench.assert_one_effect(intent)


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "status", "status": 401},
        {"kind": "status", "status": 429},
        {"kind": "status", "status": 500},
        {"kind": "hang"},
        {"kind": "hang", "after": True},
        {"kind": "hang_up"},
        {"kind": "error", "message": "nonce too low"},
    ],
    ids=str,
)
def test_b05_an_attempt_is_posted_once_to_each_endpoint_whatever_it_answers(
    bench: Bench, fault: dict[str, Any]
) -> None:
    bench.serve(endpoints=3)
    for proxy in bench.proxies[1:]:
        proxy.faults.add(on(SEND, times=None, **fault))
    intent = bench.plan()
    bench.connect(rules=SLOW_BUMP).run(intent)
    bench.assert_one_effect(intent)
    assert bench.sends() == [1, 1, 1]
    assert len(bench.journal.read_signed(intent.key)) == 1


def test_b06_an_endpoint_with_a_frozen_head_is_not_read_from(bench: Bench) -> None:
    bench.serve(endpoints=2)
    frozen, sound = bench.proxies
    frozen.freeze()
    bench.rpc.call("anvil_mine", "0x32")
    intent = bench.plan()
    bench.connect().run(intent)
    bench.assert_one_effect(intent)
    assert set(frozen.counts) == {"eth_chainId", "eth_getBlockByNumber", SEND}
    assert sound.counts["eth_getTransactionCount"] > 0
    assert bench.chain.read_block().number == int(bench.rpc.call("eth_blockNumber"), 16)


def test_b06_a_receipt_of_the_past_settles_nothing(bench: Bench) -> None:
    bench.serve(endpoints=2)
    stale = bench.proxies[0]
    intent = bench.plan()
    bench.connect().run(intent)
    receipt = bench.rpc.call("eth_getTransactionReceipt", bench.journal.read_signed(intent.key)[0].tx_hash)
    bench.rpc.call("anvil_reorg", 1, [])
    stale.faults.add(on("eth_getTransactionReceipt", "rewrite", times=None, rewritten=lambda _: receipt))
    with pytest.raises(OutcomeUnknown, match="its block changed"):
        bench.engine.recheck()
    assert bench.state(intent) is IntentState.BROADCAST
    assert bench.journal.read_ledger_sums(CHAIN_ID, bench.signer.address).get(VENUE, 0) == 0
    stale.faults.clear()
    run_until_done(bench, intent)
    bench.assert_one_effect(intent)


def test_b07_where_the_node_counts_fewer_transactions_the_journal_is_right(bench: Bench) -> None:
    bench.serve()
    first, second = bench.plan(1), bench.plan(2)
    bench.connect().run(first)
    lagging = on("eth_getTransactionCount", "rewrite", times=None, rewritten=lambda count: hex(int(count, 16) - 1))
    bench.proxy.faults.add(lagging)
    bench.engine.run(second)
    assert (bench.effects(), bench.nonces()) == (2, 2)
    assert bench.journal.read_intent(second.key).nonce == bench.first_nonce + 1
    bench.assert_books(effects=2)


def test_b08_an_endpoint_of_another_chain_gets_nothing_signed_and_nothing_sent(bench: Bench) -> None:
    bench.serve(endpoints=2)
    wrong, right = bench.proxies
    wrong.chain_id = 1
    intent = bench.plan()
    with pytest.raises(WrongChain, match="serves chain 1, registry says 8453"):
        bench.connect(wrong.url).run(intent)
    bench.assert_nothing(intent, IntentState.PLANNED)
    bench.connect(wrong.url, right.url).run(intent)
    bench.assert_one_effect(intent)
    assert bench.sends(wrong, right) == [0, 1]


def balances_doubled(proxy: RuleProxy) -> None:
    proxy.faults.add(on("eth_getBalance", "rewrite", times=None, rewritten=lambda wei: hex(2 * int(wei, 16))))


def other_hash(proxy: RuleProxy) -> None:
    def forked(header: Any) -> Any:
        return header and header | {"hash": "0x" + "66" * 32}

    proxy.faults.add(on("eth_getBlockByNumber", "rewrite", times=None, rewritten=forked))


@pytest.mark.parametrize("lie", [balances_doubled, other_hash])
@pytest.mark.parametrize("liar", [0, 1])
def test_b09_nothing_is_signed_while_two_endpoints_disagree(
    bench: Bench, lie: Callable[[RuleProxy], None], liar: int
) -> None:
    bench.serve(endpoints=2)
    lie(bench.proxies[liar])
    intent = bench.plan()
    with pytest.raises(SourceUnavailable, match=r"disagree on block|two endpoints answer differently"):
        bench.connect().run(intent)
    bench.assert_nothing(intent, IntentState.PLANNED)
    assert bench.sends() == [0, 0]
    bench.proxies[liar].faults.clear()
    bench.engine.run(intent)
    bench.assert_one_effect(intent)


@pytest.mark.parametrize("liar", [0, 1])
def test_b09_no_price_is_read_while_two_endpoints_disagree_on_what_a_contract_says(bench: Bench, liar: int) -> None:
    bench.serve(endpoints=2)
    bench.connect()
    reads = [Call(target=bench.chain._multicall3, data=bytes.fromhex("4d2301cc") + bytes(12) + b"\x44" * 20)]
    assert bench.chain.read_head(reads).results[0].succeeded
    # The last word of the batch is the answer: here the balance of the venue, in a pool its price.
    bench.proxies[liar].faults.add(on("eth_call", "rewrite", times=None, rewritten=lambda data: data[:-64] + "f" * 64))
    with pytest.raises(SourceUnavailable, match="two endpoints answer differently at block"):
        bench.chain.read_head(reads)


@pytest.mark.parametrize(
    "change",
    [
        {"baseFeePerGas": [hex(10**6 * GWEI)]},
        {"baseFeePerGas": ["0x1"], "reward": [[hex(10**6 * GWEI)]]},
    ],
    ids=["base fee", "tip"],
)
def test_b10_a_million_gwei_is_not_believed(bench: Bench, change: dict[str, Any]) -> None:
    bench.serve()
    bench.proxy.faults.add(on("eth_feeHistory", "rewrite", times=None, rewritten=lambda _: change))
    intent = bench.plan()
    with pytest.raises(BadAnswer, match=re.escape("1,000,000 gwei cannot be true")):
        bench.connect().run(intent)
    bench.assert_nothing(intent, IntentState.PLANNED)


@pytest.mark.parametrize(
    "history",
    [
        None,
        {"baseFeePerGas": None, "reward": None},
        {"baseFeePerGas": [None], "reward": []},
        {"baseFeePerGas": [], "reward": [[]]},
        {"baseFeePerGas": [hex(GWEI)], "reward": [["0x0"], ["0x0"]]},
    ],
    ids=str,
)
def test_b10_fees_that_are_not_told_are_asked_for_in_another_way(bench: Bench, history: Any) -> None:
    bench.serve()
    bench.proxy.faults.add(on("eth_feeHistory", "rewrite", times=None, rewritten=lambda _: history))
    intent = bench.plan()
    bench.connect().run(intent)
    bench.assert_one_effect(intent)
