r"""Profit and loss of live books between two snapshots: parts that add up to the change of the NAV, by line.

What our transactions did happened right after the earlier snapshot, at its prices: there it was decided. So with
amounts :math:`a_0`, what transactions added :math:`m`, what came about by itself :math:`d`, and USD prices :math:`p_0`,
:math:`p_1`, each account of a token goes :math:`a_0 \to a_0 + m \to a_1 = a_0 + m + d`, and

.. math:: \Delta NAV = \sum m\,p_0 + \sum (a_0 + m)(p_1 - p_0) + \sum d\,p_1 .

The second sum is the effect of the prices. The others are cut, in integers, by what changed the amounts:

- ``swap``, ``bridge``, ``gas`` and ``rewards`` are :math:`m\,p_0`: what left less what came, what is between chains at
  what the bridge promised, coin paid, and what gauges, farms and distributors paid in tokens of the pair. What goes
  from a wallet into a position and back is in no part;
- ``fees`` are :math:`d\,p_1` of a position's fees: uncollected ones now, less those before, and what it paid out;
- ``lvr`` is :math:`-d\,p_1` of its principal: what it has now less what it had and what was put in, and what it paid
  out. Rounding of mints and burns is in it; where fees stay in the bins they are taken out of it and counted as fees
  (:func:`alm_core.accounting.bin_fees.bin_fees_usd`);
- ``flow`` is :math:`d\,p_1` of wallets. The ledger books deposits an epoch later than the snapshot sees them, so a flow
  is what a wallet holds beyond what our own transactions did to it. A position that came or went without one is one
  too.

The NAV holds the native coin that gas is paid with, at its own price and with its own price effect. Less that coin it
is ``nav_usd`` of the epoch's report. A backtest takes cumulated gas off the value of its tokens instead: that changes
by the same parts without the price effect and the flows of native coin.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace

from alm_core.accounting.pnl_lines import PnlBooks, Where, Worth, sides_of
from alm_core.accounting.pnl_positions import add_positions, held_positions
from alm_core.accounting.pnl_wallets import add_native, add_transit, add_wallets
from alm_core.model.accounts import EpochPnl, Movement, NativeAmount, PnlLine
from alm_core.model.errors import InvalidInput
from alm_core.model.market import MarketSnapshot
from alm_core.model.pnl import PnlParts
from alm_core.portfolio.sight import unseen_chains
from alm_core.portfolio.valuation import prices_usd

OUTSIDE_KINDS = frozenset({"opening", "deposit", "withdrawal", "adjustment"})
"""Kinds that no transaction of ours made: they are part of what a flow is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked:
    """A snapshot and the independent price of its epoch, quote per base."""

    snapshot: MarketSnapshot
    price: float


def epoch_pnl(before: Marked, now: Marked, movements: Iterable[Movement]) -> EpochPnl:
    """Return profit and loss between two snapshots of a pair.

    Parameters
    ----------
    before, now
        The earlier and the later snapshot, each with the price of its epoch.
    movements
        What the ledger has booked for blocks after those of ``before`` and up to those of ``now``. Entries of kinds in
        :data:`OUTSIDE_KINDS` and of lost blocks are of no account.

    Raises
    ------
    InvalidInput
        If the holdings of a chain are not known at both, a price is unknown, or a position lies in a pool that was
        read at neither.
    """
    _refuse_unseen(before.snapshot, now.snapshot)
    old, new = prices_usd(before.snapshot, before.price), prices_usd(now.snapshot, now.price)
    own = own_movements(movements, (before.snapshot, now.snapshot))
    pools = {state.pool.pool_id: state.pool for one in (before, now) for state in one.snapshot.pools}
    worth = Worth(sides=sides_of(pools.values()))
    books = PnlBooks()
    add_wallets(books, worth, before.snapshot, now.snapshot, (old, new), own)
    add_native(books, before.snapshot, now.snapshot, own)
    add_positions(books, pools, before.snapshot, now.snapshot, (old, new), own)
    add_transit(books, worth, before.snapshot, now.snapshot, (old, new))
    return _told(books, before.snapshot, now.snapshot)


def own_movements(movements: Iterable[Movement], seen: Iterable[MarketSnapshot]) -> list[Movement]:
    """Return the movements that our own transactions made, of blocks that stand.

    One that names a pool and no position is that of the only position seen there: so it is with bins.
    """
    known: defaultdict[tuple[int, str], set[int]] = defaultdict(set)
    for snapshot in seen:
        for chain_id, pool_id, token_id in held_positions(snapshot.holdings):
            if pool_id is not None and token_id is not None:
                known[chain_id, pool_id].add(token_id)
    found: list[Movement] = []
    for one in movements:
        if one.kind in OUTSIDE_KINDS or one.tx_hash.startswith("gone:"):
            continue
        there = known.get((one.chain_id, one.pool_id or ""), set())
        alone = one.token_id is None and len(there) == 1
        found.append(replace(one, token_id=next(iter(there))) if alone else one)
    return found


def _told(books: PnlBooks, before: MarketSnapshot, now: MarketSnapshot) -> EpochPnl:
    lines = tuple(
        PnlLine(
            chain_id=where[0],
            pool_id=where[1],
            token_id=where[2],
            parts=PnlParts(**books.parts[where]),
            value_usd=books.value_usd[where],
        )
        for where in sorted({*books.parts, *books.value_usd}, key=_order)
    )
    return EpochPnl(
        pair=now.pair,
        from_at=before.epoch_at,
        to_at=now.epoch_at,
        nav_start_usd=books.nav_start_usd,
        nav_end_usd=books.nav_end_usd,
        native_start_usd=books.native_start_usd,
        native_end_usd=books.native_end_usd,
        lines=lines,
        flow_base=books.flows["base"],
        flow_quote=books.flows["quote"],
        flow_native=tuple(
            NativeAmount(chain_id=chain_id, amount=amount) for chain_id, amount in sorted(books.flow_native.items())
        ),
        unpriced=tuple(books.unpriced),
        collected_usd=books.collected_usd,
    )


def _order(where: Where) -> tuple[int, str, int]:
    return where[0], where[1] or "", -1 if where[2] is None else where[2]


def _refuse_unseen(before: MarketSnapshot, now: MarketSnapshot) -> None:
    if before.pair != now.pair or before.epoch_at >= now.epoch_at:
        raise InvalidInput(
            f"{before.pair} at {before.epoch_at.isoformat()} is not before {now.pair} at {now.epoch_at.isoformat()}"
        )
    for seen in (before, now):
        unseen = unseen_chains(seen)
        if unseen:
            raise InvalidInput(f"{seen.pair} at {seen.epoch_at.isoformat()}: {next(iter(unseen.values()))}")
