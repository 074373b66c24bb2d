"""Runs single steps of a plan on one chain: found again by key, carried through the engine, skipped when done."""

from collections.abc import Callable, Sequence
from functools import partial

from alm_core.execution.chain_state import ChainView
from alm_core.execution.engine import TransactionEngine, describe
from alm_core.execution.intents import intent_key, planned_intent
from alm_core.execution.steps import ALLOWANCE_SLOT, SpendSteps
from alm_core.model.books import Journal
from alm_core.model.decisions import AllocationPlan
from alm_core.model.dex_ports import Grant
from alm_core.model.epochs import Epoch
from alm_core.model.errors import TransactionReverted
from alm_core.model.transactions import Action, Intent, IntentState, UnsignedTransaction
from alm_core.model.transfers import BridgeTransfer


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
        return any(intent.step_no > step_no for intent in self.begun())

    def begun(self) -> tuple[Intent, ...]:
        """Return every stored step of this plan on this chain."""
        chain_id = self.view.chain.chain_id
        return tuple(
            intent for intent in self._journal.read_plan_intents(self._digest) if intent.tx.chain_id == chain_id
        )

    def opened(self, intent: Intent) -> tuple[int, ...]:
        """Ids of the positions that the transaction of an intent has minted to the wallet."""
        return tuple(sorted(token_id for _, token_id in self._journal.read_opened(intent.key)))

    def store(self, planned: list[tuple[str, int, UnsignedTransaction]]) -> None:
        """Store several steps at once, so that their amounts stand or fall together."""
        self._journal.add_intents(
            [planned_intent(self._plan, self._digest, slot, step_no, tx) for slot, step_no, tx in planned]
        )

    def run(
        self,
        slot: str,
        step_no: int,
        action: Action,
        plan_tx: Callable[[], UnsignedTransaction],
        sent_by: Callable[[Intent], BridgeTransfer] | None = None,
    ) -> Intent:
        """Carry a step to success; planned anew only while nothing of it was signed: quotes and deadlines age.

        What a step sends to another chain (``sent_by``) is stored with its intent, and planned anew along with it.

        Raises
        ------
        TransactionReverted
            If it ended in any other way: nothing is tried again blindly.
        """
        intent = self.find(slot, step_no, action)
        if intent is None:
            planned = planned_intent(self._plan, self._digest, slot, step_no, plan_tx())
            intent = self._add(planned, sent_by)
        elif intent.state in (IntentState.PLANNED, IntentState.RESERVED):
            tx = plan_tx()
            if sent_by is not None:
                self._journal.store_transfer(sent_by(intent))
            intent = self._journal.replan(intent.key, tx)
        if not intent.state.terminal:
            intent = self._engine.run(intent)
            receipt = self._journal.read_receipt(intent.key)
            self.view.saw_block(receipt.block_number if receipt else 0)
        if intent.state is not IntentState.FINAL_OK:
            raise TransactionReverted(f"{describe(intent)} ended {intent.state.value}: {intent.detail}")
        return intent

    def give(self, slot: str, steps: SpendSteps, grants: Sequence[Grant]) -> None:
        """Give rights exactly; what is left of an old one is taken back first, as USDT demands."""
        for index, grant in enumerate(grants):
            stored = self.find(slot, steps.give(index), Action.APPROVE)
            if stored is not None and stored.state is IntentState.FINAL_OK:
                continue
            self._revoke(slot, steps.clear(index), grant)
            self.run(slot, steps.give(index), Action.APPROVE, partial(_payload, grant.give))

    def take_back(self, slot: str, steps: SpendSteps, grants: Sequence[Grant]) -> None:
        """Take back what is left of rights that were given; nothing to do where nothing is left."""
        for index, grant in enumerate(grants):
            if self.find(slot, steps.give(index), Action.APPROVE) is not None:
                self._revoke(slot, steps.take_back(index), grant)

    def clear(self, grants: Sequence[Grant], step_no: int) -> None:
        """Take back rights that stood before the plan began; each has a slot of its own."""
        left = self.view.read_rights(grants, self.view.read_block())
        for grant, amount in zip(grants, left, strict=True):
            if amount:
                self._revoke(f"{ALLOWANCE_SLOT}:{grant.revoke.to}:{grant.revoke.data}", step_no, grant)

    def _add(self, planned: Intent, sent_by: Callable[[Intent], BridgeTransfer] | None) -> Intent:
        if sent_by is None:
            return self._journal.add_intents([planned])[0]
        return self._journal.add_transfer(planned, sent_by(planned))

    def _revoke(self, slot: str, step_no: int, grant: Grant) -> None:
        (left,) = self.view.read_rights((grant,), self.view.read_block())
        if left:
            self.run(slot, step_no, Action.APPROVE_RESET, partial(_payload, grant.revoke))


def _payload(tx: UnsignedTransaction) -> UnsignedTransaction:
    return tx
