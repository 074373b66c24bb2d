"""B20-B27, B30: what single chains do to a transaction: reverts, gas, data fees, logs, history, finality, headers."""

import threading
from typing import Any

import pytest

from alm_core.execution.erc20 import TRANSFER_TOPIC
from alm_core.model.chain_ports import Call
from alm_core.model.chains import ChainRules
from alm_core.model.errors import LimitExceeded, SourceRejected
from alm_core.model.transactions import FeeBid, Intent, IntentState, UnsignedTransaction
from alm_localnet.client_rules import HYPEREVM
from alm_localnet.contracts import Bytecode, calldata, install
from alm_localnet.node import install_node_modules
from alm_localnet.rpc_faults import RpcFault, on
from alm_localnet.rule_proxy import SEND
from alm_resources.chains.l1_fee import GAS_PRICE_ORACLE
from alm_tests.chaos.rpc_bench import CHAIN_ID, GWEI, RULES, VENUE, Bench, bench, node_and_keys

__all__ = ["bench", "node_and_keys"]

pytestmark = pytest.mark.chain
REVERTS = "0x60006000fd"
BURNS = "0x60005b60010180620120001160025700"
"""Counts to 73,728 in a loop: 2.1 million gas."""


def assert_reverted(bench: Bench, intent: Intent) -> None:
    assert bench.state(intent) is IntentState.FINAL_REVERTED
    assert (bench.effects(), bench.nonces()) == (0, 1)
    bench.assert_books(effects=0)


def test_b20_a_transaction_that_reverts_is_booked_and_not_tried_again(bench: Bench) -> None:
    bench.serve()
    bench.rpc.call("evm_setAutomine", False)
    intent, changed = bench.plan(), threading.Event()

    def slipped(answer: Any) -> Any:
        bench.rpc.call("anvil_setCode", VENUE, REVERTS)
        changed.set()
        return answer

    bench.proxy.faults.add(on(SEND, "rewrite", rewritten=slipped))
    # Its block must not come before the change.
    with bench.mining(lambda: changed.wait(10)):
        bench.connect().run(intent)
    for _ in range(3):
        bench.engine.run(bench.journal.read_intent(intent.key))
    assert_reverted(bench, intent)
    assert len(bench.journal.read_signed(intent.key)) == 1


