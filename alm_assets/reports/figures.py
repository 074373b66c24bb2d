"""The figures of a report, by name, in the order in which they are read."""

from dataclasses import dataclass

from alm_assets.reports.epochs import Report


@dataclass(frozen=True, slots=True, kw_only=True)
class Caption:
    """What a figure shows, for those who see it and for those who do not."""

    title: str
    text: str


CAPTIONS: dict[str, Caption] = {
    "price": Caption(
        title="Price, ranges and rebalances",
        text="Closing price of the last minute before every epoch, the price ranges that were held, and the decisions "
        "that acted. Ranges that reach far beyond the price are cut at the edge.",
    ),
    "nav": Caption(
        title="NAV against HODL",
        text="Value of everything owned, and of the tokens of the beginning if they had only been held; below, the "
        "difference. A gap is an epoch whose value is not known.",
    ),
    "pnl": Caption(
        title="Profit and loss in parts",
        text="The parts add up to the change of the NAV. LVR is what positions lost against holding the amounts they "
        "had an epoch earlier; the price effect is what those amounts gained by the price.",
    ),
    "allocation": Caption(
        title="Allocation over time",
        text="Share of the capital that lies in each pool, uncollected fees included. The rest is in the wallets or "
        "on its way between chains; coin kept for gas is no capital.",
    ),
    "apr": Caption(
        title="Fee APR, expected and realised",
        text="Expected is what each decision foresaw for the positions it found, by its own measure (the default "
        "policy: fees and rewards less LVR over its horizon), so compare it with the net line.",
    ),
}


def figures_of(report: Report) -> dict[str, bytes]:
    """Return every figure as a PNG, by the names of :data:`CAPTIONS`."""
    from alm_assets.reports.market_figures import allocation_figure, price_figure
    from alm_assets.reports.value_figures import apr_figure, nav_figure, waterfall_figure

    return {
        "price": price_figure(report),
        "nav": nav_figure(report),
        "pnl": waterfall_figure(report),
        "allocation": allocation_figure(report),
        "apr": apr_figure(report),
    }
