"""A whole life of a position: open, earn, add, earn, collect, earn, remove a part, earn, close."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction

import pytest

from alm_core.math.liquidity import price_interval
from alm_core.math.tick import Q96
from alm_core.model.dex_ports import DexAdapter, PriceInterval
from alm_core.model.errors import InvalidInput
from alm_core.model.market import PoolState, Position
from alm_core.model.pools import Pool
from alm_tests.chain.conformance.books import Books, Sent
from alm_tests.chain.conformance.market import World, amounts_of, range_of, trade_through
from alm_tests.chain.dex_chain import DexChain

HALF_WIDTH_FRAC = 0.002
MOST_CLOSES = 4
BIN_UNITS = 2
"""Units of each token that rounding may keep back in a bin that is minted or burned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A pool and the wallet's positions in it at one block."""

    state: PoolState
    positions: tuple[Position, ...]

    @property
    def only(self) -> Position:
        (position,) = self.positions
        return position


def look(chain: DexChain, pool: Pool) -> Seen:
    block = chain.block()
    state = chain.state(pool, block)
    return Seen(state=state, positions=chain.adapter.read_positions(chain.chain, [state], chain.wallet, block))


def deadline_of(state: PoolState) -> datetime:
    return state.block.block_at + timedelta(seconds=120)


def price_of(state: PoolState) -> Fraction:
    return Fraction(state.sqrt_price_x96, Q96) ** 2


def tells_fees(adapter: DexAdapter) -> bool:
    """False where fees stay in the bins, so that they can neither be read nor collected apart."""
    return bool(getattr(adapter, "collects_fees", True))


def live(world: World, market: str, side: str) -> dict[str, int]:
    """Take one position through its life, held against what was read before each step; returns gas by action."""
    return _Life(world.chain, world.pools[market]).live(side)


