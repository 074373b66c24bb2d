"""What the journal says has been spent, or may still be: caps count from the reservation on, at the worst."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from fractions import Fraction

from alm_core.execution.intents import IN_FLIGHT, intent_key
from alm_core.execution.steps import SWAP_SLOT
from alm_core.model.books import Journal
from alm_core.model.epochs import DAY, HOUR, Epoch
from alm_core.model.transactions import Action, Intent, IntentState, UnsignedTransaction
from alm_core.portfolio.transaction_context import Spent, Usd
from alm_core.portfolio.worth import outflow_usd

COUNTED = IN_FLIGHT | {IntentState.FINAL_OK, IntentState.MANUAL}
"""States whose value is spent or may be. What reverted or was cancelled has moved nothing, and paid its gas."""


class Spending:
    """Sums over a pair's intents of the last 24 h, by one chain and by all.

    Parameters
    ----------
    journal
        Where intents are.
    epoch
        Whose plan is carried out. An intent counts as long as its epoch began within the window before this one: at
        least 24 h from when it was signed, at most a quarter hour more.
    chain_id
        Chain that is asked about.
    token_usd
        USD per raw unit by chain and lower-case token.
    native_usd
        USD per native coin of the chain.
    """

    def __init__(
        self,
        journal: Journal,
        epoch: Epoch,
        chain_id: int,
        token_usd: Mapping[int, Mapping[str, float]],
        native_usd: float | None,
    ) -> None:
        self._journal = journal
        self._epoch = epoch
        self._chain_id = chain_id
        self._token_usd = token_usd
        self._native_usd = native_usd
        self._settled_wei: dict[str, int] = {}

    def intents(self) -> tuple[Intent, ...]:
        """Intents of the pair that are within the window."""
        return self._journal.read_intents_since(self._epoch.pair, self._epoch.epoch_at - DAY)

    def spent(self, intents: Sequence[Intent], besides: Intent | None, pool_ids: Sequence[str]) -> Spent:
        """Return what has been spent by all intents but one, which is about to be signed.

        Parameters
        ----------
        intents
            Of :meth:`intents`.
        besides
            The intent in question, if it is stored.
        pool_ids
            Pools whose reverts are counted.
        """
        others = [intent for intent in intents if besides is None or intent.key != besides.key]
        here = [intent for intent in others if intent.tx.chain_id == self._chain_id]
        return Spent(
            epoch_usd=self._moved([one for one in here if one.epoch_id == self._epoch.epoch_id]),
            day_usd=self._moved(here),
            pair_day_usd=self._moved(others),
            bridged_usd=self._moved([one for one in others if one.tx.action is Action.BRIDGE]),
            gas_usd=self._gas_usd(here),
            reverts=len(reverted(here, self._epoch.epoch_at, pool_ids)),
        )

    def _moved(self, intents: Sequence[Intent]) -> Usd:
        total = Fraction(0)
        for intent in intents:
            if intent.state in COUNTED:
                moved = outflow_usd(intent.tx, self._token_usd.get(intent.tx.chain_id, {}))
                if moved is None:
                    return float("inf")
                total += moved
        return total

    def _gas_usd(self, intents: Sequence[Intent]) -> float:
        wei = sum(self._gas_wei(intent) for intent in intents)
        if not wei:
            return 0.0
        return float("inf") if self._native_usd is None else wei / 1e18 * self._native_usd

    def _gas_wei(self, intent: Intent) -> int:
        if intent.state in (IntentState.PLANNED, IntentState.RESERVED, IntentState.EXPIRED_UNSENT):
            return 0
        if intent.key in self._settled_wei:
            return self._settled_wei[intent.key]
        receipt = self._journal.read_receipt(intent.key)
        if receipt is None:
            return max((attempt.bid.most_wei for attempt in self._journal.read_attempts(intent.key)), default=0)
        # A receipt that a reorganisation takes back is asked for anew by the next process; until then it is no less.
        paid = receipt.gas_used * receipt.effective_gas_price_wei + receipt.l1_fee_wei
        self._settled_wei[intent.key] = paid
        return paid


def own_intent(intents: Sequence[Intent], tx: UnsignedTransaction) -> Intent | None:
    """Return the stored, unfinished intent of a payload, or of the payload whose nonce a self-transfer frees."""
    same = [one for one in intents if one.tx == tx and not one.state.terminal]
    if tx.action is Action.NOOP:
        same = [one for one in intents if one.tx.chain_id == tx.chain_id and one.state in IN_FLIGHT]
    return same[-1] if same else None


def reverted(intents: Sequence[Intent], epoch_at: datetime, pool_ids: Sequence[str]) -> tuple[Intent, ...]:
    """Return what reverted within the hour before an epoch in some pools; swaps belong to every pool of their chain."""
    recent = Epoch(pair=intents[0].pair, epoch_at=epoch_at - HOUR).epoch_id if intents else ""
    slots = (SWAP_SLOT, *pool_ids)
    return tuple(
        intent
        for intent in intents
        if intent.state is IntentState.FINAL_REVERTED and intent.epoch_id >= recent and _is_of(intent, slots)
    )


def rebalances(intents: Sequence[Intent], epoch_at: datetime, digest: str) -> int:
    """Count the plans of the hour before an epoch, other than the given one, that closed positions to place anew."""
    recent = Epoch(pair=intents[0].pair, epoch_at=epoch_at - HOUR).epoch_id if intents else ""
    closing: set[str] = set()
    placing: set[str] = set()
    for intent in intents:
        if intent.epoch_id >= recent and intent.plan_hash != digest and intent.state in COUNTED:
            closing |= {intent.plan_hash} if intent.tx.action is Action.CLOSE else set()
            placing |= {intent.plan_hash} if intent.tx.action in (Action.OPEN, Action.ADD, Action.SWAP) else set()
    return len(closing & placing)


def _is_of(intent: Intent, slots: Sequence[str]) -> bool:
    """Whether an intent was stored in one of some slots: its key is the hash of its slot among others."""
    known = (intent.epoch_id, intent.tx.chain_id)
    return any(
        intent_key(*known, slot, intent.tx.action, intent.step_no, intent.plan_hash) == intent.key for slot in slots
    )
