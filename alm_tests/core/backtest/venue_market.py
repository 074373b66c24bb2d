"""A small market of two chains for the tests of the venue: two quote tokens on one of them, bins, bridges, rewards."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import numpy as np

from alm_core.backtest.venue import Done, carry_out
from alm_core.math.bin_ranges import edge_at_or_above, edge_at_or_below
from alm_core.math.orientation import sqrt_price_x96_from_price
from alm_core.math.tick import Q128, tick_at_sqrt_price_x96
from alm_core.model.backtest import SimulatedBook, VenueConfig
from alm_core.model.candles import MINUTE_MS, CandleSeries
from alm_core.model.config import LimitsConfig
from alm_core.model.decisions import AllocationPlan, Decision, DecisionKind, Move, PositionClose, Target
from alm_core.model.market import (
    Block,
    BridgeCost,
    ChainState,
    Holdings,
    MarketSnapshot,
    PoolMarket,
    PoolState,
    TokenBalance,
)
from alm_core.model.pools import Pool, Token
from alm_core.portfolio.valuation import Prices
from alm_tests.core.forces.tapes import END_AT

PAIR = "WETH-USDC"
QUARTER = timedelta(minutes=15)
BASE, POLYGON = 8453, 137
WALLET = "0x" + "a1" * 20


def token(chain_id: int, symbol: str, decimals: int) -> Token:
    kind = "stable" if symbol.startswith("USD") else "volatile"
    address = "0xAb" + f"{chain_id:04x}" + symbol.encode().hex().rjust(34, "0")
    return Token(chain_id=chain_id, address=address, symbol=symbol, decimals=decimals, asset_class=kind, issuer="-")


def pool_of(chain_id: int, quote: str, family: str, number: int, *, fee_pips: int, spacing: int) -> Pool:
    base, stable = token(chain_id, "WETH", 18), token(chain_id, quote, 6)
    token0, token1 = sorted((base, stable), key=lambda one: one.address)
    return Pool(
        chain_id=chain_id,
        address=f"0x{number:040x}",
        dex=family,
        family=family,
        factory="0x" + "f" * 40,
        position_manager="0x" + "e" * 40,
        token0=token0,
        token1=token1,
        fee_pips=fee_pips,
        tick_spacing=spacing,
        base_is_token0=token0 == base,
        bin_step=20 if family == "liquidity_book" else None,
    )


NATIVE_USDC = pool_of(POLYGON, "USDC", "uniswap_v3", 1, fee_pips=500, spacing=10)
BRIDGED_USDC = pool_of(POLYGON, "USDC.e", "uniswap_v3", 2, fee_pips=3000, spacing=60)
BINS = pool_of(BASE, "USDC", "liquidity_book", 3, fee_pips=1500, spacing=1)
OTHER = pool_of(BASE, "USDC", "slipstream", 4, fee_pips=400, spacing=100)
POOLS = (NATIVE_USDC, BRIDGED_USDC, BINS, OTHER)


@dataclass(frozen=True, kw_only=True)
class Market:
    """Figures of a moment. ``fees_usd`` is what each pool's liquidity has earned in all, half in each token."""

    price: float = 2000.0
    quote_usd: float = 1.0
    at: datetime = END_AT
    active_usd: float = 5e6
    fees_usd: float = 0.0
    rewards_apr: float | None = None
    rewards_replace_fees: bool = False
    volume_usd: float | None = 1e6
    pools: tuple[Pool, ...] = POOLS
    holdings: tuple[Holdings, ...] = ()
    bridges: bool = True
    base_fee_gwei: float = 1.0
    prices_off: dict[str, float] = field(default_factory=dict[str, float])

    @property
    def prices(self) -> Prices:
        return Prices(base_usd=self.price * self.quote_usd, quote_usd=self.quote_usd)

    def block(self, chain_id: int) -> Block:
        return Block(
            chain_id=chain_id, number=int(self.at.timestamp()) // 2, block_hash="0x" + "1" * 64, block_at=self.at
        )

    def state(self, pool: Pool) -> PoolState:
        root = sqrt_price_x96_from_price(pool, self.price * (1.0 + self.prices_off.get(pool.pool_id, 0.0)))
        # 2 L sqrt(P) in raw quote is the active value.
        in_quote = root / 2**96 if pool.base_is_token0 else 2**96 / root
        liquidity = int(self.active_usd / 2.0 * 1e6 / in_quote)
        base = int(self.fees_usd / 2.0 / 2000.0 * 1e18 * Q128 / liquidity)
        quote = int(self.fees_usd / 2.0 * 1e6 * Q128 / liquidity)
        growths = (base, quote) if pool.base_is_token0 else (quote, base)
        bins = pool.bin_step is not None
        return PoolState(
            pool=pool,
            block=self.block(pool.chain_id),
            sqrt_price_x96=root,
            tick=tick_at_sqrt_price_x96(root),
            liquidity=liquidity,
            fee_pips=pool.fee_pips or 0,
            fee_growth_global0_x128=None if bins else growths[0],
            fee_growth_global1_x128=None if bins else growths[1],
        )

    def snapshot(self) -> MarketSnapshot:
        chains = sorted({pool.chain_id for pool in self.pools})
        return MarketSnapshot(
            pair=PAIR,
            epoch_at=self.at,
            quote_usd=self.quote_usd,
            chains=tuple(
                ChainState(
                    block=self.block(chain),
                    base_fee_wei=int(self.base_fee_gwei * 1e9),
                    priority_fee_wei=0,
                    native_usd=2000.0,
                )
                for chain in chains
            ),
            pools=tuple(self.state(pool) for pool in self.pools),
            markets=tuple(self._figures(pool) for pool in self.pools),
            holdings=self.holdings,
            bridge_costs=tuple(
                BridgeCost(from_chain=a, to_chain=b, cost_frac=0.001, gas_usd=0.3, duration_s=1200.0, source="test")
                for a in chains
                for b in chains
                if a != b and self.bridges
            ),
        )

    def _figures(self, pool: Pool) -> PoolMarket:
        return PoolMarket(
            pool_id=pool.pool_id,
            source="test",
            fetched_at=self.at,
            volume_24h_usd=self.volume_usd,
            tvl_usd=1e6,
            fee_frac=None,
            base_usd=None,
            quote_usd=1.0,
            rewards_apr=self.rewards_apr,
            rewards_replace_fees=self.rewards_replace_fees,
        )


