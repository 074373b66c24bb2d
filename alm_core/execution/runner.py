"""Runs single steps of a plan on one chain: found again by key, carried through the engine, skipped when done."""

from collections.abc import Callable

from alm_core.execution.chain_state import ChainView
from alm_core.execution.engine import TransactionEngine, describe
from alm_core.execution.erc20 import approve_data
from alm_core.execution.intents import intent_key, planned_intent
from alm_core.model.books import Journal
from alm_core.model.decisions import AllocationPlan
from alm_core.model.epochs import Epoch
from alm_core.model.errors import TransactionReverted
from alm_core.model.transactions import Action, Intent, IntentState, UnsignedTransaction


class StepRunner:
    """Steps of one plan on one chain, one in flight at a time."""

    def __init__(
        self, view: ChainView, journal: Journal, engine: TransactionEngine, plan: AllocationPlan, digest: str
    ) -> None:
        self.view = view
        self._journal = journal
        self._engine = engine
        self._plan = plan
        self._digest = digest
        self._epoch_id = Epoch(pair=plan.pair, epoch_at=plan.epoch_at).epoch_id

    def find(self, slot: str, step_no: int, action: Action) -> Intent | None:
        """Return the stored intent of a step, whatever became of it."""
        chain_id = self.view.chain.chain_id
        return self._journal.find_intent(intent_key(self._epoch_id, chain_id, slot, action, step_no, self._digest))

    def started_after(self, step_no: int) -> bool:
        """True if any step of this plan on this chain beyond a number was stored before."""
        return any(
            intent.step_no > step_no and intent.tx.chain_id == self.view.chain.chain_id
            for intent in self._journal.read_plan_intents(self._digest)
        )

    def store(self, planned: list[tuple[str, int, UnsignedTransaction]]) -> None:
        """Store several steps at once, so that their amounts stand or fall together."""
        self._journal.add_intents(
            [planned_intent(self._plan, self._digest, slot, step_no, tx) for slot, step_no, tx in planned]
        )

    def run(self, slot: str, step_no: int, action: Action, plan_tx: Callable[[], UnsignedTransaction]) -> Intent:
        """Carry a step to success; planned anew only while nothing of it was reserved or signed.

        Raises
        ------
        TransactionReverted
            If it ended in any other way: nothing is tried again blindly.
        """
        intent = self.find(slot, step_no, action)
        if intent is None:
            planned = planned_intent(self._plan, self._digest, slot, step_no, plan_tx())
            intent = self._journal.add_intents([planned])[0]
        elif intent.state is IntentState.PLANNED:
            intent = self._journal.replan(intent.key, plan_tx())
        if not intent.state.terminal:
            intent = self._engine.run(intent)
            receipt = self._journal.read_receipt(intent.key)
            self.view.saw_block(receipt.block_number if receipt else 0)
        if intent.state is not IntentState.FINAL_OK:
            raise TransactionReverted(f"{describe(intent)} ended {intent.state.value}: {intent.detail}")
        return intent

    def approve(self, slot: str, clear_step: int, approve_step: int, tx: UnsignedTransaction) -> None:
        """Approve exactly; a residual allowance is cleared first, as USDT demands."""
        stored = self.find(slot, approve_step, Action.APPROVE)
        if stored is not None and stored.state is IntentState.FINAL_OK:
            return
        spender = tx.spender or ""
        if self.allowance(tx.to, spender):
            self.run(slot, clear_step, Action.APPROVE_RESET, lambda: self.approval(tx.to, spender, 0))
        self.run(slot, approve_step, Action.APPROVE, lambda: tx)

    def reset(self, slot: str, step_no: int, token: str, spender: str) -> None:
        """Set a leftover allowance to zero; nothing to do where there is none."""
        if self.allowance(token, spender):
            self.run(slot, step_no, Action.APPROVE_RESET, lambda: self.approval(token, spender, 0))

    def approval(self, token: str, spender: str, amount: int) -> UnsignedTransaction:
        """Return an approval of exactly ``amount``; zero is a reset."""
        return UnsignedTransaction(
            chain_id=self.view.chain.chain_id,
            sender=self.view.wallet,
            to=token,
            data=approve_data(spender, amount),
            value_wei=0,
            action=Action.APPROVE if amount else Action.APPROVE_RESET,
            summary=f"approve {amount} of {token} for {spender}" if amount else f"reset {token} for {spender}",
            spender=spender,
        )

    def allowance(self, token: str, spender: str) -> int:
        """Read what a spender may take now."""
        return self.view.read_allowances((spender,), self.view.read_block())[(token, spender)]
