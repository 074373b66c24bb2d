"""One wallet in one pool: looks at both, and carries plans out on the real path, whatever the endpoint is."""

import math
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Protocol

from alm_core.execution.allow_list import allow_list_for
from alm_core.execution.saga import PlanExecutor
from alm_core.math.orientation import price_at_sqrt_price_x96
from alm_core.model.chain_ports import ChainClient
from alm_core.model.config import LimitsConfig
from alm_core.model.decisions import AllocationPlan
from alm_core.model.dex_ports import DexAdapter
from alm_core.model.epochs import Epoch, floor_to_epoch
from alm_core.model.errors import AlmError, InvalidInput, SourceRejected, SourceUnavailable
from alm_core.model.market import MarketSnapshot, Position
from alm_core.model.pools import Pair, Pool, Token
from alm_core.model.ports import SwapQuote
from alm_core.model.transactions import ExecutionReport
from alm_resources.dex.readers import read_pools
from alm_resources.dex.snapshots import SnapshotReader
from alm_resources.journal import SqlJournal
from alm_resources.registry import Registry
from alm_resources.roundtrip.flows import Flows, read_moved
from alm_resources.roundtrip.options import Options
from alm_resources.roundtrip.plans import Look
from alm_resources.roundtrip.prices import FixedNativePrice, native_usd, quote_usd
from alm_resources.signer import EnvironmentSigner
from alm_resources.signer.vault import KeyVault
from alm_resources.tokens import refusals, uses_in
from alm_resources.tokens.screen import TokenChain

_EPOCH_LEAD = timedelta(minutes=1)
"""A phase that is planned in the last minute of a quarter hour belongs to the next one: it must begin in its own."""
_UNPRICED_NATIVE_USD = 1.0


class TripChain(ChainClient, TokenChain, Protocol):
    """What a round trip needs of a chain; :class:`alm_resources.chains.Web3Chain` has it."""


class PlanHalted(AlmError):
    """The executor stopped before the plan was carried out; what was done is in the journal."""


