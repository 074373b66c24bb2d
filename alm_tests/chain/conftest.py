"""One localnet for all chain tests of a process; each test gets its chains back as the session left them."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from alm_localnet import Localnet, LocalnetConfig

START_AT = datetime(2026, 11, 1, 6, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def standing_localnet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Localnet]:
    """The running localnet, without isolation: for fixtures that build on it once per session."""
    with Localnet(tmp_path_factory.mktemp("localnet"), LocalnetConfig(start_at=START_AT)) as localnet:
        yield localnet


@pytest.fixture
def localnet(standing_localnet: Localnet) -> Iterator[Localnet]:
    """The localnet; whatever the test does to chains, clock and faults is undone after it."""
    with standing_localnet.restored():
        yield standing_localnet
