"""What services that watch pools know: chain state, traded volumes, USD prices, and an order of tokens of their own."""

from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from alm_localnet.contracts import calldata
from alm_localnet.deploy import DeployedChain
from alm_localnet.market.world import Market
from alm_localnet.pool_price import price_call, price_from
from alm_localnet.pools import LocalPool
from alm_localnet.presets import ChainPreset, TokenPreset
from alm_localnet.servers.faults import Fault
from alm_localnet.volumes import VolumeBook, Window

WINDOWS = {"m5": 5, "m15": 15, "m30": 30, "h1": 60, "h6": 360, "h24": 1440}
_ORDERS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class GeckoNetwork:
    """One chain with its volumes."""

    chain: DeployedChain
    volumes: VolumeBook

    @property
    def preset(self) -> ChainPreset:
        """Preset of the chain."""
        return self.chain.preset


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolSide:
    """One token of a pool, with its USD price and what the pool holds of it."""

    symbol: str
    token: TokenPreset
    usd: float
    reserve: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolView:
    """A pool as such a service shows it; ``base`` and ``quote`` are the service's choice, not the registry's."""

    pool: LocalPool
    base: PoolSide
    quote: PoolSide
    native_usd: float
    windows: dict[str, Window]
    changes_percent: dict[str, float]

    @property
    def reserve_usd(self) -> float:
        """Value of both reserves."""
        return self.base.reserve * self.base.usd + self.quote.reserve * self.quote.usd

    @property
    def name(self) -> str:
        """``WETH / USDC``."""
        return f"{self.base.symbol} / {self.quote.symbol}"


def shown_pools(
    network: GeckoNetwork, addresses: list[str], market: Market, minute: int, fault: Fault | None
) -> list[PoolView]:
    """Views of the pools among some addresses, those that are not known dropped, as of the start of a minute."""
    network.volumes.read_events()
    wanted = {address.lower() for address in addresses}
    pools = [pool for pool in network.chain.pools if pool.address.lower() in wanted]
    if fault and fault.kind == "frozen" and fault.from_minute is not None:
        minute = fault.from_minute
    states = _states(network, pools)
    return [_view(network, pool, state, market, minute, fault) for pool, state in zip(pools, states, strict=True)]


def _states(network: GeckoNetwork, pools: list[LocalPool]) -> list[tuple[float, float, float]]:
    """Price, base and quote of each pool."""
    answers = network.chain.rpc.call_many([call for pool in pools for call in _reads(pool)])
    states = list[tuple[float, float, float]]()
    for pool in pools:
        price = price_from(pool, answers.pop(0))
        if pool.shared:
            base, quote = network.volumes.shared_amounts(pool, price)
        else:
            base, quote = int(answers.pop(0), 16), int(answers.pop(0), 16)
        states.append((price, base / 10**pool.base.decimals, quote / 10**pool.quote.decimals))
    return states


def _reads(pool: LocalPool) -> list[tuple[str, tuple[Any, ...]]]:
    held = [] if pool.shared else [pool.base.address, pool.quote.address]
    return [_read(*price_call(pool)), *(_read(token, calldata("balanceOf(address)", pool.address)) for token in held)]


def _view(
    network: GeckoNetwork,
    pool: LocalPool,
    state: tuple[float, float, float],
    market: Market,
    minute: int,
    fault: Fault | None,
) -> PoolView:
    price, held_base, held_quote = state
    if fault and fault.kind == "frozen":
        price = market.price(pool.pair.pair_id, minute - 1)
    factor = 1 + fault.offset_bps / 1e4 if fault and fault.kind == "liar" else 1.0
    quote_usd = market.token_usd(pool.pair.quote, minute - 1)
    base = PoolSide(symbol=pool.pair.base, token=pool.base, usd=price * quote_usd * factor, reserve=held_base)
    quote = PoolSide(symbol=pool.pair.quote, token=pool.quote, usd=quote_usd, reserve=held_quote)
    close = market.price(pool.pair.pair_id, minute - 1)
    changes = {
        name: (close / market.price(pool.pair.pair_id, minute - 1 - length) - 1) * 100
        for name, length in WINDOWS.items()
    }
    flipped = _flipped(pool)
    return PoolView(
        pool=pool,
        base=quote if flipped else base,
        quote=base if flipped else quote,
        native_usd=market.native_usd(network.preset, minute - 1),
        windows={name: _window(network, pool, minute, length, flipped) for name, length in WINDOWS.items()},
        changes_percent={name: -change if flipped else change for name, change in changes.items()},
    )


def _window(network: GeckoNetwork, pool: LocalPool, minute: int, length: int, flipped: bool) -> Window:
    window = network.volumes.window(pool.address, minute, length)
    if not flipped:
        return window
    return Window(usd=window.usd, buys=window.sells, sells=window.buys, synthetic_usd=window.synthetic_usd)


def _flipped(pool: LocalPool) -> bool:
    """Whether the service shows a stable pool the other way round: its order is neither ours nor the contract's."""
    seen = sha256(f"{pool.chain_id}/{pool.address.lower()}".encode()).digest()
    return pool.pair.process == "stable" and seen[0] % _ORDERS == 0


def _read(address: str, data: bytes) -> tuple[str, tuple[Any, ...]]:
    return ("eth_call", ({"to": address, "data": "0x" + data.hex()}, "latest"))
