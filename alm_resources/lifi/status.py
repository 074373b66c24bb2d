"""Li.Fi's answer to what became of a transfer. It guides waiting; balances on both chains are the truth."""

import re
from typing import Annotated

from pydantic import BeforeValidator, Field

from alm_core.model.errors import BadAnswer
from alm_core.model.transfers import BridgeStatus, BridgeTransfer, BridgeVerdict
from alm_resources.http.fields import Answer, printable, read_answer
from alm_resources.lifi.answers import Amount
from alm_resources.lifi.calldata import SOURCE

_WAITING = {
    "NOT_FOUND": BridgeVerdict.NOT_FOUND,
    # "Not tied to that tool, or a third party is unavailable": it may be either, so nothing is known.
    "INVALID": BridgeVerdict.NOT_FOUND,
    "PENDING": BridgeVerdict.PENDING,
}
_DONE = {
    "COMPLETED": BridgeVerdict.DONE,
    "PARTIAL": BridgeVerdict.PARTIAL,
    "REFUNDED": BridgeVerdict.REFUNDED,
}


def _hash(value: object) -> str:
    if isinstance(value, str) and re.fullmatch(r"0x[0-9a-fA-F]{64}", value):
        return value.lower()
    raise ValueError("must be a transaction hash")


def _address(value: object) -> str:
    if isinstance(value, str) and re.fullmatch(r"0x[0-9a-fA-F]{40}", value):
        return value.lower()
    raise ValueError("must be an address")


Hash = Annotated[str, BeforeValidator(_hash)]
Address = Annotated[str, BeforeValidator(_address)]


class _Token(Answer):
    address: Address


class _Side(Answer):
    tx_hash: Annotated[Hash | None, Field(alias="txHash")] = None
    chain_id: Annotated[int | None, Field(alias="chainId", strict=True)] = None
    amount: Amount | None = None
    token: _Token | None = None


class _Status(Answer):
    status: Annotated[str, Field(max_length=40)]
    substatus: Annotated[str | None, Field(max_length=80)] = None
    sending: _Side | None = None
    receiving: _Side | None = None
    to_address: Annotated[Address | None, Field(alias="toAddress")] = None


def read_bridge_status(body: object, transfer: BridgeTransfer) -> BridgeStatus:
    """Read an answer of ``/status``; every state and substate that does not end a transfer means waiting.

    Raises
    ------
    BadAnswer
        If it cannot be read, is of another transfer, or has a status that nobody knows.
    """
    answer = read_answer(SOURCE, _Status, body)
    detail = printable(" ".join(part for part in (answer.status, answer.substatus) if part), 120)
    verdict = _verdict(answer.status, answer.substatus)
    if verdict in _WAITING.values():
        return BridgeStatus(verdict=verdict, detail=detail)
    sent = answer.sending.tx_hash if answer.sending else None
    if sent is not None and transfer.tx_hash is not None and sent != transfer.tx_hash.lower():
        raise BadAnswer(SOURCE, f"sending.txHash is {sent}, asked for {transfer.tx_hash}")
    if answer.to_address is not None and answer.to_address != transfer.wallet.lower():
        raise BadAnswer(SOURCE, f"toAddress is {answer.to_address}, must be {transfer.wallet}")
    side = answer.receiving or _Side()
    return BridgeStatus(
        verdict=verdict,
        detail=detail,
        chain_id=side.chain_id,
        token=side.token.address if side.token else None,
        amount=side.amount,
        tx_hash=side.tx_hash,
    )


def _verdict(status: str, substatus: str | None) -> BridgeVerdict:
    if status in _WAITING:
        return _WAITING[status]
    if status == "FAILED":
        return BridgeVerdict.FAILED
    if status == "DONE":
        # Done alone says nothing: the money may have come as another token, or back.
        return _DONE.get(substatus or "", BridgeVerdict.PENDING)
    raise BadAnswer(SOURCE, f"status is {printable(status)!r}, known are {', '.join((*_WAITING, 'DONE', 'FAILED'))}")
