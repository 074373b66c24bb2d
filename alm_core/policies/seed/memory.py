"""What the seed policy remembers: volumes of earlier snapshots, and what a position was promised when it was opened.

The reference keeps a record of every mint. Here nothing is kept: the figures of a mint are worked out again from the
snapshots, as far back as they reach.
"""

from dataclasses import dataclass
from datetime import datetime

from alm_core.math.orientation import price_at_sqrt_price_x96
from alm_core.model.market import MarketSnapshot, PoolMarket, PoolState, Position
from alm_core.policies.seed.params import EPOCH_SECONDS
from alm_core.policies.seed.utilization import SeedSnapshot, Utilization, analyse_pools

NEUTRAL_FORCES = (0.0, 50.0, 50.0)
"""Forces shape only the range of an analysis, which nothing here reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Snapshots of the pair, oldest first, the epoch's own one last; and the epoch that last moved capital."""

    snapshots: tuple[MarketSnapshot, ...]
    last_rebalance_at: datetime | None

    def analyses(self, index: int = -1) -> tuple[Utilization, ...]:
        """Pools with known figures as seen at a snapshot, highest APR first.

        The interval volume is the difference to the snapshot before, whatever time lies between them.
        """
        at = range(len(self.snapshots))[index]
        before = self.snapshots[at - 1] if at > 0 else None
        return analyse_pools(
            known_figures(self.snapshots[at]),
            {} if before is None else {f"{one.chain}:{one.pool}": one.volume_24h_usd for one in known_figures(before)},
            NEUTRAL_FORCES,
            EPOCH_SECONDS,
        )

    def entry_apr(self, position: Position) -> float | None:
        """APR of its pool when a position was opened, never refreshed; ``None`` where no figure is known."""
        for index in range(self.entry(position), len(self.snapshots)):
            for found in self.analyses(index):
                if found.pool == position.pool_id:
                    return found.apr
        return None

    def entry_price(self, position: Position) -> float | None:
        """Price in its pool when a position was opened; ``None`` where that was not read."""
        return self.price(position.pool_id, self.entry(position))

    def price(self, pool_id: str, index: int) -> float | None:
        """Price in a pool at a snapshot; ``None`` where it was not read."""
        state = _state(self.snapshots[index], pool_id)
        return None if state is None else price_at_sqrt_price_x96(state.pool, state.sqrt_price_x96)

    def entry(self, position: Position) -> int:
        """Index of the snapshot that a position was decided on.

        It is the one before the first that shows the position; for one that no earlier snapshot shows, that of the last
        rebalance; and the oldest one where neither is remembered.
        """
        earlier = list(enumerate(self.snapshots[:-1]))
        first = next((index for index, one in earlier if _holds(one, position)), None)
        if first is not None:
            return max(0, first - 1)
        return next((index for index, one in earlier if one.epoch_at == self.last_rebalance_at), 0)


def known_figures(snapshot: MarketSnapshot) -> list[SeedSnapshot]:
    """Pools whose service answered with volume and TVL; a fee that is unknown becomes the reference's default."""
    chains = {state.pool.pool_id: state.pool.chain_id for state in snapshot.pools}
    return [
        SeedSnapshot(
            pool=market.pool_id,
            chain=chains[market.pool_id],
            volume_24h_usd=market.volume_24h_usd,
            tvl_usd=market.tvl_usd,
            fee_frac=max(0.0, market.fee_frac or 0.0),
            exchange_rate=_rate(market),
        )
        for market in snapshot.markets
        if market.pool_id in chains and market.volume_24h_usd is not None and market.tvl_usd is not None
    ]


def _rate(market: PoolMarket) -> float:
    if market.base_usd is None or not market.quote_usd:
        return 0.0
    return market.base_usd / market.quote_usd


def _state(snapshot: MarketSnapshot, pool_id: str) -> PoolState | None:
    return next((state for state in snapshot.pools if state.pool.pool_id == pool_id), None)


def _holds(snapshot: MarketSnapshot, position: Position) -> bool:
    return any(
        (held.pool_id, held.token_id) == (position.pool_id, position.token_id)
        for holdings in snapshot.holdings
        for held in holdings.positions
    )
