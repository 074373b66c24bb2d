"""One broadcast: the same bytes to several endpoints at once, exactly one POST each, and one verdict over all."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from alm_core.model.errors import OutcomeUnknown, SourceError, SourceRejected, SourceUnavailable
from alm_core.model.transactions import SignedTransaction
from alm_resources.chains.endpoint import Endpoint, RpcError
from alm_resources.chains.sending import SendVerdict, aggregate_verdict, send_verdict

_AT_ONCE = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What one endpoint made of the bytes; ``broken`` if it did not answer as a node does."""

    endpoint: Endpoint
    verdict: SendVerdict
    detail: str = ""
    broken: bool = False


def broadcast(signed: SignedTransaction, endpoints: Sequence[Endpoint]) -> tuple[Told, ...]:
    """Post the bytes to every endpoint at once, and return what each made of them."""
    if len(endpoints) == 1:
        return (_told(signed, endpoints[0]),)
    with ThreadPoolExecutor(min(len(endpoints), _AT_ONCE), thread_name_prefix="broadcast") as pool:
        return tuple(pool.map(partial(_told, signed), endpoints))


def refuse_unsent(signed: SignedTransaction, told: Sequence[Told], source: str) -> None:
    """Raise unless an endpoint has the bytes.

    Raises
    ------
    SourceRejected
        If every endpoint that was posted to refused them.
    OutcomeUnknown
        If none is known to have them, and one may.
    """
    verdict = aggregate_verdict([one.verdict for one in told])
    details = "; ".join(one.detail for one in told if one.detail)
    if verdict is SendVerdict.REFUSED:
        raise SourceRejected(source, f"send of {signed.tx_hash}: {details}")
    if verdict is not SendVerdict.KNOWN:
        raise OutcomeUnknown(f"{source}: send of {signed.tx_hash}: {details}")


def _told(signed: SignedTransaction, endpoint: Endpoint) -> Told:
    try:
        if not endpoint.sends_only:
            endpoint.verify()
    except SourceError as error:
        detail = f"no endpoint to send to: {error}"
        return Told(endpoint=endpoint, verdict=SendVerdict.UNSENT, detail=detail, broken=True)
    try:
        answer = endpoint.post(signed.raw)
    except RpcError as error:
        return Told(endpoint=endpoint, verdict=send_verdict(error.message), detail=str(error))
    except SourceUnavailable as error:
        return Told(endpoint=endpoint, verdict=SendVerdict.UNKNOWN, detail=str(error), broken=True)
    if not isinstance(answer, str) or answer.lower() != signed.tx_hash.lower():
        detail = f"{endpoint.source}: node answered {str(answer)[:80]!r}"
        return Told(endpoint=endpoint, verdict=SendVerdict.UNKNOWN, detail=detail)
    return Told(endpoint=endpoint, verdict=SendVerdict.KNOWN)
