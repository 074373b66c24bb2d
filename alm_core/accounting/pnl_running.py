"""What runs from the beginning of the accounts: totals, what HODL holds, returns and drawdown."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

from alm_core.accounting.pnl import Marked
from alm_core.accounting.pnl_lines import NATIVE_DECIMALS, native_usd, sides_of
from alm_core.accounting.returns import annual_frac, growth_of, money_weighted_frac
from alm_core.math.orientation import split_base_quote, to_float
from alm_core.model.accounts import CashFlow, EpochPnl, NativeAmount, RunningPnl
from alm_core.model.errors import InvalidInput
from alm_core.portfolio.sight import unseen_chains
from alm_core.portfolio.valuation import prices_usd


def begun_accounts(first: Marked) -> RunningPnl:
    """Return accounts that begin at a snapshot: everything held there is what HODL holds.

    Raises
    ------
    InvalidInput
        If holdings of a chain or a price are unknown.
    """
    snapshot = first.snapshot
    unseen = unseen_chains(snapshot)
    if unseen or not snapshot.holdings:
        reason = next(iter(unseen.values()), "no holdings")
        raise InvalidInput(f"{snapshot.pair} at {snapshot.epoch_at.isoformat()}: {reason}")
    base, quote = _tokens(first)
    native = {held.block.chain_id: held.native_wei / 10**NATIVE_DECIMALS for held in snapshot.holdings}
    coins = tuple(NativeAmount(chain_id=chain_id, amount=amount) for chain_id, amount in sorted(native.items()))
    nav = _worth_usd(first, base, quote, coins)
    return RunningPnl(
        began_at=snapshot.epoch_at,
        as_of_at=snapshot.epoch_at,
        nav_start_usd=nav,
        nav_usd=nav,
        hodl_base=base,
        hodl_quote=quote,
        hodl_native=coins,
    )


def went_on(running: RunningPnl, pnl: EpochPnl) -> RunningPnl:
    """Return accounts after a further interval.

    Raises
    ------
    InvalidInput
        If the interval does not begin where the accounts stand.
    """
    if pnl.from_at != running.as_of_at:
        raise InvalidInput(
            f"accounts stand at {running.as_of_at.isoformat()}, the interval begins at {pnl.from_at.isoformat()}"
        )
    flow_usd = pnl.parts.flow_usd
    growth = running.growth * (growth_of(pnl.nav_start_usd, pnl.nav_end_usd, flow_usd) or 1.0)
    peak = max(running.peak, growth)
    fall = (peak - growth) / peak if peak > 0.0 else 0.0
    came = (CashFlow(at=pnl.to_at, usd=flow_usd),) if flow_usd else ()
    return replace(
        running,
        as_of_at=pnl.to_at,
        nav_usd=pnl.nav_end_usd,
        hodl_base=running.hodl_base + pnl.flow_base,
        hodl_quote=running.hodl_quote + pnl.flow_quote,
        hodl_native=_with_flows(running.hodl_native, pnl.flow_native),
        totals=running.totals + pnl.parts,
        growth=growth,
        peak=peak,
        drawdown_frac=max(running.drawdown_frac, fall),
        flows=(*running.flows, *came),
    )


def hodl_usd(running: RunningPnl, now: Marked) -> float:
    """Return what the tokens and coins of the beginning, and those that came since, are worth at a snapshot."""
    return _worth_usd(now, running.hodl_base, running.hodl_quote, running.hodl_native)


def money_weighted_of(running: RunningPnl) -> float | None:
    """Return the money-weighted return of accounts since their beginning, not per year."""
    return money_weighted_frac(
        running.nav_start_usd, running.nav_usd, running.flows, running.began_at, running.as_of_at
    )


def yearly(running: RunningPnl, frac: float | None) -> float | None:
    """Return a return of accounts since their beginning per year; ``None`` in their first day."""
    return annual_frac(frac, running.began_at, running.as_of_at)


def _worth_usd(at: Marked, base: float, quote: float, native: Iterable[NativeAmount]) -> float:
    prices = prices_usd(at.snapshot, at.price)
    coins = sum(one.amount * native_usd(at.snapshot, one.chain_id) for one in native if one.amount)
    return base * prices.base_usd + quote * prices.quote_usd + coins


def _with_flows(held: Iterable[NativeAmount], flows: Iterable[NativeAmount]) -> tuple[NativeAmount, ...]:
    found: defaultdict[int, float] = defaultdict(float)
    for one in (*held, *flows):
        found[one.chain_id] += one.amount
    return tuple(NativeAmount(chain_id=chain_id, amount=amount) for chain_id, amount in sorted(found.items()))


def _tokens(at: Marked) -> tuple[float, float]:
    """Whole tokens of both sides: in wallets, in positions and between chains."""
    pools = {state.pool.pool_id: state.pool for state in at.snapshot.pools}
    sides = sides_of(pools.values())
    found = [0.0, 0.0]
    raw = [
        (held.block.chain_id, entry.address.lower(), entry.amount)
        for held in at.snapshot.holdings
        for entry in held.balances
    ]
    raw += [(going.to_chain, going.token.lower(), going.amount) for going in at.snapshot.in_transit]
    for chain_id, token, amount in raw:
        if (chain_id, token) in sides:
            decimals, is_base = sides[chain_id, token]
            found[0 if is_base else 1] += amount / 10**decimals
    for held in at.snapshot.holdings:
        for position in held.positions:
            if position.pool_id not in pools:
                raise InvalidInput(f"position {position.token_id} lies in unknown pool {position.pool_id}")
            pool = pools[position.pool_id]
            amounts = position.amount0 + position.fees0, position.amount1 + position.fees1
            base, quote = split_base_quote(pool, *amounts)
            found[0] += to_float(pool.base, base)
            found[1] += to_float(pool.quote, quote)
    return found[0], found[1]
