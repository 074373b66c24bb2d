"""Pools of the localnet and the arithmetic of seeding them. Floats are fit here: nothing of it is our capital."""

import math
from dataclasses import dataclass

from alm_localnet.deployments import Deployment
from alm_localnet.dexes import LocalDex, PoolKey, local_dex
from alm_localnet.presets import PairPreset, PoolPreset, TokenPreset
from alm_resources.registry.families import FAMILIES

Q96 = 2**96
MAX_TICK = 887272


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalPool:
    """One deployed pool. ``address`` is its contract's, or its id where one contract holds all pools.

    ``ranges`` are the background positions ``(tick_lower, tick_upper, liquidity)``.
    """

    chain_id: int
    pair: PairPreset
    preset: PoolPreset
    deployment: Deployment
    address: str
    base: TokenPreset
    quote: TokenPreset
    tvl_usd: float
    daily_volume_usd: float
    ranges: tuple[tuple[int, int, int], ...] = ()

    @property
    def dex(self) -> LocalDex:
        """How its DEX works here."""
        return local_dex(self.deployment.dex, self.deployment.family)

    @property
    def key(self) -> PoolKey:
        """What it is made from. Families that have no fee in their key may start with this one."""
        return PoolKey(
            token0=self.token0.address,
            token1=self.token1.address,
            fee_pips=self.preset.fee_pips,
            tick_spacing=None if self.preset.bin_step else self.preset.tick_spacing,
            bin_step=self.preset.bin_step,
        )

    @property
    def fixed_fee_pips(self) -> int | None:
        """Fee in the key of its family, which is known from it; ``None`` where only the contract tells."""
        return self.preset.fee_pips if FAMILIES[self.deployment.family].pool_key in ("fee", "pool_key") else None

    @property
    def shared(self) -> bool:
        """Whether one contract holds it with all other pools of the DEX."""
        return FAMILIES[self.deployment.family].id_bytes != 20

    @property
    def base_is_token0(self) -> bool:
        """Token order follows the addresses."""
        return int(self.base.address, 16) < int(self.quote.address, 16)

    @property
    def token0(self) -> TokenPreset:
        """Token with the lower address."""
        return self.base if self.base_is_token0 else self.quote

    @property
    def token1(self) -> TokenPreset:
        """Token with the higher address."""
        return self.quote if self.base_is_token0 else self.base

    @property
    def fee_frac(self) -> float:
        """Swap fee as a fraction: of its key, or about what it is where it changes."""
        return self.preset.fee_pips / 1e6

    def raw_price(self, price: float) -> float:
        """Raw token1 per raw token0 at a price in quote per base."""
        if self.base_is_token0:
            return price * 10.0 ** (self.quote.decimals - self.base.decimals)
        return 10.0 ** (self.base.decimals - self.quote.decimals) / price

    def price(self, sqrt_price_x96: int) -> float:
        """Price in quote per base of a raw square-root price."""
        return self.price_of_raw((sqrt_price_x96 / Q96) ** 2)

    def price_of_raw(self, raw: float) -> float:
        """Price in quote per base of raw token1 per raw token0."""
        return raw / self.raw_price(1.0) if self.base_is_token0 else self.raw_price(1.0) / raw

    def sqrt_price_x96(self, price: float) -> int:
        """Raw square-root price at a price in quote per base."""
        return int(math.sqrt(self.raw_price(price)) * Q96)

    def liquidity_at(self, price: float) -> int:
        """Background liquidity in range at a price."""
        tick = math.floor(math.log(self.raw_price(price), 1.0001))
        return sum(liquidity for lower, upper, liquidity in self.ranges if lower <= tick < upper)


def seeded_ranges(pool: LocalPool, price: float, quote_usd: float) -> tuple[tuple[int, int, int], ...]:
    """Background positions worth ``pool.tvl_usd`` around a price, with the pair's widths and shares."""
    spacing = pool.preset.tick_spacing
    wanted = pool.preset.ranges or pool.pair.ranges
    ranges = list[tuple[int, int, int]]()
    for half_width, share in wanted:
        bounds = sorted(
            math.log(pool.raw_price(price * edge), 1.0001) for edge in (1 - half_width, 1 / (1 - half_width))
        )
        lower = max(math.floor(bounds[0] / spacing), math.ceil(-MAX_TICK / spacing)) * spacing
        upper = min(math.ceil(bounds[1] / spacing), math.floor(MAX_TICK / spacing)) * spacing
        unit = _value_in_quote(pool, price, lower, upper)
        ranges.append((lower, upper, int(pool.tvl_usd * share / quote_usd / unit)))
    return tuple(ranges)


def amounts_of_liquidity(root: float, lower: int, upper: int) -> tuple[float, float]:
    """Raw token0 and token1 behind one unit of liquidity at a raw square-root price (whitepaper 6.29, 6.30)."""
    root_lower, root_upper = 1.0001 ** (lower / 2), 1.0001 ** (upper / 2)
    root = min(max(root, root_lower), root_upper)
    return 1 / root - 1 / root_upper, root - root_lower


def _value_in_quote(pool: LocalPool, price: float, lower: int, upper: int) -> float:
    """Value of one unit of liquidity in quote tokens."""
    amount0, amount1 = amounts_of_liquidity(math.sqrt(pool.raw_price(price)), lower, upper)
    amount0, amount1 = amount0 / 10.0**pool.token0.decimals, amount1 / 10.0**pool.token1.decimals
    base, quote = (amount0, amount1) if pool.base_is_token0 else (amount1, amount0)
    return base * price + quote
