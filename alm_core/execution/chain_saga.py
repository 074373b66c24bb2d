"""A plan on one chain: close, collect, swap to the exact ratio, open or add. Each step rests on a fresh read.

What a step decided (how much is approved, swapped, placed) is stored with its approvals before anything is sent, so a
re-run after a crash carries out the same amounts; only the price-dependent rest of a payload that was never signed
(minima, deadline, quote) is made anew from the state of the moment.
"""

from alm_core.execution.net_swap import NetSwap
from alm_core.execution.placing import Placing
from alm_core.execution.stage import Stage
from alm_core.execution.steps import ALLOWANCE_SLOT, StepNumbers
from alm_core.model.decisions import PositionClose
from alm_core.model.ports import SwapSource
from alm_core.model.transactions import Action, ResidualAllowance, UnsignedTransaction


class ChainSaga:
    """One plan's closes, collects, opens and adds on one chain."""

    def __init__(self, stage: Stage, swaps: SwapSource) -> None:
        chain_id, plan = stage.chain_id, stage.plan
        self._stage = stage
        self._runner = stage.runner
        self._closes = tuple(close for close in plan.closes if close.chain_id == chain_id)
        self._collects = tuple(collect for collect in plan.collects if collect.chain_id == chain_id)
        self._targets = tuple(target for target in plan.opens if target.chain_id == chain_id)
        self._steps = StepNumbers(closes=len(self._closes), collects=len(self._collects))
        self._placing = Placing(stage, self._targets, self._steps)
        self._swap = NetSwap(stage, swaps, self._placing, self._steps.swap())

    def run(self, residual: tuple[ResidualAllowance, ...]) -> None:
        """Carry the plan out, or go on where an earlier run of it stopped.

        Parameters
        ----------
        residual
            Allowances found at reconciliation; they are reset unless this very plan is already under way.

        Raises
        ------
        AlmError
            At the first step that fails; what was done stays done and is in the journal.
        """
        if not self._runner.started_after(self._steps.close(0) - 1):
            for left in residual:
                slot = f"{ALLOWANCE_SLOT}:{left.token}:{left.spender}"
                self._runner.reset(slot, self._steps.old_allowance, left.token, left.spender)
        self._refuse_changed()
        for index, close in enumerate(self._closes):
            self._close(close, self._steps.close(index))
        for index, collect in enumerate(self._collects):
            self._collect(collect, self._steps.collect(index))
        if self._targets:
            self._swap.run()
            self._placing.run()

    def _refuse_changed(self) -> None:
        state = self._stage.view.read_wallet()
        for index, close in enumerate(self._closes):
            if self._runner.find(close.pool_id, self._steps.close(index), Action.CLOSE) is None:
                self._stage.position(state, close.pool_id, close.token_id, may_have_grown=True)
        for index, collect in enumerate(self._collects):
            if self._runner.find(collect.pool_id, self._steps.collect(index), Action.COLLECT) is None:
                self._stage.position(state, collect.pool_id, collect.token_id, may_have_grown=True)
        self._placing.refuse_changed(state)

    def _close(self, close: PositionClose, step_no: int) -> None:
        if self._stage.done(close.pool_id, step_no, Action.CLOSE):
            return
        stage = self._stage
        state = stage.fresh(close.pool_id)

        def plan_tx() -> UnsignedTransaction:
            pool = state.pool(close.pool_id)
            position = stage.position(state, close.pool_id, close.token_id, may_have_grown=True)
            adapter = stage.view.adapter(pool.pool)
            return adapter.plan_close(pool, position, stage.interval(pool), stage.view.wallet, stage.deadline_at(pool))

        self._runner.run(close.pool_id, step_no, Action.CLOSE, plan_tx)

    def _collect(self, collect: PositionClose, step_no: int) -> None:
        if self._stage.done(collect.pool_id, step_no, Action.COLLECT):
            return
        stage = self._stage
        state = stage.fresh(collect.pool_id)

        def plan_tx() -> UnsignedTransaction:
            pool = state.pool(collect.pool_id)
            position = stage.position(state, collect.pool_id, collect.token_id, may_have_grown=True)
            return stage.view.adapter(pool.pool).plan_collect(pool, position, stage.view.wallet)

        self._runner.run(collect.pool_id, step_no, Action.COLLECT, plan_tx)
