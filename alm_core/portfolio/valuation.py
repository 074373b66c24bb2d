"""Value of holdings in USD, from balances and positions read on chain. Unknown is refused, never zero."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from alm_core.math.orientation import split_base_quote, to_float
from alm_core.math.tick import Q96
from alm_core.model.errors import InvalidInput
from alm_core.model.market import Holdings, MarketSnapshot, PoolState, Position
from alm_core.model.pools import Pool


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """USD per unit of the pair's tokens."""

    base_usd: float
    quote_usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseQuoteUsd:
    """Value by side of the pair."""

    base: float
    quote: float

    @property
    def total(self) -> float:
        """Both sides together."""
        return self.base + self.quote

    def __add__(self, other: "BaseQuoteUsd") -> "BaseQuoteUsd":
        return BaseQuoteUsd(base=self.base + other.base, quote=self.quote + other.quote)


def prices_usd(snapshot: MarketSnapshot, price: float) -> Prices:
    """Return the USD prices of base and quote at ``price`` quote per base.

    Raises
    ------
    InvalidInput
        If the USD price of the quote token is unknown, or a price is not positive and finite.
    """
    if snapshot.quote_usd is None:
        raise InvalidInput(f"{snapshot.pair} at {snapshot.epoch_at.isoformat()}: no source knows USD per quote token")
    for name, value in (("price", price), ("quote_usd", snapshot.quote_usd)):
        if not (math.isfinite(value) and value > 0):
            raise InvalidInput(f"{snapshot.pair} at {snapshot.epoch_at.isoformat()}: {name} {value} is not positive")
    return Prices(base_usd=price * snapshot.quote_usd, quote_usd=snapshot.quote_usd)


def amounts_usd(pool: Pool, amount0: int, amount1: int, prices: Prices) -> BaseQuoteUsd:
    """Return the value of raw amounts of a pool's tokens, whichever token is the base."""
    base, quote = split_base_quote(pool, amount0, amount1)
    return BaseQuoteUsd(
        base=to_float(pool.base, base) * prices.base_usd, quote=to_float(pool.quote, quote) * prices.quote_usd
    )


def position_usd(pool: Pool, position: Position, prices: Prices) -> BaseQuoteUsd:
    """Return the value of a position: principal and uncollected fees."""
    return amounts_usd(pool, position.amount0 + position.fees0, position.amount1 + position.fees1, prices)


def idle_usd(holdings: Holdings, pools: Sequence[Pool], prices: Prices) -> BaseQuoteUsd:
    """Return the value of the wallet's balances in tokens of the pair; other tokens are not the pair's capital.

    Raises
    ------
    InvalidInput
        If the balance of a token of the pair was not read.
    """
    base_tokens = {pool.base.address: pool.base for pool in pools}
    quote_tokens = {pool.quote.address: pool.quote for pool in pools}
    try:
        base = sum(to_float(token, holdings.balance(address)) for address, token in sorted(base_tokens.items()))
        quote = sum(to_float(token, holdings.balance(address)) for address, token in sorted(quote_tokens.items()))
    except KeyError as missing:
        raise InvalidInput(f"chain {holdings.block.chain_id}: {missing.args[0]}") from missing
    return BaseQuoteUsd(base=base * prices.base_usd, quote=quote * prices.quote_usd)


def chain_nav_usd(snapshot: MarketSnapshot, chain_id: int, price: float, pools: Sequence[Pool]) -> float:
    """Return the value of everything the wallet holds of the pair on one chain; gas money is not part of it.

    Raises
    ------
    InvalidInput
        If a price or balance is unknown, or a position lies in a pool that is not among ``pools``.
    """
    prices = prices_usd(snapshot, price)
    on_chain = {pool.pool_id: pool for pool in pools if pool.chain_id == chain_id}
    total = 0.0
    for holdings in snapshot.holdings:
        if holdings.block.chain_id != chain_id:
            continue
        total += idle_usd(holdings, tuple(on_chain.values()), prices).total
        for position in holdings.positions:
            if position.pool_id not in on_chain:
                raise InvalidInput(f"position {position.token_id} lies in unknown pool {position.pool_id}")
            total += position_usd(on_chain[position.pool_id], position, prices).total
    return total


def transit_usd(snapshot: MarketSnapshot, price: float, pools: Sequence[Pool]) -> dict[int, BaseQuoteUsd]:
    """Return the value of what is on its way between chains, by the chain it goes to.

    Raises
    ------
    InvalidInput
        If a price is unknown, or a token on its way is none of the pair's on the chain it goes to.
    """
    found: dict[int, BaseQuoteUsd] = {}
    for going in snapshot.in_transit:
        prices = prices_usd(snapshot, price)
        there = [pool for pool in pools if pool.chain_id == going.to_chain]
        base = next((one.base for one in there if one.base.address.lower() == going.token.lower()), None)
        quote = next((one.quote for one in there if one.quote.address.lower() == going.token.lower()), None)
        if base is not None:
            value = BaseQuoteUsd(base=to_float(base, going.amount) * prices.base_usd, quote=0.0)
        elif quote is not None:
            value = BaseQuoteUsd(base=0.0, quote=to_float(quote, going.amount) * prices.quote_usd)
        else:
            raise InvalidInput(
                f"{going.token} on its way to chain {going.to_chain} is no token of {snapshot.pair} there"
            )
        found[going.to_chain] = found.get(going.to_chain, BaseQuoteUsd(base=0.0, quote=0.0)) + value
    return found


def nav_usd(snapshot: MarketSnapshot, price: float, pools: Sequence[Pool]) -> float:
    """Return the value of all holdings of the pair over all chains that were read, and of what is on its way.

    Raises
    ------
    InvalidInput
        As :func:`chain_nav_usd` and :func:`transit_usd`.
    """
    chain_ids = sorted({holdings.block.chain_id for holdings in snapshot.holdings})
    on_chains = sum(chain_nav_usd(snapshot, chain_id, price, pools) for chain_id in chain_ids)
    return on_chains + sum(value.total for value in transit_usd(snapshot, price, pools).values())


def full_range_usd(state: PoolState, liquidity: int, prices: Prices) -> float:
    r"""Return what ``liquidity`` over the full range would be worth: :math:`2 L \sqrt P` in USD.

    The yardstick for active liquidity: it makes pools of different tokens, decimals and tick comparable.
    """
    amount0 = liquidity * Q96 // state.sqrt_price_x96
    amount1 = liquidity * state.sqrt_price_x96 // Q96
    return amounts_usd(state.pool, amount0, amount1, prices).total
