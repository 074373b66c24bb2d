"""demeter 1.3.0 in an environment of its own, and the minute simulator, over the same minutes in turns."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from alm_core.simulation.minute_sources import minutes_from_swaps
from alm_core.simulation.minutes import MinuteMarket
from alm_tests.bench.figure import Figure, cpu_times_s, median
from alm_tests.bench.minute_share import share
from alm_tests.core.simulation.recorded_pool import DAYS, POOL, RECORDED, recorded_frame, recorded_swaps

ROOT = Path(__file__).resolve().parents[2]
PEER = ROOT / ".alm" / "bench-peers" / "demeter"
PACKAGE = "zelos-demeter==1.3.0"
WIDTH_TICKS = 300
REPEATS = 3
OURS_PER_REPEAT = 40


def peer_python() -> Path | None:
    """The peer's interpreter, its environment made at the first call; ``None``, said on stderr, if it cannot be."""
    python = PEER / "bin" / "python"
    if (PEER / ".installed").exists():
        return python
    uv = ROOT / ".tools" / "bin" / "uv"
    plain = [[sys.executable, "-m", "venv", "--clear", PEER], [python, "-m", "pip", "install", "--quiet", PACKAGE]]
    by_uv = [
        [uv, "venv", "--quiet", "--clear", "--python", sys.executable, PEER],
        [uv, "pip", "install", "--quiet", "--python", python, PACKAGE],
    ]
    for command in by_uv if uv.exists() else plain:
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
        if done.returncode:
            said = (done.stderr or done.stdout).strip().splitlines()
            print(f"comparison with demeter left out: {PACKAGE} not installed: {said[-1:]}", file=sys.stderr)
            return None
    (PEER / ".installed").write_text(PACKAGE)
    return python


def demeter(python: Path, minutes: Path) -> dict[str, float]:
    """Final value, rebalances and CPU seconds of a run over all minutes, recentred where the price left the range."""
    script = Path(__file__).with_name("demeter_script.py")
    command = [str(python), str(script), str(minutes), str(DAYS), "reset", str(WIDTH_TICKS)]
    # Its progress bar is switched off: only the simulation is compared.
    environment = {**os.environ, "TQDM_DISABLE": "1", "PYTHONPATH": ""}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise RuntimeError(f"demeter failed: {done.stderr.strip().splitlines()[-1:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def against_demeter() -> Iterator[Figure]:
    """CPU of demeter over ours, for 35 days recentred at +-300 ticks."""
    if not RECORDED.exists():
        print(f"simulate_vs_demeter_ratio left out: no recorded minutes at {RECORDED}", file=sys.stderr)
        return
    python = peer_python()
    if python is None:
        return
    before = time.process_time()
    market = minutes_from_swaps(POOL, recorded_swaps(), DAYS * 1440)
    prepared_s = time.process_time() - before
    found = share(market, WIDTH_TICKS, reset=True)
    theirs, ours = [], []
    with tempfile.TemporaryDirectory(prefix="alm-bench-") as folder:
        minutes = Path(folder) / "minutes.csv"
        recorded_frame().write_csv(minutes)
        for _ in range(REPEATS):
            answer = demeter(python, minutes)
            if abs(answer["final"] / found.final - 1.0) > 1e-5 or answer["rebalances"] != found.rebalances:
                raise RuntimeError(f"demeter made {answer}, we {found.final} with {found.rebalances} rebalances")
            theirs.append(answer["cpu_s"])
            ours += [spent / OURS_PER_REPEAT for spent in cpu_times_s(lambda: _many(market), 1)]
    note = (
        f"{DAYS} d of real minutes, 10,000 USDC at +-{WIDTH_TICKS} ticks, recentred {found.rebalances} times to "
        f"{found.final:.2f}, equal within 1e-5: demeter 1.3.0 {median(theirs):.4g} s ({min(theirs):.4g} to "
        f"{max(theirs):.4g}), we {median(ours) * 1e3:.4g} ms ({min(ours) * 1e3:.4g} to {max(ours) * 1e3:.4g}); "
        f"process CPU of the run alone, in turns, median of {REPEATS} each; minutes prepared before on both sides, "
        f"ours in {prepared_s:.3g} s"
    )
    yield Figure(name="simulate_vs_demeter_ratio", value=median(theirs) / median(ours), unit="x", note=note)


def _many(market: MinuteMarket) -> None:
    for _ in range(OURS_PER_REPEAT):
        share(market, WIDTH_TICKS, reset=True)
