"""The books against a chain at one block, to the wei: what differs, by name.

Proven are four things. Every change of the books has its two sides. What the wallet's entries sum to is its balance of
each token, native coin among them. What is booked as liquidity or shares of each position is what the chain has. What a
transfer's account holds is what was sent of it and has not come.

What traders turned a position's principal into, and what it has earned and not paid out, is the chain's alone: with the
stake proven it follows from the block's price. :func:`trial_balance` marks positions to it, so that the books sum to
balances and positions, and to nothing over all accounts.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from alm_core.accounting.postings import STAKE, STAKES, Place, place_of, stake_account, transit_account
from alm_core.model.books import LedgerEntry, OneSided, Posting
from alm_core.model.transfers import BridgeTransfer, TransferState

Subject = Literal["change", "balance", "stake", "transit"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing in which books and chain differ.

    Parameters
    ----------
    subject, name
        What it is, and which: a change (``<tx hash>#<log index>:<token>``), a token, a position, a transfer.
    booked
        What the books say; of a change, what its sides sum to.
    on_chain
        What the chain says; ``None`` of a change, of which the chain has no say.
    """

    subject: Subject
    name: str
    booked: int
    on_chain: int | None = None

    @property
    def text(self) -> str:
        """The difference in words."""
        if self.subject == "change":
            return f"change {self.name} of the books has not its two sides: they sum to {self.booked}"
        off = (self.on_chain or 0) - self.booked
        if self.subject == "balance":
            return f"balance of {self.name} differs from the books by {off}, and no transfer explains it"
        what = "stake of position" if self.subject == "stake" else "what is in transit as"
        return f"{what} {self.name} differs from the books by {off}: {self.booked} booked, {self.on_chain} found"


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldPosition:
    """A position on the chain: what it is counted in, and raw amounts of its principal and fees by token address."""

    stake: int
    principal: Mapping[str, int] = field(default_factory=dict[str, int])
    fees: Mapping[str, int] = field(default_factory=dict[str, int])


@dataclass(frozen=True, slots=True, kw_only=True)
class OnChain:
    """What a chain has at a block: balances by lower-case token (``native`` among them), positions by place."""

    balances: Mapping[str, int]
    positions: Mapping[Place, HeldPosition]


@dataclass(frozen=True, slots=True, kw_only=True)
class Booked:
    """Sums of the books of a wallet on a chain.

    Parameters
    ----------
    wallet
        Sum of ledger entries by token.
    accounts
        Sum of postings by account and token.
    one_sided
        Changes without their two sides.
    """

    wallet: Mapping[str, int]
    accounts: Mapping[tuple[str, str], int]
    one_sided: tuple[OneSided, ...] = ()

    def with_changes(self, entries: Iterable[LedgerEntry], postings: Iterable[Posting]) -> "Booked":
        """Return the books as they are with further entries and postings; other sides of entries are left out."""
        wallet, accounts = dict(self.wallet), dict(self.accounts)
        for entry in entries:
            wallet[entry.token.lower()] = wallet.get(entry.token.lower(), 0) + entry.delta
        for one in postings:
            accounts[one.account, one.token] = accounts.get((one.account, one.token), 0) + one.delta
        return Booked(wallet=wallet, accounts=accounts, one_sided=self.one_sided)


@dataclass(frozen=True, slots=True, kw_only=True)
class InBooks:
    """What a transfer's account must hold of a token on a chain, by what is known of the transfer."""

    intent_key: str
    token: str
    amount: int