class PoolWallet:
    """Reads and executes for one pool; every phase is a plan with a name of its own.

    Parameters
    ----------
    registry, pool
        The pool and what is known around it.
    chain
        Client of its chain.
    vault
        Key of the wallet; it signs and cannot be read.
    journal
        Books of the wallet, shared by all pools of a run.
    adapters
        By family.
    options
        Settings.
    """

    def __init__(
        self,
        *,
        registry: Registry,
        pool: Pool,
        chain: TripChain,
        vault: KeyVault,
        journal: SqlJournal,
        adapters: Mapping[str, DexAdapter],
        options: Options,
    ) -> None:
        self.pool = pool
        self.chain = chain
        self.wallet = vault.address
        self._registry = registry
        self._journal = journal
        self._options = options
        self._adapters = adapters
        # Two lists, as everywhere: the choke point and the signer must not trust each other's.
        self._signer = EnvironmentSigner(vault, allow_list_for([pool], {}))
        self._allow_list = allow_list_for([pool], {})
        self._native_usd: float | None = None
        self._name = f"roundtrip {pool.pool_id} {secrets.token_hex(6)}"
        self.phases: list[tuple[str, str]] = []

    def connect(self) -> None:
        """Read the pool for the first time, and find out what gas costs.

        Raises
        ------
        SourceUnavailable
            If the chain does not answer, or the pool is not the one that the registry describes.
        InvalidInput
            If the price of a token is not known.
        SourceRejected
            If gas is real money and its price is not known.
        """
        reading = read_pools([self.pool], {self.pool.chain_id: self.chain}, self._adapters)
        for problem in reading.problems:
            raise SourceUnavailable(problem.source, problem.detail)
        (state,) = reading.states
        quote_usd(self.pool, price_at_sqrt_price_x96(self.pool, state.sqrt_price_x96), self._options.given_usd)
        config = self._registry.chain(self.pool.chain_id)
        self._native_usd = native_usd(self._registry, state, self.chain, self._adapters, self._options.given_usd)
        if self._native_usd is None and self._options.sends_for_real:
            coin = config.native_symbol
            why = f"no pool tells the USD price of {coin}, and gas is real money there: give it, --price {coin}=USD"
            raise SourceRejected(f"gas of chain {self.pool.chain_id}", why)

    def look(self, phase: str) -> Look:
        """Read pool and wallet at one block, for a phase.

        Raises
        ------
        SourceUnavailable
            If anything could not be read.
        """
        config = self._registry.chain(self.pool.chain_id)
        native = self._native_usd if self._native_usd is not None else _UNPRICED_NATIVE_USD
        prices = FixedNativePrice(config.wrapped_native, native)
        name = self._name
        view = replace(
            self._registry,
            pairs=(Pair(pair_id=name, base="", quote="", asset_class="volatile"),),
            pools=MappingProxyType({name: (self.pool,)}),
        )
        reader = SnapshotReader(view, {self.pool.chain_id: self.chain}, self._adapters, prices)
        snapshot = reader.read_snapshot(Epoch(pair=name, epoch_at=self._epoch_at()), self.wallet)
        for problem in snapshot.problems:
            raise SourceUnavailable(problem.source, problem.detail)
        return Look(snapshot=self._priced(snapshot, f"{name} {len(self.phases)} {phase}"))

    def carry_out(self, phase: str, plan: AllocationPlan, look: Look) -> ExecutionReport:
        """Execute a plan.

        Raises
        ------
        PlanHalted
            With the executor's reason, if it was not carried out to its end.
        """
        self.phases.append((phase, Epoch(pair=plan.pair, epoch_at=plan.epoch_at).epoch_id))
        executor = PlanExecutor(
            chains={self.pool.chain_id: self.chain},
            adapters=self._adapters,
            swaps=_NoSwaps(),
            signer=self._signer,
            journal=self._journal,
            limits=self._limits(look),
            allow_list=self._allow_list,
        )
        report = executor.execute(plan, look.snapshot)
        if report.halted is not None:
            raise PlanHalted(report.halted)
        return report

    def keeps_fees(self, look: Look, positions: Sequence[Position]) -> bool:
        """Whether fees stay in the positions: pools of bins whose adapter refuses to collect them apart."""
        try:
            for position in positions:
                self._adapters[self.pool.family].plan_collect(look.state, position, self.wallet)
        except InvalidInput:
            return any(position.shares is not None for position in positions)
        return False

    def flows(self, first_phase: int = 0) -> Flows:
        """Return what was moved since a phase."""
        return Flows(self.pool, read_moved(self._journal, self.phases[first_phase:]))

    def refuse_tokens(self, look: Look) -> None:
        """Refuse tokens that do not keep their word by raising ``SourceRejected``."""
        found = [refusals(self.chain, use, look.state.block) for use in uses_in(self.pool, self.wallet)]
        reasons = [reason for of_token in found for reason in of_token]
        if reasons:
            raise SourceRejected("token refused", "; ".join(reasons))

    def _priced(self, snapshot: MarketSnapshot, name: str) -> MarketSnapshot:
        (state,) = snapshot.pools
        price = price_at_sqrt_price_x96(self.pool, state.sqrt_price_x96)
        return replace(snapshot, pair=name, quote_usd=quote_usd(self.pool, price, self._options.given_usd))

    def _epoch_at(self) -> datetime:
        # A fork that nobody trades on stands still: its head may be as old as its last transaction.
        return floor_to_epoch(max(self.chain.read_block().block_at, datetime.now(UTC)) + _EPOCH_LEAD)

    def _limits(self, look: Look) -> LimitsConfig:
        """The limits given, no swap ever, and deadlines that count from now where the head is older.

        What is moved is a trifle on purpose: its gas is bounded in USD alone.
        """
        limits = self._options.limits
        behind_s = (datetime.now(UTC) - look.state.block.block_at).total_seconds()
        return replace(
            limits,
            min_swap_nav_frac=math.inf,
            max_gas_value_frac=math.inf,
            max_gas_usd=limits.max_gas_usd if self._native_usd is not None else math.inf,
            deadline_s=limits.deadline_s + max(math.ceil(behind_s), 0),
            receipt_timeout_s=self._options.receipt_timeout_s,
        )


class _NoSwaps:
    """Satisfies ``SwapSource``, and never swaps: a round trip uses the two tokens as they are."""

    def quote_swap(self, *, sell: Token, buy: Token, sell_amount: int, owner: str, min_buy_amount: int) -> SwapQuote:
        del owner, min_buy_amount
        raise SourceRejected("swap", f"a round trip swaps nothing, not {sell_amount} {sell.symbol} for {buy.symbol}")
