"""Pools of one answer: one that is not the registry's loses its own figures, not those of the others."""

import logging
from collections.abc import Iterable, Mapping

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
