"""Backtests of a home: how one is chosen, and what must be recorded for it. Dagster and ``alm backtest`` share it.

Nothing of Dagster is imported, so that the command computes without it.
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from alm_assets.versions import code_version
from alm_core.backtest.assumed import Closes, completed_snapshot
from alm_core.model.backtest import BacktestConfig, NativeFrom, VenueConfig
from alm_core.model.errors import ConfigError, InvalidInput
from alm_core.model.inputs import LOOK_BACK
from alm_core.model.market import MarketSnapshot
from alm_resources.settings import Settings

if TYPE_CHECKING:
    from alm_resources.history import HistoryStore
    from alm_resources.history.backtests import BacktestRun, StoredRun

BACKTEST_FOLDER = "backtest-history"
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What a person may choose of a backtest. ``None`` takes the variable of the environment, or else the default.

    Parameters
    ----------
    policy, capital_usd, latency_epochs, failure_frac, seed
        As in :class:`alm_core.model.backtest.BacktestConfig`.
    recorded_holdings
        Whether it begins with the holdings recorded at its first epoch in place of ``capital_usd``.
    quote_usd, native_usd
        USD per quote token, and per native coin by chain, assumed for snapshots that were read afterwards.
    """

    policy: str | None = None
    capital_usd: float | None = None
    latency_epochs: int | None = None
    failure_frac: float | None = None
    seed: int | None = None
    recorded_holdings: bool = False
    quote_usd: float | None = None
    native_usd: tuple[str, ...] = ()

    def config(self, pair: str, environ: Mapping[str, str], native_from: tuple[NativeFrom, ...] = ()) -> BacktestConfig:
        """Return the configuration of a pair.

        Raises
        ------
        ConfigError
            If a value is out of its range; names the option or the variable.
        """
        capital = _number(self.capital_usd, "capital", "ALM_BACKTEST_CAPITAL_USD", environ, 10_000.0)
        if capital <= 0.0:
            raise ConfigError(f"capital of the backtest is {capital:g} USD: must be more than 0")
        failures = _number(self.failure_frac, "failures", "ALM_BACKTEST_FAILURES", environ, 0.0)
        if not 0.0 <= failures <= 1.0:
            raise ConfigError(f"failures of the backtest are {failures:g}: must be a share from 0 to 1")
        latency = _whole(self.latency_epochs, "latency", "ALM_BACKTEST_LATENCY", environ, 1)
        if latency < 0:
            raise ConfigError(f"latency of the backtest is {latency} epochs: must not be negative")
        return BacktestConfig(
            pair=pair,
            policy=self.policy or environ.get("ALM_BACKTEST_POLICY") or "default",
            capital_usd=None if self.recorded_holdings else capital,
            venue=VenueConfig(
                latency_epochs=latency,
                failure_frac=failures,
                seed=_whole(self.seed, "seed", "ALM_BACKTEST_SEED", environ, 0),
            ),
            assumed_quote_usd=_assumed_quote(self.quote_usd, environ),
            assumed_native_usd=_assumed_natives(self.native_usd, environ),
            native_from=native_from,
        )


