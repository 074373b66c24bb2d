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
BRIDGE_CHAINS = (8453, 42161)
"""Base and Arbitrum."""


def crossing(name: str, from_chain: int, to_chain: int) -> Way:
    """Two fifths of a chain's capital go to another; what is left half done lies idle for the next epoch."""
    return Way(
        name=name,
        plan=lambda scene, snapshot: scene.cross(snapshot, from_chain, to_chain, 0.4),
        next_plan=lambda scene, snapshot: scene.plan(snapshot, shares=(0.5,)),
    )


WAYS = (OPEN_PART, COMPOUND, SHIFT, EXIT)
PLACED = ("open", "collect", "add", "close", "swap")
"""Steps of them."""
BIN_WAYS = (OPEN_PART, ADD_IDLE, SHIFT, EXIT)
"""Fees of bins are paid only by removing, so there is nothing to collect."""
# What arrives is booked, and found to lie idle, by the shift that follows.
BRIDGE_WAYS = (OPEN_PART, crossing("out", *BRIDGE_CHAINS), SHIFT, crossing("back", *reversed(BRIDGE_CHAINS)), EXIT)


@contextmanager
def pools_on(folder: Path, chain_ids: tuple[int, ...], *pools: PoolPreset) -> Generator[Localnet]:
    """A localnet of few chains on which the pair has these pools."""
    pair = replace(WETH_USDC, pools=pools)
    with Localnet(folder, LocalnetConfig(start_at=START_AT, chains=chain_ids, pairs=(pair,))) as localnet:
        yield localnet
