"""What was seen of chains and pools at an epoch: one pinned block per chain, every figure with its source."""

from dataclasses import dataclass
from datetime import datetime

from alm_core.model.pools import Pool


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A block that reads are pinned to.

    A call that answers pools and block in one request cannot know the hash of its own block, only that of its parent;
    ``block_hash`` is then ``None`` until the header was read. Number, time and parent identify the block as well.
    """

    chain_id: int
    number: int
    block_hash: str | None
    block_at: datetime
    parent_hash: str | None = None

    @property
    def known_hash(self) -> str:
        """Hash of a block whose header was read; ``ValueError`` otherwise."""
        if self.block_hash is None:
            raise ValueError(f"chain {self.chain_id}: the header of block {self.number} was not read")
        return self.block_hash


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainState:
    """A chain at its pinned block: what a transaction costs there.

    ``native_usd`` is ``None`` only in snapshots that were read afterwards, at past blocks: no block tells it.
    """

    block: Block
    base_fee_wei: int
    priority_fee_wei: int
    native_usd: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Twap:
    """Time-weighted mean tick over ``window_s`` seconds up to the block, from the pool's own observations."""

    window_s: int
    tick: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveBin:
    """The bin of a Liquidity Book pair in which swaps happen now.

    ``token0_is_x`` says how the pair orders its tokens: ids grow with the price of Y per X. ``reserve0`` and
    ``reserve1`` are the bin's raw amounts; ``most_fee_pips`` is the fee at the highest volatility that the pair counts.
    """

    bin_id: int
    token0_is_x: bool
    reserve0: int
    reserve1: int
    most_fee_pips: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TickGrowth:
    """An initialised tick: liquidity of all ranges that begin or end there, raw, and fee growth on its other side.

    The other side is that which the pool's tick is not on. Growth is per unit of liquidity, times 2^128, modulo 2^256;
    only differences between two readings mean something, and only while the tick stays initialised.
    """

    tick: int
    liquidity_gross: int
    growth0_outside_x128: int
    growth1_outside_x128: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BinReserves:
    """What a bin of a Liquidity Book pair holds, raw amounts with the fees that stayed in it, and its shares in all.

    Within a bin swaps keep the worth of its reserves at its price, but for the fee: growth of that worth per share
    between two readings is what a share earned.
    """

    bin_id: int
    reserve0: int
    reserve1: int
    supply: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BinShare:
    """What a position has of one bin: its shares, and the raw amounts that burning them pays."""

    bin_id: int
    shares: int
    amount0: int
    amount1: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolState:
    """On-chain state of one pool at one block. All integers are raw contract values.

    Every field comes from ``source`` at ``block``; tokens, decimals, spacing and fee were compared with the registry.
    ``twap`` is ``None`` where the pool's observations do not reach back far enough. ``protocol_fee_frac0`` and ``1``
    are the parts of the swap fee on token0 and token1 that do not go to liquidity; fee growth is without them.
    A pool of bins keeps no fee growth: both are ``None``. Its liquidity is what a range of the width and value of its
    ``active_bin`` would have, its price where such a range would hold what the bin does. ``bins`` are those around the
    active one, by id, where fees stay in them; there are none in snapshots recorded before they were read, and in
    Liquidity Book 2.0, where fees lie beside the bins and no call tells what a share has earned. ``ticks`` are the
    initialised ones around the price, ascending, of pools that keep fee growth; only snapshots read them, and those
    recorded before they did have none.
    """

    pool: Pool
    block: Block
    sqrt_price_x96: int
    tick: int
    liquidity: int
    fee_pips: int
    fee_growth_global0_x128: int | None
    fee_growth_global1_x128: int | None
    source: str = "rpc"
    twap: Twap | None = None
    protocol_fee_frac0: float = 0.0
    protocol_fee_frac1: float = 0.0
    active_bin: ActiveBin | None = None
    bins: tuple[BinReserves, ...] = ()
    ticks: tuple[TickGrowth, ...] = ()

    def age_s(self, at: datetime) -> float:
        """Return the age of the state at a moment."""
        return (at - self.block.block_at).total_seconds()


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolMarket:
    """Figures of one pool from a market data service. ``None`` means unknown, never zero.

    ``as_of_at`` is the latest moment the figures can be from: services send no time, but caches tell their age, and
    figures that did not change since an earlier answer are not newer than it. ``native_usd`` is USD per native coin.
    ``rewards_apr`` is what a gauge pays per year, as a fraction of the full-range value of all liquidity in range; it
    is shared by that liquidity as fees are. A pool without rewards has 0, one nobody has asked about ``None``. With
    ``rewards_replace_fees`` positions earn it in place of swap fees, because they are staked there. ``created_at`` is
    when the service first saw the pool.
    """

    pool_id: str
    source: str
    fetched_at: datetime
    volume_24h_usd: float | None
    tvl_usd: float | None
    fee_frac: float | None
    base_usd: float | None
    quote_usd: float | None
    native_usd: float | None = None
    as_of_at: datetime | None = None
    rewards_apr: float | None = None
    rewards_replace_fees: bool = False
    created_at: datetime | None = None

    def age_s(self, at: datetime) -> float:
        """Return the least age of the figures at a moment."""
        return (at - (self.as_of_at or self.fetched_at)).total_seconds()


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """A liquidity position of ours, read from the chain.

    ``amount0``/``amount1`` are what burning all liquidity returns at the pinned price (rounded as the contract
    rounds); ``fees0``/``fees1`` what collecting would add to it. Where fees stay in the bins, they are in the amounts.
    ``shares`` is what the contract counts the position in where that is not liquidity. ``staked_in`` is the gauge that
    holds the position for us, or ``None`` where the wallet itself does. ``bins`` are those of a position in a Liquidity
    Book pair, from low to high id.
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
    shares: int | None = None
    staked_in: str | None = None
    bins: tuple[BinShare, ...] = ()

    @property
    def stake(self) -> int:
        """What only we can lower: shares where the contract counts in them, else liquidity. No swap changes it."""
        return self.liquidity if self.shares is None else self.shares


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
class InTransit:
    """Capital on its way between two chains at an epoch: ``amount`` raw units of ``token`` of ``to_chain``.

    The amount is what the bridge promised; it counts in the NAV and belongs to no chain yet.
    """

    from_chain: int
    to_chain: int
    token: str
    amount: int
    started_at: datetime
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeCost:
    """What moving capital from one chain to another costs, from quotes or from the configured estimate.

    Parameters
    ----------
    cost_frac
        Part of the amount that does not arrive.
    gas_usd
        On the source chain: approval, sending, reset.
    duration_s
        Usual time until it arrives.
    """

    from_chain: int
    to_chain: int
    cost_frac: float
    gas_usd: float
    duration_s: float
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SwapCost:
    """A live quote of a swap between the tokens of the pair on one chain, as far as it costs.

    Parameters
    ----------
    sold_usd
        Value the quote was made for.
    cost_frac
        What the swap loses against the independent price, 0..1: pool and aggregator fees and price impact, no gas.
    source
        Who quoted it.
    """

    chain_id: int
    sold_usd: float
    cost_frac: float
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceProblem:
    """A source that did not answer usably. It makes the epoch HOLD; it is not an empty answer."""

    source: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolRefusal:
    """A pool that capital may leave but not enter, and why: of its tokens, its figures or its price."""

    pool_id: str
    reason: str


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
    swap_costs: tuple[SwapCost, ...] = ()
    """Live quotes, at most one per chain; where there is none a swap costs what the chain's own pools take."""
    refusals: tuple[PoolRefusal, ...] = ()
    """Pools that nothing may be opened in or added to."""
    in_transit: tuple[InTransit, ...] = ()
    bridge_costs: tuple[BridgeCost, ...] = ()
    """By source and destination; capital does not move between chains of which none is told."""

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

    def refusal(self, pool_id: str) -> str | None:
        """Why nothing may be placed in a pool; ``None`` where it may."""
        return next((refused.reason for refused in self.refusals if refused.pool_id == pool_id), None)
