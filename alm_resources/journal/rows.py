"""Rows to values and back."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from alm_core.model.books import LedgerEntry
from alm_core.model.errors import BadAnswer
from alm_core.model.transactions import (
    Attempt,
    FeeBid,
    Intent,
    IntentState,
    Receipt,
    SignedTransaction,
    UnsignedTransaction,
)

Row = Mapping[Any, Any]


def intent_row(intent: Intent) -> dict[str, object]:
    """Return the columns of an intent that is inserted."""
    return {
        "key": intent.key,
        "epoch_id": intent.epoch_id,
        "pair": intent.pair,
        "chain_id": intent.tx.chain_id,
        "wallet": intent.tx.sender.lower(),
        "plan_hash": intent.plan_hash,
        "step_no": intent.step_no,
        "tx": tx_text(intent.tx),
        "state": intent.state.value,
        "nonce": intent.nonce,
        "tx_hash": intent.tx_hash,
        "detail": intent.detail,
    }


def intent_from(row: Row) -> Intent:
    """Return the intent of a row."""
    return Intent(
        key=row["key"],
        epoch_id=row["epoch_id"],
        pair=row["pair"],
        plan_hash=row["plan_hash"],
        step_no=row["step_no"],
        tx=_tx_from(row["tx"], row["key"]),
        state=IntentState(row["state"]),
        nonce=row["nonce"],
        tx_hash=row["tx_hash"],
        detail=row["detail"],
    )


def tx_text(tx: UnsignedTransaction) -> str:
    """Return the canonical JSON of a payload; integers keep all their digits."""
    return json.dumps(asdict(tx), sort_keys=True, separators=(",", ":"))


def attempt_row(
    key: str, attempt_no: int, signed: SignedTransaction, bid: FeeBid, signed_at: datetime
) -> dict[str, object]:
    """Return the columns of a signed attempt."""
    return {
        "intent_key": key,
        "attempt_no": attempt_no,
        "raw": signed.raw,
        "tx_hash": signed.tx_hash,
        "cancels": signed.cancels,
        "gas_limit": str(bid.gas_limit),
        "max_fee_per_gas_wei": str(bid.max_fee_per_gas_wei),
        "max_priority_fee_per_gas_wei": str(bid.max_priority_fee_per_gas_wei),
        "l1_fee_wei": str(bid.l1_fee_wei),
        "signed_at": signed_at.isoformat(timespec="milliseconds"),
    }


def signed_from(row: Row) -> SignedTransaction:
    """Return the attempt of a row."""
    return SignedTransaction(raw=row["raw"], tx_hash=row["tx_hash"], cancels=bool(row["cancels"]))


def attempt_from(row: Row) -> Attempt:
    """Return the attempt of a row with its bid."""
    return Attempt(
        signed=signed_from(row),
        bid=FeeBid(
            gas_limit=int(row["gas_limit"]),
            max_fee_per_gas_wei=int(row["max_fee_per_gas_wei"]),
            max_priority_fee_per_gas_wei=int(row["max_priority_fee_per_gas_wei"]),
            l1_fee_wei=int(row["l1_fee_wei"]),
        ),
        signed_at=datetime.fromisoformat(row["signed_at"]),
    )


def receipt_row(key: str, receipt: Receipt) -> dict[str, object]:
    """Return the columns of a receipt; its logs live on as ledger entries and positions."""
    return {
        "intent_key": key,
        "tx_hash": receipt.tx_hash,
        "block_number": receipt.block_number,
        "block_hash": receipt.block_hash,
        "succeeded": receipt.succeeded,
        "gas_used": str(receipt.gas_used),
        "effective_gas_price_wei": str(receipt.effective_gas_price_wei),
        "l1_fee_wei": str(receipt.l1_fee_wei),
        "is_final": False,
    }


def receipt_from(row: Row) -> Receipt:
    """Return the receipt of a row, without logs."""
    return Receipt(
        tx_hash=row["tx_hash"],
        block_number=row["block_number"],
        block_hash=row["block_hash"],
        succeeded=bool(row["succeeded"]),
        gas_used=int(row["gas_used"]),
        effective_gas_price_wei=int(row["effective_gas_price_wei"]),
        l1_fee_wei=int(row["l1_fee_wei"]),
        logs=(),
    )


def entry_row(entry: LedgerEntry) -> dict[str, object]:
    """Return the columns of a ledger entry."""
    return {
        "chain_id": entry.chain_id,
        "wallet": entry.wallet.lower(),
        "token": entry.token.lower(),
        "delta": str(entry.delta),
        "kind": entry.kind,
        "tx_hash": entry.tx_hash.lower(),
        "log_index": entry.log_index,
        "intent_key": entry.intent_key,
    }


def entry_from(row: Row) -> LedgerEntry:
    """Return the ledger entry of a row; its other side is a row of another table."""
    return LedgerEntry(
        chain_id=row["chain_id"],
        wallet=row["wallet"],
        token=row["token"],
        delta=int(row["delta"]),
        kind=row["kind"],
        tx_hash=row["tx_hash"],
        log_index=row["log_index"],
        intent_key=row["intent_key"],
    )


@cache
def _payloads() -> TypeAdapter[UnsignedTransaction]:
    return TypeAdapter(UnsignedTransaction)


def _tx_from(text: str, key: str) -> UnsignedTransaction:
    try:
        return _payloads().validate_json(text)
    except ValidationError as error:
        raise BadAnswer("journal", f"payload of intent {key} cannot be read: {error.errors()[0]['msg']}") from error
