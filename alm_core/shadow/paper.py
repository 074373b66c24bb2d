"""The world of paper holdings, and what carrying out a plan would make of them and cost. Integers as on chain."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from alm_core.model.decisions import AllocationPlan
from alm_core.model.errors import InvalidInput
from alm_core.model.market import Holdings, MarketSnapshot
from alm_core.portfolio.valuation import Prices
from alm_core.portfolio.yields import own_active_liquidity
from alm_core.simulation.paper_plan import done_on_chain


@dataclass(frozen=True, slots=True, kw_only=True)
class Executed:
    """Holdings after a plan, and what carrying it out cost."""

    holdings: tuple[Holdings, ...]
    gas_usd: float
    swap_usd: float


def paper_snapshot(snapshot: MarketSnapshot, holdings: tuple[Holdings, ...]) -> MarketSnapshot:
    """Return the snapshot of a world in which the wallets hold ``holdings``: pools hold those, not ours.

    Nothing is on its way there and nothing can be sent: paper has no bridges.
    """
    paper = replace(snapshot, holdings=holdings, in_transit=(), bridge_costs=())
    pools = tuple(
        replace(
            state,
            liquidity=max(0, state.liquidity - own_active_liquidity(snapshot.holdings, state))
            + own_active_liquidity(paper.holdings, state),
        )
        for state in snapshot.pools
    )
    return replace(paper, pools=pools)


def executed(plan: AllocationPlan, holdings: Sequence[Holdings], snapshot: MarketSnapshot, prices: Prices) -> Executed:
    """Return paper holdings after a plan was carried out at the snapshot's prices, with gas and swap costs.

    Raises
    ------
    InvalidInput
        If not everything could be done: the plan names what is not held or not read, or there is nothing to swap
        through.
    """
    done = [done_on_chain(replace(plan, moves=()), held, snapshot, prices) for held in holdings]
    problems = [problem for one in done for problem in one.problems]
    if problems:
        raise InvalidInput("; ".join(problems))
    return Executed(
        holdings=tuple(one.holdings for one in done),
        gas_usd=sum(one.gas_usd for one in done),
        swap_usd=sum(one.swap_usd for one in done),
    )