def wallet_on(market: Market, chain_id: int, base: float, quote: float, other_quote: float = 0.0) -> Holdings:
    """Idle tokens; ``other_quote`` of the second quote token, where the chain has one."""
    amounts = {
        token(chain_id, "WETH", 18).address: int(base * 1e18),
        token(chain_id, "USDC", 6).address: int(quote * 1e6),
    }
    if chain_id == POLYGON:
        amounts[token(chain_id, "USDC.e", 6).address] = int(other_quote * 1e6)
    return Holdings(
        block=market.block(chain_id),
        wallet=WALLET,
        native_wei=10**18,
        balances=tuple(TokenBalance(address=at, amount=amount) for at, amount in sorted(amounts.items())),
        positions=(),
    )


def book_of(market: Market, holdings: tuple[Holdings, ...]) -> SimulatedBook:
    return SimulatedBook(
        began_at=market.at,
        as_of_at=market.at,
        base_usd=market.prices.base_usd,
        quote_usd=market.prices.quote_usd,
        holdings=holdings,
        growths=(),
        hodl_base=0.0,
        hodl_quote=0.0,
        nav_start_usd=0.0,
    )


def target(market: Market, pool: Pool, lower: float, upper: float, share: float, token_id: int | None = None) -> Target:
    """Between two ticks relative to the pool's own, brought to what is usable."""
    tick = market.state(pool).tick
    low, high = tick + int(lower * 10_000), tick + int(upper * 10_000)
    if pool.bin_step is not None:
        ticks = edge_at_or_below(pool.bin_step, low), edge_at_or_above(pool.bin_step, high + 1)
    else:
        spacing = pool.tick_spacing
        ticks = low // spacing * spacing, (high // spacing + 1) * spacing
    return Target(
        pool_id=pool.pool_id,
        chain_id=pool.chain_id,
        share_frac=share,
        capital_usd=0.0,
        expected_apr=0.0,
        tick_lower=ticks[0],
        tick_upper=ticks[1],
        token_id=token_id,
    )


