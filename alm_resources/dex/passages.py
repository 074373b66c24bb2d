"""What crossing from one chain to another costs, by live quotes for what the wallet has on each chain."""

from collections.abc import Sequence
from typing import Protocol

from alm_core.math.orientation import split_base_quote
from alm_core.model.market import BridgeCost, Holdings, MarketSnapshot
from alm_core.model.pools import Pool, Token
from alm_core.portfolio.costs import GAS_APPROVAL, GAS_BRIDGE, gas_usd


class BridgeCosts(Protocol):
    """Costs of a transfer by quotes."""

    def bridge_cost(
        self, from_token: Token, to_token: Token, amount: int, owner: str, *, gas_usd: float
    ) -> BridgeCost | None:
        """Cost of sending an amount; ``None`` where nobody quotes it."""
        ...


class Passages:
    """Satisfies :class:`~alm_resources.dex.snapshots.PassageReader`.

    Parameters
    ----------
    costs
        Quotes, remembered for a while.
    """

    def __init__(self, costs: BridgeCosts) -> None:
        self._costs = costs

    def read_costs(self, snapshot: MarketSnapshot, wallet: str) -> tuple[BridgeCost, ...]:
        """Return the costs of every way between chains on which the wallet could send both assets it has.

        A way has the cost of its dearer asset, and takes as long as its slower one. Where one of the two is not quoted
        there is no way: half of a move would be left behind.
        """
        chains = [state.block.chain_id for state in snapshot.chains]
        found = [
            self._cost(snapshot, holdings, target, wallet)
            for holdings in snapshot.holdings
            for target in chains
            if holdings.block.chain_id in chains and target != holdings.block.chain_id
        ]
        return tuple(cost for cost in found if cost is not None)

    def _cost(self, snapshot: MarketSnapshot, holdings: Holdings, target: int, wallet: str) -> BridgeCost | None:
        source = holdings.block.chain_id
        here, there = _pool_of(snapshot, source), _pool_of(snapshot, target)
        if here is None or there is None:
            return None
        units = 2 * GAS_APPROVAL + GAS_BRIDGE
        gas = gas_usd(snapshot.chain(source), units)
        base, quote = _amounts(snapshot, holdings, here)
        asked = [
            self._costs.bridge_cost(sell, buy, amount, wallet, gas_usd=gas)
            for sell, buy, amount in ((here.base, there.base, base), (here.quote, there.quote, quote))
            if amount > 0
        ]
        known = [one for one in asked if one is not None]
        if not known or len(known) < len(asked):
            return None
        return BridgeCost(
            from_chain=source,
            to_chain=target,
            cost_frac=max(one.cost_frac for one in known),
            gas_usd=gas,
            duration_s=max(one.duration_s for one in known),
            source=", ".join(sorted({one.source for one in known})),
        )


def _pool_of(snapshot: MarketSnapshot, chain_id: int) -> Pool | None:
    """Return a pool that stands for the tokens of a chain; ``None`` where its pools do not share one pair of them."""
    pools = [state.pool for state in snapshot.pools if state.pool.chain_id == chain_id]
    return pools[0] if len({(one.base.address, one.quote.address) for one in pools}) == 1 else None


def _amounts(snapshot: MarketSnapshot, holdings: Holdings, pool: Pool) -> tuple[int, int]:
    """Raw amounts of base and quote that the wallet has on a chain, positions included."""
    base, quote = holdings.balance(pool.base.address), holdings.balance(pool.quote.address)
    held: Sequence[tuple[int, int]] = [
        split_base_quote(snapshot.pool_state(one.pool_id).pool, one.amount0 + one.fees0, one.amount1 + one.fees1)
        for one in holdings.positions
    ]
    return base + sum(one[0] for one in held), quote + sum(one[1] for one in held)
