"""A wallet on one chain on paper: balances and positions in raw units. What leaves one place arrives in another."""

from collections.abc import Mapping
from dataclasses import replace

from alm_core.math.bin_ranges import place_of_bin, ticks_of_places
from alm_core.math.liquidity import amounts_for_liquidity, liquidity_for_amounts
from alm_core.math.tick import sqrt_price_x96_at_tick
from alm_core.model.decisions import Target
from alm_core.model.errors import InvalidInput, PositionChanged
from alm_core.model.market import Holdings, MarketSnapshot, PoolState, Position, TokenBalance
from alm_core.model.pools import Pool
from alm_core.portfolio.valuation import Prices, position_usd

_WORTHLESS = Prices(base_usd=0.0, quote_usd=0.0)


class PaperWallet:
    """What is held on one chain, while a plan is carried out.

    Parameters
    ----------
    held
        What there is at the beginning; it is not changed.
    snapshot
        The market it trades in.
    prices
        USD of the pair's tokens.
    """

    def __init__(self, held: Holdings, snapshot: MarketSnapshot, prices: Prices) -> None:
        self._held = held
        self._snapshot = snapshot
        self._prices = prices
        self._positions = {(one.pool_id, one.token_id): one for one in held.positions}
        self._balances = {entry.address: entry.amount for entry in held.balances}
        self._token_usd = {
            token.address: side_usd / 10**token.decimals
            for pool in self.pools
            for token, side_usd in ((pool.base, prices.base_usd), (pool.quote, prices.quote_usd))
        }

    @property
    def chain_id(self) -> int:
        """Of the chain."""
        return self._held.block.chain_id

    @property
    def pools(self) -> list[Pool]:
        """Pools of the pair on the chain."""
        return [state.pool for state in self._snapshot.pools if state.pool.chain_id == self.chain_id]

    @property
    def idle_usd(self) -> float:
        """Worth of the pair's tokens in the wallet, those of any pool of the chain."""
        return sum(self._balances.get(address, 0) * usd for address, usd in self._token_usd.items())

    @property
    def nav_usd(self) -> float:
        """Worth of everything."""
        placed = sum(position_usd(self.state(one.pool_id).pool, one, self._prices).total for one in self.positions)
        return self.idle_usd + placed

    @property
    def positions(self) -> tuple[Position, ...]:
        """Positions, in order of pool and id."""
        return tuple(one for _, one in sorted(self._positions.items()))

    def usd(self, address: str) -> float:
        """USD per raw unit of a token of the pair."""
        return self._token_usd[address]

    def state(self, pool_id: str) -> PoolState:
        """State of a pool.

        Raises
        ------
        InvalidInput
            If it was not read.
        """
        try:
            return self._snapshot.pool_state(pool_id)
        except KeyError as missing:
            raise InvalidInput(str(missing.args[0])) from missing

    def balance(self, address: str) -> int:
        """Raw balance of a token; none of one that never came."""
        return self._balances.get(address, 0)

    def position(self, pool_id: str, token_id: int) -> Position:
        """Return a position.

        Raises
        ------
        PositionChanged
            If it is not held.
        """
        found = self._positions.get((pool_id, token_id))
        if found is None:
            raise PositionChanged(f"position {token_id} in {pool_id} is gone")
        return found

    def close(self, pool_id: str, token_id: int) -> Position:
        """Turn a position into its tokens and fees, and return what it was."""
        found = self.position(pool_id, token_id)
        del self._positions[pool_id, token_id]
        self._receive(pool_id, found.amount0 + found.fees0, found.amount1 + found.fees1)
        return found

    def collect(self, pool_id: str, token_id: int) -> None:
        """Take the fees of a position that stays."""
        found = self.position(pool_id, token_id)
        self._positions[pool_id, token_id] = replace(found, fees0=0, fees1=0)
        self._receive(pool_id, found.fees0, found.fees1)

    def add(self, address: str, amount: int) -> None:
        """Add to a balance, or take from it.

        Raises
        ------
        InvalidInput
            If it has less.
        """
        left = self._balances.get(address, 0) + amount
        if left < 0:
            raise InvalidInput(f"chain {self.chain_id}: {-amount} of {address} is wanted, {left - amount} is there")
        self._balances[address] = left

    def place(self, target: Target, amount0: int, amount1: int) -> Position:
        """Open a position, or add to one, with at most two amounts; the pool keeps what rounds away, as the contract's.

        Raises
        ------
        InvalidInput
            If they buy no liquidity.
        """
        state = self.state(target.pool_id)
        bounds = sqrt_price_x96_at_tick(target.tick_lower), sqrt_price_x96_at_tick(target.tick_upper)
        liquidity = liquidity_for_amounts(state.sqrt_price_x96, *bounds, amount0, amount1)
        if liquidity == 0:
            raise InvalidInput(
                f"the wallet's share of target {target.pool_id}, {(amount0, amount1)}, buys no liquidity"
            )
        paid0, paid1 = amounts_for_liquidity(state.sqrt_price_x96, *bounds, liquidity, round_up=True)
        self._receive(target.pool_id, -paid0, -paid1)
        held = self.position(target.pool_id, target.token_id) if target.token_id is not None else self._empty(target)
        # With another liquidity its recorded bins are no more what it has.
        placed = marked(replace(held, liquidity=held.liquidity + liquidity, bins=()), state)
        self._positions[placed.pool_id, placed.token_id] = placed
        return placed

    def holdings(self) -> Holdings:
        """Return what is held now."""
        return replace(self._held, balances=balances_of(self._balances), positions=self.positions)

    def _receive(self, pool_id: str, amount0: int, amount1: int) -> None:
        pool = self.state(pool_id).pool
        self.add(pool.token0.address, amount0)
        self.add(pool.token1.address, amount1)

    def _empty(self, target: Target) -> Position:
        return Position(
            pool_id=target.pool_id,
            token_id=max((one.token_id for one in self._positions.values()), default=0) + 1,
            tick_lower=target.tick_lower,
            tick_upper=target.tick_upper,
            liquidity=0,
            amount0=0,
            amount1=0,
            fees0=0,
            fees1=0,
        )


