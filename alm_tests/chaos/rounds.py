"""Plans that are killed at every boundary of every path, again while they recover, and what must hold afterwards."""

import json
import os
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from alm_core.accounting.ledger import NATIVE
from alm_core.execution.saga import PlanExecutor
from alm_core.model.decisions import AllocationPlan
from alm_core.model.market import MarketSnapshot
from alm_core.model.transactions import ExecutionReport
from alm_localnet import Localnet
from alm_tests.chaos.boundaries import Boundaries
from alm_tests.chaos.killing import kill_myself, run_killed
from alm_tests.chaos.scene import LIMITS, Scene

KILLED_AGAIN = 0.3
"""Chance that a process which recovers is killed as well, at any boundary among its first ones."""
AGAIN_WITHIN = 15
BY_CLOCK = 0.1
"""Chance that the parent kills at any moment, also in the middle of a commit or a request."""
GIVEN_UP = 0.05
"""Chance after a kill that the epoch is over when the next process comes, and a new plan is made."""
ALL_KILLS = 3400
"""What it takes to visit every boundary of every way, with those killed again."""
KILLS = int(os.environ.get("ALM_KILLS", "200"))
"""Kills that are wanted of the whole suite."""
KILLS_PER_PLAN = 25
MOST_CYCLES = 3
MOST_CHILDREN = 400
RECOVERY_LIMIT_S = 30.0
MOST_HALTED_FRAC = 0.1
BUSY = replace(
    LIMITS, max_day_spend_frac=1e6, max_day_turnover_frac=1e6, max_day_gas_usd=1e9, max_rebalances_hour=1_000_000
)
"""The whole capital is moved every quarter hour here: what counts a day's work is not what is tested."""

