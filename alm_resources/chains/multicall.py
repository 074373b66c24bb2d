"""Many reads in few requests: Multicall3 ``aggregate3`` at one block."""

from collections.abc import Callable, Sequence

from alm_core.model.chain_ports import Call, CallResult
from alm_core.model.errors import BadAnswer, SourceRejected
from alm_resources.chains.calldata import ContractFunction, revert_reason

AGGREGATE3 = ContractFunction("aggregate3", ("(address,bool,bytes)[]",), ("(bool,bytes)[]",))
ETH_BALANCE = ContractFunction("getEthBalance", ("address",), ("uint256",))
CHUNK = 100


def read_aggregated(
    calls: Sequence[Call], execute: Callable[[bytes], bytes], source: str, chunk: int = CHUNK
) -> tuple[CallResult, ...]:
    """Answer all calls, in order, in chunks.

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
        As :func:`checked_results`.
    """
    results: list[CallResult] = []
    for start in range(0, len(calls), chunk):
        part = calls[start : start + chunk]
        results += checked_results(part, decoded_results(execute(aggregate_data(part)), source), source)
    return tuple(results)


def aggregate_data(calls: Sequence[Call]) -> bytes:
    """Return the calldata of one batch.

    Failure is always allowed to the contract: a revert of the whole batch would not say which call it was.
    """
    return AGGREGATE3.data([(call.target, True, call.data) for call in calls])


def decoded_results(data: bytes, source: str) -> tuple[CallResult, ...]:
    """Decode the answer to a batch; :class:`BadAnswer` if Multicall3 did not answer it."""
    (answers,) = AGGREGATE3.answer(data, f"{source} multicall")
    return tuple(CallResult(succeeded=succeeded, data=answer) for succeeded, answer in answers)


def checked_results(calls: Sequence[Call], results: Sequence[CallResult], source: str) -> tuple[CallResult, ...]:
    """Refuse a batch in which a call failed that may not.

    Raises
    ------
    BadAnswer
        If there are more or fewer answers than calls.
    SourceRejected
        If a call failed that may not; names contract, selector and reason.
    """
    if len(calls) != len(results):
        raise BadAnswer(source, f"multicall answered {len(results)} of {len(calls)} calls")
    for call, result in zip(calls, results, strict=True):
        if not (result.succeeded or call.may_fail):
            reason = revert_reason(result.data)
            raise SourceRejected(source, f"call 0x{call.data[:4].hex()} of {call.target} failed: {reason}")
    return tuple(results)
