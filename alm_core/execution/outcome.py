"""What a receipt means: success is decided by status, balance changes and position events, never by status alone."""

from dataclasses import dataclass

from alm_core.accounting.ledger import entries_from_receipt
from alm_core.accounting.postings import stake_postings
from alm_core.execution.erc20 import TRANSFER_TOPIC, address_word, balance_changes
from alm_core.execution.position_logs import collected_from_bins, grown_positions, moved_bins
from alm_core.model.books import LedgerEntry, PositionChange, Posting
from alm_core.model.transactions import (
    Action,
    Intent,
    IntentState,
    Log,
    Receipt,
    SignedTransaction,
    UnsignedTransaction,
)

_ZERO_WORD = "0" * 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Verdict over a mined transaction, with everything that is to be booked."""

    state: IntentState
    detail: str
    entries: tuple[LedgerEntry, ...]
    positions: tuple[PositionChange, ...]
    postings: tuple[Posting, ...] = ()
    """Changes of what positions are counted in."""


def outcome_of(intent: Intent, attempt: SignedTransaction, receipt: Receipt) -> Outcome:
    """Judge the receipt of one attempt of an intent.

    Returns
    -------
    Outcome
        ``FINAL_OK`` with all planned effects; ``FINAL_REVERTED`` where only gas was spent; ``CANCELLED`` for the
        self-transfer that freed the nonce; ``MANUAL`` where the transaction succeeded with other effects than
        planned: they are booked, and a person has to look.
    """
    entries = entries_from_receipt(intent, receipt, payload_sent=not attempt.cancels)
    positions = position_changes(intent, receipt) if receipt.succeeded else ()
    state, detail = _verdict(intent, attempt, receipt, positions)
    postings = stake_postings(intent, receipt)
    return Outcome(state=state, detail=detail, entries=entries, positions=positions, postings=postings)


def position_changes(intent: Intent, receipt: Receipt) -> tuple[PositionChange, ...]:
    """Return positions minted to or burned from the wallet: ERC-721 transfers of the called contract, from or to 0.

    A position in bins is one when bins were minted, and none any more when the plan was to burn the last of them, or to
    collect what was owed when none was left.
    """
    changes: list[PositionChange] = []
    own = address_word(intent.tx.sender)
    for log in receipt.logs:
        words = tuple(topic.removeprefix("0x").lower() for topic in log.topics)
        if len(words) != 4 or words[0] != TRANSFER_TOPIC[2:] or log.address.lower() != intent.tx.to.lower():
            continue
        if (words[1], words[2]) not in ((_ZERO_WORD, own), (own, _ZERO_WORD)):
            continue
        changes.append(
            PositionChange(
                chain_id=intent.tx.chain_id,
                wallet=intent.tx.sender,
                manager=log.address.lower(),
                token_id=int(words[3], 16),
                opened=words[1] == _ZERO_WORD,
                intent_key=intent.key,
            )
        )
    return (*changes, *_bin_changes(intent, receipt))


def _bin_changes(intent: Intent, receipt: Receipt) -> tuple[PositionChange, ...]:
    minted = moved_bins(receipt.logs, intent.tx, minted=True)
    burned = _closing_logs(intent, receipt) if intent.tx.closes_token_id is not None else ()
    return tuple(
        PositionChange(
            chain_id=intent.tx.chain_id,
            wallet=intent.tx.sender,
            manager=batches[0].address.lower(),
            token_id=int(batches[0].address, 16),
            opened=batches is minted,
            intent_key=intent.key,
        )
        for batches in (minted, burned)
        if batches and not (batches is minted and intent.tx.adds_token_id is not None)
    )


def _closing_logs(intent: Intent, receipt: Receipt) -> tuple[Log, ...]:
    return moved_bins(receipt.logs, intent.tx, minted=False) or collected_from_bins(receipt.logs, intent.tx)


def _verdict(
    intent: Intent, attempt: SignedTransaction, receipt: Receipt, positions: tuple[PositionChange, ...]
) -> tuple[IntentState, str]:
    if attempt.cancels or intent.tx.action is Action.NOOP:
        return IntentState.CANCELLED, f"nonce freed by self-transfer {receipt.tx_hash}"
    if not receipt.succeeded:
        return IntentState.FINAL_REVERTED, f"reverted in block {receipt.block_number}, {receipt.gas_used} gas spent"
    problems = (
        *balance_problems(intent.tx, receipt.logs),
        *_position_problems(intent, positions),
        *_growth_problems(intent, receipt),
    )
    if problems:
        return IntentState.MANUAL, "mined with other effects than planned: " + "; ".join(problems)
    return IntentState.FINAL_OK, ""


def balance_problems(tx: UnsignedTransaction, logs: tuple[Log, ...]) -> tuple[str, ...]:
    """Return what token transfers among the events of a payload, mined or simulated, do beyond its bounds."""
    changes = balance_changes(logs, tx.sender)
    bounds = {bound.token.lower(): bound for bound in tx.bounds}
    problems = [f"{token} moved by {delta}, not planned" for token, delta in changes.items() if token not in bounds]
    for token, bound in bounds.items():
        delta = changes.get(token, 0)
        if not bound.min_delta <= delta <= bound.max_delta:
            problems.append(f"{token} moved by {delta}, allowed is {bound.min_delta}..{bound.max_delta}")
    return tuple(problems)


def _position_problems(intent: Intent, positions: tuple[PositionChange, ...]) -> tuple[str, ...]:
    opened = [change.token_id for change in positions if change.opened]
    burned = [change.token_id for change in positions if not change.opened]
    problems: list[str] = []
    if len(opened) != int(intent.tx.opens_position):
        problems.append(f"positions opened: {opened}, planned: {int(intent.tx.opens_position)}")
    if burned != ([] if intent.tx.closes_token_id is None else [intent.tx.closes_token_id]):
        problems.append(f"positions burned: {burned}, planned: {intent.tx.closes_token_id}")
    return tuple(problems)


def _growth_problems(intent: Intent, receipt: Receipt) -> tuple[str, ...]:
    if intent.tx.adds_token_id is None:
        return ()
    grown = grown_positions(receipt.logs, intent.tx)
    if grown == (intent.tx.adds_token_id,):
        return ()
    return (f"positions added to: {[*grown]}, planned: {intent.tx.adds_token_id}",)