class Backtests:
    """Backtests over the recorded history of a home.

    Parameters
    ----------
    recorded
        History of the market; only read.
    settings
        Strategy and limits, and where backtests are kept.
    environ
        Variables that choose where a person does not.
    """

    def __init__(self, recorded: "HistoryStore", settings: Settings, environ: Mapping[str, str]) -> None:
        self.recorded = recorded
        self.home = settings.home
        self.root = settings.home / BACKTEST_FOLDER
        self._settings = settings
        self._environ = environ

    def run(self, pair: str, choice: Choice, first_day: date) -> "BacktestRun":
        """Return the run of a choice that begins on a day; it is made if there is none.

        Raises
        ------
        ConfigError
            If the policy is not known, or a value is out of its range.
        """
        from alm_resources.history.backtests import BacktestRun, RunSetup
        from alm_resources.registry import load_registry
        from alm_resources.registry.natives import native_sources

        natives = native_sources(load_registry(self._settings.registry_overlay), pair)
        setup = RunSetup(
            config=choice.config(pair, self._environ, natives),
            strategy=self._settings.strategy,
            limits=self._settings.limits,
            code_version=code_version(),
        )
        return BacktestRun(self.recorded, self.root, setup, first_day)

    def stored(self, name: str) -> "StoredRun":
        """Return the run of a name.

        Raises
        ------
        InvalidInput
            If there is none.
        """
        from alm_resources.history.backtests import stored_run

        return stored_run(self.root, name)

    def refuse_unrecorded(self, pair: str, first_day: date, last_day: date) -> None:
        """Refuse a window of which nothing is recorded.

        Raises
        ------
        InvalidInput
            If it has no candle, or no snapshot; says which command records them.
        """
        for asset, noun in (("candles", "candle"), ("pool_snapshots", "snapshot")):
            days = self.recorded.stored_days(asset, pair)
            if any(first_day <= day <= last_day for day in days):
                continue
            known = f"recorded are {days[0]} to {days[-1]}" if days else "none is recorded at all"
            raise InvalidInput(
                f"no {noun} of {pair} is recorded from {first_day} to {last_day} in {self.recorded.root}; {known}. "
                f"{_advice(asset, pair, first_day, last_day)}"
            )

    def refuse_unusable(self, run: "BacktestRun", last_day: date) -> None:
        """Refuse a run in which nothing could ever be decided.

        Raises
        ------
        InvalidInput
            If no epoch up to ``last_day`` has a market that is known; says what is wrong with most of its snapshots,
            and the last that has it.
        """
        if run.begun_by(last_day):
            return
        found = Counter[str]()
        last: dict[str, datetime] = {}
        for at, why in self._doubts(run, last_day):
            found[why] += 1
            last[why] = at
        most = found.most_common(1)
        why = (
            f"{most[0][1]} snapshots, the last of {last[most[0][0]].isoformat()}: {most[0][0]}"
            if most
            else "none is recorded"
        )
        raise InvalidInput(
            f"no epoch of {run.pair} from {run.first_day} to {last_day} has a market that can be decided on; {why}"
        )

    def _doubts(self, run: "BacktestRun", last_day: date) -> Iterator[tuple[datetime, str]]:
        """Yield what is wrong with every snapshot of a run."""
        from alm_core.backtest.run import last_closes
        from alm_resources.history.days import stream_days
        from alm_resources.history.market import RecordedMarket

        config = run.setup.config
        histories = {pair: RecordedMarket(self.recorded, pair) for pair in (run.pair, *run.setup.config.other_pairs)}
        for one in stream_days(self.recorded, "pool_snapshots", MarketSnapshot, run.pair, run.first_day, last_day):
            closes = last_closes(histories, one.epoch_at)
            own = closes.pop(run.pair, None)
            if own is not None:
                one = completed_snapshot(one, config, Closes(own=own, others=closes)).snapshot
            if own is not None and one.problems:
                yield one.epoch_at, f"{one.problems[0].source}: {one.problems[0].detail}"
            elif own is not None and config.capital_usd is None and not one.holdings:
                yield one.epoch_at, "what was held then is not recorded: give a capital"
            else:
                yield one.epoch_at, "no minute before them is recorded"


def backtests_from(environ: Mapping[str, str]) -> Backtests:
    """Return the backtests of the home of an environment; its settings are in mode ``backtest`` whatever it says.

    Raises
    ------
    ConfigError
        Naming the variable or file, the key and the value.
    """
    from alm_resources.history import HistoryStore

    settings = Settings.from_env({**environ, "ALM_MODE": "backtest"})
    return Backtests(HistoryStore(settings.history_dir), settings, environ)


def _advice(asset: str, pair: str, first_day: date, last_day: date) -> str:
    if asset == "candles":
        since = first_day - LOOK_BACK
        return f"Fetch them with: alm history backfill --pair {pair} --from {since} --to {last_day}"
    return (
        "They are recorded while epochs run (alm demo, alm epoch, the schedule); pools of past days are read by: "
        f"alm history backfill --asset pool_snapshots --pair {pair} --from {first_day - DAY} --to {last_day}"
    )


def _assumed_quote(chosen: float | None, environ: Mapping[str, str]) -> float | None:
    if chosen is None and not environ.get("ALM_BACKTEST_QUOTE_USD"):
        return None
    usd = _number(chosen, "USD per quote token", "ALM_BACKTEST_QUOTE_USD", environ, math.nan)
    if not (math.isfinite(usd) and usd > 0.0):
        raise ConfigError(f"USD per quote token of the backtest is {usd:g}: must be more than 0")
    return usd


def _assumed_natives(chosen: tuple[str, ...], environ: Mapping[str, str]) -> tuple[tuple[int, float], ...]:
    """Return prices by chain from ``CHAIN=USD``; the variable has several with commas between them."""
    told = chosen or tuple(filter(None, environ.get("ALM_BACKTEST_NATIVE_USD", "").split(",")))
    found: dict[int, float] = {}
    for text in told:
        chain, _, usd = text.partition("=")
        try:
            chain_id, price = int(chain), float(usd)
        except ValueError as error:
            raise ConfigError(f"native coin {text!r} of the backtest: must be CHAIN=USD, e.g. 137=0.45") from error
        if not (math.isfinite(price) and price > 0.0):
            raise ConfigError(f"native coin {text!r} of the backtest: its price must be more than 0")
        found[chain_id] = price
    return tuple(sorted(found.items()))


def _number(chosen: float | None, name: str, variable: str, environ: Mapping[str, str], default: float) -> float:
    text = environ.get(variable)
    if chosen is not None or text is None:
        return default if chosen is None else chosen
    try:
        return float(text)
    except ValueError as error:
        raise ConfigError(f"{variable}={text!r}: {name} of the backtest must be a number") from error


def _whole(chosen: int | None, name: str, variable: str, environ: Mapping[str, str], default: int) -> int:
    text = environ.get(variable)
    if chosen is not None or text is None:
        return default if chosen is None else chosen
    try:
        return int(text)
    except ValueError as error:
        raise ConfigError(f"{variable}={text!r}: {name} of the backtest must be a whole number") from error
