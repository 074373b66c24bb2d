"""DEX families as the registry knows them: which contracts a deployment has, and what tells its pools apart."""

from dataclasses import dataclass
from typing import Literal

PoolKey = Literal["fee", "tick_spacing", "pair", "bin_step", "pool_key", "unknown"]

TRADABLE_FAMILIES = frozenset(
    {
        *("uniswap_v3", "pancake_v3", "pangolin_v3", "algebra_v1", "camelot_v3", "algebra_integral"),
        *("slipstream", "ramses_v3", "uniswap_v4", "infinity", "liquidity_book", "liquidity_book_v20"),
    }
)
"""Families with an adapter. Written here as well because ``alm_resources.dex`` reads the registry; a test compares."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One DEX family.

    Parameters
    ----------
    name
        As in the registry.
    required, optional
        Keys of ``[dexes.contracts.<chain>]``.
    registrar, manager
        The keys of the contract that knows the pools, and of the one that changes positions.
    pool_key
        What besides the tokens names a pool: a fee, a spacing, nothing (``pair``), a bin step, or a hashed key.
    tiers
        Values of that key which deployments are known to allow.
    """

    name: str
    required: tuple[str, ...]
    registrar: str
    manager: str
    pool_key: PoolKey
    optional: tuple[str, ...] = ("quoter", "router")
    tiers: tuple[int, ...] = ()

    @property
    def id_bytes(self) -> int | None:
        """Length of a pool's id: an address, or a hash; ``None`` if not known."""
        return {"pool_key": 32, "unknown": None}.get(self.pool_key, 20)


_CORE = ("factory", "position_manager")
_PERIPHERY = ("init_code_hash", "quoter", "router")
_LB_STEPS = (1, 2, 3, 5, 8, 10, 15, 20, 25, 50, 80, 100)


def _v3_like(
    name: str,
    pool_key: PoolKey,
    tiers: tuple[int, ...] = (),
    more: tuple[str, ...] = (),
    optional: tuple[str, ...] = (),
) -> Family:
    return Family(
        name=name,
        required=(*_CORE, *more),
        optional=(*_PERIPHERY, *optional) if "deployer" in more else (*_PERIPHERY, "deployer", *optional),
        registrar="factory",
        manager="position_manager",
        pool_key=pool_key,
        tiers=tiers,
    )


def _book(name: str) -> Family:
    return Family(
        name=name,
        required=("factory", "router"),
        optional=("quoter",),
        registrar="factory",
        manager="router",
        pool_key="bin_step",
        tiers=_LB_STEPS,
    )


FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (
        _v3_like("uniswap_v3", "fee", (100, 200, 300, 400, 500, 3000, 10_000)),
        _v3_like("pancake_v3", "fee", (100, 500, 2500, 10_000), ("deployer",)),
        _v3_like("pangolin_v3", "fee", (100, 500, 2500, 3000, 8000, 10_000)),
        _v3_like("algebra_v1", "pair", more=("deployer",)),
        # Algebra 1.9 with a fee per direction: globalState() has one field more than algebra_v1.
        _v3_like("camelot_v3", "pair", more=("deployer",)),
        # Where pools are those of a custom deployer, its address is in their salt and in every mint.
        _v3_like("algebra_integral", "pair", optional=("custom_deployer",)),
        _v3_like("slipstream", "tick_spacing", (1, 10, 50, 100, 200, 2000)),
        _v3_like("ramses_v3", "tick_spacing", (1, 5, 10, 50, 100, 200), ("deployer",)),
        Family(
            name="uniswap_v4",
            required=("pool_manager", "position_manager", "state_view"),
            optional=("quoter", "permit2"),
            registrar="pool_manager",
            manager="position_manager",
            pool_key="pool_key",
        ),
        Family(
            name="infinity",
            required=("vault", "pool_manager", "position_manager", "permit2"),
            optional=("quoter",),
            registrar="pool_manager",
            manager="position_manager",
            pool_key="pool_key",
        ),
        # 2.1 and 2.2; pairs and router of 2.0 name nearly everything differently, and keep fees beside the bins.
        _book("liquidity_book"),
        _book("liquidity_book_v20"),
        Family(
            name="unknown",
            required=(),
            optional=(*_CORE, "quoter", "router"),
            registrar="factory",
            manager="position_manager",
            pool_key="unknown",
        ),
    )
}
