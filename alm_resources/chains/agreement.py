"""Whether the endpoints of a chain stand at the same block of the same chain. With one endpoint nothing can be told."""

import time
from datetime import timedelta

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from alm_core.model.errors import SourceError, SourceUnavailable
from alm_core.model.market import Block
from alm_resources.chains.answers import block_from
from alm_resources.chains.endpoint import Endpoint
from alm_resources.chains.failover import Endpoints, header_of

MOST_BLOCKS_BEHIND = 50
_FRESH_S = 10.0
_ATTEMPTS = 3


class Agreement:
    """Compares the heads of the endpoints, and keeps reads away from those that fall behind.

    Parameters
    ----------
    endpoints
        Of one chain.
    lag_s
        How much older than the best head an endpoint's may be; 50 blocks at most in any case.

    Notes
    -----
    Age is compared between endpoints and never with the clock here: a chain may stand still, and local ones live in a
    time of their own. A head that is ahead of all others is believed: whoever lies about it can make this client read
    from himself alone, as a single endpoint always could.
    """

    def __init__(self, endpoints: Endpoints, chain_id: int, lag_s: float) -> None:
        self._endpoints = endpoints
        self._chain_id = chain_id
        self._lag = timedelta(seconds=lag_s)
        self._checked_at_s = float("-inf")

    def refresh(self) -> None:
        """Look at all heads unless that was done a moment ago; endpoints that are behind are not read from."""
        if len(self._endpoints.usable()) > 1 and time.monotonic() - self._checked_at_s > _FRESH_S:
            self._heads()

    def require(self) -> None:
        """Make sure that the endpoints that keep up have the same chain.

        Raises
        ------
        SourceUnavailable
            If two of them have different blocks at the same height, a few looks in a row.
        """
        if len(self._endpoints.usable()) < 2:
            return
        looks = Retrying(
            stop=stop_after_attempt(_ATTEMPTS),
            wait=wait_exponential(multiplier=0.1),
            retry=retry_if_exception_type(SourceUnavailable),
            reraise=True,
        )
        looks(self._compare)

    def _compare(self) -> None:
        heads = self._heads()
        if len(heads) < 2:
            return
        height = min(head.number for _, head in heads)
        hashes: dict[str, str] = {}
        for endpoint, head in heads:
            block = head if head.number == height else self._block(endpoint, hex(height))
            if block is not None and block.block_hash is not None:
                hashes.setdefault(block.block_hash, endpoint.source)
        if len(hashes) > 1:
            seen = ", ".join(f"{block_hash} ({source})" for block_hash, source in hashes.items())
            detail = f"endpoints_agree: they disagree on block {height}: {seen}; nothing is signed"
            raise SourceUnavailable(self._endpoints.source, detail)

    def _heads(self) -> list[tuple[Endpoint, Block]]:
        """Heads of the endpoints that answer and keep up."""
        found = [(endpoint, self._block(endpoint, "latest")) for endpoint in self._endpoints.usable()]
        heads = [(endpoint, head) for endpoint, head in found if head is not None]
        self._checked_at_s = time.monotonic()
        if not heads:
            return []
        best = max((head for _, head in heads), key=lambda head: head.number)
        for endpoint, head in heads:
            endpoint.behind = self._behind(head, best)
        return [(endpoint, head) for endpoint, head in heads if not endpoint.behind]

    def _behind(self, head: Block, best: Block) -> str:
        late = best.block_at - head.block_at > self._lag or best.number - head.number >= MOST_BLOCKS_BEHIND
        return f"head {head.number} of {head.block_at:%H:%M:%S} is behind {best.number}" if late else ""

    def _block(self, endpoint: Endpoint, tag: str) -> Block | None:
        try:
            return block_from(header_of(endpoint, tag), self._chain_id, endpoint.source)
        except SourceError:
            return None  # Reads fail over to another endpoint and tell what is wrong with this one.
