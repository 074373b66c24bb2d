"""A wallet on two chains that does what wallets do, books it, and knows what each part of its profit must be."""

from dataclasses import dataclass, field, replace
from datetime import timedelta

from alm_core.accounting.pnl import Marked
from alm_core.model.accounts import Movement
from alm_core.model.market import ChainState, Holdings, InTransit, MarketSnapshot, Position, TokenBalance
from alm_core.model.pools import Pool
from alm_core.model.transactions import Action
from alm_tests.core.forces.tapes import END_AT
from alm_tests.core.portfolio.scene import Scene

CHAINS = (8453, 137)
WETH, USDC = 10**18, 10**6
AT_ONCE = ("swap", "gas", "bridge", "rewards")


@dataclass
class Chain:
    """One chain: its pools and what the wallet has there."""

    scene: Scene
    base: int = 5 * WETH
    quote: int = 10_000 * USDC
    native: int = 10**18
    positions: dict[int, Position] = field(default_factory=dict)

    def amounts(self, pool: Pool, base: int, quote: int) -> tuple[int, int]:
        return (base, quote) if pool.base_is_token0 else (quote, base)


@dataclass
class Wallet:
    """Does things and remembers what the epoch's parts are, as amounts: name to [base, quote, native by chain]."""

    price: float = 2_000.0
    quote_usd: float = 1.0
    native_usd: float = 2_000.0
    chains: dict[int, Chain] = field(default_factory=dict)
    movements: list[Movement] = field(default_factory=list)
    transit: list[InTransit] = field(default_factory=list)
    parts: dict[str, list[int]] = field(default_factory=dict)
    epochs: int = 0
    next_id: int = 1
    transactions: int = 0
    began: tuple[float, float, float] = (2_000.0, 1.0, 2_000.0)

    def __post_init__(self) -> None:
        for chain_id in CHAINS:
            self.chains[chain_id] = Chain(Scene(chain_id=chain_id, base_is_token0=chain_id == 137))

    def count(self, part: str, base: int = 0, quote: int = 0, native: int = 0) -> None:
        had = self.parts.setdefault(part, [0, 0, 0])
        self.parts[part] = [had[0] + base, had[1] + quote, had[2] + native]

    def part_usd(self, part: str) -> float:
        """Actions at the prices of the epoch's beginning, what came by itself at those of its end."""
        base, quote, native = self.parts.get(part, (0, 0, 0))
        price, quote_usd, native_usd = self.began if part in AT_ONCE else (self.price, self.quote_usd, self.native_usd)
        return (base / WETH * price + quote / USDC) * quote_usd + native / 1e18 * native_usd

    def book(
        self, chain_id: int, action: Action, kind: str, base: int, quote: int, token_id: int | None = None
    ) -> None:
        chain = self.chains[chain_id]
        pool = chain.scene.pools[0]
        self.transactions += 1
        for token, delta in ((pool.base, base), (pool.quote, quote)):
            if delta:
                self._add(chain_id, token.address.lower(), delta, kind, action, token_id)
        chain.base += base
        chain.quote += quote

    def _add(
        self, chain_id: int, token: str, delta: int, kind: str, action: Action | None, token_id: int | None
    ) -> None:
        number = len(self.movements)
        self.movements.append(
            Movement(
                chain_id=chain_id,
                token=token,
                delta=delta,
                kind=kind,
                tx_hash=f"0x{self.transactions:064x}",
                log_index=number,
                action=action,
                pool_id=self.chains[chain_id].scene.pools[0].pool_id if token_id is not None else None,
                token_id=token_id,
                seq=number,
            )
        )

    def pay_gas(self, chain_id: int, wei: int) -> None:
        self.chains[chain_id].native -= wei
        self.transactions += 1
        self._add(chain_id, "native", -wei, "gas", Action.APPROVE, None)
        self.count("gas", native=wei)

    def swap(self, chain_id: int, base: int, quote: int) -> None:
        self.book(chain_id, Action.SWAP, "transfer", base, quote)
        self.count("swap", -base, -quote)

    def open(self, chain_id: int, base: int, quote: int) -> None:
        chain, pool = self.chains[chain_id], self.chains[chain_id].scene.pools[0]
        amount0, amount1 = chain.amounts(pool, base, quote)
        chain.positions[self.next_id] = Position(
            pool_id=pool.pool_id,
            token_id=self.next_id,
            tick_lower=-10,
            tick_upper=10,
            liquidity=10**12,
            amount0=amount0,
            amount1=amount1,
            fees0=0,
            fees1=0,
        )
        self.book(chain_id, Action.OPEN, "transfer", -base, -quote, self.next_id)
        self.next_id += 1

    def shift(self, chain_id: int, token_id: int, base: int, quote: int) -> None:
        """The price moves: principal changes."""
        chain = self.chains[chain_id]
        position, pool = chain.positions[token_id], chain.scene.pools[0]
        d0, d1 = chain.amounts(pool, base, quote)
        chain.positions[token_id] = replace(position, amount0=position.amount0 + d0, amount1=position.amount1 + d1)
        self.count("lvr", -base, -quote)

    def earn(self, chain_id: int, token_id: int, base: int, quote: int) -> None:
        chain = self.chains[chain_id]
        position, pool = chain.positions[token_id], chain.scene.pools[0]
        d0, d1 = chain.amounts(pool, base, quote)
        chain.positions[token_id] = replace(position, fees0=position.fees0 + d0, fees1=position.fees1 + d1)
        self.count("fees", base, quote)

    def collect(self, chain_id: int, token_id: int) -> None:
        chain = self.chains[chain_id]
        position, pool = chain.positions[token_id], chain.scene.pools[0]
        base, quote = chain.amounts(pool, position.fees0, position.fees1)
        chain.positions[token_id] = replace(position, fees0=0, fees1=0)
        self.book(chain_id, Action.COLLECT, "fees", base, quote, token_id)

    def close(self, chain_id: int, token_id: int) -> None:
        self.collect(chain_id, token_id)
        chain = self.chains[chain_id]
        position = chain.positions.pop(token_id)
        base, quote = chain.amounts(chain.scene.pools[0], position.amount0, position.amount1)
        self.book(chain_id, Action.CLOSE, "transfer", base, quote, token_id)

    def reward(self, chain_id: int, quote: int) -> None:
        self.book(chain_id, Action.CLAIM, "rewards", 0, quote)
        self.count("rewards", quote=quote)

    def deposit(self, chain_id: int, base: int, quote: int, native: int = 0) -> None:
        """From outside; the ledger books it later, so no movement is there yet."""
        chain = self.chains[chain_id]
        chain.base += base
        chain.quote += quote
        chain.native += native
        self.count("flow", base, quote, native)

    def send(self, from_chain: int, to_chain: int, quote: int, lost: int) -> None:
        self.book(from_chain, Action.BRIDGE, "transfer", 0, -quote)
        token = self.chains[to_chain].scene.pools[0].quote.address
        self.transit.append(
            InTransit(
                from_chain=from_chain,
                to_chain=to_chain,
                token=token,
                amount=quote - lost,
                started_at=END_AT + self.epochs * timedelta(minutes=15),
            )
        )
        self.count("bridge", quote=lost)

    def arrive(self, less: int) -> None:
        going = self.transit.pop(0)
        first = len(self.movements)
        self.book(going.to_chain, Action.BRIDGE, "bridge", 0, going.amount - less)
        self.movements[first:] = [replace(one, from_chain=going.from_chain) for one in self.movements[first:]]
        self.count("bridge", quote=less)

    def mark(
        self, price: float | None = None, quote_usd: float | None = None, native_usd: float | None = None
    ) -> Marked:
        """The snapshot of the next epoch; parts and movements begin anew."""
        self.began = (self.price, self.quote_usd, self.native_usd)
        self.price = price or self.price
        self.quote_usd = quote_usd or self.quote_usd
        self.native_usd = native_usd or self.native_usd
        at = END_AT + self.epochs * timedelta(minutes=15)
        self.epochs += 1
        seen = {chain_id: chain.scene.snapshot(at) for chain_id, chain in self.chains.items()}
        (first, *_) = seen.values()
        snapshot = replace(
            first,
            quote_usd=self.quote_usd,
            chains=tuple(self._chain_state(one.chains[0]) for one in seen.values()),
            pools=tuple(state for one in seen.values() for state in one.pools),
            holdings=tuple(self._holdings(chain_id, one) for chain_id, one in seen.items()),
            in_transit=tuple(self.transit),
        )
        return Marked(snapshot=snapshot, price=self.price)

    def _chain_state(self, state: ChainState) -> ChainState:
        return replace(state, native_usd=self.native_usd)

    def _holdings(self, chain_id: int, seen: MarketSnapshot) -> Holdings:
        chain, pool = self.chains[chain_id], self.chains[chain_id].scene.pools[0]
        return replace(
            seen.holdings[0],
            native_wei=chain.native,
            balances=(
                TokenBalance(address=pool.base.address, amount=chain.base),
                TokenBalance(address=pool.quote.address, amount=chain.quote),
            ),
            positions=tuple(chain.positions.values()),
        )

    def begin_epoch(self) -> None:
        self.parts.clear()
        self.movements.clear()
