"""The embedded world: how long it takes to stand, and to play an epoch."""

import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from alm_localnet import Localnet, LocalnetConfig
from alm_localnet.worlds import every_family
from alm_tests.bench.figure import Figure, cpu_s_with_children, median, spread
from alm_tests.chain.conftest import START_AT

STARTS, EPOCHS = 3, 8
EPOCH = timedelta(minutes=15)


def localnet() -> Iterator[Figure]:
    """Start of the local world, and fifteen minutes of it."""
    config = LocalnetConfig(start_at=START_AT)
    starts, start_cpu, advances = [], [], []
    for number in range(STARTS):
        began, cpu = time.perf_counter(), cpu_s_with_children()
        with Localnet(config=config) as world:
            starts.append(time.perf_counter() - began)
            start_cpu.append(cpu_s_with_children() - cpu)
            if number == STARTS - 1:
                advances = [_advance(world) for _ in range(EPOCHS)]
    world_note = f"{len(config.chains)} chains, {len(config.pairs)} pairs, {config.warm_up_minutes} minutes of warm-up"
    yield Figure(name="localnet_start_s", value=median(starts), unit="s", note=f"wall; {world_note}; {spread(starts)}")
    yield Figure(
        name="localnet_start_cpu_s",
        value=median(start_cpu),
        unit="s",
        note=f"CPU of this process and of its child processes (the nodes); {world_note}; {spread(start_cpu)}",
    )
    yield Figure(
        name="localnet_advance_epoch_s",
        value=median(advances),
        unit="s",
        note=f"wall; 15 minutes with the market's trades on {len(config.chains)} chains; {spread(advances)}",
    )

    yield from _every_family()


def _every_family() -> Iterator[Figure]:
    """Start of all chains with all families: the first one deploys the contracts, the others load them."""
    starts = list[float]()
    with tempfile.TemporaryDirectory() as folder:
        config = replace(every_family(), start_at=START_AT, state_dir=Path(folder))
        for _ in range(STARTS + 1):
            began = time.perf_counter()
            with Localnet(config=config) as world:
                starts.append(time.perf_counter() - began)
                pools = sum(len(chain.pools) for chain in world.chains)
                families = len({pool.deployment.family for chain in world.chains for pool in chain.pools})
    note = f"wall; {len(config.chains)} chains, {pools} pools of {families} families"
    yield Figure(name="every_family_first_start_s", value=starts[0], unit="s", note=f"{note}; nothing is kept yet")
    yield Figure(
        name="every_family_start_s",
        value=median(starts[1:]),
        unit="s",
        note=f"{note}; contracts kept; {spread(starts[1:])}",
    )


def _advance(world: Localnet) -> float:
    began = time.perf_counter()
    world.advance_to(world.now + EPOCH)
    return time.perf_counter() - began
