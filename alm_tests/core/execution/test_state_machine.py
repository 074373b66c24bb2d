"""The money path under any order of runs, crashes, lost answers, drops, fee spikes, reorganisations, changes of lead.

Invariants: I1 nothing leaves before it is journalled; I2 one intent, at most one effect, and every hash one intent;
I3 nonces without gaps, none shared; I4 every intent is terminal or visibly open; I10 unknown never leads to a second
payload: every further attempt has the nonce and the payload of the first, or cancels it.
"""

import contextlib
import json
import shutil
import tempfile
from pathlib import Path

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from alm_core.execution.engine import TransactionEngine
from alm_core.execution.intents import SENT
from alm_core.model.errors import AlmError
from alm_core.model.transactions import Intent, IntentState, SignedTransaction
from alm_resources.journal import SqlJournal
from alm_tests.core.execution.fakes import (
    GAS_PRICE,
    OTHER_TOKEN,
    TOKEN,
    WALLET,
    AllowAll,
    Crash,
    Crashing,
    CrashPoint,
    FakeChain,
    FakeSigner,
    transfer_intent,
)
from alm_tests.resources.journal.scene import blank_journal

SEND_MODES = st.sampled_from(["ok", "ok", "lost", "answer lost", "drop", "refuse"])
CRASH_AT = st.one_of(st.none(), st.integers(1, 80))
TIMEOUTS = st.sampled_from([1.0, 12.0, 60.0])
FINAL_AFTER = 64