def in_tokens(snapshot: MarketSnapshot) -> tuple[Holdings, ...]:
    """Return our holdings with every position turned into its tokens at the pinned price, at no cost."""
    found: list[Holdings] = []
    for held in snapshot.holdings:
        wallet = PaperWallet(held, snapshot, _WORTHLESS)
        for one in held.positions:
            wallet.close(one.pool_id, one.token_id)
        found.append(wallet.holdings())
    return tuple(found)


def marked(position: Position, state: PoolState, earned: tuple[int, int] = (0, 0)) -> Position:
    """Return a position with the amounts it holds at a pool's price, and with fees added."""
    amount0, amount1 = amounts_for_liquidity(
        state.sqrt_price_x96,
        sqrt_price_x96_at_tick(position.tick_lower),
        sqrt_price_x96_at_tick(position.tick_upper),
        position.liquidity,
        round_up=False,
    )
    return replace(
        position,
        amount0=amount0,
        amount1=amount1,
        fees0=position.fees0 + earned[0],
        fees1=position.fees1 + earned[1],
    )


def as_range(position: Position, state: PoolState) -> Position:
    """Return a recorded position with the liquidity at which :func:`marked` gives it the worth that it has.

    Ticks round the edges of bins, and bins have not all the same liquidity: a range of their mean liquidity is worth
    some basis points more or less. All other positions stay as they are.
    """
    if not position.bins:
        return position
    root = state.sqrt_price_x96
    alike = marked(position, state)
    worth, whole = (one.amount0 * root * root + (one.amount1 << 192) for one in (position, alike))
    return replace(position, liquidity=position.liquidity * worth // whole) if whole else position


def as_ranges(position: Position, state: PoolState) -> tuple[Position, ...]:
    """Return a recorded position in bins as a range for each bin, each of the worth that it has.

    Where two ranges of one pair have become one position, or fees have come to some bins only, one range of their mean
    liquidity holds other amounts of each token. Token ids are below zero: they are of no contract. All other positions
    stay as they are.

    Raises
    ------
    InvalidInput
        If the pool has bins and the state does not say which is active.
    """
    if not position.bins:
        return (position,)
    step, active = state.pool.bin_step, state.active_bin
    if step is None or active is None:
        raise InvalidInput(
            f"pool {state.pool.pool_id}: position {position.token_id} has bins, the pool's are not known"
        )
    ranges: list[Position] = []
    for share in position.bins:
        place = place_of_bin(share.bin_id, token0_is_x=active.token0_is_x)
        lower, upper = ticks_of_places(step, range(place, place + 1))
        alone = replace(
            position,
            token_id=-1 - len(ranges),
            tick_lower=lower,
            tick_upper=upper,
            amount0=share.amount0,
            amount1=share.amount1,
            shares=share.shares,
            bins=(share,),
        )
        ranges.append(as_range(alone, state))
    return tuple(ranges)


def balances_of(amounts: Mapping[str, int]) -> tuple[TokenBalance, ...]:
    """Return raw amounts by token as balances, in order of addresses."""
    return tuple(TokenBalance(address=address, amount=amount) for address, amount in sorted(amounts.items()))
