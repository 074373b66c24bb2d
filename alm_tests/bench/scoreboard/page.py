"""The scoreboard as people read it: a page with a table per kind of tape."""

from collections.abc import Sequence

from alm_core.backtest.deciders import DECIDERS
from alm_core.ranges.bootstrap import COVERAGE_FRAC, Interval
from alm_tests.bench.scoreboard.run import RETUNE_EPOCHS, WARM_DAYS, Score
from alm_tests.bench.scoreboard.statistics import BLOCK_DAYS, OURS, Standing, standings
from alm_tests.bench.scoreboard.tapes import ScoreTape
from alm_tests.bench.scoreboard.world import CAPITAL_USD

WORDS = {
    "default": "default (ours)",
    "seed": "seed (the reference)",
    "hodl": "HODL",
    "fixed_1": "fixed, ±1 %",
    "fixed_2": "fixed, ±2 %",
    "fixed_5": "fixed, ±5 %",
    "fixed_10": "fixed, ±10 %",
    "fixed_20": "fixed, ±20 %",
    "wide": "wide, ±50 %",
    "tau_reset": "tau-reset, ±5 %",
    "beefy_like": "Beefy-like",
    "mellow_like": "Mellow-like",
    "gamma_like": "Gamma-like",
    "auto_like": "Auto-like",
}


def groups(scores: Sequence[Score]) -> dict[str, list[Score]]:
    """Scores by kind of tape: each recorded one alone, generated ones by what their pools pay."""
    found: dict[str, list[Score]] = {}
    for score in scores:
        key = f"seeded tapes, {score.tape.split(', ')[1]}" if score.tape.startswith("seeded") else score.tape
        found.setdefault(key, []).append(score)
    return found


def page(tapes: Sequence[ScoreTape], scores: Sequence[Score], made: str) -> str:
    """Return the Markdown of docs/results/scoreboard.md; ``made`` says when, with which command and at which code."""
    found = {name: standings(some) for name, some in groups(scores).items()}
    parts = ["# Scoreboard, out of sample", *_introduction(tapes, scores, made)]
    parts.append("![Edge of every policy, the default against each, and excess over HODL](images/scoreboard.png)")
    parts += ["## Where the default stands", "\n".join(summary_line(name, rows) for name, rows in found.items())]
    parts.append(
        "What it promised and what that kept, decision by decision: [default on Polygon](default_on_polygon.md)."
    )
    for name, rows in found.items():
        parts += [f"## {name[0].upper()}{name[1:]}", _notes(name, tapes), _table(rows)]
    parts += ["## Policies", "\n".join(f"- {WORDS[name]} (`{name}`): {words}" for name, words in DECIDERS.items())]
    return "\n\n".join(parts) + "\n"


def summary_line(group: str, rows: Sequence[Standing]) -> str:
    """Return where the default stands in a group: its place, who is ahead of it, and whom an interval tells it from."""
    place = [row.policy for row in rows].index(OURS) + 1
    ours = rows[place - 1].edge
    sure = "surely above" if ours.low > 0.0 else "surely below" if ours.high < 0.0 else "not told apart from"
    beaten = [WORDS[row.policy] for row in rows if row.policy != OURS and row.behind_ours.low > 0.0]
    lost = [WORDS[row.policy] for row in rows if row.policy != OURS and row.behind_ours.high < 0.0]
    return (
        f"- {group}: **{place} of {len(rows)}**, edge {_bp(ours)} bp a day, {sure} nothing. Ahead of it, by their "
        f"means: {_listed([WORDS[row.policy] for row in rows[: place - 1]])}. Told apart by the interval: it loses to "
        f"{_listed(lost)}, and beats {_listed(beaten)}."
    )


def _listed(names: Sequence[str]) -> str:
    return "; ".join(names) if names else "none"


