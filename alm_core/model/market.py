"""What was seen of chains and pools at an epoch: one pinned block per chain, every figure with its source."""

from dataclasses import dataclass
from datetime import datetime

from alm_core.model.pools import Pool


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A block that reads are pinned to."""

    chain_id: int
    number: int
    block_hash: str
    block_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainState:
    """A chain at its pinned block: what a transaction costs there."""

    block: Block
    base_fee_wei: int
    priority_fee_wei: int
    native_usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolState:
    """On-chain state of one pool at one block. All integers are raw contract values."""

    pool: Pool
    block: Block
    sqrt_price_x96: int
    tick: int
    liquidity: int
    fee_pips: int
    fee_growth_global0_x128: int
    fee_growth_global1_x128: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolMarket:
    """Figures of one pool from a market data service. ``None`` means unknown, never zero."""

    pool_id: str
    source: str
    fetched_at: datetime
    volume_24h_usd: float | None
    tvl_usd: float | None
    fee_frac: float | None
    base_usd: float | None
    quote_usd: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """A liquidity position of ours, read from the chain.

    ``amount0``/``amount1`` are what burning all liquidity returns at the pinned price (rounded as the contract
    rounds); ``fees0``/``fees1`` what collecting would add to it.
    """

    pool_id: str
    token_id: int
    tick_lower: int
    tick_upper: int
    liquidity: int
    amount0: int
    amount1: int
    fees0: int
    fees1: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenBalance:
    """Raw amount of one token in a wallet."""

    address: str
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdings:
    """Everything a wallet owns on one chain at the pinned block."""

    block: Block
    wallet: str
    native_wei: int
    balances: tuple[TokenBalance, ...]
    positions: tuple[Position, ...]

    def balance(self, address: str) -> int:
        """Raw balance of a token; a token that was not read is a ``KeyError``, not zero."""
        for entry in self.balances:
            if entry.address == address:
                return entry.amount
        raise KeyError(f"balance of {address} was not read on chain {self.block.chain_id}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceProblem:
    """A source that did not answer usably. It makes the epoch HOLD; it is not an empty answer."""

    source: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketSnapshot:
    """All that an epoch knows of chains, pools and its own holdings."""

    pair: str
    epoch_at: datetime
    quote_usd: float | None
    """USD per quote token; ``None`` if no source knows it."""
    chains: tuple[ChainState, ...]
    pools: tuple[PoolState, ...]
    markets: tuple[PoolMarket, ...]
    holdings: tuple[Holdings, ...]
    problems: tuple[SourceProblem, ...] = ()

    def chain(self, chain_id: int) -> ChainState:
        """State of a chain; ``KeyError`` if it was not read."""
        for state in self.chains:
            if state.block.chain_id == chain_id:
                return state
        raise KeyError(f"chain {chain_id} was not read at {self.epoch_at.isoformat()}")

    def pool_state(self, pool_id: str) -> PoolState:
        """State of a pool; ``KeyError`` if it was not read."""
        for state in self.pools:
            if state.pool.pool_id == pool_id:
                return state
        raise KeyError(f"pool {pool_id} was not read at {self.epoch_at.isoformat()}")
