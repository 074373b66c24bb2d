"""Many reads in few requests: Multicall3 ``aggregate3`` at one pinned block."""

from collections.abc import Callable, Sequence

from alm_core.model.errors import SourceRejected
from alm_core.model.ports import Call, CallResult
from alm_resources.chains.calldata import ContractFunction, revert_reason

AGGREGATE3 = ContractFunction("aggregate3", ("(address,bool,bytes)[]",), ("(bool,bytes)[]",))
_CHUNK = 100


def read_aggregated(
    calls: Sequence[Call], execute: Callable[[bytes], bytes], source: str, chunk: int = _CHUNK
) -> tuple[CallResult, ...]:
    """Answer all calls, in order.

    Parameters
    ----------
    calls, chunk
        Reads, and how many of them go into one request.
    execute
        Runs calldata on the Multicall3 contract at the pinned block.
    source
        Name for messages.

    Raises
    ------
    BadAnswer
        If there is no Multicall3 where the registry says.
    SourceRejected
        If a call fails that may not; names contract, selector and reason.
    """
    results: list[CallResult] = []
    for start in range(0, len(calls), chunk):
        part = calls[start : start + chunk]
        # Failure is always allowed to the contract: a revert of the whole batch would not say which call it was.
        data = AGGREGATE3.data([(call.target, True, call.data) for call in part])
        (answers,) = AGGREGATE3.answer(execute(data), f"{source} multicall")
        results += [_checked(call, answer, source) for call, answer in zip(part, answers, strict=True)]
    return tuple(results)


def _checked(call: Call, answer: tuple[bool, bytes], source: str) -> CallResult:
    succeeded, data = answer
    if succeeded:
        return CallResult(succeeded=True, data=data)
    if not call.may_fail:
        raise SourceRejected(source, f"call 0x{call.data[:4].hex()} of {call.target} failed: {revert_reason(data)}")
    return CallResult(succeeded=False, data=data)
