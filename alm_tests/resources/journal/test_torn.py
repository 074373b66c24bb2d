"""Power lost at any instant, with the tail of the log torn: resumed from what is left, nothing is doubled."""

import random
import shutil
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import pytest

from alm_core.execution.engine import TransactionEngine
from alm_core.execution.intents import SENT, in_nonce_order
from alm_core.model.books import ReconciledPoint
from alm_core.model.errors import AlmError, NotReconciled, OutcomeUnknown
from alm_core.model.transactions import Intent, IntentState
from alm_resources.journal import SqlJournal
from alm_tests.core.execution.fakes import (
    WALLET,
    AllowAll,
    Crashing,
    CrashPoint,
    FakeChain,
    FakeSigner,
    transfer_intent,
)
from alm_tests.resources.journal.scene import blank_journal

INTENTS = 3
CUTS_PER_COPY = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Instant:
    """Files of the journal, and the chain, at one boundary of a run."""

    folder: Path
    chain: FakeChain


class Camera(CrashPoint):
    """Instead of crashing it copies the journal's files and the chain at every boundary."""

    def __init__(self, file: Path, chain: FakeChain, into: Path) -> None:
        super().__init__()
        self._file = file
        self._chain = chain
        self._into = into
        self.instants: list[Instant] = []

    def hit(self) -> None:
        folder = self._into / str(len(self.instants))
        folder.mkdir(parents=True)
        for file in self._file.parent.glob("journal.db*"):
            shutil.copy(file, folder)
        self.instants.append(Instant(folder=folder, chain=deepcopy(self._chain)))


def engine_of(journal: object, chain: object, point: CrashPoint | None = None) -> TransactionEngine:
    ports = [Crashing(port, point or _Nothing()) for port in (journal, chain, FakeSigner(), AllowAll())]
    return TransactionEngine(*ports, receipt_timeout_s=12.0, fence=1)


class _Nothing(CrashPoint):
    def hit(self) -> None:
        pass


def reconciled_journal(file: Path, chain: FakeChain) -> SqlJournal:
    """A journal that knows its wallet; this much was on the disk long ago."""
    journal = blank_journal(file)
    head = chain.read_block()
    point = ReconciledPoint(
        chain_id=chain.chain_id, wallet=WALLET, block_number=head.number, block_hash=head.known_hash, nonce=0
    )
    journal.record_reconciled(point, [], [])
    with journal.reading() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    return journal


def recorded_run(folder: Path) -> tuple[list[Instant], FakeChain]:
    """Run three intents, one of which has to be outbid; every instant of it, and the chain in the end."""
    chain = FakeChain()
    file = folder / "live" / "journal.db"
    file.parent.mkdir()
    journal = reconciled_journal(file, chain)
    camera = Camera(file, chain, folder / "instants")
    engine = engine_of(journal, chain, camera)
    for number in range(INTENTS):
        chain.base_fee *= 3 if number == 1 else 1
        intent = journal.add_intents([transfer_intent(number)])[0]
        chain.mining = number != 1
        try:
            engine.run(intent)
        except OutcomeUnknown:
            chain.mining = True
            engine.run(journal.read_intent(intent.key))
    journal.close()
    return camera.instants, chain


def resumed(folder: Path, chain: FakeChain) -> tuple[dict[str, Intent], list[AlmError]]:
    """A new process: what is settled is looked at again, what is open finished, what is missing planned again."""
    journal, refusals = SqlJournal(f"sqlite:///{folder / 'journal.db'}"), list[AlmError]()
    engine = engine_of(journal, chain)
    chain.mining, chain.send_mode = True, "ok"
    try:
        engine.recheck()
        for intent in in_nonce_order(journal.read_open_intents(chain.chain_id, WALLET)):
            if intent.nonce is not None:
                engine.resume(intent)
        for number in range(INTENTS):
            engine.run(journal.add_intents([transfer_intent(number)])[0])
    except AlmError as error:
        refusals.append(error)
    found = {intent.key: intent for intent in journal.read_epoch_intents("P@1")}
    open_intents = journal.read_open_intents(chain.chain_id, WALLET)
    assert refusals or not [intent for intent in open_intents if intent.state in SENT]
    journal.close()
    return found, refusals


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Instant], FakeChain]:
    return recorded_run(tmp_path_factory.mktemp("torn"))


def test_power_lost_at_any_instant_loses_and_doubles_nothing(run: tuple[list[Instant], FakeChain]) -> None:
    instants, _ = run
    assert len(instants) > 60
    for number, instant in enumerate(instants[::2]):
        folder = shutil.copytree(instant.folder, instant.folder.parent / f"{number}-resumed")
        chain = deepcopy(instant.chain)
        found, refusals = resumed(folder, chain)
        assert refusals == [], number
        assert {intent.state for intent in found.values()} == {IntentState.FINAL_OK}, number
        assert sorted(chain.now.effects) == ["P@1/0", "P@1/1", "P@1/2"], number
        assert chain.now.nonces_mined == [0, 1, 2], number


@pytest.mark.parametrize("later", [False, True], ids=["chain of the instant", "chain of the end"])
def test_a_torn_tail_is_an_older_journal_that_halts_and_never_doubles(
    run: tuple[list[Instant], FakeChain], tmp_path: Path, later: bool
) -> None:
    instants, end = run
    moments = random.Random(7)
    halted = 0
    for number, instant in enumerate(instants[:: 12 if later else 6]):
        for cut in range(CUTS_PER_COPY):
            folder = Path(shutil.copytree(instant.folder, tmp_path / f"{number}-{cut}"))
            _tear(folder / "journal.db-wal", moments)
            chain = deepcopy(end if later else instant.chain)
            _, refusals = resumed(folder, chain)
            assert len(chain.now.effects) == len(set(chain.now.effects)), (number, cut)
            assert chain.now.nonces_mined == list(range(chain.now.nonce)), (number, cut)
            halted += bool(refusals)
            assert all(isinstance(error, NotReconciled) for error in refusals), refusals
    assert halted, "no cut was deep enough to forget a transaction that was mined"


def _tear(log: Path, moments: random.Random) -> None:
    size = log.stat().st_size if log.exists() else 0
    if size:
        with log.open("r+b") as raw:
            raw.truncate(moments.randrange(size))
