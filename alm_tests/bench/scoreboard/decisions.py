"""What a policy's decisions promised and what they kept, on one tape.

``python -m alm_tests.bench.scoreboard.decisions --tape Polygon [--policy default] [--out FILE]``
"""

import argparse
import os
import statistics
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

from alm_core.model.backtest import BacktestEpoch, Placed
from alm_core.model.decisions import DecisionKind
from alm_tests.bench.scoreboard.run import STRATEGY, epochs_of
from alm_tests.bench.scoreboard.store import ROOT
from alm_tests.bench.scoreboard.tapes import tapes

STILL = (DecisionKind.HOLD, DecisionKind.COMPOUND)
HOUR = timedelta(hours=1)
HORIZON_H = STRATEGY.amortize_days * 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A decision that moved capital, from when it was carried out to when the next one was; USD and hours."""

    kind: str
    width: str
    was: str
    waited_h: float
    lived_h: float
    promised_usd: float
    expected_cost_usd: float
    fees_usd: float
    lvr_usd: float
    costs_usd: float
    excess_usd: float

    @property
    def due_usd(self) -> float:
        """What it promised for the time it lived."""
        return self.promised_usd * self.lived_h / HORIZON_H


def kept(epochs: Sequence[BacktestEpoch]) -> list[Kept]:
    """Return what came of every decision that moved capital, not of those refused; all epochs must have a value."""
    done_at = {recent.epoch_at for one in epochs for recent in one.book.recent if recent.moved}
    acted = [number for number, one in enumerate(epochs) if one.kind not in STILL and one.epoch_at in done_at]
    last = len(epochs) - 1
    found: list[Kept] = []
    for order, number in enumerate(acted):
        decided, done = epochs[number], epochs[min(number + 1, last)]
        until = epochs[min(acted[order + 1] + 1, last) if order + 1 < len(acted) else last]
        booked, before, after = done.book.totals, decided.book.totals, until.book.totals
        gain, cost = decided.plan.decision.promised_usd if decided.plan is not None else (0.0, 0.0)
        waited = (decided.epoch_at - epochs[acted[order - 1]].epoch_at) / HOUR if order else float("inf")
        found.append(
            Kept(
                kind=decided.kind.value,
                width=width_of(done.placed),
                was=state_of(decided),
                waited_h=waited,
                lived_h=(until.epoch_at - done.epoch_at) / HOUR,
                promised_usd=gain,
                expected_cost_usd=cost,
                fees_usd=after.fees_usd - booked.fees_usd,
                lvr_usd=after.lvr_usd - booked.lvr_usd,
                costs_usd=booked.swap_usd + booked.gas_usd - before.swap_usd - before.gas_usd,
                excess_usd=_ahead(until) - _ahead(done),
            )
        )
    return found


def width_of(placed: Sequence[Placed]) -> str:
    """Return the half width of the largest position, in bands; ``none`` where all is idle."""
    if not placed:
        return "none"
    half = _half_width(max(placed, key=lambda one: one.value_usd))
    return next((f"below ±{band:.0%}" for band in (0.01, 0.03, 0.06) if half < band), "±6% and wider")


def state_of(one: BacktestEpoch) -> str:
    """Return where the price is to the largest position."""
    if not one.placed or one.price is None:
        return "idle"
    position = max(one.placed, key=lambda held: held.value_usd)
    return "in range" if position.lower <= one.price < position.upper else "out of range"


def page(name: str, policy: str, epochs: Sequence[BacktestEpoch], command: str) -> str:
    """Return the Markdown of a policy's decisions on a tape."""
    found = kept(epochs)
    hold_h = STRATEGY.min_hold / HOUR
    early = [one for one in found if one.waited_h < hold_h]
    lived = statistics.median(one.lived_h for one in found)
    made = (
        f"Made by `{command}`; USD, of a start with {epochs[0].book.nav_start_usd:,.0f}. {len(found)} decisions moved "
        f"capital. What they promise is for {HORIZON_H:.0f} h; half of them were replaced within {lived:.1f} h. "
        f"{len(early)} came sooner than `min_hold` ({hold_h:.0f} h) after the one before, "
        f"{sum(one.was == 'out of range' for one in early)} of them out of range, where it does not bind, and "
        f"{sum(one.was == 'idle' for one in early)} with idle capital, where it does not either."
    )
    measure = (
        "Due is what a decision promised for the time it lived; kept is fees less LVR in that time, before costs. "
        "Against HODL is the whole difference, what the price made of holding other amounts of the tokens included."
    )
    tables = [_table(title, found, of) for title, of in _GROUPS]
    parts = [f"# What `{policy}` promised and kept: {name}", made, measure, *tables, _states(epochs)]
    return "\n\n".join(parts) + "\n"


