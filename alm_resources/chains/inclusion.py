"""Whether a receipt still holds: what several endpoints say of its block, and how far the chain's finality has come."""

from collections.abc import Sequence
from dataclasses import dataclass

from alm_core.model.chains import ChainRules
from alm_core.model.errors import SourceError, SourceUnavailable
from alm_core.model.market import Block
from alm_core.model.transactions import Inclusion, Receipt
from alm_resources.chains.answers import block_from
from alm_resources.chains.endpoint import Endpoint
from alm_resources.chains.failover import header_of

_WITNESSES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What one endpoint says: whether the receipt's block is canonical, and up to which block all is final."""

    holds: bool
    final_number: int


def inclusion_of(receipt: Receipt, endpoints: Sequence[Endpoint], rules: ChainRules, chain_id: int) -> Inclusion:
    """Ask up to two endpoints for the receipt's block; ``FINAL`` needs all that there are of the two.

    Where the endpoint does not know the chain's finality tag, ``final_depth`` blocks on top stand for it.

    Raises
    ------
    SourceUnavailable
        If no endpoint tells.
    """
    views: list[View] = []
    failures: list[str] = []
    for endpoint in endpoints:
        try:
            views.append(_view(receipt, endpoint, rules, chain_id))
        except SourceError as error:
            failures.append(str(error))
        if len(views) == _WITNESSES:
            break
    if not views:
        detail = f"no endpoint tells of block {receipt.block_number}: " + "; ".join(failures)
        raise SourceUnavailable(f"rpc:{chain_id}", detail)
    if not any(view.holds for view in views):
        return Inclusion.GONE
    witnessed = len(views) == min(_WITNESSES, len(endpoints)) and all(view.holds for view in views)
    final = min(view.final_number for view in views) >= receipt.block_number
    return Inclusion.FINAL if witnessed and final else Inclusion.INCLUDED


def _view(receipt: Receipt, endpoint: Endpoint, rules: ChainRules, chain_id: int) -> View:
    block = _block(endpoint, hex(receipt.block_number), chain_id)
    if block.block_hash != receipt.block_hash:
        return View(holds=False, final_number=-1)
    return View(holds=True, final_number=_final_number(endpoint, rules, chain_id))


def _final_number(endpoint: Endpoint, rules: ChainRules, chain_id: int) -> int:
    try:
        return _block(endpoint, rules.finality, chain_id).number
    except SourceError:
        # Unknown tag, or none final yet; nodes word it in many ways, and some as if they lacked the block.
        return _block(endpoint, "latest", chain_id).number - rules.final_depth


def _block(endpoint: Endpoint, tag: str, chain_id: int) -> Block:
    return block_from(header_of(endpoint, tag), chain_id, endpoint.source)
