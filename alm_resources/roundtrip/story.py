"""What a round trip remembers of itself, and the line it makes of that and of the books."""

from dataclasses import dataclass, field

from alm_core.model.pools import Pool
from alm_resources.roundtrip.flows import CLOSE, OPEN, SHIFT, Amounts, Flows
from alm_resources.roundtrip.line import Closed, Dust, Fees, Gas, Opened, PoolLine, Shifted


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """Ticks that were placed at; liquidity and ids as read afterwards, unknown until then."""

    ticks: tuple[int, int]
    in_range: bool
    liquidity: int | None = None
    positions: tuple[int, ...] = ()


@dataclass(slots=True)
class Story:
    """How far a round trip came."""

    opening: Placed | None = None
    shift: Placed | None = None
    keeps_fees: bool = False
    fees_read: Amounts | None = None
    fees_note: str = ""
    proven: bool = False
    errors: list[str] = field(default_factory=list[str])


def line_of(pool: Pool, story: Story, flows: Flows, all_flows: Flows) -> PoolLine:
    """Return the line of a pool.

    Parameters
    ----------
    pool, story
        Whose line, and how far it came.
    flows
        What was moved since the trip began.
    all_flows
        Also what was moved before, to close what an earlier run had left.
    """
    change = flows.change()
    unused = flows.unused(OPEN) + flows.unused(SHIFT)
    return PoolLine(
        chain=pool.chain_id,
        dex=pool.dex,
        family=pool.family,
        pool=pool.address,
        ok=not story.errors and story.proven and story.shift is not None,
        opened=_opened(story, flows),
        fees=_fees(story, flows),
        closed=_closed(flows),
        gas=Gas(used=all_flows.gas_used, wei=all_flows.gas_wei, transactions=all_flows.mined),
        dust=Dust(
            amount0=unused.amount0,
            amount1=unused.amount1,
            wallet_change0=change.amount0,
            wallet_change1=change.amount1,
        )
        if story.opening is not None
        else None,
        error="; ".join(story.errors) or None,
    )


def _opened(story: Story, flows: Flows) -> Opened | None:
    placed, opening = flows.placed(OPEN), story.opening
    if opening is None or not placed:
        return None
    return Opened(
        amount0=placed.amount0,
        amount1=placed.amount1,
        tick_lower=opening.ticks[0],
        tick_upper=opening.ticks[1],
        liquidity=opening.liquidity,
        positions=opening.positions,
        in_range=opening.in_range,
        shifted=_shifted(story, flows),
    )


def _shifted(story: Story, flows: Flows) -> Shifted | None:
    placed, shift = flows.placed(SHIFT), story.shift
    if shift is None or not placed:
        return None
    return Shifted(
        amount0=placed.amount0,
        amount1=placed.amount1,
        tick_lower=shift.ticks[0],
        tick_upper=shift.ticks[1],
        liquidity=shift.liquidity,
    )


def _fees(story: Story, flows: Flows) -> Fees | None:
    paid, read = flows.fees(), story.fees_read
    if story.keeps_fees or (read is None and not paid):
        return None
    return Fees(
        amount0=paid.amount0,
        amount1=paid.amount1,
        read0=None if read is None else read.amount0,
        read1=None if read is None else read.amount1,
        note=story.fees_note,
    )


def _closed(flows: Flows) -> Closed | None:
    last, first = flows.taken_out(CLOSE), flows.taken_out(SHIFT)
    if not last and not first:
        return None
    return Closed(amount0=last.amount0, amount1=last.amount1, shifted0=first.amount0, shifted1=first.amount1)
