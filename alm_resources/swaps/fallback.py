"""A second source of swaps for when the first has none."""

import logging
from collections.abc import Sequence

from alm_core.model.errors import SourceError, SourceUnavailable
from alm_core.model.pools import Token
from alm_core.model.ports import SwapQuote, SwapSource

_LOG = logging.getLogger(__name__)


class FallbackSwaps:
    """Asks one source after the other, under the same minimum.

    A quote that was tampered with is a reason to ask the next as well: the one that is taken has passed its own checks.

    Parameters
    ----------
    sources
        In the order in which they are asked; not empty.
    """

    def __init__(self, sources: Sequence[SwapSource]) -> None:
        self._sources = tuple(sources)

    def quote_swap(self, *, sell: Token, buy: Token, sell_amount: int, owner: str, min_buy_amount: int) -> SwapQuote:
        """Quote a swap whose calldata pays ``owner`` at least ``min_buy_amount``.

        Raises
        ------
        SourceUnavailable
            If none of the sources has a quote; says of each why.
        InvalidInput
            If the request makes no sense.
        """
        refused: list[str] = []
        for source in self._sources:
            try:
                return source.quote_swap(
                    sell=sell, buy=buy, sell_amount=sell_amount, owner=owner, min_buy_amount=min_buy_amount
                )
            except SourceError as error:
                refused.append(f"{error.source}: {error.detail}")
                _LOG.warning("no swap of %s for %s on chain %d: %s", sell.symbol, buy.symbol, sell.chain_id, error)
        raise SourceUnavailable("swaps", "; ".join(refused))