MakePlan = Callable[[Scene, MarketSnapshot], AllocationPlan]
Ports = Callable[[Scene, Callable[[object], object]], PlanExecutor]


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A way of the money: the plan that takes it from what is there.

    Parameters
    ----------
    name
        For messages.
    plan
        The plan.
    next_plan
        What the next epoch plans where this one was given up half done.
    """

    name: str
    plan: MakePlan
    next_plan: MakePlan


@dataclass
class Tally:
    """What the kills of one test came to."""

    name: str
    kills: int = 0
    lost: int = 0
    duplicated: int = 0
    boundaries: int = 0
    rounds: int = 0
    given_up: int = 0
    """Plans left half done to the next epoch."""
    halted: Counter[str] = field(default_factory=Counter)
    """Plans that a re-run could not finish, for the next epoch to place what lies idle."""
    recovery_s: list[float] = field(default_factory=list)
    killed_at: Counter[str] = field(default_factory=Counter)

    def write(self) -> None:
        """Leave a line for the summary of the run, and print it."""
        line = {
            "test": self.name,
            "kills": self.kills,
            "boundaries": self.boundaries,
            "visited": len(self.killed_at),
            "lost": self.lost,
            "duplicated": self.duplicated,
            "rounds": self.rounds,
            "given_up": self.given_up,
            "halted": sum(self.halted.values()),
            "halted_most": [why for why, _ in self.halted.most_common(2)],
            "recovery_s": [round(seconds, 3) for seconds in self.recovery_s],
        }
        folder = os.environ.get("ALM_KILLS_DIR")
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            (Path(folder) / f"{self.name}.json").write_text(json.dumps(line))
        slowest = max(self.recovery_s, default=0.0)
        print(json.dumps({**line, "recovery_s": f"max {slowest:.2f} of {len(self.recovery_s)}"}))


@dataclass
class Rounds:
    """One world and one journal, and a wallet whose capital goes round."""

    localnet: Localnet
    folder: Path
    tally: Tally
    seed: int
    executor: Ports = lambda scene, wrap: scene.executor(wrap)
    given_up: float = GIVEN_UP

    def __post_init__(self) -> None:
        self._moments = random.Random(self.seed)
        self._events = self.folder / "events"
        self._known = 0

    def scene(self) -> Scene:
        return Scene(self.localnet, self.folder / "journal.db", limits=BUSY)

    def take(self, way: Way, kill_at: Sequence[str] = ()) -> list[str]:
        """Play a quarter hour and go a way, killed at each of these boundaries; returns all that were passed."""
        snapshot, plan = self._planned(way.plan)
        left, passed = set(kill_at), list[str]()
        recovering = False
        for _ in range(MOST_CHILDREN):
            killed, events = self._run_child(plan, snapshot, left, recovering)
            passed += [event["passed"] for event in events if "passed" in event]
            if recovering:
                self.tally.recovery_s += [event["green_s"] for event in events if "green_s" in event]
            if not killed:
                self.check(way, snapshot, plan, str(events[-1]["halted"]))
                return passed
            recovering = True
            self.tally.kills += 1
            if passed:
                self.tally.killed_at[f"{way.name}: {passed[-1]}"] += 1
                left.discard(passed[-1])
            if kill_at and self._moments.random() < self.given_up:
                self.tally.given_up += 1
                snapshot, plan = self._planned(way.next_plan)
        raise AssertionError(f"{way.name} does not come to an end")

    def _planned(self, make: MakePlan) -> tuple[MarketSnapshot, AllocationPlan]:
        self.localnet.advance_to(self.localnet.now + timedelta(minutes=15))
        scene = self.scene()
        snapshot = scene.snapshot(self.localnet.now)
        assert snapshot.problems == ()
        scene.close()
        self.tally.rounds += 1
        return snapshot, make(scene, snapshot)

    def _run_child(
        self, plan: AllocationPlan, snapshot: MarketSnapshot, left: set[str], recovering: bool
    ) -> tuple[bool, list[dict[str, Any]]]:
        again = recovering and self._moments.random() < KILLED_AGAIN
        after = self._moments.randint(1, AGAIN_WITHIN) if again else None
        by_clock = bool(left) and self._moments.random() < BY_CLOCK
        after_s = self._moments.uniform(0.02, 0.4) if by_clock else None
        self._events.write_text("")
        killed = run_killed(lambda: self._child(plan, snapshot, left, after), after_s=after_s)
        return killed, [json.loads(line) for line in self._events.read_text().splitlines() if line.endswith("}")]

    def _child(self, plan: AllocationPlan, snapshot: MarketSnapshot, kill_at: set[str], after: int | None) -> None:
        began, passed = time.monotonic(), 0
        events = self._events.open("a", buffering=1)

        def pass_by(boundary: str) -> None:
            nonlocal passed
            passed += 1
            events.write(json.dumps({"passed": boundary}) + "\n")
            if passed == after or boundary in kill_at:
                kill_myself()

        scene = self.scene()
        executor = self.executor(scene, Boundaries(scene.journal, pass_by).around)
        move = executor._move

        def timed(*stage: Any) -> None:
            events.write(json.dumps({"green_s": time.monotonic() - began}) + "\n")
            move(*stage)

        executor._move = timed  # the books are green on a chain when its plan begins
        report = executor.execute(plan, snapshot)
        events.write(json.dumps({"halted": report.halted}) + "\n")

    def check(self, way: Way, before: MarketSnapshot, plan: AllocationPlan, halted: str) -> None:
        """Nothing lost, nothing doubled, books equal to the chain to the wei, nonces contiguous, no right left over."""
        scene = self.scene()
        try:
            snapshot = scene.snapshot(self.localnet.now)
            report = self._hold(scene, snapshot)
            what = f"{way.name} of {plan.epoch_at:%H:%M} ({halted}): "
            self._check_books(scene, snapshot, report, what)
            if halted == "None":
                held = Counter(one.pool_id for holdings in snapshot.holdings for one in holdings.positions)
                wanted = {target.pool_id for target in plan.opens}
                self.tally.lost += len(wanted - held.keys())
                self.tally.duplicated += len(held.keys() - wanted) + self._twice(scene, plan, held)
                assert (self.tally.lost, self.tally.duplicated) == (0, 0), f"{what}{dict(held)}, planned {wanted}"
                assert scene.hold(snapshot).nav_usd > 0.97 * scene.hold(before).nav_usd, what
            else:
                self.tally.halted[halted] += 1
        finally:
            scene.close()

    def _hold(self, scene: Scene, snapshot: MarketSnapshot) -> ExecutionReport:
        report = scene.executor().execute(scene.hold(snapshot), snapshot)
        assert all(result.green for result in report.reconciliations), report.reconciliations
        return report

    def _check_books(self, scene: Scene, snapshot: MarketSnapshot, report: ExecutionReport, what: str) -> None:
        rights = [left for result in report.reconciliations for left in result.allowances]
        intents = scene.intents()
        for holdings in snapshot.holdings:
            chain_id = holdings.block.chain_id
            chain, journal = scene.chains[chain_id], scene.journal
            own = [intent for intent in intents if intent.tx.chain_id == chain_id]
            nonce = chain.read_nonce(scene.wallet)
            nonces = [intent.nonce for intent in own if intent.nonce is not None]
            in_flight = journal.read_open_intents(chain_id, scene.wallet)
            self.tally.lost += len(set(range(nonce)) - set(nonces)) + len(in_flight)
            self.tally.duplicated += len(nonces) - len(set(nonces))
            assert (self.tally.lost, self.tally.duplicated) == (0, 0), f"{what}nonces {nonce}: {sorted(nonces)}"
            assert journal.read_next_nonce(chain_id, scene.wallet) == nonce == len(nonces), what
            balances = {entry.address.lower(): entry.amount for entry in holdings.balances}
            assert journal.read_ledger_sums(chain_id, scene.wallet) == {NATIVE: holdings.native_wei, **balances}, what
            booked = {token_id for _, token_id in journal.read_positions(chain_id, scene.wallet)}
            assert booked == {position.token_id for position in holdings.positions}, what
            for intent in own[self._known :]:
                if intent.nonce is not None:
                    receipt = chain.read_receipt(str(intent.tx_hash))
                    assert receipt is not None, f"{what}{intent.key} says {intent.tx_hash} was mined, and it was not"
        self._known = len(intents) if len(snapshot.holdings) == 1 else 0
        assert not rights, f"{what}{rights}"

    def _twice(self, scene: Scene, plan: AllocationPlan, held: Counter[str]) -> int:
        """Positions beyond those that the plan's own opens and adds account for."""
        opened = Counter[str]()
        for target in plan.opens:
            opened[target.pool_id] += 1
        bins = {pool.pool_id for pool in scene.pools if pool.bin_step}
        return sum(max(0, count - opened[pool_id]) for pool_id, count in held.items() if pool_id not in bins)


