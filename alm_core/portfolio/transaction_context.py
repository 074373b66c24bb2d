"""What the limits engine must know beside a transaction itself. ``None`` is unknown, and refused where it is needed."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from alm_core.model.books import Standstill

Usd = Fraction | float
"""USD; exact where sums of raw amounts meet a bound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What other transactions have spent or may still spend, those in flight at their worst.

    Parameters
    ----------
    epoch_usd
        Moved on the chain by the epoch.
    day_usd
        Moved on the chain in 24 h.
    pair_day_usd
        Moved on all chains of the pair in 24 h.
    bridged_usd
        Sent from all chains of the pair in 24 h.
    gas_usd
        Fees on the chain in 24 h.
    reverts
        Reverted within the hour in the pools that the transaction touches, or of swaps on the chain.
    """

    epoch_usd: Usd
    day_usd: Usd
    pair_day_usd: Usd
    bridged_usd: Usd
    gas_usd: float
    reverts: int


NOTHING_SPENT = Spent(epoch_usd=0, day_usd=0, pair_day_usd=0, bridged_usd=0, gas_usd=0.0, reverts=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeTerms:
    """A transfer in whole tokens of one asset: what leaves, and what is to arrive at the least."""

    sent: Fraction
    least: Fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionContext:
    """State of wallet, pools, prices and books right before a signature.

    Parameters
    ----------
    wallet
        The only sender and recipient.
    nav_usd, pair_nav_usd
        Everything the wallet owns on the chain, and on all chains of the pair.
    token_usd
        USD per raw unit by lower-case token address, at the independent price.
    spent
        What others have spent.
    native_usd
        USD per native coin.
    price_deviation_frac
        Greatest distance of a touched pool's price from the independent one.
    twap_deviation_frac
        Greatest distance of a touched pool's price from the pool's own mean; ``None`` where none keeps one.
    stable
        Whether the pair's stricter bounds for stables apply.
    standstill
        What holds for the wallet on this chain, or ``None``.
    exiting
        Whether the plan is an EXIT: it closes and places nothing. Its closes are bounded by their minima around the
        pool's own price and not by the independent one: leaving must be possible when pool and exchanges disagree, or
        no price is known.
    held
        Positions of the wallet, as ``(lower-case manager address, token id)``.
    plan_usd
        Value that the plan places on the chain or sends from it.
    simulated_gas
        What the simulation said; ``None`` where nothing was simulated (a self-transfer).
    quote_age_s
        Time of the chain since the payload was quoted.
    least_close
        The least a close of the whole position must pay, raw by lower-case token; ``None`` where that is not known
        before (bins, parts).
    bridge
        Terms of the transfer that the payload sends.
    entering
        Why nothing may be placed in the touched pools.
    bin_pools
        Pools, lower case, whose router needs a right before it can burn.
    """

    wallet: str
    nav_usd: Usd | None
    pair_nav_usd: Usd | None
    token_usd: Mapping[str, float]
    spent: Spent
    native_usd: float | None
    price_deviation_frac: float | None
    twap_deviation_frac: float | None
    stable: bool
    standstill: Standstill | None
    exiting: bool = False
    held: frozenset[tuple[str, int]] | None = None
    plan_usd: float = 0.0
    simulated_gas: int | None = None
    quote_age_s: float | None = None
    least_close: Mapping[str, int] | None = None
    bridge: BridgeTerms | None = None
    entering: tuple[str, ...] = ()
    bin_pools: frozenset[str] = frozenset()
