"""``python -m alm_tests.bench.scoreboard.stress [--out FILE]``: what five bad weeks make of every policy."""

import argparse
import logging
import sys
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from alm_core.backtest.deciders import DECIDERS
from alm_core.backtest.run import run_backtest
from alm_core.model.backtest import BacktestConfig, BacktestEpoch
from alm_core.model.config import LimitsConfig
from alm_core.model.decisions import DecisionKind
from alm_tests.bench.scoreboard.page import WORDS
from alm_tests.bench.scoreboard.run import STRATEGY
from alm_tests.core.backtest import stress_tapes
from alm_tests.core.backtest.stress_tapes import END_AT, EVENT_AT, FIRST_AT, StressTape

TAPES: Mapping[str, Callable[[], StressTape]] = {
    "Depeg": stress_tapes.depeg,
    "Crash": stress_tapes.crash,
    "Dear gas": stress_tapes.dear_gas,
    "Dead volume": stress_tapes.dead_volume,
    "Exchange outage": stress_tapes.exchange_outage,
}
COMMAND = "python -m alm_tests.bench.scoreboard.stress"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lived:
    """What a policy made of a tape; fractions of the value at the start, moves and gas of the event alone."""

    policy: str
    ahead_frac: float
    worst_frac: float
    moves: int
    gas_usd: float
    gas_in_event_usd: float


def lived(tape: StressTape, policy: str) -> Lived:
    """Return what a policy makes of a tape, without searching parameters."""
    config = BacktestConfig(pair=tape.pair, policy=policy)
    strategy = replace(STRATEGY, optimize=False)
    epochs = list(run_backtest(tape.market(), FIRST_AT, END_AT, config, strategy, LimitsConfig()))
    event = [one for one in epochs if EVENT_AT <= one.epoch_at < tape.until_at]
    ahead = [_ahead(one) for one in epochs if one.nav_usd is not None]
    return Lived(
        policy=policy,
        ahead_frac=ahead[-1],
        worst_frac=min(ahead),
        moves=sum(one.kind not in (DecisionKind.HOLD, DecisionKind.COMPOUND) for one in event),
        gas_usd=epochs[-1].book.totals.gas_usd,
        gas_in_event_usd=event[-1].book.totals.gas_usd - event[0].book.totals.gas_usd,
    )


def _ahead(one: BacktestEpoch) -> float:
    return ((one.nav_usd or 0.0) - (one.hodl_usd or 0.0)) / one.book.nav_start_usd


def page(found: Mapping[str, list[Lived]]) -> str:
    """Return the Markdown of docs/results/stress.md."""
    made = (
        f"Made by `{COMMAND}`: generated tapes (`alm_tests/core/backtest/stress_tapes.py`), five days each, the event "
        "from the second on; 10,000 USD, no search of parameters. Figures are against holding the tokens, in per cent "
        "of the start: at the end, and at the worst epoch. What may not be exceeded, and why, is in "
        "`alm_tests/core/backtest/test_stress.py`."
    )
    parts = ["# Bad weeks", made]
    for name, rows in found.items():
        parts += [f"## {name}", " ".join((TAPES[name].__doc__ or "").split()), _table(rows)]
    return "\n\n".join(parts) + "\n"


def _table(rows: list[Lived]) -> str:
    lines = ["| policy | end | worst | moves in the event | gas, USD | gas in the event |", f"|{'---|' * 6}"]
    lines += [
        f"| {WORDS[row.policy]} | {row.ahead_frac * 100:+.2f} | {row.worst_frac * 100:+.2f} | {row.moves} "
        f"| {row.gas_usd:.2f} | {row.gas_in_event_usd:.2f} |"
        for row in sorted(rows, key=lambda row: -row.ahead_frac)
    ]
    return "\n".join(lines)


def main() -> int:
    """Run every policy over every tape and write or print the page."""
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    parser.add_argument("--out", type=Path, default=None)
    arguments = parser.parse_args()
    found: dict[str, list[Lived]] = {}
    for name, made in TAPES.items():
        tape = made()
        found[name] = [lived(tape, policy) for policy in DECIDERS]
    text = page(found)
    if arguments.out is None:
        sys.stdout.write(text)
    else:
        arguments.out.write_text(text)
    return 0


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    logging.disable(logging.INFO)
    sys.exit(main())
