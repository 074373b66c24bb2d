"""Composition root: builds the outside world of one process from its settings, each part when first used."""

import os
import weakref
from functools import cached_property
from typing import TYPE_CHECKING

from alm_core.model.errors import ConfigError
from alm_resources.hidden import hide_in_logs
from alm_resources.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from alm_core.execution.allow_list import AllowList
    from alm_core.execution.books_check import BooksVerdict
    from alm_core.execution.saga import PlanExecutor
    from alm_core.model.chain_ports import ChainClient
    from alm_core.model.dex_ports import DexAdapter
    from alm_core.model.market import InTransit
    from alm_core.model.pools import Pool
    from alm_core.model.ports import BridgeSource, CandleFeed, PoolMarketSource, Signer, SwapSource
    from alm_core.model.rewards import RewardProgramme, StakingProgramme
    from alm_resources.alerts import AppriseAlerts
    from alm_resources.dex.paper import PaperSnapshots
    from alm_resources.dex.snapshots import SnapshotReader
    from alm_resources.dragonfly import HotState
    from alm_resources.history import HistoryStore
    from alm_resources.history.recorded import RecordingExecutor
    from alm_resources.http import CallBudget
    from alm_resources.journal import SqlJournal
    from alm_resources.journal.startup import StartupMemory
    from alm_resources.lifi import LifiClient, LifiCosts
    from alm_resources.lifi.transport import Endpoint
    from alm_resources.limits import InForce
    from alm_resources.registry import Registry
    from alm_resources.startup import StartupChecks
    from alm_resources.startup.reconciliation import Reconciler


