"""Runs every policy over a tape, epoch by epoch, through :func:`alm_core.shadow.shadow.shadow_epoch`."""

import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from alm_core.forces.signals import compute_force_signals
from alm_core.model.candles import FloatArray
from alm_core.model.config import LimitsConfig, StrategyConfig
from alm_core.model.epochs import EPOCH_LENGTH, EPOCHS_PER_DAY, Epoch
from alm_core.model.market import MarketSnapshot
from alm_core.model.shadow import ShadowEpoch
from alm_core.policies import policy_named
from alm_core.shadow.rivals import RIVALS, Rival, placed_once
from alm_core.shadow.shadow import ShadowInputs, shadow_epoch
from alm_tests.bench.scoreboard.tapes import ScoreTape
from alm_tests.bench.scoreboard.world import PAIR, TapeWorld, first_epoch

WARM_DAYS = 20
"""History before the first scored epoch; the optimizer looks back on all there is, up to 30 days."""
RETUNE_EPOCHS = EPOCHS_PER_DAY
"""The default policy searches once a day here, every quarter hour live."""
SCORED: Mapping[str, Rival] = {**RIVALS, "fixed_5": placed_once("fixed_5", {"stable": 0.05, "volatile": 0.05})}
POLICIES = ("default", "seed")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Score:
    """What one policy made of one tape.

    ``nav_usd`` has one row per epoch, net of gas and swaps; the other figures are totals.
    """

    tape: str
    recorded: bool
    policy: str
    nav_usd: FloatArray
    fees_usd: float
    gas_usd: float
    swap_usd: float
    moves: int
    problems: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Scores of a tape and what it took."""

    scores: tuple[Score, ...]
    epochs: int
    cpu_s: float


def run_tape(tape: ScoreTape, days: int | None = None) -> Run:
    """Return the scores of every policy on a tape; ``days`` shortens it."""
    started = time.process_time()
    first_at = first_epoch(tape, WARM_DAYS)
    world = TapeWorld(tape, first_at)
    epochs = world.epochs(first_at)[: None if days is None else days * EPOCHS_PER_DAY]
    # Every policy may place all it has in the one pool there is: the cap per pool is for choosing among several.
    strategy = StrategyConfig(max_pool_share=1.0)
    window = strategy.yield_window_epochs
    past = deque((world.snapshot(at) for at in _before(first_at, window)), maxlen=window)
    policies = {name: policy_named(name) for name in POLICIES}
    book: ShadowEpoch | None = None
    navs: dict[str, list[float]] = {}
    problems: dict[str, int] = {}
    before: MarketSnapshot | None = None
    for number, at in enumerate(epochs):
        epoch = Epoch(pair=PAIR, epoch_at=at)
        candles, snapshot = world.candles_at(at), world.snapshot(at)
        inputs = ShadowInputs(
            epoch=epoch,
            candles=candles,
            signals=compute_force_signals(epoch, candles),
            snapshot=snapshot,
            past_snapshots=tuple(past),
            strategy=replace(strategy, optimize=number % RETUNE_EPOCHS == 0),
            limits=LimitsConfig(),
            previous=book,
            earlier={} if before is None else {before.epoch_at: before},
        )
        book, before = shadow_epoch(inputs, policies, SCORED), snapshot
        past.append(snapshot)
        for one in book.books:
            navs.setdefault(one.policy, []).append(np.nan if one.nav_usd is None else one.nav_usd)
        for text in book.problems:
            problems[text.split(":")[0]] = problems.get(text.split(":")[0], 0) + 1
    assert book is not None
    scores = tuple(
        Score(
            tape=tape.name,
            recorded=tape.recorded,
            policy=one.policy,
            nav_usd=np.array(navs[one.policy]),
            fees_usd=one.fees_usd,
            gas_usd=one.gas_usd,
            swap_usd=one.swap_usd,
            moves=one.moves,
            problems=problems.get(one.policy, 0),
        )
        for one in book.books
    )
    return Run(scores=scores, epochs=len(epochs), cpu_s=time.process_time() - started)


def _before(first_at: datetime, count: int) -> list[datetime]:
    return [first_at - back * EPOCH_LENGTH for back in range(count, 0, -1)]
