"""Ticks around a price: which are asked for, which are recorded, and that nothing else is asked because of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest

from alm_core.math.tick import MAX_TICK, MIN_TICK, sqrt_price_x96_at_tick
from alm_core.model.chain_ports import Call, CallResult
from alm_core.model.dex_ports import DexAdapter, TellsTicks
from alm_core.model.errors import BadAnswer, SourceError, SourceUnavailable
from alm_core.model.market import Block, PoolState, TickGrowth
from alm_resources.dex import adapters
from alm_resources.dex.readers import with_ticks
from alm_resources.dex.uniswap_v3.ticks import SPACINGS_EACH_SIDE, ticks_around
from alm_tests.resources.dex.fakes import make_block, make_pool, make_state

ALL = adapters()
TELLING = sorted(name for name, one in ALL.items() if isinstance(one, TellsTicks))
WORDS = {"pangolin_v3": 9, "slipstream": 10, "algebra_integral": 6, "uniswap_v4": 4, "infinity": 4}
PLACE = {"slipstream": 3, "algebra_integral": 4}
"""How many words a tick has, and the first of both growths; 8 and the third where nothing else is said."""


def state_of(family: str, tick: int = 0, spacing: int = 10) -> PoolState:
    pool = replace(
        make_pool(tick_spacing=spacing),
        family=family,
        address="0x" + "ab" * (32 if family in ("uniswap_v4", "infinity") else 20),
        contracts=(("state_view", "0x" + "5" * 40),),
    )
    return make_state(pool, sqrt_price_x96_at_tick(tick))


def tick_of(call: Call) -> int:
    return int.from_bytes(call.data[-32:], "big", signed=True)


def told(family: str, gross: int, growths: tuple[int, int]) -> CallResult:
    words = [0] * WORDS.get(family, 8)
    place = PLACE.get(family, 2)
    words[0], words[place : place + 2] = gross, growths
    return CallResult(succeeded=True, data=b"".join(one.to_bytes(32, "big") for one in words))


@dataclass
class TickChain:
    """Answers reads of ticks: every third one is initialised."""

    family: str
    blocks: list[int] = field(default_factory=list[int])

    def read_calls(self, calls: Sequence[Call], block: Block) -> tuple[CallResult, ...]:
        self.blocks.append(block.number)
        return tuple(self._answer(tick_of(call)) for call in calls)

    def _answer(self, tick: int) -> CallResult:
        return told(self.family, 0 if tick % 30 else 7, (2**256 - 1 - abs(tick), 5 + abs(tick)))


def test_every_family_that_keeps_fee_growth_tells_ticks() -> None:
    assert set(ALL) - set(TELLING) == {"liquidity_book", "liquidity_book_v20"}


@pytest.mark.parametrize("family", TELLING)
def test_the_initialised_ticks_around_the_price_are_recorded_at_the_block_of_the_state(family: str) -> None:
    chain, state = TickChain(family), state_of(family, tick=-7)
    (found,) = with_ticks([state], ALL, chain, make_block(number=77))
    assert chain.blocks == [77]
    assert found.ticks == tuple(
        TickGrowth(
            tick=tick,
            liquidity_gross=7,
            growth0_outside_x128=2**256 - 1 - abs(tick),
            growth1_outside_x128=5 + abs(tick),
        )
        for tick in range(-240, 241, 30)
    )
    assert replace(found, ticks=()) == state


@pytest.mark.parametrize("family", TELLING)
def test_an_answer_that_is_none_is_refused(family: str) -> None:
    adapter, state = ALL[family], state_of(family)
    assert isinstance(adapter, TellsTicks)
    results = [CallResult(succeeded=True, data=b"")] * len(adapter.tick_calls(state))
    with pytest.raises(BadAnswer):
        adapter.with_ticks(state, results)


@dataclass(frozen=True)
class SilentChain:
    """It fails, or answers with nothing."""

    error: SourceError | None = None

    def read_calls(self, calls: Sequence[Call], block: Block) -> tuple[CallResult, ...]:
        if self.error:
            raise self.error
        return tuple(CallResult(succeeded=True, data=b"") for _ in calls)


@pytest.mark.parametrize("error", [SourceUnavailable("rpc:1", "HTTP 503"), None])
def test_where_ticks_cannot_be_had_nothing_is_held_for_them(error: SourceError | None) -> None:
    state = state_of("uniswap_v3")
    assert with_ticks([state], ALL, SilentChain(error), make_block()) == (state,)


@pytest.mark.parametrize("tick", [-11, -10, -1, 0, 9, 10])
def test_as_many_ticks_are_below_the_price_as_above_and_two_pools_fit_into_a_request(tick: int) -> None:
    around = ticks_around(state_of("uniswap_v3", tick))
    assert sum(one <= tick for one in around) == sum(one > tick for one in around) == SPACINGS_EACH_SIDE + 1
    assert len(around) == 50


def test_there_are_no_ticks_beyond_the_last_usable_ones() -> None:
    lowest, highest = (ticks_around(state_of("uniswap_v3", tick)) for tick in (MIN_TICK, MAX_TICK - 1))
    assert (lowest[0], highest[-1]) == (-887_270, 887_270)
    assert ticks_around(state_of("uniswap_v3", 0, 443_636)) == range(-887_272, 887_273, 443_636)


def test_a_pool_of_bins_has_none_and_costs_no_request() -> None:
    chain = TickChain("liquidity_book")
    states = [state_of("liquidity_book")]
    readers: dict[str, DexAdapter] = {"liquidity_book": ALL["liquidity_book"]}
    assert with_ticks(states, readers, chain, make_block()) == tuple(states)
    assert chain.blocks == []