class World:
    """Everything outside the core, for one process.

    Parts are built on first use and imported then: a code location that only lists its assets pays nothing.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @cached_property
    def registry(self) -> "Registry":
        from alm_resources.registry import load_registry

        return load_registry(self.settings.registry_overlay)

    @cached_property
    def history(self) -> "HistoryStore":
        from alm_resources.history import HistoryStore

        return HistoryStore(self.settings.history_dir)

    @cached_property
    def hot_state(self) -> "HotState":
        from alm_resources.dragonfly import HotState

        return HotState(self.settings.hot_state_url)

    @cached_property
    def alerts(self) -> "AppriseAlerts":
        from alm_resources.alerts import AppriseAlerts

        return AppriseAlerts(self.settings.alert_urls)

    @cached_property
    def candle_feed(self) -> "CandleFeed":
        from alm_core.candles import ConsensusRules
        from alm_resources.candles import CcxtCandleFeed

        rules = ConsensusRules(min_sources=self.settings.limits.min_price_sources)
        return CcxtCandleFeed(self.registry, rules=rules, budget_of=self._exchange_budget)

    @cached_property
    def pool_markets(self) -> "PoolMarketSource":
        from alm_resources.dexscreener import DexScreenerClient, PoolMarkets
        from alm_resources.geckoterminal import GeckoTerminalClient

        shared = self.hot_state
        first = GeckoTerminalClient.from_registry(
            self.registry, budget=self._gecko_budget(), cooldowns=shared, sightings=shared
        )
        fallback = DexScreenerClient(self.registry.services.dexscreener_url, cooldowns=shared, sightings=shared)
        return PoolMarkets(first, fallback)

    @cached_property
    def chains(self) -> "dict[int, ChainClient]":
        from alm_resources.chains import chains_from

        return chains_from(self.registry)

    @cached_property
    def adapters(self) -> "dict[str, DexAdapter]":
        from alm_resources.dex import adapters

        return adapters(self.settings.allowed_hooks, lambda chain_id, who: self.journal.read_positions(chain_id, who))

    @cached_property
    def programmes(self) -> "tuple[StakingProgramme, ...]":
        """What may hold positions; off for a pool that does not name it."""
        from alm_resources.dex.rewards import staking_programmes

        return tuple(staking_programmes().values())

    @cached_property
    def reward_programmes(self) -> "tuple[RewardProgramme, ...]":
        """All that may owe rewards: what may hold positions, and Merkl where the registry names its service."""
        from alm_resources.dex.rewards import Merkl
        from alm_resources.merkl import MerklClient

        url = self.registry.services.merkl_url
        if url is None:
            return self.programmes
        return (*self.programmes, Merkl(MerklClient(url, cooldowns=self.hot_state), self.registry.distributors))

    @cached_property
    def snapshots(self) -> "SnapshotReader | PaperSnapshots":
        from alm_resources.dex.paper import PaperSnapshots
        from alm_resources.dex.passages import Passages
        from alm_resources.dex.snapshots import SnapshotReader
        from alm_resources.tokens.pools import PoolScreen

        screen = PoolScreen(self.hot_state)
        reader = SnapshotReader(
            self.registry,
            self.chains,
            self.adapters,
            self.pool_markets,
            screen,
            programmes=self.programmes,
            transit=self._in_transit if self.settings.signs else None,
            passages=Passages(self.lifi_costs) if self.settings.strategy.bridging else None,
        )
        return PaperSnapshots(reader, self.settings.paper_capital_usd) if self.settings.mode == "paper" else reader

    @cached_property
    def lifi(self) -> "LifiClient":
        from alm_resources.lifi import LifiClient

        # A secret: it goes from the environment to the header, and is in no settings.
        key = os.environ.get("ALM_LIFI_API_KEY")
        budgets = self._lifi_budgets(keyed=key is not None)
        return LifiClient.from_registry(self.registry, api_key=key, budgets=budgets, cooldowns=self.hot_state)

    @cached_property
    def lifi_costs(self) -> "LifiCosts":
        """Costs by live quotes, for the cost gate."""
        from alm_resources.dragonfly import SharedWindow
        from alm_resources.lifi import LifiCosts
        from alm_resources.lifi.costs import COST_CALLS
        from alm_resources.lifi.transport import QUOTA_WINDOW_S, is_real_host

        window = SharedWindow(self.hot_state, "lifi-costs", calls=COST_CALLS, window_s=QUOTA_WINDOW_S)
        counted = is_real_host(self.registry.services.lifi_url)
        return LifiCosts(self.lifi, self.hot_state, budget=window if counted else None)

    @cached_property
    def swaps(self) -> "SwapSource":
        """Li.Fi; where it has no quote, the routers of our own pools."""
        from alm_resources.swaps import FallbackSwaps, RouterSwaps

        return FallbackSwaps([self.lifi, RouterSwaps.from_registry(self.registry, self.chains)])

    @cached_property
    def bridges(self) -> "BridgeSource":
        return self.lifi

    @cached_property
    def journal(self) -> "SqlJournal":
        from alm_resources.journal import SqlJournal

        return SqlJournal(self.settings.journal_url)

    @cached_property
    def startup_memory(self) -> "StartupMemory":
        """What chains were like when they were last looked at."""
        from alm_resources.journal.startup import StartupMemory

        return StartupMemory(self.journal)

    def startup_checks(self, pair_id: str) -> "StartupChecks":
        """What must be so before anything is begun for a pair; made anew, so that clocks are read anew."""
        from alm_resources.startup import StartupChecks

        return StartupChecks(
            self.registry,
            pair_id,
            self.chains,
            self._allow_list(pair_id),
            self.startup_memory,
            own_clock=self.settings.mode != "demo",  # there time is played
        )

    def reconciler_for(self, pair_id: str, *, full: bool = True) -> "Reconciler":
        """Compares books and chains of a pair's wallet, and with ``full`` looks at all that a start does."""
        from alm_resources.startup.reconciliation import Reconciler

        return Reconciler(
            registry=self.registry,
            pair=pair_id,
            wallet=self.wallet_of(pair_id),
            chains=self.chains,
            adapters=self.adapters,
            programmes=self.programmes,
            journal=self.journal,
            allow_list=self._allow_list(pair_id),
            checks=self.startup_checks(pair_id) if full else None,
        )

    def check_books(self, pair_id: str) -> "tuple[BooksVerdict, ...]":
        """Prove the books of a pair's wallet on every chain, and halt those where they differ; no signer, no books."""
        from alm_core.execution.books_check import check_books

        if not self.settings.signs:
            return ()
        reconciler = self.reconciler_for(pair_id, full=False)
        return check_books(reconciler.views(), self.journal, reconciler.pause)

    def signer_for(self, pair_id: str) -> "Signer":
        """Signer of a pair's wallet, with rules of its own; in the process of ``alm signer`` if settings say so.

        Raises
        ------
        ConfigError
            If this mode does not sign, or there is no keystore.
        """
        from alm_resources.signer import KeystoreSigner, SocketSigner, policy_in_process

        settings = self.settings
        if not settings.signs:
            raise ConfigError(f"mode {settings.mode} never signs; there is no signer for {pair_id}")
        if settings.signer == "socket":
            return SocketSigner(settings.signer_socket, pair_id)
        policy = policy_in_process(self.registry, pair_id, settings)
        return KeystoreSigner(settings.keystore_dir / f"{pair_id}.json", settings.password_file, policy)

    def wallet_of(self, pair_id: str) -> str:
        """Address of a pair's wallet; read from the keystore without decrypting it. Nobody's in paper mode."""
        if self.settings.mode == "paper":
            from alm_resources.dex.paper import paper_wallet

            return paper_wallet(pair_id)
        return self.signer_for(pair_id).address

    def executor_for(self, pair_id: str) -> "PlanExecutor | RecordingExecutor":
        """Executor of a pair: plans, signs and sends; in paper mode it only records what it would do."""
        if not self.settings.signs:
            from alm_resources.history.recorded import RecordingExecutor

            return RecordingExecutor()
        from alm_core.execution.saga import PlanExecutor
        from alm_resources.dragonfly import WalletLeases
        from alm_resources.startup import StartupGate

        leases = WalletLeases(self.hot_state)
        checks = self.startup_checks(pair_id)
        executor = PlanExecutor(
            chains=self.chains,
            adapters=self.adapters,
            swaps=self.swaps,
            signer=self.signer_for(pair_id),
            journal=self.journal,
            limits=self.limits_in_force().limits,
            allow_list=self._allow_list(pair_id),
            programmes=self.programmes,
            bridges=self.bridges,
            leadership=StartupGate(leases, checks, self.chains, self.journal, self.startup_memory),
        )
        # Leads end with the work they were taken for: the next executor need not wait for the end of their leases.
        weakref.finalize(executor, leases.close)
        return executor

    def limits_in_force(self) -> "InForce":
        """Limits that hold now: those of the settings, a looser one only once its delay has passed."""
        from alm_resources.journal.limit_versions import LimitVersions
        from alm_resources.limits import LimitBook

        return LimitBook(LimitVersions(self.journal)).in_force(self.settings.limits)

    def forget_marks(self, pair_id: str, wallet: str) -> None:
        """Let breakers measure a wallet anew from its next epoch on."""
        from alm_resources.limits.marks import forget_marks

        forget_marks(self.journal, pair_id, wallet)

    def _in_transit(
        self, pair_id: str, wallet: str, pools: "Sequence[Pool]", heads: "Mapping[int, int]"
    ) -> "tuple[InTransit, ...]":
        from alm_core.execution.transfers import value_in_transit

        return value_in_transit(self.journal, self.chains, self.bridges, pools, pair_id, wallet, heads)

    def _exchange_budget(self, exchange: str) -> "CallBudget":
        from alm_resources.candles.venues import venue_named
        from alm_resources.dragonfly import SharedBudget

        venue = venue_named(exchange)
        return SharedBudget(self.hot_state, f"exchange:{exchange}", capacity=venue.burst, per_s=venue.calls_per_s)

    def _gecko_budget(self) -> "CallBudget | None":
        from alm_resources.dragonfly import SharedWindow
        from alm_resources.geckoterminal.client import CALLS_PER_WINDOW, WINDOW_S, is_real_host

        if not is_real_host(self.registry.services.geckoterminal_url):
            return None
        return SharedWindow(self.hot_state, "geckoterminal", calls=CALLS_PER_WINDOW, window_s=WINDOW_S)

    def _lifi_budgets(self, *, keyed: bool) -> "dict[Endpoint, CallBudget] | None":
        from alm_resources.dragonfly import SharedWindow
        from alm_resources.lifi.transport import KEYED_CALLS, KEYLESS_CALLS, is_real_host

        if not is_real_host(self.registry.services.lifi_url):
            return None
        return {
            endpoint: SharedWindow(self.hot_state, f"lifi-{endpoint}", calls=calls, window_s=window_s)
            for endpoint, (calls, window_s) in (KEYED_CALLS if keyed else KEYLESS_CALLS).items()
        }

    def _allow_list(self, pair_id: str) -> "AllowList":
        from alm_resources.signer import allow_list_from

        return allow_list_from(self.registry, pair_id)


def build_world(settings: Settings) -> World:
    """Build the world; nothing is opened or imported until a part is used."""
    settings.home.mkdir(parents=True, exist_ok=True)
    hide_in_logs()
    return World(settings)
