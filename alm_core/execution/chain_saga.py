"""A plan on one chain: close, collect, send elsewhere, swap to the exact ratio, open or add. Each step reads afresh.

What a gauge or a farm holds is taken back before it is closed, collected from or added to.

What a step decided (how much is approved, swapped, placed) is stored with its approvals before anything is sent, so a
re-run after a crash carries out the same amounts; only the price-dependent rest of a payload that was never signed
(minima, deadline, quote) is made anew from the state of the moment.
"""

from collections.abc import Sequence
from functools import partial

from alm_core.execution.chain_state import WalletState
from alm_core.execution.departures import Departures
from alm_core.execution.net_swap import NetSwap
from alm_core.execution.placing import Placing
from alm_core.execution.stage import NOTHING_IN_FLIGHT, Stage
from alm_core.execution.stakes import Stakes
from alm_core.execution.steps import MOST_ROUNDS, SpendSteps, StepNumbers
from alm_core.model.decisions import PositionClose
from alm_core.model.dex_ports import Grant
from alm_core.model.errors import InvalidInput, PositionChanged, SourceUnavailable
from alm_core.model.ports import BridgeSource, SwapSource
from alm_core.model.transactions import Action, Intent, IntentState, UnsignedTransaction


class ChainSaga:
    """One plan's closes, collects, departures, opens and adds on one chain."""

    def __init__(self, stage: Stage, swaps: SwapSource, bridges: BridgeSource | None = None) -> None:
        chain_id, plan = stage.chain_id, stage.plan
        self._stage = stage
        self._runner = stage.runner
        self._closes = tuple(close for close in plan.closes if close.chain_id == chain_id)
        self._collects = tuple(collect for collect in plan.collects if collect.chain_id == chain_id)
        self._targets = tuple(target for target in plan.opens if target.chain_id == chain_id)
        moves = tuple(move for move in plan.moves if move.from_chain == chain_id)
        self._steps = StepNumbers(closes=len(self._closes), collects=len(self._collects), moves=len(moves))
        self._departures = Departures(stage, bridges, moves, self._steps)
        self._stakes = Stakes(stage)
        self._placing = Placing(stage, self._targets, self._steps)
        self._swap = NetSwap(stage, swaps, self._placing, self._steps.swap())

    def run(self, standing: Sequence[Grant]) -> None:
        """Carry the plan out, or go on where an earlier run of it stopped.

        Parameters
        ----------
        standing
            Rights of which something may be left; it is taken back unless this very plan is already under way.

        Raises
        ------
        AlmError
            At the first step that fails; what was done stays done and is in the journal.
        """
        self._refuse_other_numbers()
        if standing and not self._runner.started_after(self._steps.old_allowance):
            self._runner.clear(standing, self._steps.old_allowance)
        self._refuse_changed()
        for index, close in enumerate(self._closes):
            self._close(close, self._steps.close(index))
        for index, collect in enumerate(self._collects):
            self._collect(collect, index)
        unsent = self._departures.run()
        if self._targets:
            self._swap.run()
            self._placing.run()
        if unsent:
            raise SourceUnavailable("bridge", f"not sent from chain {self._stage.chain_id}: {'; '.join(unsent)}")

    def _refuse_other_numbers(self) -> None:
        """Refuse a plan that was begun with other step numbers: its steps would not be found, and be done twice."""
        placed = len(self._placing.pool_ids)
        for intent in self._runner.begun():
            if not self._steps.places(intent.tx.action, intent.step_no, placed):
                raise InvalidInput(
                    f"plan was begun by another version: {intent.tx.action.value} is step {intent.step_no} there"
                )

    def _refuse_changed(self) -> None:
        state = self._stage.view.read_wallet()
        for index, close in enumerate(self._closes):
            if self._runner.find(close.pool_id, self._steps.close(index).spend(), Action.CLOSE) is None:
                self._stage.position(state, close.pool_id, close.token_id, may_have_grown=True)
        for index, collect in enumerate(self._collects):
            if self._runner.find(collect.pool_id, self._steps.collect(index), Action.COLLECT) is None:
                self._stage.position(state, collect.pool_id, collect.token_id, may_have_grown=True)
        self._placing.refuse_changed(state)

    def _close(self, close: PositionClose, steps: SpendSteps) -> None:
        pool = self._stage.pool(close.pool_id)
        grants = self._stage.view.adapter(pool).removing_grants(pool, self._stage.view.wallet)
        rounds = [self._runner.find(close.pool_id, steps.spend(no), Action.CLOSE) for no in range(MOST_ROUNDS)]
        if not any(_closes_all(intent) for intent in rounds):
            self._stakes.take_back(close.pool_id, close.token_id, steps)
            self._runner.give(close.pool_id, steps, grants)
            try:
                self._close_in_rounds(close, steps)
            except NOTHING_IN_FLIGHT:
                self._runner.take_back(close.pool_id, steps, grants)
                raise
        self._runner.take_back(close.pool_id, steps, grants)

    def _close_in_rounds(self, close: PositionClose, steps: SpendSteps) -> None:
        """Close a position; where that takes several transactions, the later ones are planned on what is left."""
        for number in range(MOST_ROUNDS):
            done = self._runner.find(close.pool_id, steps.spend(number), Action.CLOSE)
            if done is None or done.state is not IntentState.FINAL_OK:
                state = self._stage.fresh(close.pool_id)
                plan_tx = partial(self._plan_close, close, state, begun=number > 0)
                done = self._runner.run(close.pool_id, steps.spend(number), Action.CLOSE, plan_tx)
            if _closes_all(done):
                return
        raise PositionChanged(f"position {close.token_id} in {close.pool_id} is not closed after {MOST_ROUNDS} rounds")

    def _plan_close(self, close: PositionClose, state: WalletState, *, begun: bool) -> UnsignedTransaction:
        stage, pool = self._stage, state.pool(close.pool_id)
        position = stage.position(state, close.pool_id, close.token_id, may_have_grown=True, may_have_shrunk=begun)
        adapter = stage.view.adapter(pool.pool)
        return adapter.plan_close(pool, position, stage.interval(pool), stage.view.wallet, stage.deadline_at(pool))

    def _collect(self, collect: PositionClose, index: int) -> None:
        around, step_no = self._steps.around_collect(index), self._steps.collect(index)
        if not self._stage.done(collect.pool_id, step_no, Action.COLLECT):
            self._stakes.take_back(collect.pool_id, collect.token_id, around)
            self._run_collect(collect, step_no)
        if not any((one.pool_id, one.token_id) == (collect.pool_id, collect.token_id) for one in self._targets):
            self._stakes.stake(collect.pool_id, collect.token_id, around)

    def _run_collect(self, collect: PositionClose, step_no: int) -> None:
        stage = self._stage
        state = stage.fresh(collect.pool_id)

        def plan_tx() -> UnsignedTransaction:
            pool = state.pool(collect.pool_id)
            position = stage.position(state, collect.pool_id, collect.token_id, may_have_grown=True)
            return stage.view.adapter(pool.pool).plan_collect(pool, position, stage.view.wallet)

        self._runner.run(collect.pool_id, step_no, Action.COLLECT, plan_tx)


def _closes_all(intent: Intent | None) -> bool:
    return intent is not None and intent.state is IntentState.FINAL_OK and intent.tx.closes_token_id is not None