def chosen(boundaries: Sequence[str], share: float, moments: random.Random) -> list[str]:
    """A share of the boundaries, evenly spread, the first of them at random; all of them from a share of 1 on."""
    own = list(dict.fromkeys(boundaries))
    if share >= 1:
        return own
    count = max(1, round(share * len(own)))
    first = moments.randrange(len(own))
    return [own[(first + number * len(own) // count) % len(own)] for number in range(count)]


def kill_everywhere(rounds: Rounds, ways: Sequence[Way]) -> None:
    """Count the boundaries of each way, then visit them: all of them, or an even choice where fewer kills are wanted.

    A step that a way does not always need (a swap, a right of which something is left) may not come up again.
    """
    boundaries = {way.name: list(dict.fromkeys(rounds.take(way))) for way in ways}
    assert not rounds.tally.halted, rounds.tally.halted
    moments = random.Random(rounds.seed + 1)
    for _ in range(max(1, KILLS // ALL_KILLS)):
        left = {name: chosen(own, KILLS / ALL_KILLS, moments) for name, own in boundaries.items()}
        wanted = sum(len(own) for own in left.values())
        for _ in range(MOST_CYCLES):
            if not any(left.values()):
                break
            parts = -(-max(len(own) for own in left.values()) // KILLS_PER_PLAN)
            for part in range(parts):
                for way in ways:
                    rounds.take(way, left[way.name][part::parts])
            left = {
                name: [one for one in own if f"{name}: {one}" not in rounds.tally.killed_at]
                for name, own in left.items()
            }
    rounds.tally.boundaries = sum(len(own) for own in boundaries.values())
    rounds.tally.write()
    assert sum(rounds.tally.halted.values()) <= MOST_HALTED_FRAC * rounds.tally.rounds, rounds.tally.halted
    missed = [f"{name}: {one}" for name, own in left.items() for one in own]
    assert len(missed) <= max(2, 0.05 * wanted), f"{len(missed)} boundaries did not come up again: {missed[:8]}"
    assert max(rounds.tally.recovery_s) <= RECOVERY_LIMIT_S
