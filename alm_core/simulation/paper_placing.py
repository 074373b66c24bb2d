"""The swap and the placing of one chain on paper, as :mod:`alm_core.execution.net_swap` and ``placing`` do them."""

from collections.abc import Sequence
from dataclasses import dataclass

from alm_core.execution.wallet_share import usable_amounts
from alm_core.math.orientation import sqrt_price_x96_from_price
from alm_core.math.ratio import TargetRange, split_amounts
from alm_core.math.tick import Q96, sqrt_price_x96_at_tick
from alm_core.math.zap import SwapForRatio, swap_for_ratio
from alm_core.model.decisions import Target
from alm_core.model.errors import InvalidInput
from alm_core.model.market import MarketSnapshot, PoolState
from alm_core.model.pools import Pool
from alm_core.portfolio.valuation import Prices, full_range_usd
from alm_core.simulation.paper_wallet import PaperWallet

PIPS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperPlacing:
    """Targets of one chain, which share what the wallet has by their shares of the chain's capital.

    Parameters
    ----------
    wallet
        What is placed from; it changes.
    targets
        In the order of the plan.
    snapshot
        Pools and live quotes.
    prices
        USD of the pair's tokens.
    sent_usd
        What the same plan has sent to other chains: shares are of the capital before that.
    """

    wallet: PaperWallet
    targets: Sequence[Target]
    snapshot: MarketSnapshot
    prices: Prices
    sent_usd: float = 0.0

    def swap(self, least_nav_frac: float) -> tuple[float, float]:
        """Swap what the targets need; return the worth of what was sold, and what that lost.

        Parameters
        ----------
        least_nav_frac
            A smaller part of the chain's capital is not swapped.

        Raises
        ------
        InvalidInput
            If targets do not share one pair of tokens, or there is nothing to swap through.
        """
        pool, wallet = self._common_pool(), self.wallet
        swap = self._priced(pool)
        sell, buy = (pool.token0, pool.token1) if swap.zero_for_one else (pool.token1, pool.token0)
        sold_usd = swap.sell_amount * wallet.usd(sell.address)
        if swap.sell_amount == 0 or sold_usd < least_nav_frac * wallet.nav_usd:
            return 0.0, 0.0
        wallet.add(sell.address, -swap.sell_amount)
        wallet.add(buy.address, swap.buy_amount)
        return sold_usd, sold_usd - swap.buy_amount * wallet.usd(buy.address)

    def place(self, index: int) -> None:
        """Place one target; those before it have been.

        Raises
        ------
        InvalidInput
            If its share buys no liquidity.
        """
        amounts = split_amounts(*self._usable(index), self._ranges(index))[0]
        self.wallet.place(self.targets[index], *amounts)

    def _common_pool(self) -> Pool:
        pools = [self.wallet.state(target.pool_id).pool for target in self.targets]
        if len({(pool.token0.address, pool.token1.address) for pool in pools}) != 1:
            raise InvalidInput("targets do not share one pair of tokens")
        return pools[0]

    def _ranges(self, first: int = 0) -> list[TargetRange]:
        return [
            TargetRange(
                sqrt_price_x96=self.wallet.state(target.pool_id).sqrt_price_x96,
                sqrt_lower_x96=sqrt_price_x96_at_tick(target.tick_lower),
                sqrt_upper_x96=sqrt_price_x96_at_tick(target.tick_upper),
                share_frac=target.share_frac,
            )
            for target in self.targets[first:]
        ]

    def _usable(self, first: int = 0) -> tuple[int, int]:
        pool, wallet = self._common_pool(), self.wallet
        return usable_amounts(
            wallet.balance(pool.token0.address),
            wallet.balance(pool.token1.address),
            self._ranges(first),
            sqrt_price_x96=self._independent_root(pool),
            capital1=(wallet.nav_usd + self.sent_usd) / wallet.usd(pool.token1.address),
        )

    def _priced(self, pool: Pool) -> SwapForRatio:
        """At the chain's live quote as far as that goes; else in the cheapest pool, but not cheaper than the quote."""
        quote = next((one for one in self.snapshot.swap_costs if one.chain_id == pool.chain_id), None)
        amounts, ranges = self._usable(), self._ranges()
        least = 0.0
        if quote is not None:
            least = max(0.0, quote.cost_frac)
            root = self._independent_root(pool)
            swap = swap_for_ratio(*amounts, ranges, sqrt_price_x96=root, fee_frac=least)
            sell = pool.token0 if swap.zero_for_one else pool.token1
            if swap.sell_amount * self.wallet.usd(sell.address) <= quote.sold_usd:
                return swap
        venue = self._cheapest(pool)
        return swap_for_ratio(
            *amounts,
            ranges,
            sqrt_price_x96=venue.sqrt_price_x96,
            fee_frac=max(least, venue.fee_pips / PIPS),
            # Selling S into liquidity L at root price s moves the mean price by S / (L s) in raw token1.
            impact_per_token1=Q96 / (venue.liquidity * venue.sqrt_price_x96),
        )

    def _cheapest(self, pool: Pool) -> PoolState:
        live = [
            one
            for one in self.snapshot.pools
            if one.liquidity > 0 and (one.pool.token0, one.pool.token1) == (pool.token0, pool.token1)
        ]
        if not live:
            raise InvalidInput(f"no pool of {pool.token0.symbol} and {pool.token1.symbol} has liquidity to swap in")
        return min(live, key=lambda one: (one.fee_pips, -full_range_usd(one, one.liquidity, self.prices)))

    def _independent_root(self, pool: Pool) -> int:
        return sqrt_price_x96_from_price(pool, self.prices.base_usd / self.prices.quote_usd)