def prove(booked: Booked, on_chain: OnChain, transits: Sequence[InBooks] = ()) -> tuple[Difference, ...]:
    """Return everything in which the books differ from the chain; nothing where they agree to the wei.

    Parameters
    ----------
    booked
        The books.
    on_chain
        The chain at one block. A token that is not among its balances was not read, and is not compared.
    transits
        What transfers must have in the books there (:func:`transits_of`).

    Examples
    --------
    >>> books = Booked(wallet={"native": 5}, accounts={})
    >>> prove(books, OnChain(balances={"native": 5}, positions={}))
    ()
    >>> [one.text for one in prove(books, OnChain(balances={"native": 4}, positions={}))]
    ['balance of native differs from the books by -1, and no transfer explains it']
    """
    found = [
        Difference(subject="change", name=f"{one.tx_hash}#{one.log_index}:{one.token}", booked=one.total)
        for one in booked.one_sided
    ]
    for token, amount in sorted(on_chain.balances.items()):
        if booked.wallet.get(token, 0) != amount:
            found.append(Difference(subject="balance", name=token, booked=booked.wallet.get(token, 0), on_chain=amount))
    places = {place_of(account) for account, _ in booked.accounts if account.startswith(STAKES)}
    for place in sorted(places | on_chain.positions.keys()):
        stake = booked.accounts.get((stake_account(place), STAKE), 0)
        held = on_chain.positions[place].stake if place in on_chain.positions else 0
        if stake != held:
            found.append(Difference(subject="stake", name=f"{place[0]}:{place[1]}", booked=stake, on_chain=held))
    for one in transits:
        amount = booked.accounts.get((transit_account(one.intent_key), one.token), 0)
        if amount != one.amount:
            name = f"{one.intent_key}:{one.token}"
            found.append(Difference(subject="transit", name=name, booked=amount, on_chain=one.amount))
    return tuple(found)


def transits_of(
    transfers: Sequence[BridgeTransfer], sent: Mapping[str, bool], chain_id: int, tokens: Iterable[str]
) -> tuple[InBooks, ...]:
    """Return what the accounts of transfers must hold on a chain.

    Parameters
    ----------
    transfers
        Of the wallet.
    sent
        By intent key, whether the sending transaction is booked as done as planned; a transfer that is missing here
        went otherwise, and is a person's matter.
    chain_id
        Whose books.
    tokens
        Lower-case addresses of the tokens that are booked there.
    """
    known: frozenset[str | None] = frozenset(tokens)
    found: list[InBooks] = []
    for one in transfers:
        if one.from_chain == chain_id and one.intent_key in sent and one.sell_token in known:
            back = one.received_amount or 0 if one.state is TransferState.REFUNDED and _same(one, one.sell_token) else 0
            amount = one.sent_amount * sent[one.intent_key] - back
            found.append(InBooks(intent_key=one.intent_key, token=one.sell_token, amount=amount))
        arrived = one.state in (TransferState.ARRIVED, TransferState.PARTIAL)
        if one.to_chain == chain_id and arrived and one.received_token is not None and one.received_token in known:
            amount = -(one.received_amount or 0)
            found.append(InBooks(intent_key=one.intent_key, token=one.received_token, amount=amount))
    return tuple(found)


def trial_balance(booked: Booked, on_chain: OnChain) -> dict[tuple[str, str], int]:
    """Return what every kind of account holds of each token, positions marked to the chain; zero over all kinds.

    ``wallet``, ``positions``, ``owed`` (fees not paid out yet) and ``transit`` are what there is. ``market`` is what
    traders turned principal into, ``accrued`` what positions have earned and not paid out.

    Returns
    -------
    dict
        Amount by kind and token; ``sum`` over kinds is 0 for each token, where every change has its two sides.
    """
    sums: dict[tuple[str, str], int] = {}

    def add(kind: str, token: str, amount: int) -> None:
        if amount:
            sums[kind, token] = sums.get((kind, token), 0) + amount

    for token, amount in booked.wallet.items():
        add("wallet", token, amount)
    for (account, token), amount in booked.accounts.items():
        kind = account.split(":")[0]
        if token != STAKE:
            # Principal is taken at what the chain has of it; what it was booked at is in what the market did.
            add("market" if kind == "position" else kind, token, amount)
    for held in on_chain.positions.values():
        for token, amount in held.principal.items():
            add("positions", token, amount)
            add("market", token, -amount)
        for token, amount in held.fees.items():
            add("owed", token, amount)
            add("accrued", token, -amount)
    return {key: amount for key, amount in sorted(sums.items()) if amount}


def _same(transfer: BridgeTransfer, token: str) -> bool:
    return (transfer.received_token or "").lower() == token.lower()
