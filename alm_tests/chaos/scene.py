"""A pair on one local chain with real Uniswap V3 contracts, and plans that move all of its capital."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import requests

from alm_core.execution.saga import PlanExecutor
from alm_core.math.orientation import price_at_sqrt_price_x96, sqrt_price_x96_from_price, ticks_for_range
from alm_core.model.config import LimitsConfig
from alm_core.model.decisions import AllocationPlan, Decision, DecisionKind, PositionClose, Target
from alm_core.model.epochs import Epoch
from alm_core.model.market import MarketSnapshot
from alm_core.model.pools import Pool
from alm_core.model.signals import PriceRange
from alm_core.model.transactions import Intent
from alm_core.portfolio.valuation import nav_usd
from alm_localnet import Localnet
from alm_localnet.deploy import TRADER
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
        self.reader = SnapshotReader(registry, self.chains, adapters(), markets)

    def close(self) -> None:
        """Close every connection: a forked child must not inherit any."""
        self.journal.close()
        self._http.close()
        for chain in self.chains.values():
            chain.close()

    def executor(self, wrap: object = lambda port: port) -> PlanExecutor:
        return PlanExecutor(
            chains={chain_id: wrap(chain) for chain_id, chain in self.chains.items()},
            adapters=adapters(),
            swaps=wrap(self.swaps),
            signer=wrap(self.signer),
            journal=wrap(self.journal),
            limits=LIMITS,
            allow_list=self.allow_list,
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
        wanted = PriceRange(
            lower=centre * (1 - half_width),
            upper=centre * (1 + half_width),
            base=price,
            breadth_frac=half_width,
            confidence=1.0,
            trend_bias=0.0,
            kind="neutral",
        )
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
        trade = Trade(pool=pool.address, zero_for_one=falls, amount_in=0, lowest_x96=wanted - 1, highest_x96=wanted + 1)
        chain.rpc.transact(chain.operator, TRADER, trades_calldata([trade]))

    def price_in(self, pool: Pool) -> float:
        """Price of a pool now."""
        state = self.snapshot(self.localnet.now).pool_state(pool.pool_id)
        return price_at_sqrt_price_x96(pool, state.sqrt_price_x96)

    def hold(self, snapshot: MarketSnapshot) -> AllocationPlan:
        return self.plan_of(snapshot, DecisionKind.HOLD, (), ())

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
        )
