"""kill -9 at every boundary of one transaction against a real node: exactly one effect, contiguous nonces.

Ways: a call, an approval, a plan given up, a transaction outbid and then mined, one cancelled, and a settled one whose
block is gone. ``ALM_KILLS`` is how many kills are wanted of the whole suite; each way takes its part of them.
"""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from alm_core.execution.allow_list import AllowList
from alm_core.execution.bidding import bid_for
from alm_core.execution.calldata import SWAP_SELECTORS
from alm_core.execution.engine import TransactionEngine
from alm_core.execution.erc20 import APPROVE_SELECTOR, TRANSFER_TOPIC, address_word, uint_word
from alm_core.execution.intents import in_nonce_order
from alm_core.execution.settling import Settling
from alm_core.model.chains import ChainRules
from alm_core.model.errors import OutcomeUnknown
from alm_core.model.transactions import Action, BalanceBound, Intent, IntentState, UnsignedTransaction
from alm_localnet.anvil import AnvilNode
from alm_localnet.config import MULTICALL3
from alm_localnet.node import install_node_modules
from alm_localnet.wallets import create_wallets
from alm_resources.chains import Web3Chain
from alm_resources.journal import SqlJournal
from alm_resources.signer import KeystoreSigner
from alm_tests.chaos.killing import kill_myself, run_killed
from alm_tests.chaos.rounds import ALL_KILLS, KILLED_AGAIN, KILLS, RECOVERY_LIMIT_S
from alm_tests.chaos.tally import Tally
from alm_tests.core.execution.fakes import AllowAll, Crashing, CrashPoint, transfer_intent

CHAIN_ID = 8453
VENUE = "0x4444444444444444444444444444444444444444"
SPENDER = "0x5555555555555555555555555555555555555555"
# On any call: storage[0] += 1, then Transfer(caller, 0xdead, 1). The number in storage is the number of effects.
VENUE_CODE = "0x6000546001016000556001600052" + "61dead" + "33" + "7f" + TRANSFER_TOPIC[2:] + "60206000" + "a3" + "00"
OPENING_WEI = 10**21
"""Enough for the fees of all the attempts of a long run."""
TIPS_LOOKED_AT = 25
"""Empty blocks after which nothing is left in a fee history."""
LEAST_KILLS = 6
"""Of a way, however few are wanted of the whole suite."""
HASTY = ChainRules(bump_after_s=0.03)


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What Web3Chain needs to know."""

    chain_id: int
    rpc: tuple[str, ...]
    multicall3: str = MULTICALL3
    rules: ChainRules = field(default_factory=ChainRules)
    private_rpc: tuple[str, ...] = ()


@dataclass
class Bench:
    """A node with the counting venue, and one journal and key on disk."""

    node: AnvilNode
    folder: Path
    wallet: str
    tally: Tally = field(default_factory=lambda: Tally("engine"))
    moments: random.Random = field(default_factory=lambda: random.Random(5))

    def effects(self) -> int:
        return int(self.node.rpc.call("eth_getStorageAt", VENUE, "0x0", "latest"), 16)

    def nonce(self) -> int:
        return int(self.node.rpc.call("eth_getTransactionCount", self.wallet, "latest"), 16)

    def mining(self, on: bool) -> None:
        self.node.rpc.call("evm_setAutomine", on)
        if on:
            self.node.rpc.call("evm_mine")

    def intent(self, number: int, action: Action) -> Intent:
        planned = transfer_intent(number, f"P@{action}")
        words = "".join(("00" * 32, "00" * 32, "00" * 32, address_word(self.wallet), "00" * 32))
        data = "0x4666fc80" + words
        if action is Action.APPROVE:
            data = APPROVE_SELECTOR + address_word(SPENDER) + uint_word(number)
        tx = UnsignedTransaction(
            chain_id=CHAIN_ID,
            sender=self.wallet,
            to=VENUE,
            data=data,
            value_wei=0,
            action=action,
            summary=f"effect {number}",
            bounds=(BalanceBound(token=VENUE, min_delta=-1, max_delta=-1),),
            spender=SPENDER if action is Action.APPROVE else None,
        )
        return replace(planned, tx=tx)

    def store(self, number: int, action: Action) -> str:
        stored: list[str] = []
        with self.journal() as journal:
            stored += [intent.key for intent in journal.add_intents([self.intent(number, action)])]
        return stored[0]

    @contextmanager
    def journal(self) -> Iterator[SqlJournal]:
        journal = SqlJournal(f"sqlite:///{self.folder / 'journal.db'}")
        try:
            yield journal
        finally:
            journal.close()

    def run(self, work: Callable[[TransactionEngine, SqlJournal], None], point: CrashPoint, rules: ChainRules) -> None:
        """One process: everything is opened here and nowhere else."""
        with self.journal() as journal:
            chain = Web3Chain(Access(chain_id=CHAIN_ID, rpc=(self.node.url,), rules=rules))
            takers = {(CHAIN_ID, VENUE): frozenset({APPROVE_SELECTOR, *SWAP_SELECTORS})}
            allowed = AllowList(selectors=takers, spenders=frozenset({(CHAIN_ID, SPENDER)}))
            signer = KeystoreSigner(self.folder / "keystore" / "key.json", self.folder / "keystore.password", allowed)
            ports = [Crashing(port, point) for port in (journal, chain, signer, AllowAll())]
            timeout_s = 10.0 if rules.bump_after_s > 1 else 0.15
            with suppress(OutcomeUnknown):  # nothing is mined where this is wanted
                work(TransactionEngine(*ports, receipt_timeout_s=timeout_s, fence=1), journal)
            chain.close()

    def check(self) -> None:
        """Nothing lost, nothing doubled, nonces contiguous, books equal to the chain to the wei."""
        with self.journal() as journal:
            with journal.reading() as connection:
                rows = connection.exec_driver_sql("SELECT nonce, state FROM intents WHERE nonce IS NOT NULL").all()
            sums = journal.read_ledger_sums(CHAIN_ID, self.wallet)
        states = [state for _, state in rows]
        done = states.count("FINAL_OK")
        self.tally.lost += max(0, done - self.effects())
        self.tally.duplicated += max(0, self.effects() - done)
        assert self.effects() == done, f"{self.effects()} effects of {done} intents"
        assert sorted(nonce for nonce, _ in rows) == list(range(self.nonce()))
        assert done + states.count("CANCELLED") == len(states)
        assert sums.get(VENUE, 0) == -done
        balance = int(self.node.rpc.call("eth_getBalance", self.wallet, "latest"), 16)
        assert OPENING_WEI + sums.get("native", 0) == balance


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How an intent gets into trouble, and what carries it on.

    Parameters
    ----------
    first
        What the process does that is killed at a boundary.
    prepare
        What happened before it, without kills.
    rules
        Of the chain while nothing has to end well.
    """

    name: str
    action: Action = Action.SWAP
    first: str = "run"
    then: str = "run"
    prepare: Callable[[Bench, str], None] = lambda bench, key: None
    rules: ChainRules = field(default_factory=ChainRules)
    mined: bool = True