_GROUPS: tuple[tuple[str, Callable[[Kept], str]], ...] = (
    ("decision", lambda one: one.kind),
    ("half width afterwards", lambda one: one.width),
    ("position before, and time since the last move", lambda one: f"{one.was}, {_waited(one)}"),
)


def _waited(one: Kept) -> str:
    hold_h = STRATEGY.min_hold / HOUR
    return f"{'less' if one.waited_h < hold_h else 'more'} than {hold_h:.0f} h"


def _table(title: str, found: Sequence[Kept], of: Callable[[Kept], str]) -> str:
    names = (title, "number", "lived, median h", "promised", "due", "kept", "costs expected", "costs", "against HODL")
    lines = [f"| {' | '.join(names)} |", f"|{'---|' * len(names)}"]
    groups = {key: [one for one in found if of(one) == key] for key in sorted({of(one) for one in found})}
    for key, some in {**groups, "all": list(found)}.items():
        cells = (
            key,
            str(len(some)),
            f"{statistics.median(one.lived_h for one in some):.1f}",
            f"{sum(one.promised_usd for one in some):,.0f}",
            f"{sum(one.due_usd for one in some):+.1f}",
            f"{sum(one.fees_usd - one.lvr_usd for one in some):+.1f}",
            f"{sum(one.expected_cost_usd for one in some):.1f}",
            f"{sum(one.costs_usd for one in some):.1f}",
            f"{sum(one.excess_usd for one in some):+.1f}",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _states(epochs: Sequence[BacktestEpoch]) -> str:
    hours: dict[str, list[float]] = {}
    for before, after in pairwise(epochs):
        key = f"{width_of(before.placed)}, {state_of(before)}" if before.placed else "idle"
        one = hours.setdefault(key, [0.0] * 5)
        parts = after.parts
        gained = (parts.fees_usd, parts.lvr_usd, parts.swap_usd + parts.gas_usd, _ahead(after) - _ahead(before))
        for place, value in enumerate(((after.epoch_at - before.epoch_at) / HOUR, *gained)):
            one[place] += value
    lines = ["| where capital was | hours | fees | LVR | costs | against HODL |", f"|{'---|' * 6}"]
    lines += [
        f"| {key} | {one[0]:.0f} | {one[1]:.1f} | {one[2]:.1f} | {one[3]:.1f} | {one[4]:+.1f} |"
        for key, one in sorted(hours.items())
    ]
    return "\n".join(lines)


def _half_width(placed: Placed) -> float:
    return (placed.upper / placed.lower) ** 0.5 - 1.0


def _ahead(one: BacktestEpoch) -> float:
    return (one.nav_usd or 0.0) - (one.hodl_usd or 0.0)


def main() -> int:
    """Write or print the page of one tape."""
    parser = argparse.ArgumentParser(prog="python -m alm_tests.bench.scoreboard.decisions", description=__doc__)
    parser.add_argument("--tape", default="Polygon", help="first letters of its name")
    parser.add_argument("--policy", default="default")
    parser.add_argument("--days", type=int, default=None)
    parser.add_argument("--out", type=Path, default=None)
    arguments = parser.parse_args()
    folder = Path(os.environ.get("ALM_REFERENCE_DATA", ROOT.parent / "shared" / "data"))
    tape = next(one for one in tapes(folder) if one.name.startswith(arguments.tape))
    epochs = [one for one in epochs_of(tape, arguments.policy, arguments.days) if one.nav_usd is not None]
    command = f"python -m alm_tests.bench.scoreboard.decisions --tape {arguments.tape} --policy {arguments.policy}"
    text = page(tape.name, arguments.policy, epochs, command)
    if arguments.out is None:
        sys.stdout.write(text)
    else:
        arguments.out.write_text(text)
    return 0


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    sys.exit(main())
