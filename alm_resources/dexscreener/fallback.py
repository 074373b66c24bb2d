"""Market figures from a first source, and from a second one where the first has none."""

import logging
from collections.abc import Sequence

from alm_core.model.errors import ConfigError, SourceError, SourceUnavailable
from alm_core.model.market import PoolMarket
from alm_core.model.pools import Pool
from alm_core.model.ports import PoolMarketSource

logger = logging.getLogger(__name__)


class PoolMarkets:
    """Asks ``first``; asks ``fallback`` for what ``first`` did not know, and for everything where it failed.

    Every figure says its source. A failure that the other source made up for is logged as a warning; one that nobody
    made up for is raised.

    Parameters
    ----------
    first, fallback
        Sources of figures; ``fallback`` may know fewer chains.
    """

    def __init__(self, first: PoolMarketSource, fallback: PoolMarketSource) -> None:
        self._first = first
        self._fallback = fallback

    def fetch_pools(self, pools: Sequence[Pool]) -> tuple[PoolMarket, ...]:
        """Fetch figures in the order asked; pools that neither source knows are left out.

        Raises
        ------
        SourceError
            If both sources failed; names both and is unavailable if one of them is.
        """
        failure: SourceError | None = None
        found: dict[str, PoolMarket] = {}
        try:
            found = {market.pool_id: market for market in self._first.fetch_pools(pools)}
        except SourceError as error:
            failure = error
        missing = [pool for pool in pools if pool.pool_id not in found]
        if missing:
            try:
                found |= {market.pool_id: market for market in self._fallback.fetch_pools(missing)}
            except (SourceError, ConfigError) as error:
                _report(failure, error, f"{len(missing)} of {len(pools)} pools have no figures")
            else:
                _report(failure, None, f"{len(found)} of {len(pools)} pools have figures of the fallback")
        return tuple(found[pool.pool_id] for pool in pools if pool.pool_id in found)

    def fetch_token_usd(self, chain_id: int, addresses: Sequence[str]) -> dict[str, float]:
        """Fetch USD prices by address, spelled as asked; tokens that neither source knows are left out.

        Raises
        ------
        SourceError
            As :meth:`fetch_pools`.
        """
        failure: SourceError | None = None
        prices: dict[str, float] = {}
        try:
            prices = self._first.fetch_token_usd(chain_id, addresses)
        except SourceError as error:
            failure = error
        missing = [address for address in addresses if address not in prices]
        if missing:
            try:
                prices |= self._fallback.fetch_token_usd(chain_id, missing)
            except (SourceError, ConfigError) as error:
                _report(failure, error, f"{len(missing)} tokens of chain {chain_id} have no price")
            else:
                _report(failure, None, f"{len(prices)} tokens of chain {chain_id} have prices of the fallback")
        return prices


def _report(failure: SourceError | None, second: SourceError | ConfigError | None, outcome: str) -> None:
    """Log a failure that was made up for; raise if neither source answered."""
    if failure is not None and second is not None:
        kind = SourceUnavailable if isinstance(second, SourceUnavailable) else type(failure)
        raise kind(failure.source, f"{failure.detail}; {second}") from second
    if failure is not None or second is not None:
        logger.warning("market figures: %s; %s", failure or second, outcome)
