"""Findings about the tokens of pools are kept, and what could not be looked at is not taken for good."""

from collections.abc import Sequence

import pytest

from alm_core.model.errors import SourceUnavailable
from alm_core.model.market import Block
from alm_resources.tokens import pools as pools_module
from alm_resources.tokens.pools import BAD_FOR_S, GOOD_FOR_S, PoolScreen
from alm_resources.tokens.screen import TokenUse
from alm_tests.core.portfolio.scene import Scene

SNAPSHOT = Scene().snapshot()
POOLS = tuple(state.pool for state in SNAPSHOT.pools)
BLOCK: Block = SNAPSHOT.pools[0].block
WALLET = "0x" + "aa" * 20


class Memory:
    """A dictionary that also remembers for how long."""

    def __init__(self) -> None:
        self.kept: dict[str, tuple[tuple[str, ...], int]] = {}

    def store_screen(self, key: str, reasons: Sequence[str], ttl_s: int) -> None:
        self.kept[key] = (tuple(reasons), ttl_s)

    def read_screen(self, key: str) -> tuple[str, ...] | None:
        return self.kept[key][0] if key in self.kept else None


class Chain:
    """Only its id is asked for: the looks are the test's own."""

    chain_id = 8453


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[TokenUse]:
    """Token uses that were looked at."""
    seen: list[TokenUse] = []

    def look(chain: object, use: TokenUse, block: Block) -> tuple[str, ...]:
        seen.append(use)
        return ("it lies",) if use.token.symbol == "WETH" else ()

    monkeypatch.setattr(pools_module, "refusals", look)
    return seen


def test_a_pool_with_a_bad_token_is_refused_with_what_is_bad(looks: list[TokenUse]) -> None:
    found = PoolScreen(Memory()).refused(Chain(), POOLS, WALLET, BLOCK)
    assert [(one.pool_id, one.reason) for one in found] == [(pool.pool_id, "it lies") for pool in POOLS]
    assert len(looks) == 2 * len(POOLS)


def test_what_was_found_is_kept_good_for_longer_than_bad(looks: list[TokenUse]) -> None:
    memory = Memory()
    first = PoolScreen(memory).refused(Chain(), POOLS, WALLET, BLOCK)
    asked = len(looks)
    assert PoolScreen(memory).refused(Chain(), POOLS, WALLET, BLOCK) == first
    assert len(looks) == asked
    assert {ttl for reasons, ttl in memory.kept.values() if reasons} == {BAD_FOR_S}
    assert {ttl for reasons, ttl in memory.kept.values() if not reasons} == {GOOD_FOR_S}


def test_another_wallet_is_looked_at_anew(looks: list[TokenUse]) -> None:
    memory = Memory()
    PoolScreen(memory).refused(Chain(), POOLS, WALLET, BLOCK)
    asked = len(looks)
    PoolScreen(memory).refused(Chain(), POOLS, "0x" + "bb" * 20, BLOCK)
    assert len(looks) == 2 * asked


def test_what_could_not_be_looked_at_is_refused_for_this_time_and_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(chain: object, use: TokenUse, block: Block) -> tuple[str, ...]:
        raise SourceUnavailable("rpc:8453", "no answer")

    monkeypatch.setattr(pools_module, "refusals", fail)
    memory = Memory()
    found = PoolScreen(memory).refused(Chain(), POOLS[:1], WALLET, BLOCK)
    assert "could not be looked at: " in found[0].reason
    assert memory.kept == {}
