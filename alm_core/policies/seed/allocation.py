"""Water-fill of the reference system (its section 7.2)."""

from collections.abc import Sequence
from dataclasses import dataclass

from alm_core.policies.seed.ieee import added, divided

BISECTIONS = 64
LOWEST_LEVEL = 1e-4
TOLERANCE = 1e-10
MIN_SHARE = 0.001


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolAnalysis:
    """Yield and size of a pool; analyses come sorted by ``apr``, highest first."""

    pool: str
    chain: int
    apr: float
    tvl_usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """Share of the capital in one pool with its diluted yield."""

    pool: str
    chain: int
    share_frac: float
    expected_apr: float


def water_fill(analyses: Sequence[PoolAnalysis], max_positions: int, capital_usd: float) -> tuple[Share, ...]:
    """Return shares by bisection on the marginal yield of ``apr * tvl / (tvl + x)``.

    Pools are chosen before filling: the first ``max_positions`` of the analyses, less those that yield nothing. One
    pool takes everything at its undiluted yield. Yields below 0.0001 invert the bracket, and nothing is returned.
    """
    top = [analysis for analysis in analyses[:max_positions] if analysis.apr > 0]
    if not top:
        return ()
    if len(top) == 1:
        return (Share(pool=top[0].pool, chain=top[0].chain, share_frac=1.0, expected_apr=top[0].apr),)
    level = _level(top, capital_usd)
    kept = [(analysis, share) for analysis, share in zip(top, _shares(top, level, capital_usd), strict=True)]
    kept = [(analysis, share) for analysis, share in kept if share > MIN_SHARE]
    total = added(share for _, share in kept)
    return tuple(
        Share(
            pool=analysis.pool,
            chain=analysis.chain,
            share_frac=divided(share, total),
            expected_apr=divided(analysis.apr * analysis.tvl_usd, analysis.tvl_usd + share * capital_usd),
        )
        for analysis, share in kept
    )


def weighted_apr(shares: Sequence[Share]) -> float:
    """Return the yield of the whole allocation."""
    return added(share.share_frac * share.expected_apr for share in shares)


def _level(top: Sequence[PoolAnalysis], capital_usd: float) -> float:
    low, high = LOWEST_LEVEL, top[0].apr
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        total = added(_shares(top, middle, capital_usd))
        if total > 1:
            low = middle
        else:
            high = middle
        if abs(total - 1) < TOLERANCE:
            break
    return (low + high) / 2


def _shares(top: Sequence[PoolAnalysis], level: float, capital_usd: float) -> list[float]:
    return [max(0.0, divided((one.apr / level - 1) * one.tvl_usd, capital_usd)) for one in top]
