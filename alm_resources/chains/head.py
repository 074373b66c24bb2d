"""Which block a batch of calls was answered at, told by the batch itself: no second request, no second node."""

from collections.abc import Sequence
from datetime import UTC, datetime

from alm_core.model.chain_ports import Call, CallResult
from alm_core.model.errors import BadAnswer, SourceUnavailable
from alm_core.model.market import Block
from alm_resources.chains.calldata import ContractFunction

BLOCK_NUMBER = ContractFunction("getBlockNumber", (), ("uint256",))
BLOCK_TIMESTAMP = ContractFunction("getCurrentBlockTimestamp", (), ("uint256",))
LAST_BLOCK_HASH = ContractFunction("getLastBlockHash", (), ("bytes32",))
SERVED_CHAIN_ID = ContractFunction("getChainId", (), ("uint256",))

ARBITRUM = 42161
ARB_SYS = "0x0000000000000000000000000000000000000064"
ARB_BLOCK_NUMBER = ContractFunction("arbBlockNumber", (), ("uint256",))

_MULTICALL3_READS = (SERVED_CHAIN_ID, BLOCK_NUMBER, BLOCK_TIMESTAMP, LAST_BLOCK_HASH)


def identity_calls(chain_id: int, multicall3: str) -> tuple[Call, ...]:
    """Return the calls that tell chain and block; they go before all others of a batch.

    Inside a contract on Arbitrum ``block.number`` and ``blockhash`` are those of Ethereum: ArbSys knows the chain's own
    number. A local node of that chain id has no ArbSys and no such difference.
    """
    calls = [read.call(multicall3) for read in _MULTICALL3_READS]
    if chain_id == ARBITRUM:
        calls.append(ARB_BLOCK_NUMBER.call(ARB_SYS, may_fail=True))
    return tuple(calls)


def served_chain_id(results: Sequence[CallResult], source: str) -> int:
    """Return the chain id that answered; :class:`BadAnswer` if that is no number."""
    return int(SERVED_CHAIN_ID.answer(results[0].data, source)[0])


def identified_block(results: Sequence[CallResult], chain_id: int, source: str) -> Block:
    """Decode the answers to :func:`identity_calls` into a block without hash.

    ``parent_hash`` is ``None`` where the chain does not tell it: on Arbitrum, and on nodes that answer zero.

    Raises
    ------
    BadAnswer
        If an answer is not what Multicall3 answers.
    """
    number, at_s, parent = (
        read.answer(result.data, source)[0]
        for read, result in zip(_MULTICALL3_READS[1:], results[1 : len(_MULTICALL3_READS)], strict=True)
    )
    own_number = _arbitrum_number(results) if chain_id == ARBITRUM else None
    if max(number, own_number or 0) >= 2**63:
        raise BadAnswer(source, f"block number is {number:#x}: too large")
    known_parent = own_number is None and any(parent)
    try:
        block_at = datetime.fromtimestamp(at_s, tz=UTC)
    except (OverflowError, ValueError, OSError) as error:
        raise BadAnswer(source, f"block timestamp {at_s} is not a time") from error
    return Block(
        chain_id=chain_id,
        number=number if own_number is None else own_number,
        block_hash=None,
        block_at=block_at,
        parent_hash="0x" + parent.hex() if known_parent else None,
    )


def refuse_other(seen: Block, now: Block, source: str) -> None:
    """Make sure that two readings are of the same block, by everything that both of them know.

    Raises
    ------
    SourceUnavailable
        If they are not: the chain reorganised, or another node has another head. Names what differs.
    """
    pairs = (
        ("number", seen.number, now.number),
        ("time", seen.block_at, now.block_at),
        ("parent", seen.parent_hash, now.parent_hash),
        ("hash", seen.block_hash, now.block_hash),
    )
    for what, then, found in pairs:
        if then is not None and found is not None and then != found:
            detail = f"block {seen.number} changed while read: {what} was {then} and is {found}; the chain reorganised"
            raise SourceUnavailable(source, detail)


def _arbitrum_number(results: Sequence[CallResult]) -> int | None:
    answer = results[len(_MULTICALL3_READS)]
    return int.from_bytes(answer.data, "big") if answer.succeeded and len(answer.data) == 32 else None
