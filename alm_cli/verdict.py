"""Is everything in order? Intents settled, books equal to chains to the wei, every pair moved. Counted afresh."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from alm_core.accounting.ledger import REWARDS
from alm_core.model.decisions import DecisionKind
from alm_core.model.epochs import Epoch
from alm_core.model.market import Holdings
from alm_core.model.reports import EpochReport
from alm_core.model.transactions import Intent, IntentState

if TYPE_CHECKING:
    from alm_resources.world import World

NEVER_SENT = frozenset({IntentState.PLANNED, IntentState.RESERVED, IntentState.EXPIRED_UNSENT})


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a run of epochs came to; ``faults`` is empty if all is in order."""

    sent: int
    failed: int
    reconciled: bool
    faults: tuple[str, ...]

    @property
    def good(self) -> bool:
        """Whether nothing at all is to be said against the run."""
        return not self.faults


def verdict_of(world: "World", reports: Sequence[EpochReport]) -> Verdict:
    """Judge a finished run by journal and chain, not by what the epochs said of themselves."""
    intents = [
        intent
        for report in reports
        for intent in world.journal.read_epoch_intents(Epoch(pair=report.pair, epoch_at=report.epoch_at).epoch_id)
    ]
    books = tuple(_book_faults(world, reports))
    unsettled = tuple(_unsettled(intents))
    failed = [i for i in intents if i.state in (IntentState.FINAL_REVERTED, IntentState.MANUAL)]
    return Verdict(
        sent=sum(intent.state not in NEVER_SENT for intent in intents),
        failed=len(failed),
        reconciled=not books and not unsettled,
        faults=(
            *unsettled,
            *books,
            *(f"{_name(i)} failed: {i.detail}" for i in failed),
            *_broken(reports),
            *_unmoved(reports),
        ),
    )


def _unsettled(intents: Sequence[Intent]) -> Iterator[str]:
    for intent in intents:
        if not intent.state.terminal:
            yield f"{_name(intent)} is {intent.state.value}"


def _name(intent: Intent) -> str:
    return f"{intent.tx.action.value} step {intent.step_no} of {intent.epoch_id} on chain {intent.tx.chain_id}"


def _book_faults(world: "World", reports: Sequence[EpochReport]) -> Iterator[str]:
    last_epoch_at = {report.pair: report.epoch_at for report in reports}
    for pair_id, epoch_at in last_epoch_at.items():
        wallet = world.wallet_of(pair_id)
        snapshot = world.snapshots.read_snapshot(Epoch(pair=pair_id, epoch_at=epoch_at), wallet)
        for problem in snapshot.problems:
            yield f"{pair_id}: {problem.source}: {problem.detail}"
        for holdings in snapshot.holdings:
            yield from _wallet_faults(world, pair_id, holdings)


def _wallet_faults(world: "World", pair_id: str, holdings: Holdings) -> Iterator[str]:
    chain_id = holdings.block.chain_id
    booked = world.journal.read_ledger_sums(chain_id, holdings.wallet)
    on_chain = {entry.address.lower(): entry.amount for entry in holdings.balances} | {"native": holdings.native_wei}
    # Reward tokens outside the pair are booked when they come, and not watched.
    outside = world.journal.read_ledger_sums(chain_id, holdings.wallet, kind=REWARDS).keys() - on_chain.keys()
    for token in sorted((booked.keys() | on_chain.keys()) - outside):
        if booked.get(token) != on_chain.get(token):
            yield f"{pair_id} on chain {chain_id}: {token} booked {booked.get(token)}, on chain {on_chain.get(token)}"
    known = {token_id for _, token_id in world.journal.read_positions(chain_id, holdings.wallet)}
    held = {position.token_id for position in holdings.positions}
    if known != held:
        yield f"{pair_id} on chain {chain_id}: positions booked {sorted(known)}, on chain {sorted(held)}"


def _broken(reports: Sequence[EpochReport]) -> Iterator[str]:
    for report in reports:
        if report.price is None:
            yield f"{report.pair} at {report.epoch_at.isoformat()}: {report.reason}"


def _unmoved(reports: Sequence[EpochReport]) -> Iterator[str]:
    moved = {report.pair for report in reports if report.decision is not DecisionKind.HOLD and report.transactions_ok}
    for pair in sorted({report.pair for report in reports} - moved):
        yield f"{pair}: neither reallocated nor shifted"
