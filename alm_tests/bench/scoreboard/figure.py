"""The scoreboard as a picture: every policy's edge, the default's above it, and its excess over HODL."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from alm_core.ranges.bootstrap import COVERAGE_FRAC, Interval
from alm_tests.bench.scoreboard.page import WORDS, groups
from alm_tests.bench.scoreboard.run import Score
from alm_tests.bench.scoreboard.statistics import OURS, Standing, standings

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def figure(scores: Sequence[Score], path: Path) -> None:
    """Draw one column of panels per kind of tape."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    found = {name: {row.policy: row for row in standings(some)} for name, some in groups(scores).items()}
    names = [name for name in WORDS if name != "hodl"]
    drawn, panels = plt.subplots(
        3, len(found), figsize=(3.9 * len(found) + 1.6, 16.0), squeeze=False, sharey="row", layout="constrained"
    )
    for column, (title, rows) in enumerate(found.items()):
        _panel(panels[0][column], rows, names, "edge")
        others = [*(name for name in names if name != OURS), "hodl"]
        _panel(panels[1][column], rows, others, "behind_ours")
        _panel(panels[2][column], rows, names, "excess")
        panels[0][column].set_title(f"{title.replace(' (', chr(10) + '(')}\nedge: fees less LVR and costs", fontsize=11)
        panels[1][column].set_title("edge of the default minus the policy's", fontsize=11)
        panels[2][column].set_title("excess over HODL", fontsize=11)
        for row in range(3):
            panels[row][column].set_xlabel("bp of value per day", fontsize=10)
    sure = f"{COVERAGE_FRAC * 100:.0f} %"
    drawn.suptitle(
        f"Out of sample: mean and {sure} interval from a moving-block bootstrap; green lies above zero, red below",
        fontsize=13,
    )
    drawn.savefig(path, dpi=110, metadata={"Software": None})
    plt.close(drawn)


def _panel(panel: "Axes", rows: dict[str, Standing], names: Sequence[str], of: str) -> None:
    order = list(reversed(names))
    for height, name in enumerate(order):
        interval: Interval = getattr(rows[name], of)
        low, mean, high = (value * 1e4 for value in (interval.low, interval.mean, interval.high))
        colour = "tab:green" if low > 0.0 else "tab:red" if high < 0.0 else "tab:grey"
        marker = "D" if name == OURS else "o"
        panel.plot([low, high], [height, height], color=colour, linewidth=2.5)
        panel.plot(mean, height, marker, color=colour, markersize=7)
    panel.axvline(0.0, color="black", linewidth=0.8)
    panel.set_yticks(range(len(order)), [WORDS[name] for name in order], fontsize=10)
    panel.locator_params(axis="x", nbins=6)
    panel.grid(axis="x", alpha=0.3)
