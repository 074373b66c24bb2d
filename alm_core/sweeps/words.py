"""What a person reads of a sweep: the parameters of a cell, and how far its best ones may be believed."""

from datetime import timedelta

from alm_core.model.sweeps import ChoiceScore, ForwardStep, SweepCell, SweepGrid

_COLUMNS = ("pairs", "policies", "windows")
CHOICE_COLUMNS = ("pair", "policy", "parameters", "windows", "mean NAV / HODL", "worst window")
FORWARD_COLUMNS = (
    "pair",
    "chosen on",
    "policy",
    "parameters",
    "NAV / HODL there",
    "scored on",
    "NAV / HODL",
    "median choice",
    "rank",
)


def in_sample_note(choices: int, steps: int) -> str:
    """Return how far the best cells may be believed.

    Examples
    --------
    >>> in_sample_note(1, 0)
    'one choice: nothing was selected'
    >>> in_sample_note(12, 0).startswith("selection in sample: the best of 12 choices is best in part by luck")
    True
    """
    if choices < 2:
        return "one choice: nothing was selected"
    told = f"selection in sample: the best of {choices} choices is best in part by luck, the more so the more there are"
    if steps:
        return f"{told}; believe the walk-forward scores, which are of windows that the choice had not seen"
    return f"{told}; give two or more windows that do not overlap to see how a choice does on later data"


def choice_count(grid: SweepGrid) -> int:
    """How many choices of policy and parameters a grid compares."""
    return len(grid.policies) * len(grid.strategies) * len(grid.ranges)


def parameters_text(cell: SweepCell, varied: tuple[str, ...]) -> str:
    """Return the values of what is varied, besides pair, policy and window; ``-`` where nothing is.

    Examples
    --------
    >>> from alm_core.model.backtest import VenueConfig
    >>> from alm_core.model.config import LimitsConfig, StrategyConfig
    >>> from alm_core.model.sweeps import SweepWindow
    >>> from datetime import UTC, datetime
    >>> window = SweepWindow(first_at=datetime(2026, 1, 1, tzinfo=UTC), end_at=datetime(2026, 1, 3, tzinfo=UTC))
    >>> cell = SweepCell(
    ...     pair="WETH-USDC",
    ...     policy="hodl",
    ...     window=window,
    ...     capital_usd=1e4,
    ...     venue=VenueConfig(),
    ...     strategy=StrategyConfig(),
    ...     limits=LimitsConfig(),
    ...     range_params=None,
    ... )
    >>> parameters_text(cell, ("windows", "strategy.min_hold", "venue.seed"))
    'min_hold=12 h seed=0'
    """
    return " ".join(f"{name.rpartition('.')[2]}={_value(cell, name)}" for name in varied if name not in _COLUMNS) or "-"


def choice_row(score: ChoiceScore, varied: tuple[str, ...]) -> tuple[str, ...]:
    """Return the cells of :data:`CHOICE_COLUMNS`."""
    return (
        score.pair,
        score.cell.policy,
        parameters_text(score.cell, varied),
        str(score.windows),
        f"{score.mean_over_hodl:.4f}",
        f"{score.worst_over_hodl:.4f}",
    )


def forward_row(step: ForwardStep, varied: tuple[str, ...]) -> tuple[str, ...]:
    """Return the cells of :data:`FORWARD_COLUMNS`."""
    return (
        step.pair,
        step.chosen.window.name,
        step.chosen.policy,
        parameters_text(step.chosen, varied),
        f"{step.chosen_over_hodl:.4f}",
        step.scored.window.name,
        f"{step.scored_over_hodl:.4f}",
        f"{step.median_over_hodl:.4f}",
        f"{step.rank} of {step.choices}",
    )


def _value(cell: SweepCell, name: str) -> str:
    section, _, key = name.rpartition(".")
    if not section:
        return "recorded" if cell.capital_usd is None else f"{cell.capital_usd:g}"
    where = {"venue": cell.venue, "strategy": cell.strategy, "range": cell.range_params}[section]
    value: object = getattr(where, key)
    if isinstance(value, timedelta):
        return f"{value.total_seconds() / 3600:g} h"
    return f"{value:g}" if isinstance(value, float) else str(value)
