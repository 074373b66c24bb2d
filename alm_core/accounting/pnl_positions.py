"""What positions changed by: prices, fees, loss against holding what they held; some come or go as they are."""

from collections.abc import Iterable, Mapping, Sequence

from alm_core.accounting.bin_fees import bin_fees_usd
from alm_core.accounting.ledger import FEES, REWARDS
from alm_core.accounting.pnl_lines import PRINCIPAL, PnlBooks, Where, where_of
from alm_core.math.orientation import to_float
from alm_core.model.accounts import Movement
from alm_core.model.errors import InvalidInput
from alm_core.model.market import Holdings, MarketSnapshot, Position
from alm_core.model.pools import Pool
from alm_core.portfolio.valuation import Prices, amounts_usd


def add_positions(
    books: PnlBooks,
    pools: Mapping[str, Pool],
    before: MarketSnapshot,
    now: MarketSnapshot,
    prices: tuple[Prices, Prices],
    own: Sequence[Movement],
) -> None:
    """Count positions."""
    old, new = prices
    first, last = held_positions(before.holdings), held_positions(now.holdings)
    touched = {where_of(one) for one in own if one.kind not in (FEES, REWARDS, "gas") and one.action in PRINCIPAL}
    for where in sorted({*first, *last}, key=str):
        was, is_ = first.get(where), last.get(where)
        pool = _pool_of(pools, where)
        was_usd, is_usd = _value(pool, was, old), _value(pool, is_, new)
        books.nav_start_usd += sum(was_usd)
        books.nav_end_usd += sum(is_usd)
        books.value_usd[where] += sum(is_usd)
        at_new = _value(pool, was, new)
        books.add(where, price=sum(at_new) - sum(was_usd))
        principal, fees = is_usd[0] - at_new[0], is_usd[1] - at_new[1]
        # A transaction that names no position of its own may have made this one: its chain stands for it.
        known = where in touched or (where[0], None, None) in touched
        if (was is None or is_ is None) and not known:
            books.add(where, flow=principal + fees)
            _add_position_flow(books, pool, was, is_)
            continue
        in_bins = bin_fees_usd(now, pool, was, is_, new) if was is not None and is_ is not None else 0.0
        books.add(where, lvr=-(principal - in_bins), fees=fees + in_bins)


def held_positions(holdings: Iterable[Holdings]) -> dict[Where, Position]:
    """Return all positions by chain, pool and token id."""
    return {
        (held.block.chain_id, position.pool_id, position.token_id): position
        for held in holdings
        for position in held.positions
    }


def _pool_of(pools: Mapping[str, Pool], where: Where) -> Pool:
    pool = pools.get(where[1] or "")
    if pool is None:
        raise InvalidInput(f"position {where[2]} lies in unknown pool {where[1]}")
    return pool


def _value(pool: Pool, position: Position | None, prices: Prices) -> tuple[float, float]:
    """Principal and uncollected fees."""
    if position is None:
        return 0.0, 0.0
    principal = amounts_usd(pool, position.amount0, position.amount1, prices).total
    return principal, amounts_usd(pool, position.fees0, position.fees1, prices).total


def _add_position_flow(books: PnlBooks, pool: Pool, was: Position | None, is_: Position | None) -> None:
    for position, sign in ((was, -1), (is_, 1)):
        if position is None:
            continue
        amounts = position.amount0 + position.fees0, position.amount1 + position.fees1
        base, quote = amounts if pool.base_is_token0 else amounts[::-1]
        books.flows["base"] += sign * to_float(pool.base, base)
        books.flows["quote"] += sign * to_float(pool.quote, quote)
