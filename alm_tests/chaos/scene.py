"""A pair on one local chain with real Uniswap V3 contracts, and plans that move all of its capital."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import requests

from alm_core.execution.saga import PlanExecutor
from alm_core.execution.transfers import value_in_transit
from alm_core.math.liquidity import amounts_for_liquidity, liquidity_for_amounts
from alm_core.math.orientation import price_at_sqrt_price_x96, sqrt_price_x96_from_price, ticks_for_range
from alm_core.math.tick import sqrt_price_x96_at_tick
from alm_core.model.config import LimitsConfig
from alm_core.model.decisions import AllocationPlan, Decision, DecisionKind, Move, PositionClose, Target
from alm_core.model.epochs import Epoch
from alm_core.model.market import InTransit, MarketSnapshot
from alm_core.model.pools import Pool
from alm_core.model.ports import Leadership
from alm_core.model.rewards import StakingProgramme
from alm_core.model.signals import PriceRange
from alm_core.model.transactions import Intent
from alm_core.portfolio.valuation import amounts_usd, idle_usd, nav_usd, prices_usd
from alm_localnet import Localnet
from alm_localnet.contract_state import TRADE_BATCH
from alm_localnet.traders import Trade, trades_calldata
from alm_resources.chains import chains_from
from alm_resources.dex import adapters
from alm_resources.dex.snapshots import SnapshotReader
from alm_resources.geckoterminal import GeckoTerminalClient
from alm_resources.journal import SqlJournal
from alm_resources.lifi import LifiClient
from alm_resources.registry import load_registry
from alm_resources.signer import KeystoreSigner, allow_list_from

PAIR = "WETH-USDC"
LIMITS = LimitsConfig(receipt_timeout_s=10.0, max_price_deviation_frac=0.03, swap_slippage_frac=0.02)


@dataclass
class Scene:
    """Everything one process needs; build a new one in every process."""

    localnet: Localnet
    journal_file: Path
    pair: str = PAIR
    limits: LimitsConfig = LIMITS
    programmes: tuple[StakingProgramme, ...] = ()
    bridging: bool = False
    """Whether capital may cross, and what is on its way is seen."""

    def __post_init__(self) -> None:
        registry = load_registry(self.localnet.registry_file)
        self.chains = chains_from(registry)
        self.pools = registry.pools_of(self.pair)
        self.journal = SqlJournal(f"sqlite:///{self.journal_file}")
        allow_list = allow_list_from(registry, self.pair)
        self.signer = KeystoreSigner(
            self.localnet.wallets.keystore_dir / f"{self.pair}.json", self.localnet.wallets.password_file, allow_list
        )
        self.wallet = self.signer.address
        self.allow_list = allow_list
        self._http = requests.Session()
        diamonds = {chain_id: chain.lifi_diamond for chain_id, chain in registry.chains.items()}
        self.swaps = LifiClient(registry.services.lifi_url, diamonds, session=self._http)
        networks = {chain_id: chain.gecko_network for chain_id, chain in registry.chains.items()}
        markets = GeckoTerminalClient(registry.services.geckoterminal_url, networks, session=self._http)
        transit = self._in_transit if self.bridging else None
        self.reader = SnapshotReader(
            registry, self.chains, adapters(), markets, programmes=self.programmes, transit=transit
        )

    def close(self) -> None:
        """Close every connection: a forked child must not inherit any."""
        self.journal.close()
        self._http.close()
        for chain in self.chains.values():
            chain.close()

    def _in_transit(
        self, pair_id: str, wallet: str, pools: Sequence[Pool], heads: Mapping[int, int]
    ) -> tuple[InTransit, ...]:
        return value_in_transit(self.journal, self.chains, self.swaps, pools, pair_id, wallet, heads)

    def executor(self, wrap: object = lambda port: port, leadership: Leadership | None = None) -> PlanExecutor:
        return PlanExecutor(
            chains={chain_id: wrap(chain) for chain_id, chain in self.chains.items()},
            adapters=adapters(),
            swaps=wrap(self.swaps),
            signer=wrap(self.signer),
            journal=wrap(self.journal),
            limits=self.limits,
            allow_list=self.allow_list,
            programmes=self.programmes,
            leadership=leadership,
            bridges=wrap(self.swaps) if self.bridging else None,
        )

    def intents(self) -> list[Intent]:
        """All intents the journal ever stored for this pair."""
        with self.journal.reading() as connection:
            keys = connection.exec_driver_sql("SELECT key FROM intents ORDER BY seq").scalars().all()
        return [self.journal.read_intent(key) for key in keys]

    def snapshot(self, epoch_at: datetime) -> MarketSnapshot:
        return self.reader.read_snapshot(Epoch(pair=self.pair, epoch_at=epoch_at), self.wallet)

    def price(self, snapshot: MarketSnapshot) -> float:
        prices = sorted(price_at_sqrt_price_x96(state.pool, state.sqrt_price_x96) for state in snapshot.pools)
        return prices[len(prices) // 2]

    def plan(
        self,
        snapshot: MarketSnapshot,
        *,
        half_width: float = 0.05,
        shift: float = 0.0,
        shares: tuple[float, ...] = (0.6, 0.4),
    ) -> AllocationPlan:
        """Close everything held and put the whole capital into all pools of each chain, around the shifted price."""
        price = self.price(snapshot)
        centre = price * (1 + shift)
        wanted = range_around(centre, half_width)
        opens = []
        for chain_id in sorted({pool.chain_id for pool in self.pools}):
            own = [pool for pool in self.pools if pool.chain_id == chain_id]
            for pool, share in zip(own, shares, strict=False):
                lower, upper = ticks_for_range(pool, wanted)
                opens.append(
                    Target(
                        pool_id=pool.pool_id,
                        chain_id=chain_id,
                        share_frac=share,
                        capital_usd=1.0,
                        expected_apr=0.1,
                        tick_lower=lower,
                        tick_upper=upper,
                    )
                )
        return self.plan_of(snapshot, DecisionKind.PRA, self.closes(snapshot), tuple(opens))

    def move_price(self, pool: Pool, price: float) -> None:
        """A whale trades one pool to a price."""
        (chain,) = [chain for chain in self.localnet.chains if chain.preset.chain_id == pool.chain_id]
        wanted = sqrt_price_x96_from_price(pool, price)
        falls = (price < self.price_in(pool)) == pool.base_is_token0
        local = chain.pool(pool.address)
        trade = Trade(pool=local, zero_for_one=falls, amount_in=0, lowest_x96=wanted - 1, highest_x96=wanted + 1)
        chain.rpc.transact(chain.operator, TRADE_BATCH, trades_calldata([trade]))

    def price_in(self, pool: Pool) -> float:
        """Price of a pool now."""
        state = self.snapshot(self.localnet.now).pool_state(pool.pool_id)
        return price_at_sqrt_price_x96(pool, state.sqrt_price_x96)

    def hold(self, snapshot: MarketSnapshot) -> AllocationPlan:
        return self.plan_of(snapshot, DecisionKind.HOLD, (), ())

    def exit(self, snapshot: MarketSnapshot) -> AllocationPlan:
        """Close everything held and open nothing."""
        return self.plan_of(snapshot, DecisionKind.EXIT, self.closes(snapshot), ())

    def cross(self, snapshot: MarketSnapshot, from_chain: int, to_chain: int, share_frac: float) -> AllocationPlan:
        """Close everything on a chain, send a share of its capital to another, and place half of it anew."""
        closes = tuple(close for close in self.closes(snapshot) if close.chain_id == from_chain)
        opens = tuple(target for target in self.plan(snapshot, shares=(0.5,)).opens if target.chain_id == from_chain)
        capital_usd = nav_usd(snapshot, self.price(snapshot), self.pools) * share_frac / len(self.chains)
        move = Move(from_chain=from_chain, to_chain=to_chain, share_frac=share_frac, capital_usd=capital_usd)
        return replace(self.plan_of(snapshot, DecisionKind.PRA, closes, opens), moves=(move,))

    def compound(self, snapshot: MarketSnapshot, *, collect: bool = True) -> AllocationPlan:
        """Add what lies idle, and the fees of every position if they are collected, to the positions as they stand."""
        prices, pools = prices_usd(snapshot, self.price(snapshot)), {pool.pool_id: pool for pool in self.pools}
        positions = [position for holdings in snapshot.holdings for position in holdings.positions]
        free = sum(idle_usd(holdings, self.pools, prices).total for holdings in snapshot.holdings)
        for position in positions if collect else ():
            free += amounts_usd(pools[position.pool_id], position.fees0, position.fees1, prices).total
        opens = tuple(
            self.target(
                snapshot,
                pools[position.pool_id],
                free / len(positions),
                (position.tick_lower, position.tick_upper),
                position.token_id,
            )
            for position in positions
        )
        return self.plan_of(
            snapshot, DecisionKind.COMPOUND, (), opens, collects=self.closes(snapshot) if collect else ()
        )

    def shift_without_swap(self, snapshot: MarketSnapshot, pool: Pool, half_width: float) -> AllocationPlan:
        """Close everything; a range around the price takes both tokens as they are, a single-sided one the rest."""
        state = snapshot.pool_state(pool.pool_id)
        price = price_at_sqrt_price_x96(pool, state.sqrt_price_x96)
        main = ticks_for_range(pool, range_around(price, half_width))
        prices = prices_usd(snapshot, price)
        (holdings,) = snapshot.holdings
        tokens = (pool.token0.address, pool.token1.address)
        owned0, owned1 = (holdings.balance(token) for token in tokens)
        owned0 += sum(position.amount0 + position.fees0 for position in holdings.positions)
        owned1 += sum(position.amount1 + position.fees1 for position in holdings.positions)
        bounds = [sqrt_price_x96_at_tick(tick) for tick in main]
        liquidity = liquidity_for_amounts(state.sqrt_price_x96, *bounds, owned0, owned1)
        used = amounts_for_liquidity(state.sqrt_price_x96, *bounds, liquidity, round_up=False)
        rest = (owned0 - used[0], owned1 - used[1])
        here = state.tick // pool.tick_spacing
        above, below = (here + 1, here + 41), (here - 40, here)
        single = (
            above
            if amounts_usd(pool, rest[0], 0, prices).total > amounts_usd(pool, 0, rest[1], prices).total
            else below
        )
        opens = (
            self.target(snapshot, pool, amounts_usd(pool, *used, prices).total, main),
            self.target(
                snapshot, pool, amounts_usd(pool, *rest, prices).total, tuple(at * pool.tick_spacing for at in single)
            ),
        )
        return self.plan_of(snapshot, DecisionKind.RS, self.closes(snapshot), opens)

    def target(
        self,
        snapshot: MarketSnapshot,
        pool: Pool,
        capital_usd: float,
        ticks: tuple[int, ...],
        token_id: int | None = None,
    ) -> Target:
        nav = nav_usd(snapshot, self.price(snapshot), self.pools)
        return Target(
            pool_id=pool.pool_id,
            chain_id=pool.chain_id,
            share_frac=capital_usd / nav,
            capital_usd=capital_usd,
            expected_apr=0.1,
            tick_lower=ticks[0],
            tick_upper=ticks[1],
            token_id=token_id,
        )

    def closes(self, snapshot: MarketSnapshot) -> tuple[PositionClose, ...]:
        return tuple(
            PositionClose(pool_id=position.pool_id, chain_id=holdings.block.chain_id, token_id=position.token_id)
            for holdings in snapshot.holdings
            for position in holdings.positions
        )

    def plan_of(
        self,
        snapshot: MarketSnapshot,
        kind: DecisionKind,
        closes: tuple[PositionClose, ...],
        opens: tuple[Target, ...],
        collects: tuple[PositionClose, ...] = (),
    ) -> AllocationPlan:
        price = self.price(snapshot)
        return AllocationPlan(
            pair=self.pair,
            epoch_at=snapshot.epoch_at,
            policy="test",
            inputs_hash="0" * 64,
            code_version="test",
            config_version="test",
            price=price,
            nav_usd=nav_usd(snapshot, price, self.pools),
            targets=opens,
            decision=Decision(
                kind=kind, reason="test", binding="none", current_apr=0.0, optimal_apr=0.1, alternatives=()
            ),
            closes=closes,
            opens=opens,
            collects=collects,
        )


def range_around(price: float, half_width: float) -> PriceRange:
    return PriceRange(
        lower=price * (1 - half_width),
        upper=price * (1 + half_width),
        base=price,
        breadth_frac=half_width,
        confidence=1.0,
        trend_bias=0.0,
        kind="neutral",
    )
