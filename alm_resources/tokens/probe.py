"""A token tried out in a call that is never sent: what leaves the holder must arrive, to the last unit, and come back.

For the length of one ``eth_call`` the code of ``TokenProbe`` stands at the holder of a balance, at the wallet and at
the spender. The token sees these real addresses; real balances move there and back. What a token does only when it
knows that nobody looks (a gas price, a coinbase, a later block) cannot be seen so.
"""

from dataclasses import dataclass
from typing import Any

from eth_utils.crypto import keccak

from alm_core.model.chain_ports import CallResult
from alm_resources.chains.calldata import ContractFunction

_STEP = "(uint256,uint256,uint256,uint256,uint256)"
PROBE = ContractFunction(
    "probe",
    ("address", "address", "address"),
    (f"(bytes32,uint256,{_STEP},{_STEP},uint256,uint256,{_STEP},uint256,{_STEP},{_STEP},uint256)",),
)
_MAGIC = bytes(keccak(text="alm.TokenProbe.1"))
_UNREADABLE = 2**256 - 1
NO_BALANCE = "neither the pool nor the wallet has a balance to try it out with"
_ANSWERS = ("reverts", "answers nothing", "answers true", "answers neither true nor nothing")
_REVERTED, _NOTHING, _TRUE, _OTHER = range(4)
_FINE = (_NOTHING, _TRUE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What a probe found.

    Parameters
    ----------
    refusals
        What the token did wrong.
    unseen
        Why nothing was seen, or ``None``.
    """

    refusals: tuple[str, ...] = ()
    unseen: str | None = None


def tried_from(result: CallResult) -> Tried:
    """Read the report of ``TokenProbe.probe``."""
    if not result.succeeded or len(result.data) < 32 or result.data[:32] != _MAGIC:
        return Tried(unseen="the node ran no call with code overrides, or the token used up its gas")
    # The struct has no dynamic part: it comes without an offset.
    (report,) = PROBE.answer(result.data, "token probe")
    _, amount, sent, stolen, approved, allowance, pulled, left, part, returned, called = report
    if amount in (0, _UNREADABLE):
        return Tried(unseen=NO_BALANCE)
    some = amount // 3 + 1
    found = [
        *_step_faults("transfer of all that the holder has", sent, amount),
        *_theft_faults(stolen),
        *_approval_faults(approved, allowance, amount),
        *_step_faults("transferFrom through the spender", pulled, amount),
        *_step_faults("transfer of a part", part, some),
        *_step_faults("transfer from the wallet back", returned, some),
    ]
    if not found and left:
        found.append(f"{left} of an allowance of {amount} is left after all of it was spent")
    if called:
        found.append("it calls who sends, spends or receives it")
    return Tried(refusals=tuple(found))


def _step_faults(what: str, step: tuple[int, ...], amount: int) -> list[str]:
    answer, *balances = step
    if answer not in _FINE:
        moved = " although it moves the amount" if _moved(balances) == (amount, amount) else ""
        return [f"{what} {_ANSWERS[min(answer, _OTHER)]}{moved}"]
    if _UNREADABLE in balances:
        return [f"{what}: balanceOf does not answer"]
    left, arrived = _moved(balances)
    if (left, arrived) != (amount, amount):
        return [f"{what}: of {amount} sent, {left} left the sender and {arrived} arrived"]
    return []


def _theft_faults(step: tuple[int, ...]) -> list[str]:
    _, *balances = step
    return [] if _moved(balances) == (0, 0) else ["transferFrom moves what nobody approved"]


def _approval_faults(answer: int, allowance: int, amount: int) -> list[str]:
    if answer not in _FINE:
        return [f"approve {_ANSWERS[min(answer, _OTHER)]}"]
    if allowance != amount:
        return [f"approve of {amount} gives an allowance of {allowance}"]
    return []


def _moved(balances: Any) -> tuple[int, int]:
    from_before, to_before, from_after, to_after = balances
    return from_before - from_after, to_after - to_before
