"""One chain as the seed policy sees it: its capital, the shares wanted in its pools, and what the reference decides.

The reference spreads one capital over all chains. Here capital does not cross chains, so each chain is a portfolio of
its own: pools of the chain, capital of the chain, one decision. On a single chain this is the reference.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from alm_core.math.orientation import range_bounds_at_ticks, ticks_for_range
from alm_core.model.config import StrategyConfig
from alm_core.model.decisions import DecisionKind, PositionClose, Target
from alm_core.model.epochs import Epoch
from alm_core.model.errors import InvalidInput
from alm_core.model.market import Holdings, MarketSnapshot, PoolState, Position
from alm_core.model.signals import ForceSignals, OptimizedRange, PriceRange
from alm_core.policies.seed.allocation import PoolAnalysis, Share, water_fill
from alm_core.policies.seed.decision import SeedDecision, SeedPosition, SeedRules, decide, diverged
from alm_core.policies.seed.ieee import added
from alm_core.policies.seed.memory import Memory
from alm_core.policies.seed.params import AMORTIZE_YEARS, DEFAULTS, GAS_COST_USD, POSITION_VALUE_USD
from alm_core.policies.seed.ranges import MAX_THRESHOLD, widened
from alm_core.policies.seed.search import forces_tuple
from alm_core.portfolio.valuation import Prices, idle_usd, position_usd

MIN_CAPITAL_USD = 1.0
PRA_WIDENING = 2.0
"""On top of the widen factor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A position of ours and the record the reference would have of it, its value being that of now."""

    position: Position
    record: SeedPosition


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """A chain with its decision.

    Parameters
    ----------
    nav_usd
        Balances and positions in tokens of the pair.
    shares
        What the water-fill wants, of the capital of the chain.
    shift_gain_usd
        What shifting all diverged ranges is worth over a week, gated or not.
    """

    chain_id: int
    nav_usd: float
    held: tuple[Held, ...]
    shares: tuple[Share, ...]
    states: Mapping[str, PoolState]
    price_range: PriceRange
    decided: SeedDecision
    shift_gain_usd: float

    @property
    def reallocation_gain_usd(self) -> float:
        """What the wanted APR would bring over a week above the one promised at entry, gated or not."""
        return (self.decided.optimal_apr - self.decided.current_apr) * self.nav_usd * AMORTIZE_YEARS

    def targets(self) -> tuple[Target, ...]:
        """Where the capital of the chain should be."""
        wanted = [(share.pool, share.share_frac * self.nav_usd, share.expected_apr) for share in self.shares]
        return tuple(self._target(*one) for one in wanted)

    def closes(self) -> tuple[PositionClose, ...]:
        """Positions to burn: all for a reallocation, the diverged ones for a shift."""
        return tuple(PositionClose.of(held.position, self.chain_id) for held in self._moved())

    def opens(self) -> tuple[Target, ...]:
        """Positions to mint: the targets, or what is shifted, once for each pool."""
        if self.decided.kind is DecisionKind.PRA:
            return self.targets()
        capital: dict[str, float] = {}
        promised: dict[str, float] = {}
        for held in self._moved():
            pool_id = held.position.pool_id
            capital[pool_id] = capital.get(pool_id, 0.0) + held.record.entry_value_usd
            promised[pool_id] = held.record.entry_apr
        return tuple(self._target(pool_id, usd, promised[pool_id]) for pool_id, usd in capital.items())

    def _moved(self) -> tuple[Held, ...]:
        if self.decided.kind is DecisionKind.PRA:
            return self.held
        shifted = {(shift.pool, shift.position_id) for shift in self.decided.shifts}
        return tuple(held for held in self.held if (held.record.pool, held.record.position_id) in shifted)

    def _target(self, pool_id: str, capital_usd: float, expected_apr: float) -> Target:
        lower, upper = ticks_for_range(self.states[pool_id].pool, self.price_range)
        return Target(
            pool_id=pool_id,
            chain_id=self.chain_id,
            share_frac=min(1.0, capital_usd / self.nav_usd),
            capital_usd=capital_usd,
            expected_apr=expected_apr,
            tick_lower=lower,
            tick_upper=upper,
        )


def desk_of(
    epoch: Epoch,
    holdings: Holdings,
    signals: ForceSignals,
    optimized: OptimizedRange,
    memory: Memory,
    prices: Prices,
    config: StrategyConfig,
) -> Desk:
    """Return one chain's view and decision.

    Raises
    ------
    InvalidInput
        If a balance or the gas price is unknown, or a position lies in a pool that was not read or whose figures no
        snapshot knows.
    """
    snapshot, chain_id = memory.snapshots[-1], holdings.block.chain_id
    _refuse_unread_chain(snapshot, chain_id)
    states = {state.pool.pool_id: state for state in snapshot.pools if state.pool.chain_id == chain_id}
    held = tuple(_held(position, states, memory, prices) for position in holdings.positions)
    idle = idle_usd(holdings, tuple(state.pool for state in states.values()), prices)
    nav = idle.total + added(one.record.entry_value_usd for one in held)
    shares = _shares(memory, states, config) if nav >= MIN_CAPITAL_USD else ()
    last, records = memory.last_rebalance_at, tuple(one.record for one in held)
    rules = rules_of(optimized, config)
    decided = decide(
        _ms(epoch.epoch_at.timestamp()),
        None if last is None else _ms(last.timestamp()),
        shares,
        records,
        forces_tuple(signals),
        signals.price,
        rules,
    )
    return Desk(
        chain_id=chain_id,
        nav_usd=nav,
        held=held,
        shares=shares,
        states=states,
        price_range=optimized.price_range,
        decided=_with_new_ticks(decided, held, states, optimized.price_range),
        shift_gain_usd=added(
            shift.gain_usd for shift, _ in diverged(records, forces_tuple(signals), signals.price, rules)
        ),
    )


def rules_of(optimized: OptimizedRange, config: StrategyConfig) -> SeedRules:
    """Return thresholds, hold and range of a decision; a volume anomaly widens all but the hold."""
    factor = optimized.regime.widen_factor
    pra = config.pra_threshold
    return SeedRules(
        pra_threshold=min(pra * factor * PRA_WIDENING, MAX_THRESHOLD) if factor != 1.0 else pra,
        rs_threshold=widened(optimized.params, factor).rs_threshold,
        gas_cost_usd=GAS_COST_USD,
        position_value_usd=POSITION_VALUE_USD,
        min_hold_ms=_ms(config.min_hold.total_seconds()),
        params=widened(DEFAULTS, factor),
    )


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _refuse_unread_chain(snapshot: MarketSnapshot, chain_id: int) -> None:
    if all(state.block.chain_id != chain_id for state in snapshot.chains):
        raise InvalidInput(f"gas price of chain {chain_id} was not read")


def _held(position: Position, states: Mapping[str, PoolState], memory: Memory, prices: Prices) -> Held:
    if position.pool_id not in states:
        raise InvalidInput(f"position {position.token_id} lies in pool {position.pool_id}, which was not read")
    entry_apr = memory.entry_apr(position)
    if entry_apr is None:
        raise InvalidInput(f"volume and TVL of pool {position.pool_id}, which holds a position, are unknown")
    pool = states[position.pool_id].pool
    record = SeedPosition(
        pool=position.pool_id,
        chain=pool.chain_id,
        position_id=str(position.token_id),
        tick_lower=position.tick_lower,
        tick_upper=position.tick_upper,
        entry_apr=entry_apr,
        entry_value_usd=position_usd(pool, position, prices).total,
        bounds=range_bounds_at_ticks(pool, position.tick_lower, position.tick_upper),
    )
    return Held(position=position, record=record)


def _shares(memory: Memory, states: Mapping[str, PoolState], config: StrategyConfig) -> tuple[Share, ...]:
    barred = {refused.pool_id for refused in memory.snapshots[-1].refusals}
    live = {pool_id for pool_id, state in states.items() if state.liquidity > 0} - barred
    analyses = [
        PoolAnalysis(pool=found.pool, chain=found.chain, apr=found.apr, tvl_usd=found.tvl_usd)
        for found in memory.analyses()
        if found.pool in live
    ]
    return water_fill(analyses, config.max_positions, POSITION_VALUE_USD)


def _with_new_ticks(
    decided: SeedDecision, held: Sequence[Held], states: Mapping[str, PoolState], price_range: PriceRange
) -> SeedDecision:
    """Leave out shifts that the spacing rounds back to the ticks they have."""
    if not decided.shifts:
        return decided
    same = {
        (one.record.pool, one.record.position_id)
        for one in held
        if ticks_for_range(states[one.record.pool].pool, price_range)
        == (one.position.tick_lower, one.position.tick_upper)
    }
    shifts = tuple(shift for shift in decided.shifts if (shift.pool, shift.position_id) not in same)
    if shifts:
        return replace(decided, shifts=shifts)
    return replace(decided, kind=DecisionKind.HOLD, shifts=(), gate="nothing_to_do")
