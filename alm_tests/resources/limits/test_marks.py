"""Forgetting marks: those of one wallet and pair, all of them, and nobody else's."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from alm_core.model.books import Mark
from alm_core.model.errors import JournalBroken
from alm_resources.journal import SqlJournal
from alm_resources.limits.marks import forget_marks
from alm_tests.core.execution.fakes import WALLET

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
OTHER = "0x" + "cc" * 20
MARK = Mark(
    pair="WETH-USDC",
    wallet=WALLET,
    epoch_at=AT,
    nav_usd=1.0,
    base_usd=1.0,
    quote_usd=1.0,
    base_amount=1.0,
    quote_amount=0.0,
    base_flow=0.0,
    quote_flow=0.0,
)


def test_marks_of_one_wallet_and_pair_are_forgotten_and_no_others() -> None:
    journal = SqlJournal("sqlite:///:memory:")
    whose = [*product(("WETH-USDC", "WBTC-USDC"), (WALLET, OTHER))]
    for (pair, wallet), hours in product(whose, (0, 1)):
        journal.add_mark(replace(MARK, pair=pair, wallet=wallet, epoch_at=AT + timedelta(hours=hours)))
    forget_marks(journal, "WETH-USDC", WALLET.upper().replace("X", "x"))
    left = {who: len(journal.read_marks(*who, AT)) for who in whose}
    assert left == {who: 0 if who == ("WETH-USDC", WALLET) else 2 for who in whose}
    journal.add_mark(MARK)
    assert len(journal.read_marks("WETH-USDC", WALLET, AT)) == 1, "the next epoch begins anew"
    journal.close()


def test_a_journal_that_takes_no_writes_forgets_nothing() -> None:
    journal = SqlJournal("sqlite:///:memory:")
    journal.add_mark(MARK)
    journal._refusal = "disk full"
    with pytest.raises(JournalBroken, match="disk full"):
        forget_marks(journal, "WETH-USDC", WALLET)
    assert len(journal.read_marks("WETH-USDC", WALLET, AT)) == 1
