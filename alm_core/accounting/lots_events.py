"""From ledger movements to what happened, for keepers of lots: trades, income, costs, liquidity in and out, transfers.

Putting tokens into a pool gives nothing away, and a transfer between own chains neither. What a closed position pays
less of one token and more of the other, against all that was put into it, is a trade that the pool made; it counts when
the position is closed. A position that the books never saw opened pays deposits.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from alm_core.accounting.ledger import FEES, NATIVE, REWARDS
from alm_core.accounting.pnl_lines import PRINCIPAL
from alm_core.model.accounts import Movement
from alm_core.model.lots import LOT_DECIMALS, BookEvent, EventKind, Leg, Named
from alm_core.model.transactions import Action
from alm_core.model.transfers import BridgeTransfer

Place = tuple[int, str | None, int | None]
_PLAIN = {
    "opening": (EventKind.OPENING, EventKind.ADJUSTMENT),
    "deposit": (EventKind.DEPOSIT, EventKind.WITHDRAWAL),
    "withdrawal": (EventKind.DEPOSIT, EventKind.WITHDRAWAL),
    "adjustment": (EventKind.ADJUSTMENT, EventKind.ADJUSTMENT),
    "gas": (EventKind.ADJUSTMENT, EventKind.GAS),
    FEES: (EventKind.FEES, EventKind.ADJUSTMENT),
    REWARDS: (EventKind.REWARDS, EventKind.ADJUSTMENT),
    "bridge": (EventKind.BRIDGE_IN, EventKind.BRIDGE_OUT),
}
"""Event of what comes and of what goes, by kind of the entry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Naming:
    """What events need to know beside the ledger.

    Parameters
    ----------
    token
        Names a token by chain and lower-case address, or ``native``.
    price_usd
        USD per whole token at a moment; ``None`` where unknown.
    moment
        When a movement happened; ``None`` where unknown.
    transfers
        Between chains, by the key of the sending intent.
    """

    token: Callable[[int, str], Named]
    price_usd: Callable[[datetime | None, int, str], float | None]
    moment: Callable[[Movement], datetime | None]
    transfers: Mapping[str, BridgeTransfer] = field(default_factory=dict[str, BridgeTransfer])


def book_events(movements: Iterable[Movement], naming: Naming) -> tuple[BookEvent, ...]:
    """Return what happened, in the order it was booked. Lost blocks and what took them back are left out.

    Parameters
    ----------
    movements
        The whole ledger of a wallet: what was put into a position has to be known when it is closed.
    naming
        Names, prices and moments.
    """
    groups: defaultdict[tuple[int, str], list[Movement]] = defaultdict(list)
    for one in sorted(movements, key=lambda one: one.seq):
        if one.delta and one.kind != "reorg" and not one.tx_hash.startswith("gone:"):
            groups[one.chain_id, one.tx_hash].append(one)
    teller = _Teller(naming)
    told = [event for group in groups.values() for event in teller.events_of(group)]
    return tuple(replace(event, order=number) for number, event in enumerate(told))


