"""Li.Fi's advanced routes: looked through for one of a single step that we can decode, all others refused by name."""

from typing import Annotated, Any

from pydantic import Field

from alm_core.model.errors import SourceRejected
from alm_resources.http.fields import Answer, printable, read_answer
from alm_resources.lifi.answers import SwapRequest
from alm_resources.lifi.bridging import BRIDGES
from alm_resources.lifi.calldata import SOURCE

# A swap of one chain is a step by itself; a bridge may come with the service's own fee.
_SWAP_PARTS = frozenset({"swap", "protocol"})
_BRIDGE_PARTS = frozenset({"cross", "protocol"})


class _Part(Answer):
    type: Annotated[str, Field(max_length=40)]


class _Step(Answer):
    type: Annotated[str, Field(max_length=40)]
    tool: Annotated[str, Field(max_length=64)]
    included: Annotated[list[_Part], Field(alias="includedSteps", max_length=32)]


class _Route(Answer):
    steps: Annotated[list[dict[str, Any]], Field(max_length=32)]


class _Routes(Answer):
    routes: Annotated[list[_Route], Field(max_length=200)]


def route_body(asked: SwapRequest) -> dict[str, object]:
    """Return the body that asks for routes; only tools that can be decoded are allowed."""
    options: dict[str, object] = {
        "slippage": asked.slippage_frac,
        "order": "CHEAPEST",
        "allowSwitchChain": False,
        "allowDestinationCall": False,
    }
    if asked.crosses:
        options["bridges"] = {"allow": list(BRIDGES)}
    return {
        "fromChainId": asked.sell.chain_id,
        "toChainId": asked.buy.chain_id,
        "fromTokenAddress": asked.sell.address,
        "toTokenAddress": asked.buy.address,
        "fromAddress": asked.owner,
        "toAddress": asked.owner,
        "fromAmount": str(asked.sell_amount),
        "options": options,
    }


def only_step(body: object, asked: SwapRequest) -> dict[str, Any]:
    """Return the step of the first route that has just one, to be sent back for its transaction.

    Raises
    ------
    SourceRejected
        If there is no such route; says of each why.
    BadAnswer
        If the answer cannot be read.
    """
    refused: list[str] = []
    for number, route in enumerate(read_answer(SOURCE, _Routes, body).routes, start=1):
        reason = _refusal(route, asked)
        if reason is None:
            return route.steps[0]
        refused.append(f"route {number}: {reason}")
    raise SourceRejected(SOURCE, f"no route of one step we can decode: {'; '.join(refused[:5]) or 'none offered'}")


def _refusal(route: _Route, asked: SwapRequest) -> str | None:
    if len(route.steps) != 1:
        return f"{len(route.steps)} steps; a swap and a transfer are two things of ours"
    step = read_answer(SOURCE, _Step, route.steps[0])
    if asked.crosses and step.tool not in BRIDGES:
        return f"tool {printable(step.tool)!r} cannot be decoded"
    parts = {part.type for part in step.included}
    beyond = parts - (_BRIDGE_PARTS if asked.crosses else _SWAP_PARTS)
    return f"includes {', '.join(sorted(printable(part) for part in beyond))}" if beyond else None
