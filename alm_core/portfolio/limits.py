"""Bounds of the money path. One choke point for transactions, one cheap check for plans. Fail closed.

What is not known counts as a violation: a missing price or NAV is never taken for zero.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from alm_core.execution.allow_list import AllowList
from alm_core.execution.calldata import payees_of
from alm_core.execution.reward_calls import REWARD_SELECTORS
from alm_core.model.config import LimitsConfig
from alm_core.model.errors import InvalidInput, LimitExceeded
from alm_core.model.transactions import Action, FeeBid, UnsignedTransaction
from alm_core.portfolio.plan_limits import check_plan
from alm_core.portfolio.violations import Violation, beyond, unknown

__all__ = ["LimitsEngine", "TransactionContext", "Violation", "check_plan", "outflow_usd"]

_VALUE_MOVING = frozenset({Action.SWAP, Action.OPEN, Action.ADD, Action.REMOVE, Action.CLOSE, Action.COLLECT})
_TAKES_NOTHING = frozenset({Action.STAKE, Action.UNSTAKE, Action.CLAIM})
"""What may bring tokens of any kind, priced or not, and takes none out of the wallet."""
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionContext:
    """What the limits engine must know beside the transaction itself. ``None`` is unknown and refused where needed.

    Parameters
    ----------
    wallet
        The only sender and recipient.
    nav_usd
        Everything the wallet owns on the chain.
    token_usd
        USD per raw unit by lower-case token address, at the independent price.
    moved_usd
        What the epoch's other transactions on the chain have moved or may still move.
    native_usd
        USD per native coin.
    price_deviation_frac
        Greatest distance of a touched pool's price from the independent one.
    stable
        Whether the pair's stricter bounds for stables apply.
    halted
        Why the wallet stands still on this chain, or ``None``.
    exiting
        Whether the plan is an EXIT: it closes and places nothing. Its closes are bounded by their minima around the
        pool's own price and not by the independent one: leaving must be possible when pool and exchanges disagree, or
        no price is known.
    held
        Positions of the wallet, as ``(lower-case manager address, token id)``.
    """

    wallet: str
    nav_usd: float | None
    token_usd: Mapping[str, float]
    moved_usd: float
    native_usd: float | None
    price_deviation_frac: float | None
    stable: bool
    halted: str | None
    exiting: bool = False
    held: frozenset[tuple[str, int]] | None = None


class LimitsEngine:
    """Checks every transaction that is to be signed.

    Parameters
    ----------
    config
        Bounds.
    allow_list
        Contracts, selectors and spenders; an empty one refuses everything.
    """

    def __init__(self, config: LimitsConfig, allow_list: AllowList) -> None:
        self._config = config
        self._allow_list = allow_list

    def check_transaction(self, tx: UnsignedTransaction, bid: FeeBid, context: TransactionContext) -> None:
        """Refuse a transaction outside the bounds.

        Raises
        ------
        LimitExceeded
            Naming every limit that is broken, its bound and the value.
        """
        violations = self.violations(tx, bid, context)
        if violations:
            named = "; ".join(str(violation) for violation in violations)
            raise LimitExceeded(f"{tx.action.value} on chain {tx.chain_id} refused: {named}")

    def violations(self, tx: UnsignedTransaction, bid: FeeBid, context: TransactionContext) -> tuple[Violation, ...]:
        """Return every bound a transaction breaks."""
        where = f"chain {tx.chain_id}"
        found = [
            Violation(limit="allow_list", bound="listed", value=reason, where=where)
            for reason in self._allow_list.refusals(tx, context.wallet)
        ]
        if context.halted is not None:
            found.append(Violation(limit="halt", bound="not halted", value=context.halted, where=where))
        found += self._gas(tx, bid, context, where)
        found += _strangers(tx, context, where)
        if tx.action in _TAKES_NOTHING:
            found += _takings(tx, where)
        if tx.action in _VALUE_MOVING:
            leaves = context.exiting and tx.action is Action.CLOSE
            found += [] if leaves else self._price(context, where)
            # What takes nothing out of the wallet is within every share of any NAV.
            found += [] if leaves and _takes_nothing(tx) else self._value(tx, context, where)
        if tx.action is Action.SWAP:
            found += self._swap_minimum(tx, context, where)
        return tuple(found)

    def _gas(self, tx: UnsignedTransaction, bid: FeeBid, context: TransactionContext, where: str) -> list[Violation]:
        native = context.native_usd
        if native is None or not (math.isfinite(native) and native > 0):
            return [unknown("max_gas_usd", self._config.max_gas_usd, "price of the native coin", where)]
        cost = bid.gas_limit * bid.max_fee_per_gas_wei / 1e18 * native
        return beyond("max_gas_usd", self._config.max_gas_usd, cost, f"{where}, {tx.action.value}")

    def _price(self, context: TransactionContext, where: str) -> list[Violation]:
        name = "max_price_deviation_stable_frac" if context.stable else "max_price_deviation_frac"
        bound = (
            self._config.max_price_deviation_stable_frac if context.stable else self._config.max_price_deviation_frac
        )
        if context.price_deviation_frac is None:
            return [unknown(name, bound, "pool price against the independent price", where)]
        return beyond(name, bound, context.price_deviation_frac, where)

    def _value(self, tx: UnsignedTransaction, context: TransactionContext, where: str) -> list[Violation]:
        nav = context.nav_usd
        if nav is None or not (math.isfinite(nav) and nav > 0):
            return [unknown("max_transaction_nav_frac", self._config.max_transaction_nav_frac, "NAV", where)]
        moved = outflow_usd(tx, context.token_usd)
        if moved is None:
            return [unknown("max_transaction_nav_frac", self._config.max_transaction_nav_frac, "token price", where)]
        rounding = 1 + _ROUNDING
        return [
            *beyond("max_transaction_nav_frac", self._config.max_transaction_nav_frac * rounding, moved / nav, where),
            *beyond(
                "max_epoch_turnover_frac",
                self._config.max_epoch_turnover_frac * rounding,
                (context.moved_usd + moved) / nav,
                where,
            ),
        ]

    def _swap_minimum(self, tx: UnsignedTransaction, context: TransactionContext, where: str) -> list[Violation]:
        name = "swap_slippage_stable_frac" if context.stable else "swap_slippage_frac"
        bound = self._config.swap_slippage_stable_frac if context.stable else self._config.swap_slippage_frac
        paid = outflow_usd(tx, context.token_usd)
        received = _bounds_usd(tx, context.token_usd, lambda low: max(low, 0))
        if not paid or received is None:
            return [unknown(name, bound, "value of the swap", where)]
        return beyond(name, bound + _ROUNDING, 1 - received / paid, where)


def _takings(tx: UnsignedTransaction, where: str) -> list[Violation]:
    """Return why staking or claiming could take something: it is another call by that name, or its bounds say so."""
    named = [f"{-bound.min_delta} of {bound.token}" for bound in tx.bounds if bound.min_delta < 0]
    named += [] if tx.data[:10].lower() in REWARD_SELECTORS else [f"the call {tx.data[:10]}"]
    return [Violation(limit="takes_nothing", bound="staking, claims", value=one, where=where) for one in named]


def _takes_nothing(tx: UnsignedTransaction) -> bool:
    return bool(tx.bounds) and all(bound.min_delta >= 0 for bound in tx.bounds)


def _strangers(tx: UnsignedTransaction, context: TransactionContext, where: str) -> list[Violation]:
    """Return a violation per position that liquidity would be added to and that is not ours: a gift to its owner."""
    if tx.action is Action.NOOP:
        return []
    try:
        grown = payees_of(tx.data).grown
    except InvalidInput:
        return []  # named by the allow-list already
    if grown and context.held is None:
        return [Violation(limit="held_positions", bound="ours", value="positions of the wallet unknown", where=where)]
    strangers = [token_id for token_id in grown if (tx.to.lower(), token_id) not in (context.held or ())]
    return [Violation(limit="held_positions", bound="ours", value=f"#{one}", where=where) for one in strangers]


def outflow_usd(tx: UnsignedTransaction, token_usd: Mapping[str, float]) -> float | None:
    """Return the most a transaction may take out of the wallet, by its bounds; ``None`` if a price is missing.

    A value-moving call without any bound is unknown as well: it would be unlimited. Staking and claiming take nothing.
    """
    if tx.action in _TAKES_NOTHING:
        return 0.0
    if not tx.bounds:
        return None if tx.action in _VALUE_MOVING else 0.0
    return _bounds_usd(tx, token_usd, lambda low: max(-low, 0))


def _bounds_usd(
    tx: UnsignedTransaction, token_usd: Mapping[str, float], amount_of: Callable[[int], int]
) -> float | None:
    total = 0.0
    for bound in tx.bounds:
        price = token_usd.get(bound.token.lower())
        if price is None or not (math.isfinite(price) and price > 0):
            return None
        total += amount_of(bound.min_delta) * price
    return total
