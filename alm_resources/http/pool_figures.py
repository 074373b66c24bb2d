"""Pools of one answer: one that is not the registry's loses its own figures, not those of the others."""

import logging
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from alm_core.model.errors import BadAnswer
from alm_core.model.market import PoolMarket
from alm_core.model.pools import Pool
from alm_resources.http.fields import shown
from alm_resources.http.get import HttpAnswer
from alm_resources.http.sightings import Sightings, dated

logger = logging.getLogger(__name__)

PoolFigures = PoolMarket | BadAnswer
"""Figures of a pool, or why there are none that can be used."""


def foreign_tokens(source: str, pool: Pool, told: Iterable[str]) -> BadAnswer | None:
    """Say what is wrong with the tokens of a pool as a service shows it (lower-case addresses); ``None`` if nothing."""
    base, quote = pool.base.address.lower(), pool.quote.address.lower()
    addresses = set(told)
    if addresses == {base, quote}:
        return None
    found = ", ".join(shown(address) for address in sorted(addresses))
    return BadAnswer(source, f"pool {pool.pool_id}: tokens are {found}, the registry says {base} and {quote}")


def moment_from(told: object) -> datetime | None:
    """Return a moment that a service tells as ISO text or milliseconds; ``None`` where it tells none that can be read.

    Examples
    --------
    >>> moment_from("2021-05-05T21:42:11Z") == moment_from(1620250931000)
    True
    >>> moment_from("soon"), moment_from(None), moment_from(10**30)
    (None, None, None)
    """
    try:
        if isinstance(told, str):
            moment = datetime.fromisoformat(told)
            return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        if isinstance(told, int) and not isinstance(told, bool):
            return datetime.fromtimestamp(told / 1000, tz=UTC)
    except (ValueError, OverflowError, OSError):
        pass
    return None


def usable(
    found: Mapping[str, PoolFigures], asked: Iterable[str], answer: HttpAnswer, sightings: Sightings
) -> list[PoolMarket]:
    """Return the dated figures of an answer in the order asked; pools without usable ones are left out and logged.

    Parameters
    ----------
    found
        What an answer tells of each pool, by the address asked for; pools the service does not know are not in it.
    asked
        Addresses of the request.
    answer
        Tells the age of its figures.
    sightings
        Remembers when figures were first seen.
    """
    told = [found[address] for address in asked if address in found]
    problems = [figures for figures in told if isinstance(figures, BadAnswer)]
    if problems:
        details = "; ".join(problem.detail for problem in problems)
        count = f"{len(problems)} of {len(told)} pools left out"
        logger.warning("market figures: %s: %s: %s", problems[0].source, count, details)
    return [dated(figures, answer, sightings) for figures in told if isinstance(figures, PoolMarket)]