def plan_of(
    market: Market,
    *,
    opens: tuple[Target, ...] = (),
    closes: tuple[PositionClose, ...] = (),
    collects: tuple[PositionClose, ...] = (),
    moves: tuple[Move, ...] = (),
    kind: DecisionKind = DecisionKind.PRA,
) -> AllocationPlan:
    return AllocationPlan(
        pair=PAIR,
        epoch_at=market.at,
        policy="test",
        inputs_hash="",
        code_version="",
        config_version="",
        price=market.price,
        nav_usd=None,
        targets=opens,
        decision=Decision(kind=kind, reason="", binding="", current_apr=0.0, optimal_apr=0.0, alternatives=()),
        closes=closes,
        opens=opens,
        collects=collects,
        moves=moves,
    )


def close(holdings: tuple[Holdings, ...], chain_id: int, token_id: int) -> PositionClose:
    held = next(one for one in holdings if one.block.chain_id == chain_id)
    position = next(one for one in held.positions if one.token_id == token_id)
    return PositionClose(pool_id=position.pool_id, chain_id=chain_id, token_id=token_id)


def minutes_between(first: Market, last: Market) -> CandleSeries:
    """Fifteen minutes from one price to the other, evenly."""
    edges = np.geomspace(first.price, last.price, 16)
    start_ms = int(first.at.timestamp() * 1000)
    return CandleSeries(
        ts_ms=start_ms + MINUTE_MS * np.arange(15, dtype=np.int64),
        open=edges[:-1],
        high=np.maximum(edges[:-1], edges[1:]),
        low=np.minimum(edges[:-1], edges[1:]),
        close=edges[1:],
        volume=np.ones(15),
        filled=np.zeros(15, dtype=np.bool_),
    )


def later(market: Market, price: float, fees_usd: float = 1_000.0) -> Market:
    """The market a quarter hour on."""
    return replace(market, at=market.at + QUARTER, price=price, fees_usd=market.fees_usd + fees_usd)


def raw_tokens(holdings: tuple[Holdings, ...]) -> dict[tuple[int, str], int]:
    """Raw units of every token by chain: in the wallet, in positions, as fees."""
    pools = {pool.pool_id: pool for pool in POOLS}
    found: dict[tuple[int, str], int] = {}
    for held in holdings:
        chain = held.block.chain_id
        for entry in held.balances:
            found[chain, entry.address] = found.get((chain, entry.address), 0) + entry.amount
        for one in held.positions:
            pool = pools[one.pool_id]
            for at, amount in ((pool.token0, one.amount0 + one.fees0), (pool.token1, one.amount1 + one.fees1)):
                found[chain, at.address] = found.get((chain, at.address), 0) + amount
    return found


def done_in(
    market: Market,
    holdings: tuple[Holdings, ...],
    limits: LimitsConfig | None = None,
    *,
    opens: tuple[Target, ...] = (),
    closes: tuple[PositionClose, ...] = (),
    collects: tuple[PositionClose, ...] = (),
    moves: tuple[Move, ...] = (),
    kind: DecisionKind = DecisionKind.PRA,
) -> Done:
    plan = plan_of(market, opens=opens, closes=closes, collects=collects, moves=moves, kind=kind)
    world = replace(market.snapshot(), holdings=holdings)
    return carry_out(plan, holdings, (), world, market.prices, VenueConfig(), limits or LimitsConfig())


def placed(
    market: Market, pool: Pool = NATIVE_USDC, share: float = 1.0, lower: float = -0.05, upper: float = 0.05
) -> tuple[Holdings, ...]:
    """A wallet on the pool's chain with everything placed in one range."""
    wallet = wallet_on(market, pool.chain_id, 2.0, 4_000.0)
    done = done_in(market, (wallet,), opens=(target(market, pool, lower, upper, share),))
    assert done.problems == ()
    return done.holdings