def _sent_and_not_mined(bench: Bench, key: str) -> None:
    bench.mining(False)
    assert not run_killed(lambda: bench.run(_verb("run", key), CrashPoint(), HASTY))


def _settled_and_gone(bench: Bench, key: str) -> None:
    assert not run_killed(lambda: bench.run(_verb("run", key), CrashPoint(), ChainRules()))
    bench.node.rpc.call("anvil_reorg", 1, [])


WAYS = (
    Way(name="call"),
    Way(name="approval", action=Action.APPROVE),
    Way(name="given up", then="retire"),
    Way(name="outbid", rules=HASTY, mined=False, prepare=lambda bench, key: bench.mining(False)),
    Way(name="cancelled", first="retire", then="retire", rules=HASTY, mined=False, prepare=_sent_and_not_mined),
    Way(name="reorganised", first="recheck", then="recheck", prepare=_settled_and_gone),
)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    wallets = create_wallets(tmp_path, ["key"])  # light scrypt: every run decrypts it
    node = AnvilNode(install_node_modules().anvil(), CHAIN_ID, 1_790_000_000, 10**9, tmp_path / "logs")
    node.wait_until_ready()
    wallet = wallets.addresses["key"]
    node.rpc.call("anvil_setBalance", wallet, hex(OPENING_WEI))
    node.rpc.call("anvil_setCode", VENUE, VENUE_CODE)
    yield Bench(node, tmp_path, wallet)
    node.rpc.close()
    node.stop()


@pytest.mark.chain
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
def test_a_kill_at_any_boundary_loses_and_doubles_nothing(bench: Bench, way: Way) -> None:
    tally = bench.tally
    tally.name, tally.boundaries = f"engine: {way.name}", _boundaries(bench, way)
    assert tally.boundaries >= 10
    wanted = max(LEAST_KILLS, round(tally.boundaries * KILLS / ALL_KILLS))
    try:
        for number, at in enumerate(_moments(tally.boundaries, wanted), start=1):
            _killed_and_carried_on(bench, way, number, at)
            bench.check()
            # Or the tips of what was outbid so often would be the tips of all that comes after.
            bench.node.rpc.call("anvil_mine", hex(TIPS_LOOKED_AT))
    finally:
        tally.write()
    assert tally.kills >= wanted
    assert max(tally.recovery_s) <= RECOVERY_LIMIT_S


