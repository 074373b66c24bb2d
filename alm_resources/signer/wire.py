"""What goes over the signer's socket: one JSON object per line, one request and one answer per connection.

Only plain numbers and texts; whatever is not exactly of this shape is an error, never guessed at.
"""

import json
from dataclasses import dataclass
from typing import Any, Literal, cast

from alm_core.model.books import StandstillMode
from alm_core.model.errors import InvalidInput
from alm_core.model.transactions import Action, FeeBid, UnsignedTransaction

MAX_MESSAGE_BYTES = 1 << 20
"""Calldata of the widest plans has some 100 kB; twice that in hex."""
_MOST_BRACKETS = 100

_TX = {"chain_id": int, "sender": str, "to": str, "data": str, "value_wei": int, "action": str}
_BID = {"gas_limit": int, "max_fee_per_gas_wei": int, "max_priority_fee_per_gas_wei": int}
_SIGN = {"op": str, "tx": dict, "nonce": int, "bid": dict, "fence": int}
_UINT256 = 1 << 256


@dataclass(frozen=True, slots=True, kw_only=True)
class SignRequest:
    """Sign one payload."""

    tx: UnsignedTransaction
    nonce: int
    bid: FeeBid
    fence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressRequest:
    """Tell the address of a pair's wallet."""

    pair: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StandstillRequest:
    """Stop, or let only withdrawals through. There is no request that takes either back."""

    mode: StandstillMode
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusRequest:
    """Tell pairs, addresses and what stands still."""


Request = SignRequest | AddressRequest | StandstillRequest | StatusRequest
AnswerKind = Literal["refused", "bad_request", "broken"]


def sign_message(tx: UnsignedTransaction, nonce: int, bid: FeeBid, fence: int) -> dict[str, Any]:
    """Return the request to sign a payload; what it should bring stays with the planner."""
    return {
        "op": "sign",
        "tx": {name: getattr(tx, name) for name in _TX} | {"action": tx.action.value},
        "nonce": nonce,
        "bid": {name: getattr(bid, name) for name in _BID},
        "fence": fence,
    }


def line_of(message: dict[str, Any]) -> bytes:
    """Return a message as one line."""
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def message_of(line: bytes) -> dict[str, Any]:
    """Return the object on a line.

    Raises
    ------
    InvalidInput
        If it is too long, cut short, or no JSON object.
    """
    if len(line) > MAX_MESSAGE_BYTES:
        raise InvalidInput(f"a message of more than {MAX_MESSAGE_BYTES} bytes")
    if line.count(b"[") + line.count(b"{") > _MOST_BRACKETS:
        raise InvalidInput(f"a message with more than {_MOST_BRACKETS} brackets")  # depth can kill the process
    if not line.endswith(b"\n"):
        raise InvalidInput(f"a message of {len(line)} bytes is cut short")
    try:
        content: Any = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"a message that is no JSON: {type(error).__name__}") from error
    if not isinstance(content, dict):
        raise InvalidInput(f"a message that is a {type(content).__name__}, not an object")
    return cast("dict[str, Any]", content)


def request_of(message: dict[str, Any]) -> Request:
    """Return what a message asks for.

    Raises
    ------
    InvalidInput
        If it has an unknown operation, an unknown or missing field, or a value of the wrong kind.
    """
    op = message.get("op")
    if op == "sign":
        return _sign_request(message)
    if op == "address":
        return AddressRequest(pair=_fields(message, {"op": str, "pair": str}, op)["pair"])
    if op == "standstill":
        told = _fields(message, {"op": str, "mode": str, "reason": str}, op)
        if told["mode"] not in ("halt", "withdraw_only"):
            raise InvalidInput(f"standstill: mode {told['mode']!r:.40}")
        return StandstillRequest(mode=told["mode"], reason=told["reason"])
    if op == "status":
        _fields(message, {"op": str}, op)
        return StatusRequest()
    raise InvalidInput(f"unknown operation {op!r:.40}")


def _sign_request(message: dict[str, Any]) -> SignRequest:
    told = _fields(message, _SIGN, "sign")
    tx, bid = _fields(told["tx"], _TX, "tx"), _fields(told["bid"], _BID, "bid")
    try:
        action = Action(tx["action"])
    except ValueError as error:
        raise InvalidInput(f"unknown action {tx['action']!r:.40}") from error
    return SignRequest(
        tx=UnsignedTransaction(
            chain_id=tx["chain_id"],
            sender=tx["sender"],
            to=tx["to"],
            data=tx["data"],
            value_wei=tx["value_wei"],
            action=action,
            summary="",
        ),
        nonce=told["nonce"],
        bid=FeeBid(**bid),
        fence=told["fence"],
    )


def _fields(message: dict[str, Any], shape: dict[str, type], where: str) -> dict[str, Any]:
    if message.keys() != shape.keys():
        raise InvalidInput(f"{where}: fields {sorted(message)!r:.200}, expected {sorted(shape)}")
    for name, kind in shape.items():
        value = message[name]
        if type(value) is not kind:  # a bool is an int elsewhere
            raise InvalidInput(f"{where}: {name} is a {type(value).__name__}, expected {kind.__name__}")
        if kind is int and not 0 <= value < _UINT256:
            raise InvalidInput(f"{where}: {name} is out of range")
    return message
