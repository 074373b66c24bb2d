"""One localnet for all chain tests of a process; each test gets its chains back as the session left them."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from alm_localnet import Localnet, LocalnetConfig
from alm_localnet.worlds import every_family
from alm_resources.chains.endpoint import Endpoint

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


@pytest.fixture(scope="session")
def standing_families(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Localnet]:
    """All seven chains with every DEX, a quarter of an hour old."""
    config = replace(every_family(), start_at=START_AT, warm_up_minutes=15)
    with Localnet(tmp_path_factory.mktemp("families"), config) as localnet:
        yield localnet


@pytest.fixture
def families(standing_families: Localnet) -> Iterator[Localnet]:
    """Every family; whatever the test does is undone after it."""
    with standing_families.restored():
        yield standing_families


@pytest.fixture
def requests_made(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """URL and method of every request that chain clients send during the test."""
    made: list[tuple[str, str]] = []
    exchange = Endpoint._exchange

    def spied(self: Endpoint, method: str, params: Sequence[object]) -> tuple[dict[str, Any], str]:
        made.append((self._url, method))
        return exchange(self, method, params)

    monkeypatch.setattr(Endpoint, "_exchange", spied)
    return made