class _Teller:
    """Remembers what lies in positions while it tells one transaction after the other."""

    def __init__(self, naming: Naming) -> None:
        self._naming = naming
        self._put: defaultdict[Place, dict[str, int]] = defaultdict(dict)

    def events_of(self, group: Sequence[Movement]) -> Iterator[BookEvent]:
        """Events of one transaction: tokens first, gas last."""
        swapped = [one for one in group if one.kind == "transfer" and one.action is Action.SWAP]
        placed = [one for one in group if one.kind == "transfer" and one.action in PRINCIPAL]
        if swapped:
            yield from self._trade(swapped)
        if placed:
            yield from self._principal(placed)
        rest = [one for one in group if one not in swapped and one not in placed]
        for one in sorted(rest, key=lambda one: one.kind == "gas"):
            yield from self._plain(one)

    def _plain(self, one: Movement) -> Iterator[BookEvent]:
        comes, goes = _PLAIN.get(one.kind, (EventKind.ADJUSTMENT, EventKind.ADJUSTMENT))
        if one.kind == "transfer" and one.delta < 0:
            # Native coin that a call took is what it cost; tokens left by a bridge.
            goes = EventKind.GAS if one.token == NATIVE else EventKind.BRIDGE_OUT
            goes = goes if one.action is Action.BRIDGE else EventKind.ADJUSTMENT
        yield self._event(one, comes if one.delta > 0 else goes, one.token, one.delta)
        if one.kind == "bridge" and one.delta > 0:
            yield from self._bridge_loss(one)

    def _trade(self, group: Sequence[Movement]) -> Iterator[BookEvent]:
        net = _net(group)
        sent = [(token, amount) for token, amount in net.items() if amount < 0]
        got = [(token, amount) for token, amount in net.items() if amount > 0]
        if len(sent) == len(got) == 1:
            yield self._both(group[0], EventKind.TRADE, sent[0], got[0])
            return
        for token, amount in (*sent, *got):
            yield self._event(group[0], EventKind.ADJUSTMENT, token, amount)

    def _principal(self, group: Sequence[Movement]) -> Iterator[BookEvent]:
        one, net = group[0], _net(group)
        place = self._place_of(one)
        known = place in self._put
        for token, amount in net.items():
            if amount < 0:
                yield self._event(one, EventKind.POOL_IN, token, amount)
            else:
                yield self._event(one, EventKind.POOL_OUT if known else EventKind.DEPOSIT, token, amount)
            if amount < 0 or known:
                lies = self._put[place]
                lies[token] = lies.get(token, 0) - amount
        if any(entry.closes for entry in group) and place in self._put:
            yield from self._settled(one, self._put.pop(place))

    def _place_of(self, one: Movement) -> Place:
        """Bins are one position of a pool, and parts of closing it do not name it."""
        place = one.chain_id, one.pool_id, one.token_id
        if place in self._put or one.action in (Action.OPEN, Action.ADD):
            return place
        there = [known for known in self._put if known[:2] == place[:2]]
        return there[0] if len(there) == 1 and None in (one.token_id, there[0][2]) else place

    def _settled(self, one: Movement, left: Mapping[str, int]) -> Iterator[BookEvent]:
        less = [(token, -amount) for token, amount in left.items() if amount > 0]
        more = [(token, -amount) for token, amount in left.items() if amount < 0]
        if len(less) == len(more) == 1:
            yield self._both(one, EventKind.POOL_TRADE, less[0], more[0])
            return
        for token, amount in less:
            yield self._event(one, EventKind.POOL_LOSS, token, amount)
        for token, amount in more:
            yield self._event(one, EventKind.POOL_GAIN, token, amount)

    def _bridge_loss(self, one: Movement) -> Iterator[BookEvent]:
        transfer = self._naming.transfers.get(one.intent_key or "")
        if transfer is None:
            return
        source = self._naming.token(transfer.from_chain, transfer.sell_token.lower())
        arrived = self._naming.token(one.chain_id, one.token)
        if source.asset != arrived.asset or source.decimals is None or arrived.decimals is None:
            return
        finer = source if source.decimals >= arrived.decimals else arrived
        decimals = max(source.decimals, arrived.decimals)
        lost = transfer.sent_amount * 10 ** (decimals - source.decimals)
        lost -= one.delta * 10 ** (decimals - arrived.decimals)
        event = self._event(one, EventKind.BRIDGE_LOSS, one.token, -1)
        at = event.at
        leg = Leg(token=finer, amount=abs(lost), usd=self._usd(at, one.chain_id, one.token, finer, abs(lost)))
        if lost > 0:
            yield replace(event, sent=leg)
        elif lost < 0:
            yield replace(event, sent=None, received=leg)

    def _event(self, one: Movement, kind: EventKind, token: str, amount: int) -> BookEvent:
        leg = self._leg(one, token, abs(amount))
        return BookEvent(
            at=self._naming.moment(one),
            order=0,
            chain_id=one.chain_id,
            kind=kind,
            tx_hash=one.tx_hash,
            sent=leg if amount < 0 else None,
            received=leg if amount > 0 else None,
            place=_words(one),
        )

    def _both(self, one: Movement, kind: EventKind, sent: tuple[str, int], got: tuple[str, int]) -> BookEvent:
        event = self._event(one, kind, *sent)
        return replace(event, received=self._leg(one, got[0], got[1]))

    def _leg(self, one: Movement, token: str, amount: int) -> Leg:
        named = self._naming.token(one.chain_id, token)
        at = self._naming.moment(one)
        return Leg(token=named, amount=amount, usd=self._usd(at, one.chain_id, token, named, amount))

    def _usd(self, at: datetime | None, chain_id: int, token: str, named: Named, amount: int) -> float | None:
        price = self._naming.price_usd(at, chain_id, token)
        return None if price is None or named.decimals is None else amount / 10**named.decimals * price


def lot_units(leg: Leg) -> int | None:
    """Return a leg's amount in units of lots; ``None`` where the decimals of its token are unknown.

    Examples
    --------
    >>> usdc = Named(chain_id=1, asset="USDC", symbol="USDC", address="0xa", decimals=6)
    >>> lot_units(Leg(token=usdc, amount=5, usd=None))
    5000000000000000000
    """
    decimals = leg.token.decimals
    return None if decimals is None or decimals > LOT_DECIMALS else leg.amount * 10 ** (LOT_DECIMALS - decimals)


def _net(group: Iterable[Movement]) -> dict[str, int]:
    found: dict[str, int] = {}
    for one in group:
        found[one.token] = found.get(one.token, 0) + one.delta
    return {token: amount for token, amount in found.items() if amount}


def _words(one: Movement) -> str:
    if one.pool_id is None:
        return ""
    return f"pool {one.pool_id}" if one.token_id is None else f"position {one.token_id} of pool {one.pool_id}"
