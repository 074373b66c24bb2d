"""The check of an epoch: books equal chain, or the chain stands still until a person has looked.

Beside a running executor books and chain are looked at in two moments, and nodes lag: what differs is looked at again
before it counts. Where something is in flight, or the chain does not answer, nothing is proven and nothing halted: no
transaction begins there either.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from alm_core.accounting.postings_proof import Difference, trial_balance
from alm_core.execution.book_sums import read_booked
from alm_core.execution.chain_state import ChainView
from alm_core.execution.reconcile import examine
from alm_core.model.books import Discrepancy, Journal
from alm_core.model.errors import AlmError

BOOKS_EQUAL_CHAIN = "books_equal_chain"
"""Name of the control, and of the asset check."""
_LOOKS = 3
_PAUSE_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BooksVerdict:
    """What a proof of the books found on one chain.

    Parameters
    ----------
    block_number
        Block that was compared; 0 where the chain did not answer.
    differences
        Where books and chain differ; the chain is halted then.
    unproven
        Why nothing was compared, or ``None``.
    balance
        What every kind of account holds of each token (:func:`alm_core.accounting.postings_proof.trial_balance`).
    """

    chain_id: int
    wallet: str
    block_number: int
    differences: tuple[Difference, ...] = ()
    unproven: str | None = None
    balance: Mapping[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])

    @property
    def problems(self) -> tuple[str, ...]:
        """Differences in words, with the chain."""
        return tuple(f"chain {self.chain_id}, block {self.block_number}: {one.text}" for one in self.differences)


def check_books(
    views: Sequence[ChainView], journal: Journal, pause: Callable[[float], None]
) -> tuple[BooksVerdict, ...]:
    """Prove the books of a wallet on every chain; halt those where they differ, and write down what does.

    Parameters
    ----------
    views
        Reads of the wallet, one for each chain, of all pools it may have positions in.
    journal
        Where the books are. Nothing is adopted here: that is the next reconciliation's.
    pause
        Waits between two looks.
    """
    return tuple(_checked(view, journal, pause) for view in views)


def look_at_books(view: ChainView, journal: Journal, pause: Callable[[float], None]) -> BooksVerdict:
    """Prove the books on one chain, and write nothing."""
    verdict = _looked(view, journal)
    for _ in range(_LOOKS - 1):
        if not verdict.differences and verdict.unproven is None:
            break
        pause(_PAUSE_S)
        verdict = _looked(view, journal)
    return verdict


def _looked(view: ChainView, journal: Journal) -> BooksVerdict:
    chain_id, wallet = view.chain.chain_id, view.wallet
    try:
        found = examine(view, journal, (), books="read")
    except AlmError as error:
        why = f"{type(error).__name__}: {error}"
        return BooksVerdict(chain_id=chain_id, wallet=wallet, block_number=0, unproven=why)
    number = found.block.number
    booked_to = _booked_to(journal, chain_id, wallet)
    if booked_to > number:
        # A node that lags, or an executor at work: books and chain are not of one moment.
        why = f"the books are of block {booked_to}, the node is at {number}"
        return BooksVerdict(chain_id=chain_id, wallet=wallet, block_number=number, unproven=why)
    if found.books is None or found.on_chain is None:
        why = "; ".join(found.report.differences)
        return BooksVerdict(chain_id=chain_id, wallet=wallet, block_number=number, unproven=why)
    # What would be adopted is not in the books yet: it is in the balance only of the next epoch.
    booked = read_booked(journal, chain_id, wallet, all_accounts=True)
    return BooksVerdict(
        chain_id=chain_id,
        wallet=wallet,
        block_number=number,
        differences=found.unexplained,
        balance=trial_balance(booked, found.on_chain),
    )


def _booked_to(journal: Journal, chain_id: int, wallet: str) -> int:
    """Highest block that the books are known to be of."""
    point = journal.read_reconciled(chain_id, wallet)
    return max(journal.read_last_settled(chain_id, wallet) or 0, point.block_number if point else 0)


def _checked(view: ChainView, journal: Journal, pause: Callable[[float], None]) -> BooksVerdict:
    verdict = look_at_books(view, journal, pause)
    if verdict.differences:
        _write_down(verdict, journal)
        reason = f"{BOOKS_EQUAL_CHAIN}: {'; '.join(verdict.problems)}"
        journal.halt(verdict.chain_id, verdict.wallet, reason, set_by=BOOKS_EQUAL_CHAIN)
    return verdict


def _write_down(verdict: BooksVerdict, journal: Journal) -> None:
    """Record what differs, unless that was recorded and the chain stands still since."""
    held = journal.read_halt(verdict.chain_id, verdict.wallet) is not None
    recorded = journal.read_discrepancies(verdict.chain_id, verdict.wallet) if held else ()
    known = {(one.subject, one.booked, one.on_chain) for one in recorded}
    fresh = [
        Discrepancy(
            chain_id=verdict.chain_id,
            wallet=verdict.wallet,
            block_number=verdict.block_number,
            subject=f"{one.subject} {one.name}",
            booked=one.booked,
            on_chain=one.on_chain,
            text=one.text,
        )
        for one in verdict.differences
        if (f"{one.subject} {one.name}", one.booked, one.on_chain) not in known
    ]
    journal.record_discrepancies(fresh)
