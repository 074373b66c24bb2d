"""One local chain for the chaos tests of a process."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from alm_localnet import Localnet, LocalnetConfig
from alm_resources.world import World
from alm_tests.chaos.stage import Stage, hasty_world, open_stage

START_AT = datetime(2026, 11, 1, 6, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def one_chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Localnet]:
    """Base with real contracts, market and stand-ins."""
    config = LocalnetConfig(start_at=START_AT, chains=(8453,))
    with Localnet(tmp_path_factory.mktemp("one-chain"), config) as localnet:
        yield localnet


@pytest.fixture
def localnet(one_chain: Localnet) -> Iterator[Localnet]:
    """The chain, given back as it was."""
    with one_chain.restored():
        yield one_chain


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Two chains on which capital is placed."""
    with open_stage(tmp_path_factory.mktemp("stage")) as stage:
        yield stage


@pytest.fixture
def world(stage: Stage) -> Iterator[World]:
    """The world of the stage; no fault outlives the test."""
    with hasty_world(stage) as world:
        yield world
