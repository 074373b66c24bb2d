"""Plans of a round trip, as the executor knows them: open, collect, shift, leave, take back rights, do nothing."""

from collections.abc import Sequence
from dataclasses import dataclass

from alm_core.execution.wallet_share import usable_amounts
from alm_core.math.orientation import price_at_sqrt_price_x96, sqrt_price_x96_from_price
from alm_core.math.ratio import TargetRange
from alm_core.math.tick import sqrt_price_x96_at_tick
from alm_core.model.decisions import AllocationPlan, Decision, DecisionKind, PositionClose, Target
from alm_core.model.errors import InvalidInput
from alm_core.model.market import MarketSnapshot, PoolState, Position
from alm_core.model.pools import Pool
from alm_core.portfolio.canonical import canonical_hash
from alm_core.portfolio.valuation import amounts_usd, nav_usd, position_usd, prices_usd

_PLENTY = 10**60


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """The pool and the wallet at one block.

    Parameters
    ----------
    snapshot
        Of this one pool, with USD prices.
    """

    snapshot: MarketSnapshot

    @property
    def state(self) -> PoolState:
        """The pool."""
        (state,) = self.snapshot.pools
        return state

    @property
    def pool(self) -> Pool:
        """As the registry describes it."""
        return self.state.pool

    @property
    def price(self) -> float:
        """Quote per base, in this pool."""
        return price_at_sqrt_price_x96(self.pool, self.state.sqrt_price_x96)

    @property
    def positions(self) -> tuple[Position, ...]:
        """All positions of the wallet in this pool."""
        return self.snapshot.holdings[0].positions

    @property
    def balances(self) -> tuple[int, int]:
        """Raw token0 and token1 in the wallet."""
        holdings = self.snapshot.holdings[0]
        return holdings.balance(self.pool.token0.address), holdings.balance(self.pool.token1.address)

    @property
    def native_wei(self) -> int:
        """Native coin in the wallet."""
        return self.snapshot.holdings[0].native_wei

    @property
    def nav_usd(self) -> float:
        """Value of all the wallet holds of the two tokens, positions included."""
        return nav_usd(self.snapshot, self.price, (self.pool,))

    def usd(self, amount0: int, amount1: int) -> tuple[float, float]:
        """Return the values of raw amounts of token0 and token1."""
        prices = prices_usd(self.snapshot, self.price)
        return amounts_usd(self.pool, amount0, 0, prices).total, amounts_usd(self.pool, 0, amount1, prices).total

    def value_usd(self, positions: Sequence[Position]) -> float:
        """Return the value of positions, uncollected fees included."""
        prices = prices_usd(self.snapshot, self.price)
        return sum(position_usd(self.pool, position, prices).total for position in positions)

    def needed(self, ticks: tuple[int, int], usd: float) -> tuple[int, int]:
        """Return the raw amounts that a value takes in a range at the price of now."""
        per_token1 = self.usd(0, 10**18)[1] / 10**18
        sqrt_price_x96 = self.state.sqrt_price_x96
        target = TargetRange(
            sqrt_price_x96=sqrt_price_x96,
            sqrt_lower_x96=sqrt_price_x96_at_tick(ticks[0]),
            sqrt_upper_x96=sqrt_price_x96_at_tick(ticks[1]),
        )
        at = sqrt_price_x96_from_price(self.pool, self.price)
        return usable_amounts(_PLENTY, _PLENTY, [target], sqrt_price_x96=at, capital1=usd / per_token1)


def plan_open(look: Look, ticks: tuple[int, int], usd: float) -> AllocationPlan:
    """Return a plan that places a value at ticks."""
    return _plan(look, DecisionKind.PRA, opens=(_target(look, ticks, usd),))


def plan_collect(look: Look, positions: Sequence[Position]) -> AllocationPlan:
    """Return a plan that collects what positions have earned and places nothing."""
    return _plan(look, DecisionKind.COMPOUND, collects=_closes(look, positions))


def plan_shift(look: Look, positions: Sequence[Position], ticks: tuple[int, int]) -> AllocationPlan:
    """Return a plan that closes positions and places their value at other ticks."""
    target = _target(look, ticks, look.value_usd(positions))
    return _plan(look, DecisionKind.RS, closes=_closes(look, positions), opens=(target,))


def plan_leave(look: Look, positions: Sequence[Position]) -> AllocationPlan:
    """Return a plan that closes positions, whatever the price has done."""
    return _plan(look, DecisionKind.EXIT, closes=_closes(look, positions))


def plan_clear(look: Look) -> AllocationPlan:
    """Return a plan without moves: all the executor does then is to take back rights that were left over."""
    return _plan(look, DecisionKind.COMPOUND)


def plan_nothing(look: Look) -> AllocationPlan:
    """Return a plan that does nothing: the executor settles what is in flight and compares books and chain."""
    return _plan(look, DecisionKind.HOLD)


def _target(look: Look, ticks: tuple[int, int], usd: float) -> Target:
    share = usd / look.nav_usd
    if share > 1 + 1e-9:
        raise InvalidInput(f"a position of {usd:.2f} USD is more than the wallet's {look.nav_usd:.2f} USD")
    return Target(
        pool_id=look.pool.pool_id,
        chain_id=look.pool.chain_id,
        share_frac=min(share, 1.0),
        capital_usd=usd,
        expected_apr=0.0,
        tick_lower=ticks[0],
        tick_upper=ticks[1],
    )


def _closes(look: Look, positions: Sequence[Position]) -> tuple[PositionClose, ...]:
    return tuple(
        PositionClose(pool_id=look.pool.pool_id, chain_id=look.pool.chain_id, token_id=position.token_id)
        for position in positions
    )


def _plan(
    look: Look,
    kind: DecisionKind,
    *,
    closes: tuple[PositionClose, ...] = (),
    opens: tuple[Target, ...] = (),
    collects: tuple[PositionClose, ...] = (),
) -> AllocationPlan:
    snapshot = look.snapshot
    decision = Decision(
        kind=kind, reason="round trip", binding="none", current_apr=0.0, optimal_apr=0.0, alternatives=()
    )
    return AllocationPlan(
        pair=snapshot.pair,
        epoch_at=snapshot.epoch_at,
        policy="roundtrip",
        inputs_hash=canonical_hash(snapshot),
        code_version="1",
        config_version="1",
        price=look.price,
        nav_usd=look.nav_usd,
        targets=opens,
        decision=decision,
        closes=closes,
        opens=opens,
        collects=collects,
    )
