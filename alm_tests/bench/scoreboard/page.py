"""The scoreboard as people read it: a page with tables, and a picture of every policy's excess with its interval."""

from collections.abc import Sequence
from pathlib import Path

from alm_core.ranges.bootstrap import COVERAGE_FRAC
from alm_tests.bench.scoreboard.run import RETUNE_EPOCHS, WARM_DAYS, Run, Score
from alm_tests.bench.scoreboard.statistics import BLOCK_DAYS, Standing, standings
from alm_tests.bench.scoreboard.tapes import ScoreTape
from alm_tests.bench.scoreboard.world import CAPITAL_USD

WORDS = {
    "default": "default (ours)",
    "seed": "seed (the reference)",
    "hodl": "HODL",
    "wide": "wide, ±50 %",
    "fixed_5": "fixed, ±5 %",
    "tau_reset": "tau-reset, ±5 %",
}


def groups(runs: Sequence[Run]) -> dict[str, list[Score]]:
    """Scores by kind of tape: each recorded one alone, generated ones by what their pools pay."""
    found: dict[str, list[Score]] = {}
    for run in runs:
        name = run.scores[0].tape
        key = f"seeded tapes, {name.split(', ')[1]}" if name.startswith("seeded") else name
        found.setdefault(key, []).extend(run.scores)
    return found


def page(tapes: Sequence[ScoreTape], runs: Sequence[Run]) -> str:
    """Return the Markdown of docs/results.md."""
    parts = ["# Results, out of sample", *_introduction(runs), "![Excess over HODL by policy](images/scoreboard.png)"]
    found = {name: standings(scores) for name, scores in groups(runs).items()}
    parts.append("\n".join(summary_line(name, rows) for name, rows in found.items()))
    for name, rows in found.items():
        parts += [f"## {name[0].upper()}{name[1:]}", _notes(name, tapes), _table(rows)]
    return "\n\n".join(parts) + "\n"


def summary_line(group: str, rows: Sequence[Standing]) -> str:
    """Return where the default stands in a group, and whether it can be told from holding the tokens."""
    place = [row.policy for row in rows].index("default") + 1
    ours = rows[place - 1].excess
    verdict = "surely above" if ours.low > 0.0 else "surely below" if ours.high < 0.0 else "not told apart from"
    return f"- {group}: the default is {place} of {len(rows)} and {verdict} HODL; best is {WORDS[rows[0].policy]}."


def _introduction(runs: Sequence[Run]) -> tuple[str, str]:
    epochs = sum(run.epochs for run in runs)
    how = (
        f"Made by `python -m alm_tests.bench.scoreboard`: {len(runs)} tapes, {epochs:,} epochs, {CAPITAL_USD:,.0f} USD "
        "each. Every policy runs on paper through the code that decides live (`alm_core/shadow`), pays gas and swaps "
        "with their price impact, dilutes the fees it earns, and knows at an epoch only what lies before it. The first "
        f"{WARM_DAYS} days of a tape are history; the default policy searches its parameters every "
        f"{RETUNE_EPOCHS // 4} hours on what it has seen so far (live: every quarter hour), so each score is a "
        "walk-forward. A tape has one pool, in which every policy may place all it has (the default's cap per pool is "
        "off). Nothing was tuned on these tapes; they showed one mistake, which was mended before this run: "
        "compounding counted as a move and tripped a kill switch."
    )
    measure = (
        "Excess is the mean daily log return above holding the tokens, in basis points, with its "
        f"{COVERAGE_FRAC:.0%} interval from a block bootstrap (blocks of {BLOCK_DAYS} days, over all tapes of a kind "
        "together). An interval that holds zero says nothing either way."
    )
    return how, measure


def _notes(group: str, tapes: Sequence[ScoreTape]) -> str:
    notes = [tape.note for tape in tapes if tape.name == group] or [
        tape.note for tape in tapes if tape.name.startswith("seeded") and tape.name.endswith(group.split(", ")[-1])
    ]
    return f"{notes[0][0].upper()}{notes[0][1:]}."


def _table(rows: Sequence[Standing]) -> str:
    header = "| policy | excess bp/day | interval | return | fees | costs | worst drawdown | moves per week |"
    lines = [header, f"|{'---|' * 8}"]
    lines += [
        f"| {WORDS[row.policy]} | {row.excess.mean * 1e4:+.1f} "
        f"| {row.excess.low * 1e4:+.1f} .. {row.excess.high * 1e4:+.1f} | {row.net_return:+.2%} "
        f"| {row.fees:.2%} | {row.costs:.2%} | {row.drawdown:.1%} | {row.moves_per_week:.1f} |"
        for row in rows
    ]
    return "\n".join(lines)


def figure(runs: Sequence[Run], path: Path) -> None:
    """Draw the excess of every policy with its interval, one panel per kind of tape."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    found = {name: standings(scores) for name, scores in groups(runs).items()}
    names = [name for name in WORDS if name != "hodl"]
    drawn, panels = plt.subplots(1, len(found), figsize=(4.2 * len(found), 3.6), squeeze=False, sharey=True)
    for panel, (title, rows) in zip(panels[0], found.items(), strict=True):
        by_name = {row.policy: row for row in rows}
        for height, name in enumerate(reversed(names)):
            row = by_name[name]
            colour = "tab:red" if name == "default" else "tab:grey"
            panel.plot([row.excess.low * 1e4, row.excess.high * 1e4], [height, height], color=colour, linewidth=3)
            panel.plot(row.excess.mean * 1e4, height, "o", color=colour, markersize=7)
        panel.axvline(0.0, color="black", linewidth=0.8)
        panel.set_title(title.replace(" (", "\n("), fontsize=9)
        panel.set_xlabel("excess over HODL, bp per day", fontsize=9)
        panel.set_yticks(range(len(names)), [WORDS[name] for name in reversed(names)], fontsize=9)
        panel.grid(axis="x", alpha=0.3)
    drawn.tight_layout()
    drawn.savefig(path, dpi=120, metadata={"Software": None})
    plt.close(drawn)