def test_b21_an_estimate_from_stale_state_costs_gas_and_nothing_else(bench: Bench) -> None:
    bench.serve()
    bench.proxy.faults.add(on("eth_estimateGas", "rewrite", rewritten=lambda gas: hex(int(gas, 16) * 6 // 10)))
    intent = bench.plan()
    bench.connect().run(intent)
    assert_reverted(bench, intent)
    again = bench.plan(2)
    bench.engine.run(again)
    assert (bench.effects(), bench.nonces()) == (1, 2)
    bench.assert_books(effects=1)


def test_b22_a_payload_that_fits_no_small_block_is_refused_before_it_is_signed(bench: Bench) -> None:
    bench.serve(HYPEREVM)
    code = bench.rpc.call("eth_getCode", VENUE, "latest")
    bench.rpc.call("anvil_setCode", VENUE, BURNS)
    intent = bench.plan()
    with pytest.raises(LimitExceeded, match="transaction_gas_cap"):
        bench.connect(rules=ChainRules(transaction_gas_cap=2_000_000, takes_tips=False)).run(intent)
    bench.assert_nothing(intent, IntentState.PLANNED)
    bid = FeeBid(gas_limit=2_500_000, max_fee_per_gas_wei=5 * GWEI, max_priority_fee_per_gas_wei=0)
    with pytest.raises(SourceRejected, match="exceeds block gas limit"):
        bench.chain.send_raw(bench.signer.sign(intent.tx, bench.first_nonce, bid, fence=1))
    bench.rpc.call("anvil_setCode", VENUE, code)
    bench.engine.run(intent)
    bench.assert_one_effect(intent)


class FeeCap:
    """A limit on the fee of one transaction, data on Ethereum included."""

    def __init__(self, most_wei: int) -> None:
        self.most_wei = most_wei
        self.l1_fees: list[int] = []

    def check(self, tx: UnsignedTransaction, bid: FeeBid, *_: Any) -> None:
        self.l1_fees.append(bid.l1_fee_wei)
        if bid.most_wei > self.most_wei:
            raise LimitExceeded(f"fee cap: {bid.most_wei} (bound {self.most_wei})")


@pytest.mark.parametrize("fjord", [True, False])
def test_b23_a_fee_for_data_that_rises_fiftyfold_stops_the_transaction(bench: Bench, fjord: bool) -> None:
    bench.serve()
    operator = bench.rpc.call("eth_accounts")[0]
    install(bench.rpc, operator, GAS_PRICE_ORACLE, Bytecode(install_node_modules()).creation("GasPriceOracleStandIn"))

    def price(l1_base_fee_wei: int) -> None:
        data = calldata("set(bool,uint256,uint256,uint32,uint32)", fjord, l1_base_fee_wei, 1, 226_900, 1_055_762)
        bench.rpc.transact(operator, GAS_PRICE_ORACLE, data)

    intent = bench.plan()
    cap = FeeCap(5 * 10**14)
    price(50 * 20 * GWEI)
    with pytest.raises(LimitExceeded, match="fee cap"):
        bench.connect(rules=ChainRules(has_l1_fee=True, bump_after_s=30.0), guard=cap).run(intent)
    bench.assert_nothing(intent, IntentState.PLANNED)
    price(20 * GWEI)
    bench.engine.run(intent)
    bench.assert_one_effect(intent)
    dear, usual = max(cap.l1_fees), cap.l1_fees[-1]
    assert dear > cap.most_wei > 10 * usual > 0


def too_wide(widest: int, **refusal: Any) -> RpcFault:
    def wide(params: Any) -> bool:
        return int(params[0]["toBlock"], 16) - int(params[0]["fromBlock"], 16) + 1 > widest

    return on("eth_getLogs", refusal.pop("kind", "error"), times=None, when=wide, **refusal)


@pytest.mark.parametrize(
    "cap",
    [
        too_wide(50, code=-32602, message="query exceeds max block range 50"),
        too_wide(7, code=-32614, message="eth_getLogs is limited to a 10,000 range"),
        too_wide(20, code=-32005, message="query returned more than 10000 results"),
        too_wide(30, kind="status", status=413, message="Payload Too Large"),
        too_wide(40, code=-32000, message="block range is too wide"),
    ],
    ids=["HyperEVM", "QuickNode", "Infura", "413", "-32000"],
)
def test_b24_logs_are_complete_whatever_range_the_node_allows(bench: Bench, cap: RpcFault) -> None:
    bench.serve()
    first = int(bench.rpc.call("eth_blockNumber"), 16)
    bench.connect()
    for number in range(5):
        bench.engine.run(bench.plan(number))
        bench.rpc.call("anvil_mine", hex(number * 11))
    last = int(bench.rpc.call("eth_blockNumber"), 16)
    everything = {"address": VENUE, "topics": [TRANSFER_TOPIC], "fromBlock": hex(first), "toBlock": hex(last)}
    expected = [log["transactionHash"] for log in bench.rpc.call("eth_getLogs", everything)]
    bench.proxy.faults.add(cap)
    rows = bench.chain.read_transfers([VENUE], bench.signer.address, first, last)
    assert [tx_hash for _, _, tx_hash, _ in rows] == expected
    assert [amount for _, amount, _, _ in rows] == [-1] * 5


NO_HISTORY = "historical state is not available: only latest is supported"


def pinned(place: int) -> Any:
    return lambda params: len(params) > place and str(params[place]).startswith("0x")


def test_b25_a_node_without_history_is_read_at_its_head_and_the_block_recognised(bench: Bench) -> None:
    bench.serve(HYPEREVM)
    for method in ("eth_call", "eth_getBalance"):
        bench.proxy.faults.add(on(method, "error", times=None, when=pinned(1), message=NO_HISTORY))
    intent = bench.plan()
    bench.connect(rules=ChainRules(takes_tips=False, finality="latest")).run(intent)
    bench.assert_one_effect(intent)
    block = bench.chain.read_block()
    balance = Call(target=bench.chain._multicall3, data=bytes.fromhex("4d2301cc" + "00" * 12) + b"\x44" * 20)
    assert bench.chain.read_calls([balance], block)[0].succeeded
    assert bench.chain.read_native_balance(bench.signer.address, block) == bench.native()


@pytest.mark.parametrize("block_s", [0.0, 0.45, 12.0])
def test_b26_times_of_blocks_may_be_equal_or_far_apart(bench: Bench, block_s: float) -> None:
    bench.serve(endpoints=2)
    start_s = int(bench.rpc.call("eth_getBlockByNumber", "latest", False)["timestamp"], 16)

    def timed(header: Any) -> Any:
        return header and header | {"timestamp": hex(start_s + int(block_s * int(header["number"], 16)))}

    for proxy in bench.proxies:
        proxy.faults.add(on("eth_getBlockByNumber", "rewrite", times=None, rewritten=timed))
    first, second = bench.plan(1), bench.plan(2)
    bench.connect().run(first)
    bench.engine.run(second)
    assert (bench.effects(), bench.nonces()) == (2, 2)
    bench.assert_books(effects=2)


@pytest.mark.parametrize(
    "unknown",
    [
        {"kind": "error", "code": -32602, "message": "invalid block tag: finalized"},
        {"kind": "error", "message": "finalized block not found"},
        {"kind": "null"},
        {"kind": "status", "status": 500},
    ],
    ids=str,
)
def test_b27_without_the_finality_tag_a_depth_stands_for_it(bench: Bench, unknown: dict[str, Any]) -> None:
    bench.serve()
    tag = on("eth_getBlockByNumber", times=None, when=lambda params: params[0] == "finalized", **unknown)
    bench.proxy.faults.add(tag)
    intent = bench.plan()
    bench.connect(rules=ChainRules(final_depth=3)).run(intent)
    bench.assert_one_effect(intent)
    for more, unfinal in ((2, 1), (1, 0)):
        bench.rpc.call("anvil_mine", hex(more))
        bench.engine.recheck()
        assert len(bench.journal.read_unfinal(CHAIN_ID, bench.signer.address)) == unfinal


def test_b27_with_the_finality_tag_a_receipt_is_final_when_the_tag_has_come_to_it(bench: Bench) -> None:
    bench.serve()
    intent = bench.plan()
    bench.connect(rules=RULES).run(intent)
    assert len(bench.journal.read_unfinal(CHAIN_ID, bench.signer.address)) == 1
    bench.rpc.call("anvil_mine", "0x2")
    bench.engine.recheck()
    assert bench.journal.read_unfinal(CHAIN_ID, bench.signer.address) == ()


@pytest.mark.parametrize(
    ("chain", "extra"),
    [
        ("BSC, Polygon: vanity, validators and seal", "0x" + "d8" * 32 + "11" * 20 * 21 + "22" * 65),
        ("Avalanche: fee window", "0x" + "00" * 80),
        ("Arbitrum: send root", "0x" + "aa" * 32),
        ("none", "0x"),
    ],
)
def test_b30_headers_with_extra_data_of_any_length_are_read(bench: Bench, chain: str, extra: str) -> None:
    bench.serve()
    more = {"extraData": extra, "blockExtraData": "0x", "extDataGasUsed": "0x0", "mixHash": None}
    bench.proxy.faults.add(
        on("eth_getBlockByNumber", "rewrite", times=None, rewritten=lambda header: header and header | more)
    )
    intent = bench.plan()
    bench.connect().run(intent)
    bench.assert_one_effect(intent)
    assert bench.chain.read_block().number > 0, chain
