"""Numbers of the steps of a saga: fixed slots, so that a re-run of the same plan finds each step again by its key."""

from dataclasses import dataclass

SWAP_SLOT = "swap"
ALLOWANCE_SLOT = "allowance"

_FIRST_CLOSE = 1
_PLACE_WIDTH = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendSteps:
    """Slots around one spending call: a residual allowance goes first, leftovers afterwards."""

    clear0: int
    clear1: int
    approve0: int
    approve1: int
    spend: int
    reset0: int
    reset1: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StepNumbers:
    """Layout of one chain's saga: resets of old allowances, closes, collects, the net swap, then opens and adds.

    Examples
    --------
    >>> steps = StepNumbers(closes=2)
    >>> steps.close(1), steps.swap().spend, steps.place(0).spend
    (2, 7, 14)
    >>> steps = StepNumbers(closes=2, collects=1)
    >>> steps.close(1), steps.collect(0), steps.swap().spend, steps.place(0).spend
    (2, 3, 8, 15)
    """

    closes: int
    collects: int = 0

    @property
    def old_allowance(self) -> int:
        """Number of every reset of an allowance found at reconciliation; token and spender are in its slot name."""
        return 0

    def close(self, index: int) -> int:
        """Slot of a close."""
        return _FIRST_CLOSE + index

    def collect(self, index: int) -> int:
        """Slot of a collect."""
        return _FIRST_CLOSE + self.closes + index

    def swap(self) -> SpendSteps:
        """Slots of the net swap; only one token is spent."""
        return _spend(self.collect(self.collects))

    def place(self, index: int) -> SpendSteps:
        """Slots of the open or add of a target, in the order of the plan."""
        return _spend(self.collect(self.collects) + (index + 1) * _PLACE_WIDTH)


def _spend(first: int) -> SpendSteps:
    return SpendSteps(
        clear0=first,
        clear1=first + 1,
        approve0=first + 2,
        approve1=first + 3,
        spend=first + 4,
        reset0=first + 5,
        reset1=first + 6,
    )