class MoneyPath(RuleBasedStateMachine):
    """Runs intents against a hostile chain, with processes that die at any boundary or have lost the lead."""

    @initialize()
    def start(self) -> None:
        self.chain = FakeChain()
        self.chain.final_depth = FINAL_AFTER
        self.folder = Path(tempfile.mkdtemp())
        self.journal = blank_journal(self.folder / "journal.db")
        self.stale = SqlJournal(f"sqlite:///{self.folder / 'journal.db'}")
        self.change_lead()
        self.change_lead()
        self.opening = dict(self.chain.now.tokens)
        self.native = self.chain.now.native
        self.keys: list[str] = []
        self.final: dict[str, Intent] = {}
        self.chain.on_send = self.check_journalled

    @rule(mode=SEND_MODES, mining=st.booleans(), crash_at=CRASH_AT, reverts=st.booleans(), timeout_s=TIMEOUTS)
    def new_intent(self, mode: str, mining: bool, crash_at: int | None, reverts: bool, timeout_s: float) -> None:
        intent = transfer_intent(len(self.keys))
        self.keys.append(intent.key)
        if reverts:
            self.chain.reverting.add(intent.tx.summary)
        stored = self.journal.add_intents([intent])[0]
        if not self.in_flight():
            self.attempt("run", stored, mode, mining, crash_at, timeout_s)

    @precondition(lambda self: self.open_intents())
    @rule(
        mode=SEND_MODES,
        mining=st.booleans(),
        crash_at=CRASH_AT,
        what=st.sampled_from(["run", "retire", "watch"]),
        pick=st.integers(0, 5),
        timeout_s=TIMEOUTS,
    )
    def take_up_again(
        self, mode: str, mining: bool, crash_at: int | None, what: str, pick: int, timeout_s: float
    ) -> None:
        flying = self.in_flight()
        intent = flying[0] if flying else self.open_intents()[pick % len(self.open_intents())]
        if what != "watch" or intent.state in SENT:
            self.attempt(what, intent, mode, mining, crash_at, timeout_s)

    @rule(mode=SEND_MODES, mining=st.booleans(), crash_at=CRASH_AT, leads=st.booleans(), timeout_s=TIMEOUTS)
    def look_again_at_what_is_settled(
        self, mode: str, mining: bool, crash_at: int | None, leads: bool, timeout_s: float
    ) -> None:
        self.attempt("recheck", None, mode, mining, crash_at, timeout_s, leads=leads)

    @precondition(lambda self: self.open_intents())
    @rule(pick=st.integers(0, 5), what=st.sampled_from(["run", "retire"]))
    def a_process_that_lost_the_lead_goes_on(self, pick: int, what: str) -> None:
        intent = self.open_intents()[pick % len(self.open_intents())]
        before = self.intents()
        with contextlib.suppress(AlmError):
            getattr(self.engine(journal=self.stale), what)(intent)
        assert self.intents() == before

    @rule()
    def change_lead(self) -> None:
        self.journal, self.stale = self.stale, self.journal
        self.journal.take_lead(FakeChain.chain_id, WALLET)

    @rule(count=st.sampled_from([1, 2, 5, 20, 64]))
    def blocks_are_mined(self, count: int) -> None:
        for _ in range(count):
            self.chain.mine()

    @rule(factor=st.sampled_from([1, 3, 50]))
    def the_base_fee_moves(self, factor: int) -> None:
        self.chain.base_fee = GAS_PRICE * factor

    @rule()
    def the_pool_forgets(self) -> None:
        self.chain.mempool.clear()

    @precondition(lambda self: self.chain.received)
    @rule(pick=st.integers(0, 30))
    def another_node_mines_an_older_attempt(self, pick: int) -> None:
        sent = self.chain.received[pick % len(self.chain.received)]
        if json.loads(bytes.fromhex(sent.raw[2:]))["nonce"] == self.chain.now.nonce and not self.given_up(sent):
            self.chain.mine([sent.raw])

    @rule(depth=st.integers(1, FINAL_AFTER), keep=st.booleans(), other_end=st.booleans())
    def blocks_are_reorganised(self, depth: int, keep: bool, other_end: bool) -> None:
        self.chain.reorganise(depth, keep=keep)
        if other_end:
            self.chain.reverting = {f"P@1/{number}" for number in range(len(self.keys))} - self.chain.reverting

    @invariant()
    def one_intent_has_at_most_one_effect(self) -> None:
        effects = self.chain.now.effects
        assert len(effects) == len(set(effects))

    @invariant()
    def nonces_have_no_gap_and_one_owner(self) -> None:
        assert self.chain.now.nonces_mined == list(range(self.chain.now.nonce))
        held = [intent.nonce for intent in self.intents() if intent.nonce is not None]
        assert len(held) == len(set(held))
        assert self.journal.read_halt(FakeChain.chain_id, WALLET) is None

    @invariant()
    def every_hash_belongs_to_one_intent_and_each_intent_has_one_payload_and_one_nonce(self) -> None:
        owner: dict[str, str] = {}
        for intent in self.intents():
            attempts = self.journal.read_signed(intent.key)
            fields = [json.loads(bytes.fromhex(attempt.raw[2:])) for attempt in attempts]
            payloads = [f["tx"] for f, attempt in zip(fields, attempts, strict=True) if not attempt.cancels]
            assert all(payload == payloads[0] for payload in payloads)
            assert len({f["nonce"] for f in fields}) <= 1
            if intent.state is not IntentState.EXPIRED_UNSENT:
                for attempt in attempts:
                    assert owner.setdefault(attempt.tx_hash, intent.key) == intent.key

    @invariant()
    def every_intent_is_terminal_or_visibly_open(self) -> None:
        open_keys = {intent.key for intent in self.open_intents()}
        assert {i.key for i in self.intents() if not i.state.terminal} == open_keys

    @invariant()
    def what_is_final_stays_as_it_is(self) -> None:
        unfinal = {intent.key for intent in self.journal.read_unfinal(FakeChain.chain_id, WALLET)}
        for intent in self.intents():
            if intent.state.terminal and intent.key not in unfinal and self.journal.read_receipt(intent.key):
                assert self.final.setdefault(intent.key, intent) == intent

    def teardown(self) -> None:
        self.chain.send_mode, self.chain.mining, self.chain.base_fee = "ok", True, GAS_PRICE
        for _ in range(3):
            self.engine().recheck()
            for intent in self.in_flight() or self.open_intents():
                self.engine().retire(intent)
        assert not self.open_intents()
        done = {intent.tx.summary for intent in self.intents() if intent.state is IntentState.FINAL_OK}
        assert set(self.chain.now.effects) == done
        sums = self.journal.read_ledger_sums(self.chain.chain_id, WALLET)
        for token in (TOKEN, OTHER_TOKEN):
            assert self.chain.now.tokens[token] == self.opening[token] + sums.get(token, 0)
        assert self.chain.now.native == self.native + sums.get("native", 0)
        self.journal.close()
        self.stale.close()
        shutil.rmtree(self.folder)

    def attempt(
        self,
        what: str,
        intent: Intent | None,
        mode: str,
        mining: bool,
        crash_at: int | None,
        timeout_s: float,
        **options: bool,
    ) -> None:
        self.chain.send_mode, self.chain.mining = mode, mining
        try:
            verb = getattr(self.engine(CrashPoint(crash_at), timeout_s=timeout_s), what)
            verb(**options) if intent is None else verb(intent)
        except (AlmError, Crash):
            pass  # the invariants say whether this was handled well
        finally:
            self.chain.send_mode, self.chain.mining = "ok", True

    def engine(
        self, point: CrashPoint | None = None, *, journal: SqlJournal | None = None, timeout_s: float = 60.0
    ) -> TransactionEngine:
        ports = (journal or self.journal, self.chain, FakeSigner(), AllowAll())
        wrapped = [Crashing(port, point or CrashPoint()) for port in ports]
        return TransactionEngine(*wrapped, receipt_timeout_s=timeout_s, fence=1)

    def check_journalled(self, signed: SignedTransaction) -> None:
        owners = [key for key in self.keys if signed in self.journal.read_signed(key)]
        states = [self.journal.read_intent(key).state for key in owners]
        live = [state for state in states if state is not IntentState.EXPIRED_UNSENT]
        assert len(live) == 1
        assert live[0] in SENT or live[0].terminal  # bytes of a settled one go out again when the chain lost them

    def given_up(self, sent: SignedTransaction) -> bool:
        """Nodes refused these bytes for good: they are nowhere."""
        owners = [key for key in self.keys if sent in self.journal.read_signed(key)]
        return all(self.journal.read_intent(key).state is IntentState.EXPIRED_UNSENT for key in owners)

    def intents(self) -> list[Intent]:
        return [self.journal.read_intent(key) for key in self.keys]

    def open_intents(self) -> tuple[Intent, ...]:
        return self.journal.read_open_intents(self.chain.chain_id, WALLET)

    def in_flight(self) -> list[Intent]:
        flying = [intent for intent in self.open_intents() if intent.nonce is not None]
        return sorted(flying, key=lambda intent: intent.nonce or 0)


MoneyPath.TestCase.settings = settings(max_examples=60, stateful_step_count=15, deadline=None, derandomize=True)
TestMoneyPath = MoneyPath.TestCase
