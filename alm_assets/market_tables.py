"""Metadata of what was read of the market: coverage and sources of candles, state and age of pools."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import chain as joined

import dagster as dg
import numpy as np

from alm_assets.lookback import CandleReading
from alm_assets.provenance import stored_sha256
from alm_assets.tables import INPUTS_SHA256, PROBLEM_TEXTS, Cell, Metadata, markdown_table, problem_list
from alm_core.math.orientation import price_at_sqrt_price_x96, range_bounds_at_ticks, to_float
from alm_core.model.candles import EXCHANGES, CandleSeries
from alm_core.model.inputs import candle_inputs
from alm_core.model.market import MarketSnapshot, PoolMarket, PoolState
from alm_core.model.pools import Pool


def candle_metadata(reading: CandleReading) -> Metadata:
    """Coverage of the minutes, who delivered the new ones, and how far the exchanges agreed."""
    series = reading.series
    problems = [f"{p.source}: {p.detail}" for p in reading.problems]
    metadata: Metadata = {
        "epoch": reading.name,
        "minutes": len(series),
        "fresh_minutes": len(reading.fresh),
        "filled_minutes": int(series.filled.sum()),
        "sources": ", ".join(reading.sources) or "history only",
        "exchanges": dg.MetadataValue.md(exchange_table(series)),
        "problems": problem_list(problems),
        INPUTS_SHA256: candle_inputs(series, reading.start_at, reading.end_at).sha256,
    }
    if problems:
        metadata[PROBLEM_TEXTS] = dg.MetadataValue.json(problems)
    spread = median_spread_bps(series)
    if spread is not None:
        metadata["median_spread_bps"] = spread
    if len(series):
        metadata["first_minute_at"] = _moment(int(series.ts_ms[0]))
        metadata["last_close"] = float(series.close[-1])
    return metadata


def exchange_table(series: CandleSeries) -> str:
    """Return, by exchange, the share of minutes it is in and how often it was left out; unknown minutes apart."""
    if series.quality is None:
        return "not known: these minutes were stored without their sources"
    used, vetoed = series.quality.used, series.quality.vetoed
    real = int((~series.filled).sum())
    rows: list[tuple[Cell, ...]] = []
    for bit, name in enumerate(EXCHANGES):
        minutes, left_out = int((used >> bit & 1).sum()), int((vetoed >> bit & 1).sum())
        if minutes or left_out:
            rows.append((name, f"{minutes / max(real, 1):.1%}", left_out))
    unknown = int(((used == 0) & ~series.filled).sum())
    if unknown:
        rows.append(("sources not known", f"{unknown / max(real, 1):.1%}", None))
    return markdown_table(("exchange", "in minutes that traded", "minutes vetoed"), rows)


def median_spread_bps(series: CandleSeries) -> float | None:
    """Return the median disagreement of the exchanges used, ``None`` where no minute has one."""
    if series.quality is None:
        return None
    known = series.quality.spread_bps[~np.isnan(series.quality.spread_bps)]
    return float(np.median(known)) if known.size else None


def snapshot_metadata(snapshot: MarketSnapshot) -> Metadata:
    """State of every pool with its source, block and age, market figures, what we hold, and which sources failed."""
    blocks = {str(state.block.chain_id): state.block.number for state in snapshot.pools}
    read_at = _read_at(snapshot)
    return {
        "epoch_at": snapshot.epoch_at.isoformat(),
        "pools": dg.MetadataValue.md(_pool_table(snapshot, read_at)),
        "markets": dg.MetadataValue.md(_market_table(snapshot, read_at)),
        "holdings": dg.MetadataValue.md(_holdings_table(snapshot)),
        "positions": sum(len(holdings.positions) for holdings in snapshot.holdings),
        "blocks": dg.MetadataValue.json(blocks),
        "problems": problem_list(f"{p.source}: {p.detail}" for p in snapshot.problems),
        INPUTS_SHA256: stored_sha256(snapshot),
    }


def _read_at(snapshot: MarketSnapshot) -> datetime:
    """Newest moment in a snapshot: ages are told relative to it, so that they depend on no clock."""
    seen = (state.block.block_at for state in snapshot.pools)
    return max((*seen, *(market.fetched_at for market in snapshot.markets)), default=snapshot.epoch_at)


def _pool_table(snapshot: MarketSnapshot, read_at: datetime) -> str:
    header = ("pool", "price (quote per base)", "fee bps", "tick", "TWAP tick", "liquidity", "source", "block", "age s")
    return markdown_table(header, [_pool_row(state, read_at) for state in snapshot.pools])


def _pool_row(state: PoolState, read_at: datetime) -> Sequence[Cell]:
    price = price_at_sqrt_price_x96(state.pool, state.sqrt_price_x96)
    twap = f"{state.twap.tick} over {state.twap.window_s} s" if state.twap else None
    return (
        _name(state.pool),
        price,
        state.fee_pips / 100,
        state.tick,
        twap,
        state.liquidity,
        state.source,
        state.block.number,
        f"{state.age_s(read_at):.0f}",
    )


def _market_table(snapshot: MarketSnapshot, read_at: datetime) -> str:
    names = {state.pool.pool_id: _name(state.pool) for state in snapshot.pools}
    header = ("pool", "volume 24 h USD", "TVL USD", "base USD", "quote USD", "source", "age s")
    rows = [_market_row(names.get(market.pool_id, market.pool_id), market, read_at) for market in snapshot.markets]
    return markdown_table(header, rows) if rows else "none"


def _market_row(name: str, market: PoolMarket, read_at: datetime) -> Sequence[Cell]:
    age = f"{market.age_s(read_at):.0f}"
    return name, market.volume_24h_usd, market.tvl_usd, market.base_usd, market.quote_usd, market.source, age


def _holdings_table(snapshot: MarketSnapshot) -> str:
    return markdown_table(
        ("chain", "asset", "amount or range", "where"), joined(_balance_rows(snapshot), _position_rows(snapshot))
    )


def _balance_rows(snapshot: MarketSnapshot) -> Iterable[Sequence[Cell]]:
    tokens = {t.address: t for state in snapshot.pools for t in (state.pool.token0, state.pool.token1)}
    for holdings in snapshot.holdings:
        for balance in holdings.balances:
            token = tokens.get(balance.address)
            if token is not None:
                yield holdings.block.chain_id, token.symbol, to_float(token, balance.amount), "wallet"


def _position_rows(snapshot: MarketSnapshot) -> Iterable[Sequence[Cell]]:
    for holdings in snapshot.holdings:
        for position in holdings.positions:
            pool = snapshot.pool_state(position.pool_id).pool
            bounds = range_bounds_at_ticks(pool, position.tick_lower, position.tick_upper)
            shown = " – ".join(f"{bound:.6g}" for bound in bounds)
            yield (
                holdings.block.chain_id,
                f"{pool.base.symbol}/{pool.quote.symbol}",
                shown,
                f"position {position.token_id}" + (", staked" if position.staked_in else ""),
            )


def _name(pool: Pool) -> str:
    return f"{pool.dex} {pool.base.symbol}/{pool.quote.symbol} on {pool.chain_id}"


def _moment(ts_ms: int) -> str:
    return datetime.fromtimestamp(ts_ms / 1000, tz=UTC).isoformat()