class _Life:
    """One position of the wallet in one pool."""

    def __init__(self, chain: DexChain, pool: Pool) -> None:
        self.chain, self.pool, self.adapter = chain, pool, chain.adapter
        self.books = Books(chain, pool)
        self.tells_fees = tells_fees(chain.adapter)

    def live(self, side: str) -> dict[str, int]:
        start = self.look()
        assert start.positions == ()
        steps = {"open": self.open(start.state, side)}
        for round_no, (name, step) in enumerate(
            (("add", self.add), ("collect", self.collect), ("remove", self.remove), ("close", self.close))
        ):
            before = self.look().only
            trade_through(self.chain, start.state, round_no)
            earned = self.look()
            self.has_earned(before, earned.only)
            sent = step(earned)
            steps |= {name: sent} if sent else {}
        self.books.close()
        return {name: sent.receipt.gas_used for name, sent in steps.items()}

    def look(self) -> Seen:
        return look(self.chain, self.pool)

    def has_earned(self, before: Position, now: Position) -> None:
        assert now.stake == before.stake == self.books.stake()
        if self.tells_fees:
            assert now.fees0 > before.fees0
            assert now.fees1 > before.fees1
        else:
            assert (now.fees0, now.fees1) == (0, 0)
            assert now.liquidity > before.liquidity

    def open(self, state: PoolState, side: str) -> Sent:
        ticks, amounts = range_of(state, side), amounts_of(self.pool)
        quote = self.adapter.quote_liquidity(state, *ticks, *amounts)
        tx = self.adapter.plan_open(state, *ticks, *amounts, *self.bounds(state))
        sent = self.books.place(self.placing_grants(state, amounts), tx, amounts)
        position = self.look().only
        assert (position.tick_lower, position.tick_upper) == ticks
        assert (position.fees0, position.fees1) == (0, 0)
        assert [(change.token_id, change.opened) for change in sent.outcome.positions] == [(position.token_id, True)]
        self.is_as_quoted(position.liquidity, quote.liquidity)
        moved0, moved1 = self.moved(sent)
        assert 0 <= moved0 + quote.amount0 <= BIN_UNITS * len(position.bins)
        assert 0 <= moved1 + quote.amount1 <= BIN_UNITS * len(position.bins)
        # What a burn would pay is what was paid.
        self.is_rounding(state, position, (-moved0 - position.amount0, -moved1 - position.amount1))
        return sent

    def add(self, seen: Seen) -> Sent:
        state, before = seen.state, seen.only
        amount0, amount1 = (amount // 3 for amount in amounts_of(self.pool))
        ticks = before.tick_lower, before.tick_upper
        quote = self.adapter.quote_liquidity(state, *ticks, amount0, amount1)
        tx = self.adapter.plan_add(state, before, amount0, amount1, *self.bounds(state))
        sent = self.books.place(self.placing_grants(state, (amount0, amount1)), tx, (amount0, amount1))
        after, paid_out = self.look().only, self.fees(sent)
        assert sent.outcome.positions == ()
        assert after.stake > before.stake
        self.is_as_quoted(after.liquidity, before.liquidity + quote.liquidity)
        # V4 and Infinity pay out what was earned; elsewhere it stays owed.
        gained = after.fees0 + paid_out[0] - before.fees0, after.fees1 + paid_out[1] - before.fees1
        if self.pool.bin_step:
            # The active bin's composition does not come out to the unit: its fee on that goes to all in the bin.
            price = price_of(state)
            assert min(gained) >= 0
            assert gained[0] * price + gained[1] < price + 1
        else:
            assert gained == (0, 0)
        for moved, fees, quoted in zip(self.moved(sent), paid_out, (quote.amount0, quote.amount1), strict=True):
            assert 0 <= moved - fees + quoted <= BIN_UNITS * len(after.bins)
        return sent

    def collect(self, seen: Seen) -> Sent | None:
        before = seen.only
        if not self.tells_fees:
            with pytest.raises(InvalidInput, match="stay in its bins"):
                self.adapter.plan_collect(seen.state, before, self.chain.wallet)
            return None
        sent = self.books.send(self.adapter.plan_collect(seen.state, before, self.chain.wallet))
        after = self.look().only
        assert self.moved(sent) == self.fees(sent) == (before.fees0, before.fees1)
        assert (after.stake, after.fees0, after.fees1) == (before.stake, 0, 0)
        assert sent.outcome.positions == ()
        return sent

    def remove(self, seen: Seen) -> Sent:
        state, before = seen.state, seen.only
        part = before.stake // 3
        tx = self.adapter.plan_remove(state, before, part, *self.bounds(state))
        sent = self.books.place(self.adapter.removing_grants(self.pool, self.chain.wallet), tx)
        after, paid_out = self.look().only, self.fees(sent)
        assert sent.outcome.positions == ()
        assert after.stake == before.stake - part
        # Liquidity Book 2.0 leaves fees where they are; all others pay them.
        assert (after.fees0 + paid_out[0], after.fees1 + paid_out[1]) == (before.fees0, before.fees1)
        moved0, moved1 = self.moved(sent)
        # What went out and what stayed is what there was.
        lost0 = before.amount0 - after.amount0 - (moved0 - paid_out[0])
        self.is_rounding(state, before, (lost0, before.amount1 - after.amount1 - (moved1 - paid_out[1])))
        return sent

    def close(self, seen: Seen) -> Sent:
        last, rounds = seen.only, list[Sent]()
        grants = self.adapter.removing_grants(self.pool, self.chain.wallet)
        while seen.positions:
            assert len(rounds) < MOST_CLOSES
            tx = self.adapter.plan_close(seen.state, seen.only, *self.bounds(seen.state))
            rounds.append(self.books.place(grants, tx))
            seen = self.look()
        moved, fees = (
            tuple(map(sum, zip(*(of(sent) for sent in rounds), strict=True))) for of in (self.moved, self.fees)
        )
        assert moved == (last.amount0 + last.fees0, last.amount1 + last.fees1)
        assert fees == (last.fees0, last.fees1)
        closed = [(change.token_id, change.opened) for sent in rounds for change in sent.outcome.positions]
        assert closed == [(last.token_id, False)]
        return rounds[0]

    def bounds(self, state: PoolState) -> tuple[PriceInterval, str, datetime]:
        return price_interval(state.sqrt_price_x96, HALF_WIDTH_FRAC), self.chain.wallet, deadline_of(state)

    def placing_grants(self, state: PoolState, amounts: tuple[int, int]):
        return self.adapter.placing_grants(self.pool, self.chain.wallet, *amounts, deadline_of(state))

    def is_rounding(self, state: PoolState, position: Position, lost: tuple[int, int]) -> None:
        """A loss is less than a unit of each token.

        In bins it is that much in each of them, and of value only: a bin turns a unit of one token into the other.
        """
        if not position.bins:
            assert {*lost} <= {0, 1}
            return
        price = price_of(state)
        assert 0 <= lost[0] * price + lost[1] <= BIN_UNITS * len(position.bins) * (price + 1)

    def is_as_quoted(self, liquidity: int, quoted: int) -> None:
        """That of bins is the least that all of their values have; all else is exact."""
        assert liquidity == (pytest.approx(quoted, rel=1e-6) if self.pool.bin_step else quoted)
        assert liquidity > 0

    def moved(self, sent: Sent) -> tuple[int, int]:
        return sent.moved(self.pool.token0.address), sent.moved(self.pool.token1.address)

    def fees(self, sent: Sent) -> tuple[int, int]:
        return sent.fees(self.pool.token0.address), sent.fees(self.pool.token1.address)
