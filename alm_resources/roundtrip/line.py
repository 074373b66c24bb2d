"""The line of one pool: what was done, to the unit, and why it is not all right if it is not."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Shifted:
    """The second position."""

    amount0: int
    amount1: int
    tick_lower: int
    tick_upper: int
    liquidity: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """First position, and the one it was shifted to. Amounts are raw and what really left the wallet.

    ``positions`` are token ids; of a position in bins the number that its pair's address is. ``in_range`` is False
    where the wallet had one token only, so that the range lies beside the price and earns nothing until it comes.
    """

    amount0: int
    amount1: int
    tick_lower: int
    tick_upper: int
    liquidity: int | None
    positions: tuple[int, ...]
    in_range: bool
    shifted: Shifted | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fees:
    """Fees that came to the wallet over the whole trip; ``read0``, ``read1`` are what was read before collecting."""

    amount0: int
    amount1: int
    read0: int | None
    read1: int | None
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """Principal that came back: from the last position, and from the first when it was shifted."""

    amount0: int
    amount1: int
    shifted0: int
    shifted1: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Gas:
    """Of all transactions, approvals included."""

    used: int
    wei: int
    transactions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Dust:
    """What was planned to be placed and stayed in the wallet, and what the whole trip changed there."""

    amount0: int
    amount1: int
    wallet_change0: int
    wallet_change1: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolLine:
    """Result for one pool.

    ``fees`` is ``None`` where the family keeps them in the position, so that they cannot be told apart; any part that
    was not reached is ``None`` as well.
    """

    chain: int
    dex: str
    family: str
    pool: str
    ok: bool
    opened: Opened | None = None
    fees: Fees | None = None
    closed: Closed | None = None
    gas: Gas | None = None
    dust: Dust | None = None
    error: str | None = None

    def plain(self) -> dict[str, Any]:
        """Return the line as JSON values, in the order of its fields."""
        return asdict(self)
