"""The guard that looks at the lead before every signature."""

import pytest

from alm_core.execution.leading import LedGuard
from alm_core.model.errors import NotLeading
from alm_core.model.transactions import FeeBid
from alm_tests.core.execution.fakes import WALLET, AllowAll, transfer_intent

BID = FeeBid(gas_limit=21_000, max_fee_per_gas_wei=1, max_priority_fee_per_gas_wei=1)


class Lead:
    """Answers as told, and remembers what was asked."""

    def __init__(self, *answers: str | None) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[int, str]] = []

    def refusal(self, chain_id: int, wallet: str) -> str | None:
        self.asked.append((chain_id, wallet))
        return self.answers.pop(0)


def test_who_leads_passes_and_the_choke_point_is_asked_next() -> None:
    inner, lead, tx = AllowAll(), Lead(None), transfer_intent(1).tx
    LedGuard(inner, lead).check(tx, BID)
    assert inner.checked == [tx]
    assert lead.asked == [(tx.chain_id, WALLET)]


def test_who_does_not_lead_is_refused_with_the_reason_each_time_it_asks() -> None:
    inner, tx = AllowAll(), transfer_intent(1).tx
    guard = LedGuard(inner, Lead(None, "another leads"))
    guard.check(tx, BID)
    with pytest.raises(NotLeading, match=r"^another leads$"):
        guard.check(tx, BID)
    assert len(inner.checked) == 1
