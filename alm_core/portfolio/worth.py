"""What a transaction takes out of the wallet and brings, at its bounds: exact, so that one raw unit counts."""

import math
from collections.abc import Callable, Mapping
from fractions import Fraction

from alm_core.model.transactions import Action, UnsignedTransaction

VALUE_MOVING = frozenset(
    {Action.SWAP, Action.OPEN, Action.ADD, Action.REMOVE, Action.CLOSE, Action.COLLECT, Action.BRIDGE}
)
PLACING = frozenset({Action.SWAP, Action.OPEN, Action.ADD, Action.BRIDGE})
"""What spends, and what money must be worth spending on."""
TAKES_NOTHING = frozenset({Action.STAKE, Action.UNSTAKE, Action.CLAIM})
"""What may bring tokens of any kind, priced or not, and takes none out of the wallet."""


def exact(value: Fraction | float) -> Fraction:
    """Return a finite number exactly as it is written: 0.1 is a tenth."""
    return value if isinstance(value, Fraction) else Fraction(repr(value))


def is_amount(value: Fraction | float | None) -> bool:
    """Whether a value is known, finite and positive."""
    return value is not None and math.isfinite(value) and value > 0


def takes_nothing(tx: UnsignedTransaction) -> bool:
    """Whether the bounds of a transaction let nothing out; one without bounds says nothing."""
    return bool(tx.bounds) and all(bound.min_delta >= 0 for bound in tx.bounds)


def outflow_usd(tx: UnsignedTransaction, token_usd: Mapping[str, float]) -> Fraction | None:
    """Return the most a transaction may take out of the wallet, by its bounds; ``None`` if a price is missing.

    A value-moving call without any bound is unknown as well: it would be unlimited. Staking and claiming take nothing.
    """
    if tx.action in TAKES_NOTHING:
        return Fraction(0)
    if not tx.bounds:
        return None if tx.action in VALUE_MOVING else Fraction(0)
    return _bounds_usd(tx, token_usd, lambda low: max(-low, 0))


def inflow_usd(tx: UnsignedTransaction, token_usd: Mapping[str, float]) -> Fraction | None:
    """Return the least a transaction must bring, by its bounds; ``None`` if a price is missing."""
    return _bounds_usd(tx, token_usd, lambda low: max(low, 0))


def _bounds_usd(
    tx: UnsignedTransaction, token_usd: Mapping[str, float], amount_of: Callable[[int], int]
) -> Fraction | None:
    total = Fraction(0)
    for bound in tx.bounds:
        price = token_usd.get(bound.token.lower())
        if price is None or not is_amount(price):
            return None
        total += amount_of(bound.min_delta) * exact(price)
    return total
