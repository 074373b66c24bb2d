"""Thirty days of minutes from six exchanges, each a stand-in of its own on loopback."""

import multiprocessing
import tempfile
import time
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path

from alm_core.model.ports import CandleFetch
from alm_resources.candles import CcxtCandleFeed
from alm_resources.registry import load_registry
from alm_tests.bench.figure import Figure, median, spread
from alm_tests.core.forces.tapes import walk
from alm_tests.resources.candles.exchanges import EXCHANGES, GATE_POINTS, Market
from alm_tests.resources.candles.scene import PAIR, exchange_stub, overlay_text

DAYS = 30
REPEATS = 5


def candle_sources() -> Iterator[Figure]:
    """Wall and CPU of one fetch of a month; the stand-ins run in a process of their own."""
    costs: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory(prefix="alm-bench-") as folder, _stand_ins() as (urls, start_at, end_at):
        overlay = Path(folder) / "registry.toml"
        overlay.write_text(overlay_text(urls, [(PAIR, name, "ETH/USDC", None) for name in urls]))
        registry = load_registry(overlay)
        CcxtCandleFeed(registry).fetch_candles(PAIR, end_at - timedelta(hours=1), end_at)
        for _ in range(REPEATS):
            began, cpu = time.perf_counter(), time.process_time()
            fetched = CcxtCandleFeed(registry).fetch_candles(PAIR, start_at, end_at)
            costs.append((time.perf_counter() - began, time.process_time() - cpu))
            _check(fetched)
    walls, cpus = ([cost[part] for cost in costs] for part in (0, 1))
    note = (
        f"wall of one fetch of {DAYS} d of M1 over {len(EXCHANGES)} loopback exchanges (gate: {GATE_POINTS} minutes) "
        f"in a process of their own: asked, validated, merged, gaps filled; ccxt imported before, clients new; "
        f"CPU of this process {median(cpus):.3g} s; {spread(walls)}"
    )
    yield Figure(name="candles_30d_six_sources_seconds", value=median(walls), unit="s", note=note)


def _check(fetched: CandleFetch) -> None:
    if len(fetched.series) != DAYS * 1440 or set(fetched.sources) != set(EXCHANGES):
        raise RuntimeError(f"{len(fetched.series)} minutes of {fetched.sources}: {fetched.problems}")


@contextmanager
def _stand_ins() -> Generator[tuple[dict[str, str], datetime, datetime]]:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(there,), daemon=True)
    process.start()
    try:
        urls, start_s, end_s = here.recv()
        yield urls, datetime.fromtimestamp(start_s, tz=UTC), datetime.fromtimestamp(end_s, tz=UTC)
    finally:
        here.send(None)
        process.join()


def _serve(pipe: Connection) -> None:
    series = walk(DAYS)
    columns = (series.open, series.high, series.low, series.close, series.volume)
    rows = zip(*([f"{value:.8f}" for value in column] for column in columns), strict=True)
    market = Market(dict(zip(series.ts_ms.tolist(), map(list, rows), strict=True)))
    with ExitStack() as stack:
        urls = {name: stack.enter_context(exchange_stub(name, {"": market})).url for name in EXCHANGES}
        first, last = series.ts_ms[[0, -1]].tolist()
        pipe.send((urls, first // 1000, last // 1000 + 60))
        pipe.recv()
