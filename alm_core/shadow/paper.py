"""Paper holdings: how they begin, and what carrying out a plan would make of them and cost. Integers as on chain."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from alm_core.math.liquidity import liquidity_for_amounts
from alm_core.math.ratio import TargetRange, split_amounts
from alm_core.math.tick import Q96, sqrt_price_x96_at_tick
from alm_core.math.zap import swap_for_ratio
from alm_core.model.decisions import AllocationPlan, PositionClose, Target
from alm_core.model.errors import InvalidInput
from alm_core.model.market import Holdings, MarketSnapshot, PoolState, Position, TokenBalance
from alm_core.portfolio.costs import gas_lots, move_cost
from alm_core.portfolio.valuation import Prices, amounts_usd, full_range_usd
from alm_core.portfolio.yields import own_active_liquidity
from alm_core.shadow.accrual import marked


@dataclass(frozen=True, slots=True, kw_only=True)
class Executed:
    """Holdings after a plan, and what carrying it out cost."""

    holdings: tuple[Holdings, ...]
    gas_usd: float
    swap_usd: float


def begun(snapshot: MarketSnapshot) -> tuple[Holdings, ...]:
    """Return our holdings with every position turned into its tokens at the pinned price, at no cost."""
    return tuple(_closed(held, [close_of(one, held) for one in held.positions], snapshot) for held in snapshot.holdings)


def paper_snapshot(snapshot: MarketSnapshot, holdings: tuple[Holdings, ...]) -> MarketSnapshot:
    """Return the snapshot of a world in which the wallets hold ``holdings``: pools hold those, not ours.

    Nothing is on its way there and nothing can be sent: paper has no bridges.
    """
    paper = replace(snapshot, holdings=holdings, in_transit=(), bridge_costs=())
    pools = tuple(
        replace(
            state,
            liquidity=max(0, state.liquidity - own_active_liquidity(snapshot, state))
            + own_active_liquidity(paper, state),
        )
        for state in snapshot.pools
    )
    return replace(paper, pools=pools)


def close_of(position: Position, held: Holdings) -> PositionClose:
    """Return the close of a position."""
    return PositionClose(pool_id=position.pool_id, chain_id=held.block.chain_id, token_id=position.token_id)


def executed(plan: AllocationPlan, holdings: Sequence[Holdings], snapshot: MarketSnapshot, prices: Prices) -> Executed:
    """Return paper holdings after a plan was carried out at the snapshot's prices, with gas and swap costs.

    Raises
    ------
    InvalidInput
        If the plan names what is not held or not read, or there is nothing to swap through.
    """
    after: list[Holdings] = []
    gas_usd = swap_usd = 0.0
    for held in holdings:
        chain_id = held.block.chain_id
        closes = [close for close in plan.closes if close.chain_id == chain_id]
        collects = [close for close in plan.collects if close.chain_id == chain_id]
        opens = [target for target in plan.opens if target.chain_id == chain_id]
        if not (closes or opens or collects):
            after.append(held)
            continue
        now = _collected(_closed(held, closes, snapshot), collects, snapshot)
        now, swapped, lost = _swapped(now, opens, snapshot, prices)
        ticks = {(one.pool_id, one.token_id): (one.tick_lower, one.tick_upper) for one in held.positions}
        cost = move_cost(
            snapshot.chain(chain_id),
            _live(snapshot, chain_id),
            prices,
            closed=[lot for c in closes for lot in _gas_lots(snapshot, c.pool_id, *ticks[c.pool_id, c.token_id])],
            opened=[lot for t in opens for lot in _gas_lots(snapshot, t.pool_id, t.tick_lower, t.tick_upper)],
            swapped_usd=swapped,
        )
        after.append(_opened(now, opens, snapshot))
        gas_usd, swap_usd = gas_usd + cost.gas_usd, swap_usd + lost
    return Executed(holdings=tuple(after), gas_usd=gas_usd, swap_usd=swap_usd)


def _gas_lots(snapshot: MarketSnapshot, pool_id: str, tick_lower: int, tick_upper: int) -> tuple[str, ...]:
    return gas_lots(snapshot.pool_state(pool_id).pool, tick_lower, tick_upper)


def _closed(held: Holdings, closes: Sequence[PositionClose], snapshot: MarketSnapshot) -> Holdings:
    balances = {entry.address: entry.amount for entry in held.balances}
    leaving = {(close.pool_id, close.token_id) for close in closes}
    found = [one for one in held.positions if (one.pool_id, one.token_id) in leaving]
    if len(found) != len(leaving):
        raise InvalidInput(
            f"plan closes {len(leaving)} positions on chain {held.block.chain_id}, held are {len(found)}"
        )
    for position in found:
        pool = snapshot.pool_state(position.pool_id).pool
        balances[pool.token0.address] = balances.get(pool.token0.address, 0) + position.amount0 + position.fees0
        balances[pool.token1.address] = balances.get(pool.token1.address, 0) + position.amount1 + position.fees1
    kept = tuple(one for one in held.positions if (one.pool_id, one.token_id) not in leaving)
    return replace(held, balances=_balances(balances), positions=kept)


def _collected(held: Holdings, collects: Sequence[PositionClose], snapshot: MarketSnapshot) -> Holdings:
    wanted = {(close.pool_id, close.token_id) for close in collects}
    balances = {entry.address: entry.amount for entry in held.balances}
    positions: list[Position] = []
    for position in held.positions:
        if (position.pool_id, position.token_id) in wanted:
            pool = snapshot.pool_state(position.pool_id).pool
            balances[pool.token0.address] = balances.get(pool.token0.address, 0) + position.fees0
            balances[pool.token1.address] = balances.get(pool.token1.address, 0) + position.fees1
            position = replace(position, fees0=0, fees1=0)
        positions.append(position)
    return replace(held, balances=_balances(balances), positions=tuple(positions))


def _swapped(
    held: Holdings, opens: Sequence[Target], snapshot: MarketSnapshot, prices: Prices
) -> tuple[Holdings, float, float]:
    """Return holdings in the ratio that the targets need, the value sold and what the swap lost."""
    if not opens:
        return held, 0.0, 0.0
    venue = _cheapest(_live(snapshot, held.block.chain_id), prices)
    tokens = (venue.pool.token0.address, venue.pool.token1.address)
    balances = {entry.address: entry.amount for entry in held.balances}
    swap = swap_for_ratio(
        balances.get(tokens[0], 0),
        balances.get(tokens[1], 0),
        [_target_range(target, snapshot) for target in opens],
        sqrt_price_x96=venue.sqrt_price_x96,
        fee_frac=venue.fee_pips / 1e6,
        # Selling S into liquidity L at root price s moves the mean price by S / (L s) in raw token1.
        impact_per_token1=Q96 / (venue.liquidity * venue.sqrt_price_x96),
    )
    sell, buy = tokens if swap.zero_for_one else tokens[::-1]
    balances[sell] = balances.get(sell, 0) - swap.sell_amount
    balances[buy] = balances.get(buy, 0) + swap.buy_amount
    gone = (swap.sell_amount, 0) if swap.zero_for_one else (0, swap.sell_amount)
    got = (0, swap.buy_amount) if swap.zero_for_one else (swap.buy_amount, 0)
    sold_usd = amounts_usd(venue.pool, *gone, prices).total
    return replace(held, balances=_balances(balances)), sold_usd, sold_usd - amounts_usd(venue.pool, *got, prices).total


def _opened(held: Holdings, opens: Sequence[Target], snapshot: MarketSnapshot) -> Holdings:
    if not opens:
        return held
    pool = snapshot.pool_state(opens[0].pool_id).pool
    balances = {entry.address: entry.amount for entry in held.balances}
    positions = {one.token_id: one for one in held.positions}
    ranges = [_target_range(target, snapshot) for target in opens]
    amounts = split_amounts(balances[pool.token0.address], balances[pool.token1.address], ranges)
    for target, share in zip(opens, amounts, strict=True):
        placed = _placed(target, share, positions, snapshot)
        before = positions.get(placed.token_id)
        balances[pool.token0.address] -= placed.amount0 - (before.amount0 if before else 0)
        balances[pool.token1.address] -= placed.amount1 - (before.amount1 if before else 0)
        positions[placed.token_id] = placed
    return replace(
        held,
        balances=_balances(balances),
        positions=tuple(one for _, one in sorted(positions.items()) if one.liquidity > 0),
    )


def _placed(
    target: Target, share: tuple[int, int], positions: Mapping[int, Position], snapshot: MarketSnapshot
) -> Position:
    state = snapshot.pool_state(target.pool_id)
    wanted = _target_range(target, snapshot)
    added = liquidity_for_amounts(state.sqrt_price_x96, wanted.sqrt_lower_x96, wanted.sqrt_upper_x96, *share)
    held = positions.get(target.token_id) if target.token_id is not None else None
    empty = Position(
        pool_id=target.pool_id,
        token_id=max(positions, default=0) + 1,
        tick_lower=target.tick_lower,
        tick_upper=target.tick_upper,
        liquidity=0,
        amount0=0,
        amount1=0,
        fees0=0,
        fees1=0,
    )
    position = held or empty
    return marked(replace(position, liquidity=position.liquidity + added), state)


def _target_range(target: Target, snapshot: MarketSnapshot) -> TargetRange:
    return TargetRange(
        sqrt_price_x96=snapshot.pool_state(target.pool_id).sqrt_price_x96,
        sqrt_lower_x96=sqrt_price_x96_at_tick(target.tick_lower),
        sqrt_upper_x96=sqrt_price_x96_at_tick(target.tick_upper),
        share_frac=target.share_frac,
    )


def _live(snapshot: MarketSnapshot, chain_id: int) -> list[PoolState]:
    live = [state for state in snapshot.pools if state.pool.chain_id == chain_id and state.liquidity > 0]
    if not live:
        raise InvalidInput(f"chain {chain_id} has no pool with liquidity")
    return live


def _cheapest(states: Sequence[PoolState], prices: Prices) -> PoolState:
    return min(states, key=lambda state: (state.fee_pips, -full_range_usd(state, state.liquidity, prices)))


def _balances(amounts: Mapping[str, int]) -> tuple[TokenBalance, ...]:
    return tuple(TokenBalance(address=address, amount=amount) for address, amount in sorted(amounts.items()))
