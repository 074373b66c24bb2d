"""B11: reorganisations of 1 to 64 blocks below what is settled and not final. Books follow the chain to the wei."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from alm_core.model.books import Journal
from alm_core.model.chains import ChainRules
from alm_core.model.transactions import Intent, IntentState
from alm_localnet.anvil import AnvilNode
from alm_localnet.rpc_faults import on
from alm_tests.chaos.rpc_bench import CHAIN_ID, VENUE, VENUE_CODE, Bench, bench, node_in

__all__ = ["bench"]

pytestmark = pytest.mark.chain
DEPTHS = tuple(range(1, 65)) if os.environ.get("ALM_REORGS") == "all" else (1, 2, 5, 20, 64)
RULES = ChainRules(bump_after_s=5.0, finality="finalized", final_depth=64)
REVERTS = "0x60006000fd"


@pytest.fixture
def node_and_keys(tmp_path: Path) -> Iterator[tuple[AnvilNode, Path]]:
    """A node of its own for each scenario: what anvil keeps of states beyond some hundred blocks has lost its code."""
    with node_in(tmp_path) as found:
        yield found


def settled(bench: Bench, count: int) -> list[Intent]:
    """Settle intents, and none of them for good: the finality tag stays behind all that is mined here."""
    bench.serve()
    bench.proxy.faults.add(never_final())
    bench.connect(rules=RULES)
    intents = [bench.engine.run(bench.plan(number)) for number in range(count)]
    assert all(intent.state is IntentState.FINAL_OK for intent in intents)
    return intents


def never_final() -> Any:
    return on("eth_getBlockByNumber", "null", times=None, when=lambda params: params[0] == "finalized")


def unfinal(journal: Journal, bench: Bench) -> int:
    return len(journal.read_unfinal(CHAIN_ID, bench.signer.address))


def raws(bench: Bench, intents: list[Intent]) -> list[str]:
    return [bench.journal.read_signed(intent.key)[-1].raw for intent in intents]


def assert_settled(bench: Bench, intents: list[Intent], effects: int) -> None:
    assert (bench.effects(), bench.nonces()) == (effects, len(intents))
    bench.assert_books(effects=effects)
    sends = bench.proxy.sent
    assert all(len(bench.journal.read_signed(intent.key)) == 1 for intent in intents)
    assert set(sends) == set(raws(bench, intents))


@pytest.mark.parametrize("depth", DEPTHS)
def test_b11_what_a_reorganisation_loses_is_sent_again_as_it_was(bench: Bench, depth: int) -> None:
    intents = settled(bench, 3)
    bench.rpc.call("anvil_mine", hex(depth))
    tops = min(depth, 64)
    # Everything goes: the three blocks and those on top of them.
    bench.rpc.call("anvil_reorg", tops + 3, [])
    assert (bench.effects(), bench.nonces()) == (0, 0)
    again = bench.engine.recheck()
    assert [intent.key for intent in again] == [intent.key for intent in intents]
    assert_settled(bench, intents, effects=3)
    assert unfinal(bench.journal, bench) == 3
    bench.rpc.call("anvil_mine", "0x40")
    bench.engine.recheck()
    assert unfinal(bench.journal, bench) == 0
    assert_settled(bench, intents, effects=3)


@pytest.mark.parametrize("depth", DEPTHS)
def test_b11_what_is_mined_again_in_other_blocks_is_booked_once(bench: Bench, depth: int) -> None:
    intents = settled(bench, 3)
    bench.rpc.call("anvil_mine", hex(depth))
    bench.rpc.call("anvil_reorg", depth + 3, [[raw, depth - 1] for raw in raws(bench, intents)])
    assert (bench.effects(), bench.nonces()) == (3, 3)
    sent = len(bench.proxy.sent)
    bench.engine.recheck()
    assert_settled(bench, intents, effects=3)
    assert len(bench.proxy.sent) - sent <= 3  # at most the identical bytes, which are there already


@pytest.mark.parametrize("depth", DEPTHS)
def test_b11_what_is_mined_again_with_another_status_is_booked_as_that(bench: Bench, depth: int) -> None:
    intents = settled(bench, 2)
    bench.rpc.call("anvil_mine", hex(depth))
    bench.rpc.call("anvil_reorg", depth + 2, [])
    bench.rpc.call("anvil_setCode", VENUE, REVERTS)
    again = bench.engine.recheck()
    assert [intent.state for intent in again] == [IntentState.FINAL_REVERTED] * 2
    assert (bench.effects(), bench.nonces()) == (0, 2)
    bench.assert_books(effects=0)
    bench.rpc.call("anvil_setCode", VENUE, VENUE_CODE)
    (third,) = [bench.engine.run(bench.plan(9))]
    assert third.state is IntentState.FINAL_OK
    assert (bench.effects(), bench.nonces()) == (1, 3)
    bench.assert_books(effects=1)
    assert all(intent.key for intent in intents)


@pytest.mark.parametrize("depth", DEPTHS)
def test_b11_a_reorganisation_above_a_settled_intent_changes_nothing(bench: Bench, depth: int) -> None:
    intents = settled(bench, 1)
    bench.rpc.call("anvil_mine", hex(depth))
    bench.rpc.call("anvil_reorg", depth, [])
    assert bench.engine.recheck() == ()
    assert_settled(bench, intents, effects=1)
    assert len(bench.proxy.sent) == 1


def test_b11_a_block_that_goes_while_its_receipt_is_waited_for_is_not_booked(bench: Bench) -> None:
    bench.serve()
    intent = bench.plan()

    def gone(receipt: Any) -> Any:
        if receipt is not None:
            bench.rpc.call("anvil_reorg", 1, [])
        return receipt

    bench.proxy.faults.add(never_final(), on("eth_getTransactionReceipt", "rewrite", times=2, rewritten=gone))
    bench.connect(rules=RULES).run(intent)
    bench.assert_one_effect(intent)


def test_b11_without_the_lead_only_the_identical_bytes_go_out(bench: Bench) -> None:
    intents = settled(bench, 2)
    bench.rpc.call("anvil_reorg", 2, [])
    bench.rpc.call("evm_setAutomine", False)
    bench.engine.recheck(leads=False)
    assert [bench.state(intent) for intent in intents] == [IntentState.BROADCAST] * 2
    bench.rpc.call("evm_mine")
    bench.engine.recheck(leads=False)
    for intent in intents:
        bench.engine.watch(bench.journal.read_intent(intent.key))
    assert_settled(bench, intents, effects=2)


def test_b11_what_was_final_is_never_taken_back(bench: Bench) -> None:
    bench.serve()
    bench.connect(rules=replace(RULES, finality="latest"))
    intent = bench.engine.run(bench.plan())
    assert unfinal(bench.journal, bench) == 0
    bench.rpc.call("anvil_reorg", 1, [])
    assert bench.engine.recheck() == ()
    assert bench.state(intent) is IntentState.FINAL_OK
