"""Several endpoints of one chain as one source of reads. Reads fail over and are retried a little; sends never are."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, stop_after_delay, wait_exponential

from alm_core.model.errors import SourceError, SourceUnavailable, WrongChain
from alm_resources.chains.endpoint import TIMEOUT_S, Endpoint

Answer = TypeVar("Answer")

_ROUNDS = 3
_PATIENCE_S = 20.0


class Endpoints:
    """Endpoints of one chain, the one that answered last first.

    Parameters
    ----------
    urls
        In order of preference.
    timeout_s
        For connecting, and for each answer.
    """

    def __init__(self, chain_id: int, urls: Sequence[str], *, timeout_s: tuple[float, float] = TIMEOUT_S) -> None:
        self.source = f"rpc:{chain_id}"
        self._endpoints = [Endpoint(chain_id, index, url, timeout_s=timeout_s) for index, url in enumerate(urls)]

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

    def read_any(self, method: str, *params: object) -> object:
        """Ask as :meth:`read` does, and where the answer is null the other endpoints too: one of them may know more."""
        answer = self.read(method, *params)
        for endpoint in self.readable()[1:] if answer is None else ():
            try:
                answer = endpoint.request(method, params)
            except SourceError:
                continue  # One endpoint has answered already; what another cannot tell changes nothing.
            if answer is not None:
                return answer
        return answer

    def read_twice(self, method: str, *params: object) -> object:
        """Ask one endpoint, and compare with what another one says, where there is one that answers.

        For what must be the same everywhere: anything at a pinned block.

        Raises
        ------
        SourceUnavailable
            As :meth:`read`; also if two endpoints answer differently.
        WrongChain, RpcError
            As :meth:`read`.
        """
        answer = self.read(method, *params)
        other = self.second_opinion(method, *params)
        if other is not None and _plain(other) != _plain(answer):
            raise SourceUnavailable(
                self.source, f"endpoints_agree: {method}: two endpoints answer differently, one of them is wrong"
            )
        return answer

    def second_opinion(self, method: str, *params: object) -> object | None:
        """Answer of an endpoint that is not asked first; ``None`` where there is none, or it has no answer."""
        for endpoint in self.readable()[1:]:
            try:
                return self._patiently(lambda endpoint=endpoint: endpoint.request(method, params))
            except SourceError:
                continue
        return None

    def read_header(self, tag: str) -> object:
        """Ask for a header by number or tag; a node behind the one that told the number is asked again.

        Raises
        ------
        SourceUnavailable, WrongChain, RpcError
            As :meth:`read`; also if no endpoint has the block.
        """
        return self._read_patiently(lambda endpoint: header_of(endpoint, tag))

    def read_proven(self, served: Callable[[object], int], method: str, *params: object) -> object:
        """Ask as :meth:`read` does, where the answer itself tells the chain id (``served`` reads it from there)."""
        return self._read_patiently(lambda endpoint: endpoint.request_proven(method, params, served))

    def usable(self) -> list[Endpoint]:
        """Endpoints that may serve this chain; :class:`WrongChain` if none does."""
        usable = [endpoint for endpoint in self._endpoints if not endpoint.quarantined]
        if not usable:
            verdicts = "; ".join(endpoint.verdict for endpoint in self._endpoints)
            raise WrongChain(self.source, f"all {len(self._endpoints)} endpoints serve another chain: {verdicts}")
        return usable

    def readable(self) -> list[Endpoint]:
        """Usable endpoints whose head keeps up with the others'."""
        usable = self.usable()
        return [endpoint for endpoint in usable if not endpoint.behind] or usable

    def demote(self, endpoint: Endpoint) -> None:
        """Prefer every other endpoint from now on."""
        self._endpoints.remove(endpoint)
        self._endpoints.append(endpoint)

    def close(self) -> None:
        """Close all connections."""
        for endpoint in self._endpoints:
            endpoint.close()

    def _read_patiently(self, ask: Callable[[Endpoint], object]) -> object:
        return self._patiently(lambda: self._read_round(ask))

    def _patiently(self, ask: Callable[[], object]) -> object:
        rounds = Retrying(
            stop=stop_after_attempt(_ROUNDS) | stop_after_delay(_PATIENCE_S),
            wait=wait_exponential(multiplier=0.1, max=1.0),
            retry=retry_if_exception_type(SourceUnavailable),
            reraise=True,
        )
        return rounds(ask)

    def _read_round(self, ask: Callable[[Endpoint], object]) -> object:
        failures: list[str] = []
        for endpoint in self.readable():
            try:
                answer = ask(endpoint)
            except (SourceUnavailable, WrongChain) as error:
                failures.append(str(error))
                self.demote(endpoint)
                continue
            return answer
        self.usable()
        raise SourceUnavailable(self.source, "no endpoint answers: " + "; ".join(failures))


def header_of(endpoint: Endpoint, tag: str) -> object:
    """Ask one endpoint for a header; :class:`SourceUnavailable` if it has none."""
    answer = endpoint.request("eth_getBlockByNumber", (tag, False))
    if answer is None:
        raise SourceUnavailable(endpoint.source, f"has no block {tag}")
    return answer


def _plain(answer: object) -> object:
    return answer.lower() if isinstance(answer, str) else answer
