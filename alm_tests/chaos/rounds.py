"""Plans that are killed at every boundary of every path, again while they recover, and what must hold afterwards."""

import json
import os
import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from alm_core.execution.saga import PlanExecutor
from alm_core.model.decisions import AllocationPlan
from alm_core.model.market import MarketSnapshot
from alm_core.model.rewards import StakingProgramme
from alm_localnet import Localnet
from alm_tests.chaos.boundaries import Boundaries
from alm_tests.chaos.killing import kill_myself, run_killed
from alm_tests.chaos.proof import Proof
from alm_tests.chaos.scene import LIMITS, Scene
from alm_tests.chaos.tally import Tally

KILLED_AGAIN = 0.3
"""Chance that a process which recovers is killed as well, at any boundary among its first ones."""
AGAIN_WITHIN = 15
BY_CLOCK = 0.1
"""Chance that the parent kills at any moment, also in the middle of a commit or a request."""
GIVEN_UP = 0.3
"""Chance that the epoch of a plan is over when the next process comes after one of its kills, and a new plan is made.

One chance per plan: with one per kill hardly any plan of many kills came to its last steps.
"""
ALL_KILLS = 7000
"""What it takes to visit every boundary of every way, with those killed again."""
KILLS = int(os.environ.get("ALM_KILLS", "200"))
"""Kills that are wanted of the whole suite."""
KILLS_PER_PLAN = 25
MOST_CYCLES = 6
"""What a plan that was given up did not come to is tried again."""
MOST_CHILDREN = 400
RECOVERY_LIMIT_S = 30.0
NOT_ALWAYS_NEEDED = frozenset({"swap", "approve", "approve_reset"})
"""Steps that depend on prices: whether, and which way, there is anything to swap, and so which rights are given."""
BUSY = replace(
    LIMITS,
    max_day_spend_frac=1e6,
    max_day_turnover_frac=1e6,
    max_day_bridge_frac=1e6,
    max_day_gas_usd=1e9,
    max_rebalances_hour=1_000_000,
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
class Rounds:
    """One world and one journal, and a wallet whose capital goes round."""

    localnet: Localnet
    folder: Path
    tally: Tally
    seed: int
    executor: Ports = lambda scene, wrap: scene.executor(wrap)
    given_up: float = GIVEN_UP
    programmes: tuple[StakingProgramme, ...] = ()
    bridging: bool = False

    def __post_init__(self) -> None:
        self._moments = random.Random(self.seed)
        self._events = self.folder / "events"
        self._proof = Proof(self.tally)

    def scene(self) -> Scene:
        return Scene(
            self.localnet,
            self.folder / "journal.db",
            limits=BUSY,
            programmes=self.programmes,
            bridging=self.bridging,
        )

    def take(self, way: Way, kill_at: Sequence[str] = ()) -> list[str]:
        """Play a quarter hour and go a way, killed at each of these boundaries; returns all that were passed."""
        snapshot, plan = self._planned(way.plan)
        left, passed = set(kill_at), list[str]()
        given_up = kill_at and self._moments.random() < self.given_up
        last_kill = self._moments.randint(1, len(kill_at)) if given_up else None
        recovering, kills = False, 0
        for _ in range(MOST_CHILDREN):
            killed, events = self._run_child(plan, snapshot, left, recovering)
            passed += [event["passed"] for event in events if "passed" in event]
            if recovering:
                self.tally.recovery_s += [event["green_s"] for event in events if "green_s" in event]
            if not killed:
                self.check(way, snapshot, plan, str(events[-1]["halted"]))
                return passed
            recovering, kills = True, kills + 1
            self.tally.kills += 1
            if passed:
                self.tally.killed_at[f"{way.name}: {passed[-1]}"] += 1
                left.discard(passed[-1])
            if kills == last_kill:
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
        """Prove the books (:class:`~alm_tests.chaos.proof.Proof`), and count a plan that did not come to its end."""
        scene = self.scene()
        try:
            what = f"{way.name} of {plan.epoch_at:%H:%M} ({halted}): "
            self._proof.check(scene, before, plan, what, finished=halted == "None")
        finally:
            scene.close()
        if halted != "None":
            self.tally.halted[f"{way.name}: {halted}"] += 1


def chosen(boundaries: Sequence[str], share: float, moments: random.Random) -> list[str]:
    """A share of the boundaries, evenly spread, the first of them at random; all of them from a share of 1 on."""
    own = list(dict.fromkeys(boundaries))
    if share >= 1:
        return own
    count = max(1, round(share * len(own)))
    first = moments.randrange(len(own))
    return [own[(first + number * len(own) // count) % len(own)] for number in range(count)]


def kill_everywhere(rounds: Rounds, ways: Sequence[Way], actions: Iterable[str]) -> None:
    """Count the boundaries of each way, then visit them: all of them, or an even choice where fewer kills are wanted.

    No plan may halt, and every boundary that was chosen is visited but those of :data:`NOT_ALWAYS_NEEDED`. They are
    counted when the ways are gone for the second time: the first process over an empty journal is like no later one.

    Parameters
    ----------
    actions
        Steps that the ways must have among them.
    """
    tally = rounds.tally
    try:
        for way in ways:
            rounds.take(way)
        boundaries = {way.name: list(dict.fromkeys(rounds.take(way))) for way in ways}
        tally.boundaries = sum(len(own) for own in boundaries.values())
        assert not tally.halted, tally.halted
        passed = {_action(one) for own in boundaries.values() for one in own}
        assert passed.issuperset(actions), f"only {sorted(passed)}"
        moments = random.Random(rounds.seed + 1)
        left = {name: chosen(own, KILLS / ALL_KILLS, moments) for name, own in boundaries.items()}
        for _ in range(MOST_CYCLES):
            if any(left.values()):
                _visit(rounds, ways, left)
                left = {name: _unvisited(tally, name, own) for name, own in left.items()}
        tally.missed = [f"{name}: {one}" for name, own in left.items() for one in own]
    finally:
        tally.write()
    assert not tally.halted, tally.halted
    strange = [one for own in left.values() for one in own if _action(one) not in NOT_ALWAYS_NEEDED]
    assert not strange, f"{len(strange)} boundaries did not come up again: {strange[:8]}"
    assert max(tally.recovery_s) <= RECOVERY_LIMIT_S


def _unvisited(tally: Tally, way: str, boundaries: Sequence[str]) -> list[str]:
    return [one for one in boundaries if f"{way}: {one}" not in tally.killed_at]


def _visit(rounds: Rounds, ways: Sequence[Way], wanted: Mapping[str, Sequence[str]]) -> None:
    """Go the ways round and round, each time killed at another part of the boundaries."""
    parts = -(-max(len(own) for own in wanted.values()) // KILLS_PER_PLAN)
    for part in range(parts):
        for way in ways:
            rounds.take(way, wanted[way.name][part::parts])


def _action(boundary: str) -> str:
    """Action of the step that a boundary belongs to, ``start`` before the first."""
    step = boundary.split(" ")[0]
    return step.split("/")[1] if "/" in step else step
