"""Several endpoints of one chain as one source of reads. Reads fail over and are retried a little; sends never are."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, stop_after_delay, wait_exponential

from alm_core.model.errors import SourceError, SourceUnavailable, WrongChain
from alm_resources.chains.endpoint import Endpoint

Answer = TypeVar("Answer")

_ROUNDS = 3
_PATIENCE_S = 20.0


class Endpoints:
    """Endpoints of one chain, the one that answered last first.

    Parameters
    ----------
    urls
        In order of preference.
    """

    def __init__(self, chain_id: int, urls: Sequence[str]) -> None:
        self.source = f"rpc:{chain_id}"
        self._endpoints = [Endpoint(chain_id, index, url) for index, url in enumerate(urls)]

    def read(self, method: str, *params: object) -> object:
        """Ask until one endpoint answers, at most three rounds over all of them.

        Raises
        ------
        SourceUnavailable
            If none answers; names each and what was wrong with it.
        WrongChain
            If every endpoint serves another chain.
        RpcError
            If a node answered with an error: that is an answer.
        """
        return self._read_patiently(lambda endpoint: endpoint.request(method, params))

    def read_header(self, tag: str) -> object:
        """Ask for a header by number or tag; a node behind the one that told the number is asked again.

        Raises
        ------
        SourceUnavailable, WrongChain, RpcError
            As :meth:`read`; also if no endpoint has the block.
        """

        def ask(endpoint: Endpoint) -> object:
            answer = endpoint.request("eth_getBlockByNumber", (tag, False))
            if answer is None:
                raise SourceUnavailable(endpoint.source, f"has no block {tag}")
            return answer

        return self._read_patiently(ask)

    def read_proven(self, served: Callable[[object], int], method: str, *params: object) -> object:
        """Ask as :meth:`read` does, where the answer itself tells the chain id (``served`` reads it from there)."""
        return self._read_patiently(lambda endpoint: endpoint.request_proven(method, params, served))

    def sender(self) -> Endpoint:
        """Return one endpoint, proven to serve this chain, for a single send.

        Raises
        ------
        SourceUnavailable, WrongChain
            If there is none; nothing was sent then.
        """
        failures: list[str] = []
        for endpoint in self._usable():
            try:
                endpoint.verify()
            except SourceError as error:
                failures.append(str(error))
                self.demote(endpoint)
                continue
            return endpoint
        self._usable()
        raise SourceUnavailable(self.source, "no endpoint to send to: " + "; ".join(failures))

    def demote(self, endpoint: Endpoint) -> None:
        """Prefer every other endpoint from now on."""
        self._endpoints.remove(endpoint)
        self._endpoints.append(endpoint)

    def close(self) -> None:
        """Close all connections."""
        for endpoint in self._endpoints:
            endpoint.close()

    def _read_patiently(self, ask: Callable[[Endpoint], object]) -> object:
        rounds = Retrying(
            stop=stop_after_attempt(_ROUNDS) | stop_after_delay(_PATIENCE_S),
            wait=wait_exponential(multiplier=0.1, max=1.0),
            retry=retry_if_exception_type(SourceUnavailable),
            reraise=True,
        )
        return rounds(self._read_round, ask)

    def _read_round(self, ask: Callable[[Endpoint], object]) -> object:
        failures: list[str] = []
        for endpoint in self._usable():
            try:
                answer = ask(endpoint)
            except (SourceUnavailable, WrongChain) as error:
                failures.append(str(error))
                self.demote(endpoint)
                continue
            return answer
        self._usable()
        raise SourceUnavailable(self.source, "no endpoint answers: " + "; ".join(failures))

    def _usable(self) -> list[Endpoint]:
        usable = [endpoint for endpoint in self._endpoints if not endpoint.quarantined]
        if not usable:
            verdicts = "; ".join(endpoint.verdict for endpoint in self._endpoints)
            raise WrongChain(self.source, f"all {len(self._endpoints)} endpoints serve another chain: {verdicts}")
        return usable
