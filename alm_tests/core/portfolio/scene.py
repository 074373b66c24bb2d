"""A small market with our holdings, built from plain figures: two pools of a pair on one chain, either token order."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from alm_core.math.liquidity import amounts_for_liquidity
from alm_core.math.orientation import sqrt_price_x96_from_price, ticks_for_range
from alm_core.math.tick import Q128, sqrt_price_x96_at_tick, tick_at_sqrt_price_x96
from alm_core.model.epochs import Epoch
from alm_core.model.market import (
    Block,
    ChainState,
    Holdings,
    MarketSnapshot,
    PoolMarket,
    PoolState,
    Position,
    TokenBalance,
)
from alm_core.model.pools import Pool, Token
from alm_core.model.signals import Forces, ForceSignals, OptimizedRange, PriceRange, RangeParams
from alm_tests.core.forces.tapes import END_AT

WALLET = "0x00000000000000000000000000000000000000Aa"
PRICE = 2000.0


def token(symbol: str, decimals: int, chain_id: int = 8453) -> Token:
    stable = symbol.startswith("US")
    address = "0x" + symbol.encode().hex().rjust(40, "0")
    return Token(
        chain_id=chain_id,
        address=address,
        symbol=symbol,
        decimals=decimals,
        asset_class="stable" if stable else "volatile",
        issuer="test",
    )


def pool(fee_pips: int = 500, spacing: int = 10, *, base_is_token0: bool = True, chain_id: int = 8453) -> Pool:
    base, quote = token("WETH", 18, chain_id), token("USDC", 6, chain_id)
    return Pool(
        chain_id=chain_id,
        address=f"0x{fee_pips:040d}",
        dex="uni-v3",
        family="uniswap_v3",
        factory="0x" + "f" * 40,
        position_manager="0x" + "e" * 40,
        token0=base if base_is_token0 else quote,
        token1=quote if base_is_token0 else base,
        fee_pips=fee_pips,
        tick_spacing=spacing,
        base_is_token0=base_is_token0,
    )


@dataclass(frozen=True, kw_only=True)
class Scene:
    """Figures of a market; ``fees_usd_day`` are what its pools' active liquidity earned on each past day."""

    price: float = PRICE
    base_is_token0: bool = True
    chain_id: int = 8453
    fees_usd_day: tuple[float, ...] = (20_000.0, 12_000.0)
    active_usd: tuple[float, ...] = (50e6, 30e6)
    idle_base: float = 10.0
    idle_quote: float = 20_000.0
    positions: tuple[tuple[int, int, float, float, float], ...] = ()
    """(token id, pool number, lower, upper, capital in USD)."""
    sigma: float = 0.3
    base_fee_gwei: float = 0.01
    width: float = 0.05

    @property
    def pools(self) -> tuple[Pool, ...]:
        tiers = ((500, 10), (3000, 60), (100, 1), (10_000, 200))[: len(self.active_usd)]
        return tuple(
            pool(fee, spacing, base_is_token0=self.base_is_token0, chain_id=self.chain_id) for fee, spacing in tiers
        )

    def block(self, at: datetime) -> Block:
        return Block(chain_id=self.chain_id, number=int(at.timestamp()) // 2, block_hash="0x" + "1" * 64, block_at=at)

    def state(self, number: int, at: datetime) -> PoolState:
        of = self.pools[number]
        sqrt_price = sqrt_price_x96_from_price(of, self.price)
        # 2 L sqrt(P) in raw quote units equals the active value, so L follows from the raw quote of one unit.
        raw_quote = self.active_usd[number] / 2 * 10**6
        root = sqrt_price / 2**96 if self.base_is_token0 else 2**96 / sqrt_price
        liquidity = int(raw_quote / root)
        days = (at - END_AT) / timedelta(days=1) + 30
        grown = int(self.fees_usd_day[number] * days * 10**6 * Q128 / liquidity) % 2**256
        return PoolState(
            pool=of,
            block=self.block(at),
            sqrt_price_x96=sqrt_price,
            tick=tick_at_sqrt_price_x96(sqrt_price),
            liquidity=liquidity,
            fee_pips=of.fee_pips,
            fee_growth_global0_x128=0 if self.base_is_token0 else grown,
            fee_growth_global1_x128=grown if self.base_is_token0 else 0,
        )

    def position(self, token_id: int, number: int, lower: float, upper: float, capital: float) -> Position:
        of, state = self.pools[number], self.state(number, END_AT)
        ticks = ticks_for_range(of, bare_range(lower, upper, self.price))
        bounds = [sqrt_price_x96_at_tick(tick) for tick in ticks]
        unit = 10**15

        def value(liquidity: int) -> tuple[int, int, float]:
            amounts = amounts_for_liquidity(state.sqrt_price_x96, bounds[0], bounds[1], liquidity, round_up=False)
            base, quote = amounts if self.base_is_token0 else amounts[::-1]
            return amounts[0], amounts[1], base / 1e18 * self.price + quote / 1e6

        liquidity = int(unit * capital / value(unit)[2])
        amount0, amount1, _ = value(liquidity)
        return Position(
            pool_id=of.pool_id,
            token_id=token_id,
            tick_lower=ticks[0],
            tick_upper=ticks[1],
            liquidity=liquidity,
            amount0=amount0,
            amount1=amount1,
            fees0=0,
            fees1=0,
        )

    def snapshot(self, at: datetime = END_AT) -> MarketSnapshot:
        of = self.pools[0]
        balances = (
            TokenBalance(address=of.base.address, amount=int(self.idle_base * 10**18)),
            TokenBalance(address=of.quote.address, amount=int(self.idle_quote * 10**6)),
        )
        block = self.block(at)
        return MarketSnapshot(
            pair="WETH-USDC",
            epoch_at=at,
            quote_usd=1.0,
            chains=(
                ChainState(
                    block=block,
                    base_fee_wei=int(self.base_fee_gwei * 1e9),
                    priority_fee_wei=10**6,
                    native_usd=self.price,
                ),
            ),
            pools=tuple(self.state(number, at) for number in range(len(self.pools))),
            markets=(),
            holdings=(
                Holdings(
                    block=block,
                    wallet=WALLET,
                    native_wei=10**18,
                    balances=balances,
                    positions=tuple(self.position(*held) for held in self.positions),
                ),
            ),
        )

    def history(self, epochs: int = 96) -> tuple[MarketSnapshot, ...]:
        return tuple(self.snapshot(END_AT - timedelta(minutes=15 * back)) for back in range(epochs, 0, -1))

    @property
    def signals(self) -> ForceSignals:
        forces = Forces(volatility=10.0, momentum=50.0, trend=50.0, sigma_annual_frac=self.sigma)
        return ForceSignals(
            pair="WETH-USDC",
            epoch_at=END_AT,
            price=self.price,
            candles_used=43_200,
            composite=forces,
            timeframes={"M15": forces, "H1": forces, "H4": forces},
        )

    @property
    def optimized(self) -> OptimizedRange:
        return OptimizedRange(
            pair="WETH-USDC",
            epoch_at=END_AT,
            success=True,
            reason="",
            params=RangeParams(base_min_frac=0.01, base_max_frac=0.2),
            price_range=bare_range(self.price * (1 - self.width), self.price * (1 + self.width), self.price),
            fitness=0.1,
            baseline_fitness=0.0,
            evaluations=1,
        )


EPOCH = Epoch(pair="WETH-USDC", epoch_at=END_AT)


def bare_range(lower: float, upper: float, base: float) -> PriceRange:
    return PriceRange(
        lower=lower,
        upper=upper,
        base=base,
        breadth_frac=(upper - lower) / base,
        confidence=100.0,
        trend_bias=0.0,
        kind="neutral",
    )


def with_market(snapshot: MarketSnapshot, volumes_usd: tuple[float | None, ...]) -> MarketSnapshot:
    """The snapshot with a data service's volumes."""
    markets = tuple(
        PoolMarket(
            pool_id=state.pool.pool_id,
            source="test",
            fetched_at=snapshot.epoch_at,
            volume_24h_usd=volume,
            tvl_usd=None,
            fee_frac=None,
            base_usd=None,
            quote_usd=1.0,
        )
        for state, volume in zip(snapshot.pools, volumes_usd, strict=True)
    )
    return replace(snapshot, markets=markets)
