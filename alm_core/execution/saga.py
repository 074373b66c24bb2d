"""Carries a plan out on every chain it touches, and reports what happened. All correctness rests on the journal."""

from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from alm_core.execution.allow_list import AllowList
from alm_core.execution.chain_saga import ChainSaga
from alm_core.execution.chain_state import ChainView
from alm_core.execution.engine import TransactionEngine
from alm_core.execution.guard import ChainGuard
from alm_core.execution.intents import SENT, in_nonce_order, plan_hash
from alm_core.execution.leading import LedGuard
from alm_core.execution.reconcile import reconcile
from alm_core.execution.runner import StepRunner
from alm_core.execution.stage import Stage
from alm_core.execution.transfers import TransferDesk, pair_tokens
from alm_core.execution.watch import EpochWatch
from alm_core.model.books import Journal
from alm_core.model.chain_ports import ChainClient
from alm_core.model.config import LimitsConfig
from alm_core.model.decisions import AllocationPlan, DecisionKind
from alm_core.model.dex_ports import DexAdapter, Grant
from alm_core.model.epochs import EPOCH_LENGTH, Epoch
from alm_core.model.errors import AlmError
from alm_core.model.market import MarketSnapshot
from alm_core.model.ports import BridgeSource, Leadership, LedByAnother, Signer, SwapSource
from alm_core.model.rewards import StakingProgramme
from alm_core.model.transactions import (
    ExecutedTransaction,
    ExecutionReport,
    Intent,
    IntentState,
    ReconcileReport,
)
from alm_core.portfolio.limits import LimitsEngine, check_plan


@dataclass(slots=True)
class _ChainResult:
    report: ReconcileReport
    resolved: tuple[Intent, ...] = ()
    halted: str | None = None


