"""One chain as the decision sees it: what is held, what it earns, and where the capital should be."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from alm_core.model.config import StrategyConfig
from alm_core.model.decisions import Target
from alm_core.model.errors import InvalidInput
from alm_core.model.market import ChainState, MarketSnapshot, PoolState
from alm_core.model.signals import ForceSignals, OptimizedRange
from alm_core.portfolio.caps import ChainCapital, groups_of
from alm_core.portfolio.filling.vessels import Group, Vessel
from alm_core.portfolio.placements import Outlook, Placement, vessel_of
from alm_core.portfolio.slots import Held, Slot
from alm_core.portfolio.survey import ChainSurvey, survey_chains
from alm_core.portfolio.valuation import BaseQuoteUsd, Prices
from alm_core.portfolio.waterfill import Fill, water_fill


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainView:
    """Holdings and targets of one chain, with the capital that is there, or would be.

    Parameters
    ----------
    held, slots
        Positions, and by pool id the pools with what is wanted in each.
    fill
        The allocation over all chains that ``wanted_usd`` of the slots comes from.
    binding
        Limits that hold this chain's capital back, the dearest first: ``capital``, ``max_pool_share <pool id>``,
        ``exit_capacity <pool id>``, ``max_chain_share <chain id>``, ``max_family_share <family>``,
        ``max_issuer_share <issuer>``; then ``max_positions``, ``min_target <pool id>`` of pools that would get too
        little, and ``move_costs <pool id>`` of those where more or less would be wanted if moving cost nothing.
    """

    chain: ChainState
    prices: Prices
    outlook: Outlook
    idle: BaseQuoteUsd
    held: tuple[Held, ...]
    slots: Mapping[str, Slot]
    fill: Fill
    binding: tuple[str, ...] = ()

    @property
    def nav_usd(self) -> float:
        """Idle balances and positions."""
        return self.idle.total + sum(held.usd.total for held in self.held)

    @property
    def states(self) -> tuple[PoolState, ...]:
        """Pools of the chain whose yield is known."""
        return tuple(slot.state for slot in self.slots.values())

    @property
    def unknown_rewards(self) -> tuple[str, ...]:
        """Pools whose rewards nobody knows, by id; they are judged as if they paid none."""
        return tuple(pool_id for pool_id, slot in self.slots.items() if slot.found.rewards_usd is None)

    def income_usd(self, held: Sequence[Placement], fresh: Sequence[Placement] = ()) -> float:
        """Expected net income per year of positions that stay and of those that would be placed now."""
        return sum(
            slot.income_usd(
                [place for place in held if place.pool_id == pool_id],
                [place for place in fresh if place.pool_id == pool_id],
                self.outlook,
            )
            for pool_id, slot in self.slots.items()
        )

    def targets(self) -> tuple[Target, ...]:
        """Where the capital of the chain should be, largest first."""
        wanted = [slot for slot in self.slots.values() if slot.wanted_usd > 0.0]
        wanted.sort(key=lambda slot: (-slot.wanted_usd, slot.state.pool.pool_id))
        return tuple(self.target_of(slot, slot.wanted_usd) for slot in wanted)

    def target_of(self, slot: Slot, capital_usd: float) -> Target:
        """An amount of capital in a slot, as a target."""
        placed = max(capital_usd, slot.wanted_usd)
        income = slot.income_usd((), [slot.placement(placed)], self.outlook)
        return Target(
            pool_id=slot.state.pool.pool_id,
            chain_id=self.chain.block.chain_id,
            share_frac=min(1.0, capital_usd / self.nav_usd),
            capital_usd=capital_usd,
            expected_apr=income / placed,
            tick_lower=slot.tick_lower,
            tick_upper=slot.tick_upper,
        )


def chain_views(
    signals: ForceSignals,
    optimized: OptimizedRange,
    snapshot: MarketSnapshot,
    past_snapshots: Sequence[MarketSnapshot],
    config: StrategyConfig,
    *,
    fee_scale: float = 1.0,
) -> tuple[ChainView, ...]:
    """Return the view of every chain, by chain id, its targets from one water-filling over all chains.

    Parameters
    ----------
    signals, optimized
        Price and volatility; the range that would be placed, and the divergence from which a position has to move.
    snapshot, past_snapshots
        The epoch's snapshot and earlier ones, oldest first, that yields are measured from.
    config
        Horizon, limits and weights.
    fee_scale
        Multiplies the measured fees of every pool: what would be wanted if they paid that much.

    Raises
    ------
    InvalidInput
        As :func:`alm_core.portfolio.survey.survey_chains` and :func:`views_at`.
    """
    return views_at(survey_chains(signals, optimized, snapshot, past_snapshots, config), config, fee_scale=fee_scale)


def views_at(
    surveys: Sequence[ChainSurvey], config: StrategyConfig, *, fee_scale: float = 1.0
) -> tuple[ChainView, ...]:
    """Return the views of chains that were surveyed: :func:`chain_views` for many scales at the price of one survey.

    Raises
    ------
    InvalidInput
        If the scale is negative or not finite, a pool's yield is not a number, or no optimal allocation was found.
    """
    if not (math.isfinite(fee_scale) and fee_scale >= 0.0):
        raise InvalidInput(f"fee_scale {fee_scale} is not a finite non-negative number")
    scaled = surveys if fee_scale == 1.0 else [_scaled_survey(survey, fee_scale) for survey in surveys]
    vessels = [_vessel(survey, slot) for survey in scaled for slot in survey.slots]
    groups = groups_of(
        [slot.state.pool for survey in scaled for slot in survey.slots],
        [ChainCapital(chain_id=one.chain.block.chain_id, capital_usd=one.capital_usd) for one in scaled],
        config,
    )
    fill = water_fill(vessels, groups)
    if vessels and not fill.success:
        raise InvalidInput(f"allocation: {fill.reason}")
    views: list[ChainView] = []
    first = 0
    for survey in scaled:
        rows = range(first, first + len(survey.slots))
        first = rows.stop
        views.append(
            _view(survey, fill, fill.amounts_usd[rows.start : rows.stop], _binding(vessels, groups, fill, rows))
        )
    return tuple(views)


def _scaled_survey(survey: ChainSurvey, fee_scale: float) -> ChainSurvey:
    scaled = (replace(slot.found, fees_usd=slot.found.fees_usd * fee_scale) for slot in survey.slots)
    slots = tuple(replace(slot, found=found) for slot, found in zip(survey.slots, scaled, strict=True))
    return replace(survey, slots=slots)


def _vessel(survey: ChainSurvey, slot: Slot) -> Vessel:
    terms = survey.terms[slot.state.pool.pool_id]
    return replace(
        vessel_of(slot.found, slot.price, slot.bounds, survey.outlook, terms.cap_usd),
        cap_name=terms.cap_name,
        held_usd=terms.kept_usd,
        entry_apr=terms.entry_apr,
        exit_apr=terms.exit_apr,
        least_usd=terms.least_usd,
    )


def _binding(vessels: Sequence[Vessel], groups: Sequence[Group], fill: Fill, rows: range) -> tuple[str, ...]:
    prices = {
        "capital" if group.most is not None else group.name: fill.multipliers_apr.get(group.name, 0.0)
        for group in groups
        if not set(rows).isdisjoint(group.rows)
    }
    for row in rows:
        name = f"{vessels[row].cap_name} {vessels[row].pool_id}"
        prices[name] = fill.multipliers_apr.get(name, 0.0)
    priced = sorted((name for name, price in prices.items() if price > 0.0), key=lambda name: (-prices[name], name))
    left_out = [(row, fill.left_out[row]) for row in rows if row in fill.left_out]
    crowded = ["max_positions"] if any(rule == "max_positions" for _, rule in left_out) else []
    small = [_too_small(vessels[row]) for row, rule in left_out if rule == "least"]
    return (*priced, *crowded, *small, *(f"move_costs {vessels[row].pool_id}" for row in rows if row in fill.unmoved))


def _too_small(vessel: Vessel) -> str:
    return f"{vessel.cap_name if vessel.cap_usd < vessel.least_usd else 'min_target'} {vessel.pool_id}"


def _view(survey: ChainSurvey, fill: Fill, wanted_usd: Sequence[float], binding: tuple[str, ...]) -> ChainView:
    return ChainView(
        chain=survey.chain,
        prices=survey.prices,
        outlook=survey.outlook,
        idle=survey.idle,
        held=survey.held,
        slots={
            slot.state.pool.pool_id: replace(slot, wanted_usd=wanted)
            for slot, wanted in zip(survey.slots, wanted_usd, strict=True)
        },
        fill=fill,
        binding=binding,
    )
