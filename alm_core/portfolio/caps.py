"""Limits as water-filling takes them: per pool, chain, DEX family and token issuer, and what could be sold again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from alm_core.model.config import StrategyConfig
from alm_core.model.pools import Pool
from alm_core.portfolio.filling.vessels import Group

Cap = tuple[float, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainCapital:
    """Capital on one chain; it does not cross to another."""

    chain_id: int
    capital_usd: float


def cap_of(pool: Pool, capital_usd: float, active_usd: float, config: StrategyConfig) -> Cap:
    r"""Return the most that one pool may hold, with the name of the rule.

    Parameters
    ----------
    pool
        Its tokens tell whether the impact for stables applies.
    capital_usd
        Capital on its chain.
    active_usd
        Full-range value :math:`A` of others' active liquidity in it.
    config
        Bounds.

    Notes
    -----
    ``exit_capacity``: a position can become all one token. Selling :math:`S` into :math:`A` moves the average price by
    :math:`2 S / A` (:func:`alm_core.portfolio.costs.swap_cost_frac`), so with at most ``exit_impact_frac`` of impact
    the pool takes :math:`A \cdot` ``exit_impact_frac`` :math:`/ 2`. Our own liquidity is gone by then.
    """
    stable = pool.token0.asset_class == "stable" and pool.token1.asset_class == "stable"
    impact = config.exit_impact_stable_frac if stable else config.exit_impact_frac
    caps = [(active_usd * impact / 2.0, "exit_capacity")]
    if config.max_pool_share < 1.0:
        caps.append((config.max_pool_share * capital_usd, "max_pool_share"))
    return min(caps)


def groups_of(pools: Sequence[Pool], capitals: Sequence[ChainCapital], config: StrategyConfig) -> list[Group]:
    """Return the limits on several pools together.

    Parameters
    ----------
    pools
        Candidate pools of all chains; groups number them in this order.
    capitals
        Capital of every chain.
    config
        Shares of all capital that a chain, a DEX family and tokens of an issuer may have in positions; 1 never binds.

    Notes
    -----
    A pool's capital may turn into either token, so all of it counts against the issuers of both.
    """
    chains: dict[str, list[int]] = {}
    families: dict[str, list[int]] = {}
    issuers: dict[str, list[int]] = {}
    for row, pool in enumerate(pools):
        chains.setdefault(str(pool.chain_id), []).append(row)
        families.setdefault(pool.family, []).append(row)
        for issuer in sorted({pool.token0.issuer, pool.token1.issuer}):
            issuers.setdefault(issuer, []).append(row)
    total = sum(chain.capital_usd for chain in capitals)
    groups = [
        Group(
            name=f"capital {chain.chain_id}",
            rows=tuple(chains.get(str(chain.chain_id), ())),
            limit_usd=chain.capital_usd,
            most=config.max_positions,
        )
        for chain in capitals
    ]
    groups += _shares("max_chain_share", chains, config.max_chain_share, total)
    groups += _shares("max_family_share", families, config.max_family_share, total)
    groups += _shares("max_issuer_share", issuers, config.max_issuer_share, total)
    return groups


def _shares(rule: str, members: Mapping[str, Sequence[int]], share: float, total_usd: float) -> list[Group]:
    if share >= 1.0:
        return []
    return [
        Group(name=f"{rule} {name}", rows=tuple(rows), limit_usd=share * total_usd)
        for name, rows in sorted(members.items())
    ]
