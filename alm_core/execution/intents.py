"""Identity and life of an intent: its key, the hash of the plan behind it, and the steps its state may take."""

import hashlib
import math
from collections.abc import Iterable

from alm_core.model.decisions import AllocationPlan
from alm_core.model.epochs import Epoch
from alm_core.model.errors import NotReconciled
from alm_core.model.transactions import Action, Intent, IntentState, UnsignedTransaction
from alm_core.portfolio.canonical import canonical_hash

LEGAL_STEPS: dict[IntentState, frozenset[IntentState]] = {
    IntentState.PLANNED: frozenset({IntentState.RESERVED, IntentState.EXPIRED_UNSENT}),
    IntentState.RESERVED: frozenset({IntentState.SIGNED, IntentState.EXPIRED_UNSENT}),
    IntentState.SIGNED: frozenset({IntentState.BROADCAST, IntentState.EXPIRED_UNSENT}),
    IntentState.BROADCAST: frozenset({IntentState.MINED, IntentState.EXPIRED_UNSENT, IntentState.MANUAL}),
    IntentState.MINED: frozenset(
        {
            IntentState.BROADCAST,
            IntentState.FINAL_OK,
            IntentState.FINAL_REVERTED,
            IntentState.CANCELLED,
            IntentState.MANUAL,
        }
    ),
    IntentState.FINAL_OK: frozenset(),
    IntentState.FINAL_REVERTED: frozenset(),
    IntentState.CANCELLED: frozenset(),
    IntentState.EXPIRED_UNSENT: frozenset(),
    IntentState.MANUAL: frozenset(),
}
"""Every legal step. BROADCAST is recorded before the bytes leave: what is still SIGNED was never sent.

MINED goes back to BROADCAST when its block is gone. BROADCAST ends as EXPIRED_UNSENT only where the very first send
was refused for good, and as MANUAL where somebody else used the nonce.
"""

IN_FLIGHT = frozenset({IntentState.RESERVED, IntentState.SIGNED, IntentState.BROADCAST, IntentState.MINED})
"""States that hold a nonce and are not finished."""

SETTLED = frozenset({IntentState.FINAL_OK, IntentState.FINAL_REVERTED, IntentState.CANCELLED, IntentState.MANUAL})
"""States a receipt can lead to. While its block is not final, ``Journal.unsettle`` alone leads back to BROADCAST."""

SENT = frozenset({IntentState.BROADCAST, IntentState.MINED})
"""States whose bytes may be on chain."""


def predecessors(state: IntentState) -> frozenset[IntentState]:
    """Return the states from which ``state`` may be reached."""
    return frozenset(before for before, after in LEGAL_STEPS.items() if state in after)


def intent_key(epoch_id: str, chain_id: int, pool: str, action: Action, step_no: int, plan_hash: str) -> str:
    """Return the key that makes an economic action unique: SHA-256 over what it is, in hex.

    Examples
    --------
    >>> intent_key("P@E", 1, "1:0xa", Action.OPEN, 3, "h") == intent_key("P@E", 1, "1:0xa", Action.OPEN, 3, "h")
    True
    >>> intent_key("P@E", 1, "1:0xa", Action.OPEN, 3, "h") == intent_key("P@E", 1, "1:0xa", Action.OPEN, 4, "h")
    False
    """
    parts = (epoch_id, str(chain_id), pool, action.value, str(step_no), plan_hash)
    return hashlib.sha256("|".join(parts).encode()).hexdigest()


def plan_hash(plan: AllocationPlan) -> str:
    """Return the SHA-256 of a plan's canonical form, in hex."""
    return canonical_hash(plan)


def planned_intent(plan: AllocationPlan, digest: str, pool: str, step_no: int, tx: UnsignedTransaction) -> Intent:
    """Return the intent of one step of a plan, not yet stored."""
    epoch_id = Epoch(pair=plan.pair, epoch_at=plan.epoch_at).epoch_id
    return Intent(
        key=intent_key(epoch_id, tx.chain_id, pool, tx.action, step_no, digest),
        epoch_id=epoch_id,
        pair=plan.pair,
        plan_hash=digest,
        step_no=step_no,
        tx=tx,
        state=IntentState.PLANNED,
    )


def nonce_of(intent: Intent) -> int:
    """Return the reserved nonce.

    Raises
    ------
    NotReconciled
        If there is none although the state says there is.
    """
    if intent.nonce is None:
        held = intent.state in IN_FLIGHT
        raise NotReconciled(f"{describe(intent)} holds no nonce" + (" although it is in flight" if held else ""))
    return intent.nonce


def describe(intent: Intent) -> str:
    """Return an intent in words, for messages."""
    return f"{intent.tx.action.value} step {intent.step_no} of {intent.epoch_id} on chain {intent.tx.chain_id}"


def in_nonce_order(intents: Iterable[Intent]) -> tuple[Intent, ...]:
    """Return intents as the chain can mine them: lowest nonce first, those without one last, else as they came."""
    return tuple(sorted(intents, key=lambda intent: math.inf if intent.nonce is None else intent.nonce))
