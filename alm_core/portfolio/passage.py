"""What is known of the ways between chains at an epoch: their costs, what may still be sent, who may send."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from alm_core.model.config import LimitsConfig, StrategyConfig
from alm_core.model.epochs import DAY
from alm_core.model.market import BridgeCost, MarketSnapshot
from alm_core.model.past import PastEpochs

TRANSFERS_PER_MOVE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """What is known of the ways between chains at an epoch.

    Parameters
    ----------
    costs
        By source and destination; where there is none, nothing crosses.
    left_usd
        What may still be sent today.
    least_usd
        Less is not sent.
    received
        Chains that something was sent to within the minimum hold: nothing leaves them so soon.
    native_usd
        Value of native coin in the wallet, by chain.
    """

    costs: Mapping[tuple[int, int], BridgeCost]
    left_usd: float
    least_usd: float
    received: frozenset[int] = frozenset()
    native_usd: Mapping[int, float] = field(default_factory=dict[int, float])


def passage_at(
    epoch_at: datetime,
    snapshot: MarketSnapshot,
    past: PastEpochs,
    config: StrategyConfig,
    limits: LimitsConfig,
    nav_usd: float,
) -> Passage:
    """Return what is known of the ways between chains; with nothing known, or bridging off, there is none."""
    sent = [(one.epoch_at, move) for one in past.recent for move in one.moves]
    today = sum(move.capital_usd for at, move in sent if epoch_at - at < DAY)
    received = {move.to_chain for at, move in sent if epoch_at - at < config.min_hold}
    chains = {one.block.chain_id: one.native_usd for one in snapshot.chains if one.native_usd is not None}
    costs = snapshot.bridge_costs if config.bridging else ()
    return Passage(
        costs={(one.from_chain, one.to_chain): one for one in costs},
        left_usd=max(0.0, limits.max_day_bridge_frac * nav_usd - today),
        least_usd=max(config.min_move_frac * nav_usd, TRANSFERS_PER_MOVE * limits.min_bridge_usd),
        received=frozenset(received | {going.to_chain for going in snapshot.in_transit}),
        native_usd={
            one.block.chain_id: one.native_wei / 1e18 * chains.get(one.block.chain_id, 0.0) for one in snapshot.holdings
        },
    )
