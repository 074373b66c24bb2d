"""Transfers of a wallet from logs, ERC-20 and ERC-721, whatever range a node allows at once."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import cast

from alm_core.execution.erc20 import TRANSFER_TOPIC, Transfer, address_word, transfer_from_log
from alm_core.model.errors import BadAnswer, SourceUnavailable
from alm_core.model.transactions import FoundLog, Log
from alm_resources.chains.answers import counter, hex_text, log_from, record
from alm_resources.chains.endpoint import RpcError

TransferRow = tuple[str, int, str, int]
_Topic = str | list[str] | None

_RANGE_TEXT = re.compile(
    r"range|limited to|more than \d|too (?:many|large|big|wide)|exceed|response size|timed? ?out", re.IGNORECASE
)


# QuickNode, Alchemy, Infura and others; the text decides where the code is one of the general ones.
_RANGE_CODES = frozenset({-32005, -32600, -32602, -32614})


class LogReader:
    """Reads logs in spans that adapt to what the node refuses; the widest span that worked is remembered.

    Parameters
    ----------
    read
        ``read(method, *params)`` of the chain.
    source
        Name for messages.
    first_span
        Blocks asked for at first.
    """

    def __init__(self, read: Callable[..., object], source: str, first_span: int = 10_000) -> None:
        self._read = read
        self._source = source
        self._span = first_span

    def read_transfers(
        self, tokens: Sequence[str], wallet: str, from_block: int, to_block: int
    ) -> tuple[TransferRow, ...]:
        """Return ``(token, signed amount, tx hash, log index)`` in chain order; tokens in lower case.

        Raises
        ------
        BadAnswer
            If a log cannot be read, or is none that was asked for.
        """
        if not tokens:
            return ()
        own = "0x" + address_word(wallet)
        found: dict[tuple[int, int], TransferRow] = {}
        sides: tuple[list[str | None], ...] = ([TRANSFER_TOPIC, own], [TRANSFER_TOPIC, None, own])
        known = {token.lower() for token in tokens}
        for topics in sides:
            for raw in self._logs(list(tokens), topics, from_block, to_block):
                transfer = self._transfer(raw)
                if transfer is None:
                    continue
                block = self._block(raw)
                if transfer.token not in known or not from_block <= block <= to_block:
                    raise BadAnswer(self._source, f"log of {transfer.token} in block {block} was not asked for")
                found[block, transfer.log_index] = self._row(raw, transfer, wallet.lower())
        return tuple(found[key] for key in sorted(found))

    def read_nft_ids(self, contract: str, owner: str, from_block: int, to_block: int) -> tuple[int, ...]:
        """Return ids of ERC-721 tokens of a contract that came to an owner, in order, each once.

        Raises
        ------
        BadAnswer
            If a log cannot be read, or is none that was asked for.
        """
        own = "0x" + address_word(owner)
        ids: set[int] = set()
        for raw in self._logs([contract], [TRANSFER_TOPIC, None, own], from_block, to_block):
            log, block = log_from(raw, self._source), self._block(raw)
            topics = tuple(topic.lower() for topic in log.topics)
            asked = log.address.lower() == contract.lower() and from_block <= block <= to_block
            if not asked or len(topics) != 4 or (topics[0], topics[2]) != (TRANSFER_TOPIC, own):
                raise BadAnswer(self._source, f"log of {log.address} in block {block} is no token that came to {owner}")
            if not self._is_removed(raw):
                ids.add(int(topics[3], 16))
        return tuple(sorted(ids))

    def read_logs(
        self,
        addresses: Sequence[str],
        topics: Sequence[str | tuple[str, ...] | None],
        from_block: int,
        to_block: int,
    ) -> tuple[FoundLog, ...]:
        """Return events of some contracts in chain order.

        Parameters
        ----------
        addresses
            Contracts; none give nothing.
        topics
            By place: one that it is, several of which it is one, or ``None`` for any.
        from_block, to_block
            Both ends count.

        Raises
        ------
        BadAnswer
            If a log cannot be read, or is none that was asked for.
        """
        if not addresses:
            return ()
        asked = [list(one) if isinstance(one, tuple) else one for one in topics]
        known, found = {address.lower() for address in addresses}, list[FoundLog]()
        for raw in self._logs(list(addresses), asked, from_block, to_block):
            log, block = log_from(raw, self._source), self._block(raw)
            if log.address not in known or not from_block <= block <= to_block or not _fits(log, topics):
                raise BadAnswer(self._source, f"log of {log.address} in block {block} was not asked for")
            if not self._is_removed(raw):
                raw_hash = record(raw, self._source, "log").get("transactionHash")
                tx_hash = hex_text(raw_hash, self._source, "hash of a log", 32)
                found.append(FoundLog(log=log, tx_hash=tx_hash, block_number=block))
        return tuple(sorted(found, key=lambda one: (one.block_number, one.log.log_index)))

    def _is_removed(self, raw: object) -> bool:
        removed = record(raw, self._source, "log").get("removed", False)
        if not isinstance(removed, bool):
            raise BadAnswer(self._source, f"log is removed: {str(removed)[:80]!r}")
        return removed

    def _transfer(self, raw: object) -> Transfer | None:
        transfer = transfer_from_log(log_from(raw, self._source))
        return None if self._is_removed(raw) else transfer

    def _block(self, raw: object) -> int:
        return counter(record(raw, self._source, "log").get("blockNumber"), self._source, "block of a log")

    def _row(self, raw: object, transfer: Transfer, wallet: str) -> TransferRow:
        if wallet not in (transfer.sender, transfer.recipient):
            detail = f"log of {transfer.token} from {transfer.sender} to {transfer.recipient} was not asked for"
            raise BadAnswer(self._source, detail)
        amount = (transfer.recipient == wallet) * transfer.amount - (transfer.sender == wallet) * transfer.amount
        raw_hash = record(raw, self._source, "log").get("transactionHash")
        return (transfer.token, amount, hex_text(raw_hash, self._source, "hash of a log", 32), transfer.log_index)

    def _logs(self, tokens: list[str], topics: Sequence[_Topic], first: int, last: int) -> Iterator[object]:
        while first <= last:
            end = min(first + self._span - 1, last)
            try:
                yield from self._page(tokens, topics, first, end)
            except (RpcError, SourceUnavailable) as error:
                if end == first or not _asks_for_less(error):
                    raise
                self._span = (end - first + 1) // 2
                continue
            first = end + 1

    def _page(self, tokens: list[str], topics: Sequence[_Topic], first: int, last: int) -> list[object]:
        answer = self._read(
            "eth_getLogs",
            {"address": tokens, "topics": list(topics), "fromBlock": hex(first), "toBlock": hex(last)},
        )
        if not isinstance(answer, list):
            raise BadAnswer(self._source, f"logs of blocks {first}..{last} are not a list")
        return cast("list[object]", answer)


def _fits(log: Log, topics: Sequence[str | tuple[str, ...] | None]) -> bool:
    wanted = [
        None if one is None else {each.lower() for each in ((one,) if isinstance(one, str) else one)} for one in topics
    ]
    return len(log.topics) >= len(wanted) and all(
        allowed is None or topic in allowed for topic, allowed in zip(log.topics, wanted, strict=False)
    )


def _asks_for_less(error: RpcError | SourceUnavailable) -> bool:
    if isinstance(error, RpcError):
        return error.code in _RANGE_CODES or bool(_RANGE_TEXT.search(error.message))
    return "timed out" in error.detail
