"""What moving a dollar into a pool or out of it costs, as water-filling sees it: in proportion to what is moved."""

from collections.abc import Sequence
from dataclasses import dataclass

from alm_core.model.market import ChainState, PoolState, SwapCost
from alm_core.portfolio.costs import move_cost
from alm_core.portfolio.valuation import BaseQuoteUsd, Prices


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveRates:
    """Cost of a dollar moved into a pool, and of one moved out of it, 0 or more."""

    entry_frac: float
    exit_frac: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Mover:
    """Where moves on one chain start from.

    Parameters
    ----------
    chain, states, prices
        Fees, pools to swap in, USD prices.
    movable
        Capital that new positions are made of.
    quote
        A live quote of a swap on the chain, if there is one.
    """

    chain: ChainState
    states: Sequence[PoolState]
    prices: Prices
    movable: BaseQuoteUsd
    quote: SwapCost | None = None

    def rates(
        self, lots: Sequence[str], base_share: float, *, most_usd: float, held_usd: float, positions: int
    ) -> MoveRates:
        r"""Return the rates of one pool.

        Parameters
        ----------
        lots
            Its DEX family, as often as an opening there costs what was measured for it.
        base_share
            Share of base in the range that would be placed there, 0..1.
        most_usd
            Most that can be in it.
        held_usd, positions
            Capital of our positions there that may stay, and how many they are.

        Notes
        -----
        In: gas of an opening, and fee and impact of swapping what the movable capital lacks of one token. Out: gas of
        closing; burning needs no swap. Gas does not depend on the amount; over :math:`[0, X]` the line :math:`g x / X`
        is its convex envelope, the closest cost below it that keeps the problem concave. So X is the most that can be
        moved, and a small move costs more than this says: the gates of the decision price each action exactly.
        """
        if most_usd <= 0.0:
            return MoveRates(entry_frac=0.0, exit_frac=0.0)
        lacking = abs(base_share - self.movable.base / self.movable.total) if self.movable.total > 0.0 else 0.0
        live = [state for state in self.states if state.liquidity > 0]
        opening = move_cost(
            self.chain,
            live,
            self.prices,
            closed=(),
            opened=lots,
            swapped_usd=lacking * most_usd if live else 0.0,
            quote=self.quote,
        )
        closing = move_cost(self.chain, live, self.prices, closed=(*lots,) * positions, opened=(), swapped_usd=0.0)
        return MoveRates(
            entry_frac=opening.total_usd / most_usd,
            exit_frac=closing.total_usd / held_usd if held_usd > 0.0 else 0.0,
        )
