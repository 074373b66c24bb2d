"""How faithful the simulated venue is: recorded epochs lived again, one by one, and compared with what came of them.

Each epoch begins with what the wallet really held, decides through the code of a backtest from what its record says was
known, carries the plan out in the simulated venue, and ages what is then held to the next recorded epoch. There the
simulated value is compared with the real one. Errors of all epochs add up to that of a backtest whose decisions were
those of the record.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from alm_assets.decisions import plan_from, range_from, signals_from
from alm_assets.ports import History
from alm_assets.provenance import DecisionInputs, find_inputs
from alm_core.backtest.caps import too_much, with_plan
from alm_core.backtest.venue import carried, carry_out, value_usd
from alm_core.backtest.world import begun_growths
from alm_core.model.backtest import CarriedPlan, SimulatedBook, Travelling, VenueConfig
from alm_core.model.decisions import AllocationPlan, DecisionKind
from alm_core.model.epochs import Epoch
from alm_core.model.market import Holdings, MarketSnapshot, Position
from alm_core.portfolio.valuation import prices_usd
from alm_core.simulation.paper_wallet import as_range, as_ranges

AT_ONCE = VenueConfig(latency_epochs=0)
"""A live epoch executes what it decides, at its own prices."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LivedAgain:
    """One epoch and what simulating it came to at the next one.

    Parameters
    ----------
    same_decision
        Whether kind, closes, opens, collects and moves are those recorded.
    simulated_usd, recorded_usd
        Value at the next recorded epoch, at its prices; ``None`` where one of both is not known.
    """

    epoch_at: datetime
    kind: DecisionKind
    same_decision: bool
    simulated_usd: float | None = None
    recorded_usd: float | None = None
    problem: str = ""

    @property
    def error_frac(self) -> float | None:
        """How much more the simulation has than the wallet really had."""
        if self.simulated_usd is None or not self.recorded_usd:
            return None
        return self.simulated_usd / self.recorded_usd - 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fidelity:
    """Recorded epochs of a pair lived again, oldest first."""

    pair: str
    epochs: tuple[LivedAgain, ...]

    @property
    def others(self) -> tuple[LivedAgain, ...]:
        """Epochs that decided otherwise, or could not be lived again."""
        return tuple(one for one in self.epochs if not one.same_decision)

    @property
    def error_frac(self) -> float:
        """Error of the value at the end of a backtest with these decisions: those of all epochs together."""
        return sum(error for one in self.epochs if (error := one.error_frac) is not None)

    @property
    def worst_frac(self) -> float:
        """Largest error of one epoch."""
        return max((abs(error) for one in self.epochs if (error := one.error_frac) is not None), default=0.0)


def lived_again(pair: str, epochs: Iterable[Epoch], history: History) -> Fidelity:
    """Live recorded epochs again and compare. Nothing is written.

    Parameters
    ----------
    pair, epochs
        Epochs of one pair, oldest first. Between two of them nothing may have come from outside or left.
    history
        Where they are recorded.
    """
    found: list[LivedAgain] = []
    before: _Lived | None = None
    for epoch in epochs:
        inputs = find_inputs(epoch, history)
        if inputs is None:
            continue
        if before is not None:
            found.append(before.compared(inputs))
        before = _Lived(inputs, history, () if before is None else before.carried)
    if before is not None:
        found.append(before.alone())
    return Fidelity(pair=pair, epochs=tuple(found))


class _Lived:
    """An epoch decided again and carried out in the simulated venue."""

    def __init__(self, inputs: DecisionInputs, history: History, carried: tuple[CarriedPlan, ...]) -> None:
        self.carried = carried
        signals = signals_from(inputs)
        self._plan = plan_from(inputs, signals, range_from(inputs, signals))
        self._snapshot = inputs.snapshot
        self._limits = inputs.record.limits
        epoch = inputs.epoch
        self._recorded = history.read_epoch("allocations", AllocationPlan, epoch.pair, epoch.epoch_at)

    def compared(self, later: DecisionInputs) -> LivedAgain:
        """Age to a later epoch and compare with what it found."""
        now, before = later.snapshot, self._snapshot
        if now.quote_usd is None or before.quote_usd is None or now.problems or before.problems:
            return self.alone("a value is not known")
        prices = prices_usd(now, float(later.candles.close[-1]))
        then = prices_usd(before, self._plan.price)
        plan = self._plan
        if too_much(plan, self.carried, self._limits):
            plan = replace(plan, closes=(), opens=(), collects=(), moves=())
        done = carry_out(plan, _as_ranges(before, plan), _travelling(before), before, then, AT_ONCE, self._limits)
        book = SimulatedBook(
            began_at=before.epoch_at,
            as_of_at=before.epoch_at,
            base_usd=then.base_usd,
            quote_usd=then.quote_usd,
            holdings=done.holdings,
            growths=begun_growths(before),
            hodl_base=0.0,
            hodl_quote=0.0,
            nav_start_usd=0.0,
            travelling=done.travelling,
        )
        self.carried = with_plan(self.carried, plan, done)
        minutes = later.candles.between(before.epoch_at, now.epoch_at)
        aged = carried(book, before, now, minutes, prices)
        return self._outcome(
            simulated_usd=value_usd(aged.holdings, done.travelling, now, prices),
            recorded_usd=value_usd(now.holdings, _travelling(now), now, prices),
        )

    def alone(self, problem: str = "") -> LivedAgain:
        """The epoch without a later one to compare with."""
        return self._outcome(problem=problem)

    def _outcome(
        self, *, simulated_usd: float | None = None, recorded_usd: float | None = None, problem: str = ""
    ) -> LivedAgain:
        return LivedAgain(
            epoch_at=self._plan.epoch_at,
            kind=self._plan.decision.kind,
            same_decision=self._recorded is not None and _acts(self._plan) == _acts(self._recorded),
            simulated_usd=simulated_usd,
            recorded_usd=recorded_usd,
            problem=problem,
        )


def _acts(plan: AllocationPlan) -> tuple[object, ...]:
    return plan.decision.kind, plan.closes, plan.opens, plan.collects, plan.moves


def _as_ranges(snapshot: MarketSnapshot, plan: AllocationPlan) -> tuple[Holdings, ...]:
    """What the wallets really held, as the venue holds it: bin by bin where the plan leaves a position alone."""
    touched = {move.pool_id for move in (*plan.closes, *plan.collects, *plan.opens)}

    def ranges(one: Position) -> tuple[Position, ...]:
        state = snapshot.pool_state(one.pool_id)
        return (as_range(one, state),) if one.pool_id in touched else as_ranges(one, state)

    return tuple(
        replace(held, positions=tuple(part for one in held.positions for part in ranges(one)))
        for held in snapshot.holdings
    )


def _travelling(snapshot: MarketSnapshot) -> tuple[Travelling, ...]:
    return tuple(Travelling(transit=one, due_at=snapshot.epoch_at) for one in snapshot.in_transit)
