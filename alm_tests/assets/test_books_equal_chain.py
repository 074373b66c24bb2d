"""The blocking check of an epoch: red books stop what comes after, and a mode without books says so."""

from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest

from alm_assets.checks import BOOKS_EQUAL_CHAIN
from alm_assets.checks import books_equal_chain as check_of
from alm_assets.epochs import EPOCH_TAG, epoch_tag
from alm_core.accounting.postings_proof import Difference
from alm_core.execution.books_check import BOOKS_EQUAL_CHAIN as CONTROL
from alm_core.execution.books_check import BooksVerdict
from alm_core.model.controls import control_named
from alm_core.model.epochs import Epoch
from alm_tests.assets.world import EPOCH_AT, PAIR, MemoryExecutor, MemoryWorld

WALLET = "0x" + "aa" * 20
PROVEN = BooksVerdict(
    chain_id=8453, wallet=WALLET, block_number=7, balance={("wallet", "native"): 5, ("gas", "native"): -5}
)
RED = BooksVerdict(
    chain_id=1,
    wallet=WALLET,
    block_number=9,
    differences=(Difference(subject="balance", name="native", booked=5, on_chain=4),),
)
SILENT = BooksVerdict(chain_id=56, wallet=WALLET, block_number=0, unproven="SourceUnavailable: rpc:56: refused")


@dataclass
class BookKeeping(MemoryExecutor):
    """An executor that keeps books, and what their proof finds."""

    verdicts: tuple[BooksVerdict, ...] = (PROVEN,)

    def check_books(self, pair: str) -> tuple[BooksVerdict, ...]:
        assert pair == PAIR
        return self.verdicts


def run(home: Path, executor: MemoryExecutor) -> tuple[dg.ExecuteInProcessResult, dg.AssetCheckEvaluation]:
    world = MemoryWorld(home)
    world.executor = executor
    with dg.DagsterInstance.ephemeral() as instance:
        epoch = Epoch(pair=PAIR, epoch_at=EPOCH_AT)
        result = world.materialize(instance, epoch, tags={EPOCH_TAG: epoch_tag(epoch)})
    (check,) = (one for one in result.get_asset_check_evaluations() if one.check_name == BOOKS_EQUAL_CHAIN)
    return result, check


def reported(result: dg.ExecuteInProcessResult) -> bool:
    return bool(result.asset_materializations_for_node("epoch_report")) if result.success else False


def test_the_check_is_the_control_that_halts() -> None:
    assert BOOKS_EQUAL_CHAIN == CONTROL
    assert control_named(CONTROL) is not None


def test_proven_books_pass_with_what_every_account_holds(tmp_path: Path) -> None:
    result, check = run(tmp_path, BookKeeping())
    assert (result.success, check.passed, check.blocking) == (True, True, True)
    assert check.metadata["proven at block"].value == {"chain 8453": 7}
    rows = {record.data["account"]: record.data["amount"] for record in check.metadata["accounts"].records}
    assert rows == {"wallet": "5", "gas": "-5"}
    assert reported(result)


def test_red_books_of_one_chain_fail_the_run_and_nothing_after_it_begins(tmp_path: Path) -> None:
    result, check = run(tmp_path, BookKeeping(verdicts=(PROVEN, RED)))
    assert (result.success, check.passed) == (False, False)
    assert "chain 1, block 9: balance of native differs from the books by -1" in str(check.description)
    assert not reported(result)


def test_a_chain_that_is_silent_is_named_and_no_failure() -> None:
    check = check_of([PROVEN, SILENT])
    assert check.passed
    assert "chain 56: not proven: SourceUnavailable" in str(check.description)


@pytest.mark.parametrize("executor", [MemoryExecutor(), BookKeeping(verdicts=())])
def test_a_mode_that_keeps_no_books_says_so(tmp_path: Path, executor: MemoryExecutor) -> None:
    result, check = run(tmp_path, executor)
    assert (result.success, check.passed) == (True, True)
    assert check.description == "no books in this mode"