def _introduction(tapes: Sequence[ScoreTape], scores: Sequence[Score], made: str) -> tuple[str, str, str]:
    epochs, cpu_s = sum(one.nav_usd.size for one in scores), sum(one.cpu_s for one in scores)
    work = (
        f"Made {made}: {len(tapes)} tapes, {len(WORDS)} policies, {epochs:,} epochs, {cpu_s / 60:.0f} minutes of CPU. "
        "A run that was stopped goes on from the scores it has kept."
    )
    how = (
        f"Every policy begins with {CAPITAL_USD:,.0f} USD and runs through `alm_core.backtest.run.run_backtest`, the "
        "path of `alm backtest`: decisions are carried out a quarter hour later (live: at once) at the prices of then, "
        "pay gas and swaps with their price impact, and dilute the fees they earn. A policy knows at an epoch only "
        f"what lies before it. The first {WARM_DAYS} days of a tape are history; policies that search do so every "
        f"{RETUNE_EPOCHS // 4} hours on what they have seen so far (live: every quarter hour), so each score is a "
        "walk-forward. A tape has one pool, in which every policy may place all it has (the default's cap per pool is "
        "off). Nothing was tuned on these tapes. Clones of other managers follow the contracts named in "
        "`alm_core/policies/zoo`, without the fees that those managers take; those that never sell still swap here "
        "what the price moves in the quarter hour between plan and execution."
    )
    measure = (
        "Edge is the mean daily profit without what the price did to the tokens that were held: fees and rewards less "
        "LVR, gas and swaps, in basis points of the value. Where prices cannot be foretold, the rest of the profit is "
        "nothing on average, and much noise; it is in excess, the mean daily log return above holding the tokens. "
        "Default minus policy is the difference of the edges, paired by tape and day. Intervals hold the mean with "
        f"{COVERAGE_FRAC * 100:.0f} % (moving-block bootstrap, blocks of {BLOCK_DAYS} days, over all tapes of a kind "
        "together); one that holds zero says nothing either way. Fees, LVR and costs (gas and swaps) are of the value "
        "at the start; LVR here is what positions lost against keeping their tokens of the quarter hour before."
    )
    return work, how, measure


def _notes(group: str, tapes: Sequence[ScoreTape]) -> str:
    notes = [tape.note for tape in tapes if tape.name == group] or [
        tape.note for tape in tapes if tape.name.startswith("seeded") and tape.name.endswith(group.split(", ")[-1])
    ]
    counted = f"; {len(notes)} tapes" if len(notes) > 1 else ""
    return f"{notes[0][0].upper()}{notes[0][1:]}{counted}."


def _table(rows: Sequence[Standing]) -> str:
    names = ("policy", "edge bp/day", "interval", "default minus it", "interval", "excess bp/day", "interval")
    last = ("return", "fees", "LVR", "costs", "worst drawdown", "moves a week", "compounds a week")
    lines = [f"| {' | '.join((*names, *last))} |", f"|{'---|' * (len(names) + len(last))}"]
    lines += [_row(row) for row in rows]
    return "\n".join(lines)


def _row(row: Standing) -> str:
    ours = ("", "") if row.policy == OURS else (_bp(row.behind_ours), _interval(row.behind_ours))
    cells = (
        f"**{WORDS[row.policy]}**" if row.policy == OURS else WORDS[row.policy],
        _bp(row.edge),
        _interval(row.edge),
        *ours,
        _bp(row.excess),
        _interval(row.excess),
        f"{row.net_return:+.2%}",
        f"{row.fees:.2%}",
        f"{row.lvr:.2%}",
        f"{row.costs:.2%}",
        f"{row.drawdown:.1%}",
        f"{row.moves_per_week:.1f}",
        f"{row.compounds_per_week:.1f}",
    )
    return f"| {' | '.join(cells)} |"


def _bp(interval: Interval) -> str:
    return f"{interval.mean * 1e4:+.1f}"


def _interval(interval: Interval) -> str:
    return f"{interval.low * 1e4:+.1f} .. {interval.high * 1e4:+.1f}"