def _killed_and_carried_on(bench: Bench, way: Way, number: int, at: int) -> None:
    key = bench.store(number, way.action)
    way.prepare(bench, key)
    first = CrashPoint(at, crash=kill_myself)
    if run_killed(lambda: bench.run(_verb(way.first, key), first, way.rules)):
        bench.tally.kills += 1
        bench.tally.killed_at[str(at)] += 1
    while bench.moments.random() < KILLED_AGAIN:
        # Killed again while it recovers: recovery has to survive it as well.
        again = CrashPoint(bench.moments.randint(1, 40), crash=kill_myself)
        bench.tally.kills += run_killed(lambda again=again: bench.run(_verb(way.then, key), again, way.rules))
    if not way.mined:
        bench.mining(True)
    began = time.monotonic()
    assert not run_killed(lambda: bench.run(_verb(way.then, key), CrashPoint(), ChainRules()))
    bench.tally.recovery_s.append(time.monotonic() - began)
    bench.tally.rounds += 1


def _verb(verb: str, key: str) -> Callable[[TransactionEngine, SqlJournal], None]:
    def work(engine: TransactionEngine, journal: SqlJournal) -> None:
        if verb != "recheck":
            getattr(engine, verb)(journal.read_intent(key))
            return
        engine.recheck()
        wallet = journal.read_intent(key).tx.sender
        for intent in in_nonce_order(journal.read_open_intents(CHAIN_ID, wallet)):
            engine.resume(intent)

    return work


def _boundaries(bench: Bench, way: Way) -> int:
    counted = bench.folder / "boundaries"
    key = bench.store(0, way.action)
    way.prepare(bench, key)

    def work() -> None:
        point = CrashPoint()
        bench.run(_verb(way.first, key), point, way.rules)
        counted.write_text(str(point.passed))

    assert not run_killed(work)
    if not way.mined:
        bench.mining(True)
        assert not run_killed(lambda: bench.run(_verb(way.then, key), CrashPoint(), ChainRules()))
    return int(counted.read_text())


def _moments(boundaries: int, wanted: int) -> Sequence[int]:
    """Every boundary as often as there are kills for; evenly spread ones where there are fewer kills."""
    if wanted < boundaries:
        return [1 + index * boundaries // wanted for index in range(wanted)]
    return [1 + index % boundaries for index in range(wanted)]


class BroadcastsFirst:
    """An engine that sends before it writes down, and takes the chain's nonce when it is run again."""

    def __init__(self, bench: Bench, journal: object, chain: Web3Chain, signer: object) -> None:
        self._bench = bench
        self._journal = journal
        self._chain = chain
        self._signer = signer

    def run(self, intent: Intent) -> None:
        nonce = self._bench.nonce()
        bid = bid_for(self._chain.read_fees(), self._chain.rules, 200_000)
        signed = self._signer.sign(intent.tx, nonce, bid, fence=1)
        self._chain.send_raw(signed)
        if intent.state is IntentState.PLANNED:
            self._journal.reserve_nonce(intent.key, nonce)
            self._journal.record_signed(intent.key, signed, bid)
            intent = self._journal.advance(intent.key, IntentState.BROADCAST)
            found = Settling(self._journal, self._chain).mined(intent)
            assert found is not None
            Settling(self._journal, self._chain).settle(intent, *found)


@pytest.mark.chain
def test_an_engine_that_broadcasts_before_it_writes_down_is_caught_by_the_same_check(bench: Bench) -> None:
    def work(at: int | None, key: str) -> None:
        point = CrashPoint(at, crash=kill_myself)
        with bench.journal() as journal:
            chain = Web3Chain(Access(chain_id=CHAIN_ID, rpc=(bench.node.url,)))
            allowed = AllowList(selectors={(CHAIN_ID, VENUE): SWAP_SELECTORS})
            signer = KeystoreSigner(bench.folder / "keystore" / "key.json", bench.folder / "keystore.password", allowed)
            ports = [Crashing(port, point) for port in (journal, chain, signer)]
            intent = journal.read_intent(key)
            if not intent.state.terminal:
                BroadcastsFirst(bench, *ports).run(intent)
            chain.close()

    first = bench.store(0, Action.SWAP)
    assert not run_killed(lambda: work(None, first))
    bench.check()
    for number, at in enumerate(range(4, 16), start=1):
        key = bench.store(number, Action.SWAP)
        if run_killed(lambda at=at, key=key: work(at, key)):
            with suppress(AssertionError):  # the journal may refuse the second nonce: by then the bytes are out
                run_killed(lambda key=key: work(None, key))
        if bench.effects() > number + 1:
            break
    else:
        pytest.fail("the engine doubled nothing: there is nothing to catch")
    with pytest.raises(AssertionError, match="effects of"):
        bench.check()
