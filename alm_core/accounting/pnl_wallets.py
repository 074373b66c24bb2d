"""What wallets and what is between chains changed by: prices, flows, and what transactions paid and got."""

from collections import defaultdict
from collections.abc import Sequence

from alm_core.accounting.ledger import NATIVE, REWARDS
from alm_core.accounting.pnl_lines import NATIVE_DECIMALS, PnlBooks, Where, Worth, add_movement, native_usd
from alm_core.model.accounts import Movement, Unpriced
from alm_core.model.market import MarketSnapshot
from alm_core.portfolio.valuation import Prices


def add_wallets(
    books: PnlBooks,
    worth: Worth,
    before: MarketSnapshot,
    now: MarketSnapshot,
    prices: tuple[Prices, Prices],
    own: Sequence[Movement],
) -> None:
    """Count tokens of the pair in wallets."""
    old, new = prices
    first, last = _balances(before, worth), _balances(now, worth)
    explained: defaultdict[tuple[int, str], int] = defaultdict(int)
    for one in own:
        if one.token == NATIVE:
            continue
        usd = worth.usd(one.chain_id, one.token, one.delta, old)
        if usd is None:
            if one.kind == REWARDS:
                books.unpriced.append(Unpriced(chain_id=one.chain_id, token=one.token, amount=one.delta))
            continue
        explained[one.chain_id, one.token.lower()] += one.delta
        add_movement(books, one, usd, worth.known(one.chain_id, one.token, one.delta, new))
    for key in sorted({*first, *last, *explained}):
        where: Where = (key[0], None, None)
        start, end = first.get(key, 0), last.get(key, 0)
        flow = end - start - explained[key]
        start_usd, end_usd = worth.known(*key, start, old), worth.known(*key, end, new)
        books.nav_start_usd += start_usd
        books.nav_end_usd += end_usd
        books.value_usd[where] += end_usd
        after = start + explained[key]
        books.add(where, price=worth.known(*key, after, new) - worth.known(*key, after, old))
        if flow:
            decimals, is_base = worth.sides[key]
            books.add(where, flow=worth.known(*key, flow, new))
            books.flows["base" if is_base else "quote"] += flow / 10**decimals


def add_native(books: PnlBooks, before: MarketSnapshot, now: MarketSnapshot, own: Sequence[Movement]) -> None:
    """Count native coin."""
    first, last = _coins(before), _coins(now)
    paid: defaultdict[int, int] = defaultdict(int)
    for one in own:
        if one.token == NATIVE:
            paid[one.chain_id] += one.delta
            amount = one.delta / 10**NATIVE_DECIMALS
            add_movement(books, one, *(amount * native_usd(seen, one.chain_id) for seen in (before, now)))
    for chain_id in sorted({*first, *last}):
        where: Where = (chain_id, None, None)
        start, end = first.get(chain_id, 0), last.get(chain_id, 0)
        after = start + paid[chain_id]
        new_usd = native_usd(now, chain_id)
        # Coin on a chain that was not there before has no price then, and no effect of one.
        after = start + paid[chain_id]
        new_usd = native_usd(now, chain_id)
        # Coin on a chain that was not there before has no price then, and no effect of one.
        old_usd = native_usd(before, chain_id) if start or after else new_usd
        start_usd, end_usd = start / 10**NATIVE_DECIMALS * old_usd, end / 10**NATIVE_DECIMALS * new_usd
        books.nav_start_usd += start_usd
        books.nav_end_usd += end_usd
        books.native_start_usd += start_usd
        books.native_end_usd += end_usd
        books.value_usd[where] += end_usd
        books.add(where, price=after / 10**NATIVE_DECIMALS * (new_usd - old_usd))
        flow = end - after
        if flow:
            books.add(where, flow=flow / 10**NATIVE_DECIMALS * new_usd)
            books.flow_native[chain_id] += flow / 10**NATIVE_DECIMALS


def _coins(snapshot: MarketSnapshot) -> dict[int, int]:
    return {held.block.chain_id: held.native_wei for held in snapshot.holdings}


def add_transit(
    books: PnlBooks, worth: Worth, before: MarketSnapshot, now: MarketSnapshot, prices: tuple[Prices, Prices]
) -> None:
    """Count what is between chains: its value is the destination's, its cost the sender's."""
    old, new = prices
    for snapshot, sign in ((before, -1), (now, 1)):
        for going in snapshot.in_transit:
            where: Where = (going.to_chain, None, None)
            was_usd = worth.known(going.to_chain, going.token, going.amount, old)
            books.add((going.from_chain, None, None), bridge=-sign * was_usd)
            if sign < 0:
                books.nav_start_usd += was_usd
                continue
            usd = worth.known(going.to_chain, going.token, going.amount, new)
            books.nav_end_usd += usd
            books.value_usd[where] += usd
            books.add(where, price=usd - was_usd)


def _balances(snapshot: MarketSnapshot, worth: Worth) -> dict[tuple[int, str], int]:
    found: dict[tuple[int, str], int] = {}
    for held in snapshot.holdings:
        for entry in held.balances:
            key = held.block.chain_id, entry.address.lower()
            if key in worth.sides:
                found[key] = entry.amount
    return found
