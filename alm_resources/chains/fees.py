"""Gas prices from fee history, for chains that answer it in full, in part, or with zeros.

Polygon and BSC enforce a minimum tip, whatever their nodes report; Arbitrum and HyperEVM ignore tips; BSC has a base
fee of zero. A missing figure is asked for in another way, never taken for zero.
"""

from statistics import median_low
from typing import Protocol, cast

from alm_core.model.chain_ports import Fees
from alm_core.model.chains import ChainRules
from alm_core.model.errors import BadAnswer
from alm_resources.chains.answers import quantity, record
from alm_resources.chains.endpoint import RpcError

_BLOCKS = 20
_PERCENTILE = 50
MOST_FEE_WEI = 10_000 * 10**9
"""More than any of the chains ever asked for: Ethereum's base fee stood near 8,000 gwei for some blocks of 2022-05-01.
What a transaction may cost at less than this is a matter of the limits, in USD."""


class Reader(Protocol):
    """Whoever asks the nodes."""

    @property
    def source(self) -> str:
        """Name for messages."""
        ...

    def read(self, method: str, *params: object) -> object:
        """Make one read."""
        ...


def read_fees_at(reader: Reader, rules: ChainRules, number: int) -> Fees:
    """Read base fee of a past block, and a usual tip of it and the blocks before it.

    The base fee is in the header: fee history of an old block may end with the fee of today (anvil). Where it does not
    reach back so far, the tip is the least that the chain's nodes accept: what one asks for now says nothing of then.

    Raises
    ------
    BadAnswer
        If the chain tells its base fee in no way, or a fee that cannot be true.
    """
    tag = hex(number)
    base_fee = _believable(_base_fee_of(tag, reader), "base fee", reader.source)
    if not rules.takes_tips:
        return Fees(base_fee_wei=base_fee, priority_fee_wei=0)
    tip = _believable(_usual_tip(_history(reader, tag), reader.source) or 0, "priority fee", reader.source)
    return Fees(base_fee_wei=base_fee, priority_fee_wei=max(tip, rules.min_priority_fee_wei))


def read_fees(reader: Reader, rules: ChainRules) -> Fees:
    """Read base fee of the next block and a usual tip: no less than the chain's nodes accept, 0 where tips are ignored.

    Raises
    ------
    BadAnswer
        If the chain tells its base fee in no way, or a fee that cannot be true.
    """
    history = _history(reader)
    base_fee = _believable(_next_base_fee(history, reader), "base fee", reader.source)
    if not rules.takes_tips:
        return Fees(base_fee_wei=base_fee, priority_fee_wei=0)
    tip = _usual_tip(history, reader.source)
    tip = _believable(_asked_tip(reader, base_fee) if tip is None else tip, "priority fee", reader.source)
    return Fees(base_fee_wei=base_fee, priority_fee_wei=max(tip, rules.min_priority_fee_wei))


def _believable(fee_wei: int, what: str, source: str) -> int:
    if fee_wei > MOST_FEE_WEI:
        raise BadAnswer(source, f"believable_fee: {what} of {fee_wei / 10**9:,.0f} gwei cannot be true")
    return fee_wei


def _history(reader: Reader, newest: str = "latest") -> dict[str, object]:
    try:
        answer = reader.read("eth_feeHistory", hex(_BLOCKS), newest, [_PERCENTILE])
    except RpcError:
        return {}  # Method not offered: the block header tells the base fee, another method the tip.
    return record(answer, reader.source, "fee history") if answer is not None else {}


def _next_base_fee(history: dict[str, object], reader: Reader) -> int:
    fees = history.get("baseFeePerGas")
    if isinstance(fees, list) and fees and fees[-1] is not None:
        return quantity(cast("list[object]", fees)[-1], reader.source, "base fee")
    return _base_fee_of("latest", reader)


def _base_fee_of(tag: str, reader: Reader) -> int:
    header = record(reader.read("eth_getBlockByNumber", tag, False), reader.source, "block")
    if header.get("baseFeePerGas") is None:
        told = "neither fee history nor the head tell" if tag == "latest" else f"block {int(tag, 16)} does not tell"
        raise BadAnswer(reader.source, f"{told} a base fee")
    return quantity(header["baseFeePerGas"], reader.source, "base fee")


def _usual_tip(history: dict[str, object], source: str) -> int | None:
    """Return the median tip of blocks that had one; ``None`` where rewards are missing, empty or all zero."""
    rewards = history.get("reward")
    if not isinstance(rewards, list):
        return None
    rows = [cast("list[object]", row) for row in cast("list[object]", rewards) if isinstance(row, list)]
    tips = [quantity(row[0], source, "reward") for row in rows if row and row[0] is not None]
    paid = [tip for tip in tips if tip]
    return median_low(paid) if paid else None


def _asked_tip(reader: Reader, base_fee: int) -> int:
    try:
        return quantity(reader.read("eth_maxPriorityFeePerGas"), reader.source, "priority fee")
    except RpcError:
        gas_price = quantity(reader.read("eth_gasPrice"), reader.source, "gas price")
        return max(gas_price - base_fee, 0)
