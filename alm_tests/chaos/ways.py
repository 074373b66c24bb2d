"""Ways of the money in a world, in an order in which each finds what it needs."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from alm_localnet import Localnet, LocalnetConfig
from alm_localnet.pairs import WETH_USDC
from alm_localnet.presets import PoolPreset
from alm_tests.chaos.rounds import Way

START_AT = datetime(2026, 11, 1, 6, 0, tzinfo=UTC)
OPEN = Way(
    name="open",
    plan=lambda scene, snapshot: scene.plan(snapshot),
    next_plan=lambda scene, snapshot: scene.plan(snapshot),
)
SHIFT = Way(
    name="shift",
    plan=lambda scene, snapshot: scene.plan(snapshot, shift=0.02),
    next_plan=lambda scene, snapshot: scene.plan(snapshot),
)
COMPOUND = Way(
    name="compound",
    plan=lambda scene, snapshot: scene.compound(snapshot),
    next_plan=lambda scene, snapshot: scene.plan(snapshot),
)
EXIT = Way(
    name="exit",
    plan=lambda scene, snapshot: scene.exit(snapshot),
    next_plan=lambda scene, snapshot: scene.exit(snapshot) if scene.closes(snapshot) else scene.hold(snapshot),
)
# What is left over makes the next adds worth their gas.
OPEN_PART = Way(
    name="open",
    plan=lambda scene, snapshot: scene.plan(snapshot, shares=(0.5, 0.3)),
    next_plan=lambda scene, snapshot: scene.plan(snapshot, shares=(0.5, 0.3)),
)
ADD_IDLE = Way(
    name="add",
    plan=lambda scene, snapshot: scene.compound(snapshot, collect=False),
    next_plan=lambda scene, snapshot: scene.plan(snapshot),
)
WAYS = (OPEN_PART, COMPOUND, SHIFT, EXIT)
BIN_WAYS = (OPEN_PART, ADD_IDLE, SHIFT, EXIT)
"""Fees of bins are paid only by removing, so there is nothing to collect."""


@contextmanager
def two_pools(folder: Path, chain_id: int, *pools: PoolPreset) -> Generator[Localnet]:
    """A localnet of one chain on which the pair has these pools."""
    pair = replace(WETH_USDC, pools=pools)
    with Localnet(folder, LocalnetConfig(start_at=START_AT, chains=(chain_id,), pairs=(pair,))) as localnet:
        yield localnet
