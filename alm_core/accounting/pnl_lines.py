"""What profit and loss is added up in: parts by line, prices of raw amounts, and which line a movement belongs to."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from alm_core.accounting.ledger import FEES, REWARDS
from alm_core.model.accounts import Movement, Unpriced
from alm_core.model.errors import InvalidInput
from alm_core.model.market import MarketSnapshot
from alm_core.model.pools import Pool
from alm_core.model.transactions import Action
from alm_core.portfolio.valuation import Prices

NATIVE_DECIMALS = 18
PRINCIPAL = frozenset({Action.OPEN, Action.ADD, Action.REMOVE, Action.CLOSE})
"""Actions whose tokens go into a position or come out of it."""

Where = tuple[int, str | None, int | None]
"""Chain, pool and position of a line."""


@dataclass(slots=True)
class PnlBooks:
    """Parts by line while they are added up."""

    parts: defaultdict[Where, dict[str, float]] = field(default_factory=lambda: defaultdict(dict))
    value_usd: defaultdict[Where, float] = field(default_factory=lambda: defaultdict(float))
    flows: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    flow_native: defaultdict[int, float] = field(default_factory=lambda: defaultdict(float))
    unpriced: list[Unpriced] = field(default_factory=list[Unpriced])
    nav_start_usd: float = 0.0
    nav_end_usd: float = 0.0
    native_start_usd: float = 0.0
    native_end_usd: float = 0.0
    collected_usd: float = 0.0

    def add(self, where: Where, **parts_usd: float) -> None:
        """Add to parts of a line, named without their unit."""
        line = self.parts[where]
        for name, usd in parts_usd.items():
            line[f"{name}_usd"] = line.get(f"{name}_usd", 0.0) + usd


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """Raw amounts of the pair's tokens in USD, by lower-case address and chain."""

    sides: Mapping[tuple[int, str], tuple[int, bool]]
    """Decimals, and whether it is the base."""

    def usd(self, chain_id: int, token: str, raw: int, prices: Prices) -> float | None:
        """Value of a raw amount; ``None`` for a token that is none of the pair's."""
        side = self.sides.get((chain_id, token.lower()))
        if side is None:
            return None
        decimals, is_base = side
        return raw / 10**decimals * (prices.base_usd if is_base else prices.quote_usd)

    def known(self, chain_id: int, token: str, raw: int, prices: Prices) -> float:
        """Value of a raw amount of a token of the pair; ``InvalidInput`` for any other."""
        value = self.usd(chain_id, token, raw, prices)
        if value is None:
            raise InvalidInput(f"{token} on chain {chain_id} is no token of the pair")
        return value


def add_movement(books: PnlBooks, one: Movement, then_usd: float, now_usd: float) -> None:
    """Count what a movement was, worth so much to the wallet at the earlier prices and at the later ones.

    What comes out of a position, or goes into it, has left its amounts, or come to them, at the earlier moment: the
    effect of the prices on it is the wallet's.
    """
    where, chain = where_of(one), (one.chain_id, None, None)
    if one.kind == FEES:
        books.add(where, fees=now_usd, price=then_usd - now_usd)
        books.collected_usd += now_usd
    elif one.kind == REWARDS:
        books.add(where, rewards=then_usd)
    elif one.kind == "gas":
        books.add(where, gas=-then_usd)
    elif one.kind == "bridge" or one.action is Action.BRIDGE:
        sender = one.chain_id if one.from_chain is None else one.from_chain
        books.add((sender, None, None), bridge=-then_usd)
    elif one.action is Action.SWAP:
        books.add(chain, swap=-then_usd)
    elif one.action in PRINCIPAL:
        books.add(where, lvr=-now_usd, price=then_usd - now_usd)
    else:
        books.add(chain, flow=then_usd)


def where_of(one: Movement) -> Where:
    """Return the line of a movement: its position where it names one, else its chain."""
    if one.pool_id is None or one.token_id is None:
        return one.chain_id, None, None
    return one.chain_id, one.pool_id, one.token_id


def sides_of(pools: Iterable[Pool]) -> dict[tuple[int, str], tuple[int, bool]]:
    """Return decimals of every token of some pools, and whether it is the base, by chain and lower-case address."""
    found: dict[tuple[int, str], tuple[int, bool]] = {}
    for pool in pools:
        found[pool.chain_id, pool.base.address.lower()] = (pool.base.decimals, True)
        found[pool.chain_id, pool.quote.address.lower()] = (pool.quote.decimals, False)
    return found


def native_usd(snapshot: MarketSnapshot, chain_id: int) -> float:
    """Return the price of a chain's native coin.

    Raises
    ------
    InvalidInput
        If the chain was not read, or read afterwards, when nobody could tell.
    """
    try:
        known = snapshot.chain(chain_id).native_usd
    except KeyError as missing:
        raise InvalidInput(f"price of native coin: {missing.args[0]}") from missing
    if known is None:
        raise InvalidInput(f"price of native coin of chain {chain_id} at {snapshot.epoch_at.isoformat()} is not known")
    return known
