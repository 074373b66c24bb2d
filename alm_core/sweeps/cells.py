"""The cells of a grid, and the backtest of one. Pure."""

from collections.abc import Mapping
from itertools import product

from alm_core.backtest.run import run_backtest, summary_of
from alm_core.model.backtest import BacktestSummary, MarketHistory
from alm_core.model.sweeps import SweepCell, SweepGrid


def cell_count(grid: SweepGrid) -> int:
    """Return how many cells a grid has."""
    count = len(grid.pairs) * len(grid.windows) * len(grid.policies) * len(grid.capitals_usd)
    return count * len(grid.venues) * len(grid.strategies) * len(grid.ranges)


def cells_of(grid: SweepGrid) -> tuple[SweepCell, ...]:
    """Return every combination, those of one pair and window together: they read the same history."""
    return tuple(
        SweepCell(
            pair=pair,
            policy=policy,
            window=window,
            capital_usd=capital_usd,
            venue=venue,
            strategy=strategy,
            limits=grid.limits,
            range_params=range_params,
            quote_usd=grid.quote_usd,
            native_usd=grid.native_usd,
            native_from=grid.native_from.get(pair, ()),
        )
        for pair, window, policy, capital_usd, venue, strategy, range_params in product(
            grid.pairs, grid.windows, grid.policies, grid.capitals_usd, grid.venues, grid.strategies, grid.ranges
        )
    )


def cell_summary(
    cell: SweepCell, market: MarketHistory, others: Mapping[str, MarketHistory], seconds: float = 0.0
) -> BacktestSummary:
    """Return what the backtest of a cell comes to. The same cell over the same market comes to the same.

    ``others`` are histories of the other pairs that tell prices of native coins.

    Raises
    ------
    InvalidInput
        If no epoch of the window has a recorded market, or a parameter cannot be used.
    """
    window = cell.window
    bounds = window.first_at, window.end_at
    epochs = run_backtest(market, *bounds, cell.config, cell.strategy, cell.limits, others=others)
    return summary_of(epochs, seconds)
