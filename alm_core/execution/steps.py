"""Numbers of the steps of a saga: fixed slots, so that a re-run of the same plan finds each step again by its key."""

from dataclasses import dataclass

from alm_core.model.transactions import Action

SWAP_SLOT = "swap"
BRIDGE_SLOT = "bridge"
ALLOWANCE_SLOT = "allowance"
MOST_GRANTS = 4
"""Rights that one payload may need."""
MOST_ROUNDS = 64
"""Transactions that closing one position may take."""
SENT_PER_MOVE = 2
"""Tokens that one move to another chain sends, each by a transaction of its own."""

_FIRST = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendSteps:
    """Slots around a payload, and the rights it needs: what is left of old ones goes first, leftovers afterwards.

    ``rounds`` is how many transactions the payload may take.
    """

    first: int
    rounds: int = 1

    def clear(self, grant: int) -> int:
        """Slot in which an old right of that kind is taken back."""
        return self.first + grant

    def give(self, grant: int) -> int:
        """Slot in which a right is given."""
        return self.first + MOST_GRANTS + grant

    def spend(self, round_no: int = 0) -> int:
        """Slot of the payload."""
        return self.first + 2 * MOST_GRANTS + round_no

    def take_back(self, grant: int) -> int:
        """Slot in which what is left of a right is taken back."""
        return self.first + 2 * MOST_GRANTS + self.rounds + grant

    @property
    def last(self) -> int:
        """The last of the slots."""
        return self.take_back(MOST_GRANTS - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepNumbers:
    """Layout of one chain's saga: resets of old allowances, closes, collects, what is sent to other chains, the net
    swap, then opens and adds.

    Examples
    --------
    >>> steps = StepNumbers(closes=2)
    >>> steps.close(0).first, steps.close(1).first, steps.swap().first, steps.place(0).first
    (1, 77, 153, 166)
    >>> steps = StepNumbers(closes=2, collects=1)
    >>> steps.collect(0), steps.swap().first
    (153, 154)
    >>> steps = StepNumbers(closes=2, collects=1, moves=1)
    >>> steps.send(0, 0).first, steps.send(0, 1).first, steps.swap().first
    (154, 167, 180)
    >>> steps.places(Action.UNSTAKE, steps.close(1).spend(), 0), steps.places(Action.STAKE, steps.close(1).spend(), 0)
    (True, False)
    """

    closes: int
    collects: int = 0
    moves: int = 0

    @property
    def old_allowance(self) -> int:
        """Number of every reset of an allowance found at reconciliation; the right itself is in its slot name."""
        return 0

    def places(self, action: Action, step_no: int, most_placed: int) -> bool:
        """Tell whether a step that moves liquidity or swaps can have this number; other steps stand around them."""
        spends = {
            Action.SWAP: [self.swap()],
            Action.BRIDGE: [self.send(index, no) for index in range(self.moves) for no in range(SENT_PER_MOVE)],
            Action.CLOSE: [self.close(index) for index in range(self.closes)],
            Action.OPEN: [self.place(index) for index in range(most_placed)],
        }
        if action is Action.COLLECT:
            return self.collect(0) <= step_no < self.collect(self.collects)
        if action in (Action.STAKE, Action.UNSTAKE):
            around = [self.around_collect(index) for index in range(self.collects)]
            around += [*spends[Action.OPEN], *(spends[Action.CLOSE] if action is Action.UNSTAKE else ())]
            return any(step_no == one.spend() for one in around)
        own = spends.get(Action.OPEN if action is Action.ADD else action)
        return own is None or any(one.spend(0) <= step_no < one.take_back(0) for one in own)

    def close(self, index: int) -> SpendSteps:
        """Slots of a close."""
        return SpendSteps(first=_after(_FIRST, index, MOST_ROUNDS), rounds=MOST_ROUNDS)

    def collect(self, index: int) -> int:
        """Slot of a collect."""
        return self.close(self.closes).first + index

    def around_collect(self, index: int) -> SpendSteps:
        """Slots of taking a position back before a collect, and of staking it again; in a slot name of their own."""
        return SpendSteps(first=self.collect(index))

    def send(self, move: int, token: int) -> SpendSteps:
        """Slots of sending one token of a move to another chain."""
        return SpendSteps(first=_after(self.collect(self.collects), move * SENT_PER_MOVE + token, 1))

    def swap(self) -> SpendSteps:
        """Slots of the net swap; only one token is spent."""
        return SpendSteps(first=self.send(self.moves, 0).first)

    def place(self, index: int) -> SpendSteps:
        """Slots of an open or add, in the order of the plan."""
        return SpendSteps(first=_after(self.swap().last + 1, index, 1))


def _after(first: int, count: int, rounds: int) -> int:
    return first + count * (3 * MOST_GRANTS + rounds)
