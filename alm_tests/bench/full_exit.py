"""The drill: everything closed on seven chains by one command, with no store but the key."""

import json
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from unittest import mock

from click.testing import CliRunner

from alm_cli.main import alm
from alm_localnet import Localnet
from alm_localnet.worlds import every_family
from alm_tests.bench.figure import Figure
from alm_tests.chain.conftest import START_AT
from alm_tests.chaos.scene import LIMITS, Scene

PAIRS, SHARE = ("USDC-USDT", "WETH-USDC"), 0.1
ENTERS_ALL = replace(
    LIMITS,
    min_pool_tvl_usd=1.0,
    min_pool_volume_tvl=0.0,
    max_pool_volume_tvl=1e9,
    max_gas_usd=1e6,
    max_gas_cheap_usd=1e6,
    max_gas_value_frac=1.0,
    max_day_gas_usd=1e9,
)
"""Small pools and costly ones too: the drill leaves all families, under the limits that there are."""


def full_exit() -> Iterator[Figure]:
    """Time of ``alm exit-all --yes`` with positions in every pool of both pairs, and of the look before it."""
    with tempfile.TemporaryDirectory() as folder, Localnet(config=replace(every_family(), start_at=START_AT)) as world:
        for pair in PAIRS:
            _place(world, Path(folder) / "journal.db", pair)
        world.advance_to(world.now + timedelta(minutes=15))
        with mock.patch.dict(os.environ, {**world.env(), "ALM_HOME": str(Path(folder) / "empty")}):
            looked_s, _ = _run()
            left_s, left = _run("--yes")
    chains = [chain for found in left["pairs"].values() for chain in found]
    if {chain["state"] for chain in chains} != {"left"}:
        raise RuntimeError(f"not everything was left: {[(chain['chain_id'], chain['errors']) for chain in chains]}")
    numbers = len({chain["chain_id"] for chain in chains}), sum(len(chain["positions"]) for chain in chains)
    rights = sum(len(chain["allowances"]) for chain in chains)
    note = "wall; {} chains, {} positions of all families".format(*numbers)
    yield Figure(
        name="exit_all_s", value=left_s, unit="s", note=f"{note}, {rights} rights left afterwards; blocks at once"
    )
    yield Figure(name="exit_all_look_s", value=looked_s, unit="s", note="wall; the dry run before it")


def _place(world: Localnet, journal: Path, pair: str) -> None:
    scene = Scene(world, journal, pair)
    snapshot = scene.snapshot(world.now)
    with mock.patch("alm_tests.chaos.scene.LIMITS", ENTERS_ALL):
        executor = scene.executor()
    report = executor.execute(scene.plan(snapshot, half_width=0.01, shares=(SHARE,) * 10), snapshot)
    scene.close()
    if report.halted is not None:
        raise RuntimeError(report.halted)


def _run(*options: str) -> tuple[float, dict[str, dict[str, list[dict[str, list[str]]]]]]:
    began = time.perf_counter()
    result = CliRunner().invoke(alm, ["exit-all", "--json", *options])
    return time.perf_counter() - began, json.loads(result.stdout)
