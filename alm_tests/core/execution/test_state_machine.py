"""The money path under any order of runs, crashes, lost answers, drops, reorganisations and new epochs.

Invariants: I1 nothing leaves before it is journalled; I2 one intent, at most one effect, and every hash one intent;
I3 nonces without gaps, none shared; I4 every intent is terminal or visibly open; I10 unknown never leads to a second
payload.
"""

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from alm_core.execution.engine import TransactionEngine
from alm_core.execution.intents import SENT
from alm_core.model.errors import AlmError
from alm_core.model.transactions import Intent, IntentState
from alm_resources.journal import SqlJournal
from alm_tests.core.execution.fakes import (
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

SEND_MODES = st.sampled_from(["ok", "ok", "lost", "answer lost", "drop", "refuse"])
CRASH_AT = st.one_of(st.none(), st.integers(1, 26))


class MoneyPath(RuleBasedStateMachine):
    """Runs intents against a hostile chain and a process that dies at any boundary."""

    @initialize()
    def start(self) -> None:
        self.chain = FakeChain()
        self.journal = SqlJournal("sqlite:///:memory:")
        self.opening = dict(self.chain.now.tokens)
        self.native = self.chain.now.native
        self.keys: list[str] = []
        self.payloads: dict[str, set[str]] = {}
        self.chain.on_send = self.check_journalled

    @rule(mode=SEND_MODES, mining=st.booleans(), crash_at=CRASH_AT, reverts=st.booleans())
    def new_intent(self, mode: str, mining: bool, crash_at: int | None, reverts: bool) -> None:
        intent = transfer_intent(len(self.keys))
        self.keys.append(intent.key)
        if reverts:
            self.chain.reverting.add(intent.tx.summary)
        stored = self.journal.add_intents([intent])[0]
        if not self.in_flight():
            self.attempt("run", stored, mode, mining, crash_at)

    @precondition(lambda self: self.open_intents())
    @rule(mode=SEND_MODES, mining=st.booleans(), crash_at=CRASH_AT, retire=st.booleans(), pick=st.integers(0, 5))
    def take_up_again(self, mode: str, mining: bool, crash_at: int | None, retire: bool, pick: int) -> None:
        flying = self.in_flight()
        intent = flying[0] if flying else self.open_intents()[pick % len(self.open_intents())]
        self.attempt("retire" if retire else "run", intent, mode, mining, crash_at)

    @rule()
    def a_block_is_mined(self) -> None:
        self.chain.mine()

    @rule(keep=st.booleans())
    def blocks_that_nothing_was_settled_in_are_reorganised(self, keep: bool) -> None:
        settled = {i.tx_hash for i in self.intents() if i.state.terminal}
        depth = 0
        for block in reversed(self.chain.blocks):
            if settled & block.receipts.keys():
                break
            depth += 1
        self.chain.reorganise(depth, keep=keep)

    @invariant()
    def one_intent_has_at_most_one_effect(self) -> None:
        effects = self.chain.now.effects
        assert len(effects) == len(set(effects))

    @invariant()
    def nonces_have_no_gap_and_one_owner(self) -> None:
        assert self.chain.now.nonces_mined == list(range(self.chain.now.nonce))
        held = [intent.nonce for intent in self.intents() if intent.nonce is not None]
        assert len(held) == len(set(held))

    @invariant()
    def every_hash_belongs_to_one_intent_and_each_intent_has_one_payload(self) -> None:
        owner: dict[str, str] = {}
        for key in self.keys:
            attempts = self.journal.read_signed(key)
            assert len([attempt for attempt in attempts if not attempt.cancels]) <= 1
            for attempt in attempts:
                assert owner.setdefault(attempt.tx_hash, key) == key

    @invariant()
    def every_intent_is_terminal_or_visibly_open(self) -> None:
        open_keys = {intent.key for intent in self.open_intents()}
        assert {i.key for i in self.intents() if not i.state.terminal} == open_keys
        assert len(self.in_flight()) <= 1

    def teardown(self) -> None:
        self.chain.send_mode, self.chain.mining = "ok", True
        for _ in range(2):
            for intent in self.open_intents():
                self.engine().retire(intent)
        assert not self.open_intents()
        done = {intent.tx.summary for intent in self.intents() if intent.state is IntentState.FINAL_OK}
        assert set(self.chain.now.effects) == done
        sums = self.journal.read_ledger_sums(self.chain.chain_id, WALLET)
        for token in (TOKEN, OTHER_TOKEN):
            assert self.chain.now.tokens[token] == self.opening[token] + sums.get(token, 0)
        assert self.chain.now.native == self.native + sums.get("native", 0)
        self.journal.close()

    def attempt(self, what: str, intent: Intent, mode: str, mining: bool, crash_at: int | None) -> None:
        self.chain.send_mode, self.chain.mining = mode, mining
        try:
            getattr(self.engine(CrashPoint(crash_at)), what)(intent)
        except (AlmError, Crash):
            pass  # the invariants say whether this was handled well
        finally:
            self.chain.send_mode, self.chain.mining = "ok", True

    def engine(self, point: CrashPoint | None = None) -> TransactionEngine:
        ports = [Crashing(port, point or CrashPoint()) for port in (self.journal, self.chain, FakeSigner(), AllowAll())]
        return TransactionEngine(*ports, receipt_timeout_s=1.0, fence=1)

    def check_journalled(self, signed: object) -> None:
        owners = [key for key in self.keys if signed in self.journal.read_signed(key)]
        assert len(owners) == 1
        assert self.journal.read_intent(owners[0]).state in SENT

    def intents(self) -> list[Intent]:
        return [self.journal.read_intent(key) for key in self.keys]

    def open_intents(self) -> tuple[Intent, ...]:
        return self.journal.read_open_intents(self.chain.chain_id, WALLET)

    def in_flight(self) -> list[Intent]:
        return [intent for intent in self.open_intents() if intent.nonce is not None]


MoneyPath.TestCase.settings = settings(max_examples=60, stateful_step_count=15, deadline=None, derandomize=True)
TestMoneyPath = MoneyPath.TestCase