Work = Callable[[Stage, Sequence[Grant]], None]
"""Does what a plan wants on one chain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Errand:
    plan: AllocationPlan
    snapshot: MarketSnapshot
    digest: str
    refusal: str | None
    refusals: Mapping[int, str]
    work: Work


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """A chain that may be worked on: its intents are at their end, or why they are not."""

    view: ChainView
    guard: ChainGuard
    engine: TransactionEngine
    unresolved: str | None


class PlanExecutor:
    """Executes plans of one wallet.

    Parameters
    ----------
    chains
        Chain clients by chain id.
    adapters
        DEX adapters by family.
    swaps
        Same-chain swaps.
    signer
        Signs for the wallet of the pair; its address is the wallet.
    journal
        Durable record; the only state between runs.
    limits
        Bounds of the choke point.
    allow_list
        Contracts, selectors and spenders the limits engine lets through. The signer has its own copy.
    programmes
        What holds positions for the wallet, in pools that name it.
    leadership
        Asked before anything is begun with a wallet on a chain; ``None`` where only one process can exist.
    bridges
        Transfers to other chains; without them nothing is sent, and what was sent is looked for on the chains alone.
    """

    def __init__(
        self,
        *,
        chains: Mapping[int, ChainClient],
        adapters: Mapping[str, DexAdapter],
        swaps: SwapSource,
        signer: Signer,
        journal: Journal,
        limits: LimitsConfig,
        allow_list: AllowList,
        programmes: Sequence[StakingProgramme] = (),
        leadership: Leadership | None = None,
        bridges: BridgeSource | None = None,
    ) -> None:
        self._chains = chains
        self._adapters = adapters
        self._swaps = swaps
        self._signer = signer
        self._journal = journal
        self._limits = limits
        self._allow_list = allow_list
        self._programmes = tuple(programmes)
        self._leadership = leadership
        self._bridges = bridges

    def execute(self, plan: AllocationPlan, snapshot: MarketSnapshot) -> ExecutionReport:
        """Reconcile every chain of the snapshot, then carry the plan out where the books are green.

        Running it again with the same plan and snapshot resumes: finished steps are found by key and skipped.

        Returns
        -------
        ExecutionReport
            ``halted`` names every chain that stopped early and why; other chains have gone on.
        """
        broken = "; ".join(str(violation) for violation in check_plan(plan, snapshot, self._limits))
        verdict = EpochWatch(self._journal, self._limits, self._signer.address).begin(plan, snapshot)
        refusal = f"plan refused: {broken}" if broken else verdict.refusal
        return self.carry_out(plan, snapshot, self._move, refusal, verdict.by_chain)

    def carry_out(
        self,
        plan: AllocationPlan,
        snapshot: MarketSnapshot,
        work: Work,
        refusal: str | None = None,
        refusals: Mapping[int, str] | None = None,
    ) -> ExecutionReport:
        """Reconcile every chain of the snapshot, then do the work of a plan where the books are green.

        First, on all chains, open intents are brought to their end: what arrives on one chain was sent on another.
        Then, chain by chain, transfers are followed and the books proven, in this order: what has arrived would be a
        deposit otherwise.

        Parameters
        ----------
        plan
            By whose epoch and hash steps are found again; HOLD does nothing.
        snapshot
            What was seen.
        work
            Called for each chain with its stage, and with rights of which something may be left.
        refusal, refusals
            Why no work is done, only reconciliation: on all chains, and by chain.
        """
        digest = plan_hash(plan)
        errand = _Errand(
            plan=plan, snapshot=snapshot, digest=digest, refusal=refusal, refusals=refusals or {}, work=work
        )
        touched = {one.chain_id for one in (*plan.closes, *plan.collects, *plan.opens)}
        touched |= {chain_id for move in plan.moves for chain_id in (move.from_chain, move.to_chain)}
        chain_ids = sorted({state.pool.chain_id for state in snapshot.pools} | touched)
        under_way = {one.intent_key for one in self._journal.read_transfers(snapshot.pair, self._signer.address)}
        results = {chain_id: _ChainResult(report=unread(chain_id, "not read")) for chain_id in chain_ids}
        lines: dict[int, _Line] = {}
        for chain_id, result in results.items():
            with halting(result):
                line = self._prepared(result, chain_id, errand)
                if line is not None:
                    lines[chain_id] = line
        for chain_id, line in lines.items():
            with halting(results[chain_id]):
                self._go_on(results[chain_id], line, errand)
        return self._reported(errand, results, under_way)

    def _reported(
        self, errand: _Errand, results: Mapping[int, _ChainResult], under_way: Collection[str]
    ) -> ExecutionReport:
        halts = [f"chain {chain_id}: {result.halted}" for chain_id, result in results.items() if result.halted]
        own = self._journal.read_plan_intents(errand.digest)
        earlier = [i for result in results.values() for i in result.resolved if i.plan_hash != errand.digest]
        transfers = self._journal.read_transfers(errand.snapshot.pair, self._signer.address, open_only=False)
        return ExecutionReport(
            pair=errand.plan.pair,
            epoch_at=errand.plan.epoch_at,
            plan_hash=errand.digest,
            transactions=tuple(self._executed(intent) for intent in (*earlier, *own)),
            reconciliations=tuple(result.report for result in results.values()),
            halted="; ".join(halts) or None,
            transfers=tuple(one for one in transfers if one.intent_key in under_way or not one.state.terminal),
        )

    def _move(self, stage: Stage, standing: Sequence[Grant]) -> None:
        ChainSaga(stage, self._swaps, self._bridges).run(standing)

    def _prepared(self, result: _ChainResult, chain_id: int, errand: _Errand) -> _Line | None:
        """Take the lead on a chain and bring open intents to their end; nothing where it may not be led."""
        plan, snapshot = errand.plan, errand.snapshot
        if chain_id not in self._chains:
            result.report = unread(chain_id, "no endpoint is configured")
            result.halted = result.report.differences[0]
            return None
        wallet = self._signer.address
        unled = self._leadership.refusal(chain_id, wallet) if self._leadership else None
        # Who does not lead must not fence off who does. Asking what became of bytes that are out needs no lead.
        fence = 0 if unled else self._journal.take_lead(chain_id, wallet)
        pools = [state.pool for state in snapshot.pools if state.pool.chain_id == chain_id]
        view = ChainView(self._chains[chain_id], self._adapters, pools, wallet, self._programmes)
        guard = ChainGuard(
            LimitsEngine(self._limits, self._allow_list), self._journal, plan, snapshot, chain_id, wallet
        )
        engine = TransactionEngine(
            self._journal,
            view.chain,
            self._signer,
            LedGuard(guard, self._leadership) if self._leadership else guard,
            receipt_timeout_s=self._limits.receipt_timeout_s,
            fence=fence,
        )
        if unled:
            led = isinstance(unled, LedByAnother)
            result.halted = unled if led else self._watch(result, engine, chain_id, wallet) or unled
            result.report = unread(chain_id, unled)
            return None
        unresolved = self._resolve(result, engine, chain_id, wallet, errand.digest)
        return _Line(view=view, guard=guard, engine=engine, unresolved=unresolved)

    def _go_on(self, result: _ChainResult, line: _Line, errand: _Errand) -> None:
        """Follow the transfers of a chain, prove its books, and do the work there."""
        plan, snapshot, view = errand.plan, errand.snapshot, line.view
        followed = self._desk(snapshot).follow(snapshot.pair, view.wallet, plan.epoch_at, view.chain.chain_id)
        standing = view.standing_rights(self._spenders(view.chain.chain_id))
        result.report = reconcile(view, self._journal, standing)
        if line.unresolved or not result.report.green:
            result.halted = line.unresolved or "not reconciled: " + "; ".join(result.report.differences)
        elif followed.problems:
            result.halted = "transfers: " + "; ".join(followed.problems)
        elif refused := errand.refusal or errand.refusals.get(view.chain.chain_id):
            result.halted = refused
        elif plan.decision.kind is not DecisionKind.HOLD:
            late = self._too_late(view, plan, errand.digest)
            if late is None:
                runner = StepRunner(view, self._journal, line.engine, plan, errand.digest)
                stage = Stage(runner=runner, guard=line.guard, plan=plan, snapshot=snapshot, limits=self._limits)
                errand.work(stage, standing if result.report.allowances else ())
            elif not self._journal.read_plan_intents(errand.digest):
                result.halted = late

    def _desk(self, snapshot: MarketSnapshot) -> TransferDesk:
        return TransferDesk(
            chains=self._chains,
            journal=self._journal,
            bridges=self._bridges,
            tokens=pair_tokens(state.pool for state in snapshot.pools),
            overdue_s=self._limits.bridge_overdue_s,
        )

    def _too_late(self, view: ChainView, plan: AllocationPlan, digest: str) -> str | None:
        """Say why a plan may not begin any more: its epoch is over, or the epoch was executed by another plan."""
        epoch_id = Epoch(pair=plan.pair, epoch_at=plan.epoch_at).epoch_id
        now = view.chain.read_block().block_at
        if now - plan.epoch_at >= EPOCH_LENGTH:
            return f"epoch {epoch_id} is over: the chain is at {now.isoformat()}"
        others = [i for i in self._journal.read_epoch_intents(epoch_id) if i.plan_hash != digest]
        if any(intent.state is not IntentState.EXPIRED_UNSENT for intent in others):
            return f"epoch {epoch_id} was executed by another plan already"
        return None

    def _resolve(
        self, result: _ChainResult, engine: TransactionEngine, chain_id: int, wallet: str, digest: str
    ) -> str | None:
        """Bring open intents to their end; those of this plan that never left wait for their turn in the saga."""
        resolved: list[Intent] = []
        try:
            resolved.extend(engine.recheck())
            for intent in in_nonce_order(self._journal.read_open_intents(chain_id, wallet)):
                if intent.plan_hash != digest:
                    resolved.append(engine.retire(intent))
                elif intent.state in SENT or intent.state is IntentState.SIGNED:
                    resolved.append(engine.resume(intent))
        except AlmError as error:
            return f"{type(error).__name__}: {error}"
        finally:
            result.resolved = tuple(resolved)
        return None

    def _watch(self, result: _ChainResult, engine: TransactionEngine, chain_id: int, wallet: str) -> str | None:
        """Bring to their end the intents whose bytes may be out, and sign nothing."""
        try:
            rechecked = engine.recheck(leads=False)
            open_intents = in_nonce_order(self._journal.read_open_intents(chain_id, wallet))
            watched = tuple(engine.watch(intent) for intent in open_intents if intent.state in SENT)
            result.resolved = (*rechecked, *watched)
        except AlmError as error:
            return f"{type(error).__name__}: {error}"
        return None

    def _spenders(self, chain_id: int) -> Sequence[str]:
        return sorted(address for chain, address in self._allow_list.spenders if chain == chain_id)

    def _executed(self, intent: Intent) -> ExecutedTransaction:
        receipt = self._journal.read_receipt(intent.key)
        spent = receipt.gas_used * receipt.effective_gas_price_wei + receipt.l1_fee_wei if receipt else 0
        return ExecutedTransaction(
            intent_key=intent.key,
            chain_id=intent.tx.chain_id,
            action=intent.tx.action,
            summary=intent.tx.summary,
            state=intent.state,
            tx_hash=intent.tx_hash,
            gas_used=receipt.gas_used if receipt else 0,
            gas_cost_wei=spent,
            detail=intent.detail,
        )


@contextmanager
def halting(result: _ChainResult) -> Generator[None]:
    """Stop the work on one chain at an error, and say so in its result; other chains go on."""
    try:
        yield
    except AlmError as error:
        result.halted = f"{type(error).__name__}: {error}"
        if not result.report.green and result.report.block_number == 0:
            result.report = unread(result.report.chain_id, result.halted)


def unread(chain_id: int, why: str) -> ReconcileReport:
    """Return the report of a chain whose books were not looked at."""
    return ReconcileReport(chain_id=chain_id, block_number=0, green=False, differences=(why,), adopted=())
