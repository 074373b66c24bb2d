"""Every family, both token orders, decimals of 6, 8 and 18, prices in range, below and above: a whole life of each."""

import os
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import pytest

from alm_resources.dex import adapters
from alm_resources.registry.families import TRADABLE_FAMILIES
from alm_tests.chain.conformance.deployments import DEPLOYMENTS
from alm_tests.chain.conformance.life import live
from alm_tests.chain.conformance.market import MARKETS, SIDES, World, left_over, range_of, world_of

pytestmark = pytest.mark.chain
MOST_LEFT = {False: 1e-6, True: 0.02}
"""Part of the value of two amounts that an open leaves in the wallet; bins have their edges told in whole ticks."""
EVERY_COMBINATION = os.environ.get("ALM_CONFORMANCE") == "all"


def cases() -> Iterator[Any]:
    """Deployment, market and side: all of each, in CI a third of their combinations."""
    for (shift, name), (number, market) in product(enumerate(DEPLOYMENTS), enumerate(MARKETS)):
        sides = SIDES if EVERY_COMBINATION else (SIDES[(shift + number) % len(SIDES)],)
        # A chain for each deployment: one worker takes all of it.
        yield from (pytest.param(name, market, side, marks=pytest.mark.xdist_group(name)) for side in sides)


@pytest.fixture(scope="module")
def standing(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    deployment = DEPLOYMENTS[request.param]
    chain = deployment.chain(tmp_path_factory.mktemp("conformance"))
    yield world_of(deployment, chain)
    chain.stop()


@pytest.fixture
def world(standing: World) -> Iterator[World]:
    snapshot = standing.chain.rpc.call("evm_snapshot")
    yield standing
    standing.chain.rpc.call("evm_revert", snapshot)


@pytest.mark.parametrize(("standing", "market", "side"), list(cases()), indirect=["standing"])
def test_books_and_chain_agree_over_a_whole_life(
    world: World,
    market: str,
    side: str,
    request: pytest.FixtureRequest,
    record_property: Callable[[str, object], None],
) -> None:
    gas = live(world, market, side)
    record_property("gas", (request.node.callspec.params["standing"], gas))


@pytest.mark.parametrize(
    "standing", [pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in DEPLOYMENTS], indirect=True
)
def test_amounts_in_the_ratio_of_a_range_are_used_up(world: World) -> None:
    for pool in world.pools.values():
        state = world.chain.state(pool)
        assert left_over(world.chain.adapter, state, range_of(state, "in range")) < MOST_LEFT[pool.bin_step is not None]


def test_every_family_is_tried() -> None:
    tried = {deployment.family: deployment.adapter for deployment in DEPLOYMENTS.values()}
    assert adapters().keys() <= tried.keys()
    assert tried.keys() >= TRADABLE_FAMILIES
    assert all(type(adapter) is tried[family] for family, adapter in adapters().items())
    assert all(tried[family]().family == family for family in tried)
