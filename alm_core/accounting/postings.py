"""The other side of every change: double entry over the wallet's ledger entries.

A ledger entry says what a wallet's balance did; its posting says which account did the contrary. Amounts of an account
sum to what it holds: ``gas`` to what was spent, ``position:...`` to the principal that lies in a position, ``external``
to the negative of what came from outside. Liquidity or shares of positions (token ``stake``) are booked from events.

==================================  ==================================================================================
account                             other side of
==================================  ==================================================================================
``external``                        opening balances, deposits, withdrawals, liquidity that others gave
``position:<keeper>:<token id>``    principal put into a position and taken out
``fees:<keeper>:<token id>``        what a position earned and paid out
``rewards:<payer>``                 what a gauge, a farm or a distributor paid
``gas``                             gas, data fees of rollups included
``swap:<contract>``                 both tokens of a swap
``transit:<intent key>``            what a transfer between chains took, and what it brought
``bridge:<contract>``               native coin that a bridge charged
``adjustment``                      what a person took the chain's word for
``unsorted:<contract>``             whatever else a transaction of ours moved
``stake:<keeper>:<token id>``       liquidity or shares of a position; its other side is ``issued:<keeper>``
==================================  ==================================================================================
"""

from collections.abc import Iterable, Iterator, Sequence

from alm_core.execution.erc20 import TRANSFER_TOPIC, address_word
from alm_core.execution.position_logs import COLLECT_TOPIC, collected_from_bins, position_logs
from alm_core.execution.stake_logs import StakeSources, stake_moves
from alm_core.model.books import LedgerEntry, Posting
from alm_core.model.transactions import Action, Intent, Log, Receipt, UnsignedTransaction

NATIVE = "native"
STAKE = "stake"
"""Token of what a position is counted in: liquidity, or shares."""
EXTERNAL = "external"
GAS = "gas"
ADJUSTMENT = "adjustment"
TRANSIT = "transit:"
STAKES = "stake:"

_BY_KIND = {
    "opening": EXTERNAL,
    "deposit": EXTERNAL,
    "withdrawal": EXTERNAL,
    "gas": GAS,
    "adjustment": ADJUSTMENT,
    "reorg": ADJUSTMENT,
    "bridge": "bridge:unknown",
    "fees": "fees:unknown",
    "rewards": "rewards:unknown",
}
_OF_POSITIONS = (Action.OPEN, Action.ADD, Action.REMOVE, Action.CLOSE, Action.COLLECT, Action.STAKE, Action.UNSTAKE)
Place = tuple[str, int]
"""A position: lower-case address of its keeper, token id."""


def posting_of(entry: LedgerEntry) -> Posting:
    """Return the other side of a ledger entry.

    Examples
    --------
    >>> paid = LedgerEntry(
    ...     chain_id=1, wallet="0xa", token="native", delta=-5, kind="gas", tx_hash="0xb", log_index=-1, intent_key=None
    ... )
    >>> posting_of(paid).account, posting_of(paid).delta
    ('gas', 5)
    """
    return Posting(
        chain_id=entry.chain_id,
        wallet=entry.wallet,
        tx_hash=entry.tx_hash,
        log_index=entry.log_index,
        account=entry.account or _BY_KIND.get(entry.kind, "unsorted:unknown"),
        token=entry.token,
        delta=-entry.delta,
        intent_key=entry.intent_key,
    )


def account_of(intent: Intent, kind: str, token: str, place: Place | None) -> str:
    """Return the account of a wallet's change in a transaction of ours.

    Parameters
    ----------
    intent
        Whose transaction it is.
    kind, token
        Of the ledger entry.
    place
        Position that the transaction concerns (:func:`place_in`).
    """
    to, action = intent.tx.to.lower(), intent.tx.action
    if kind == "rewards":
        return f"rewards:{to}"
    if kind == "fees":
        return f"fees:{_named(place)}" if place else f"fees:{to}"
    if kind != "transfer":
        return _BY_KIND.get(kind, f"unsorted:{to}")
    if action is Action.SWAP:
        return f"swap:{to}"
    if action is Action.BRIDGE:
        return f"bridge:{to}" if token == NATIVE else transit_account(intent.key)
    if action in _OF_POSITIONS and place:
        return f"position:{_named(place)}"
    return f"unsorted:{to}"


def transit_account(intent_key: str) -> str:
    """Account of a transfer between chains; the same on both."""
    return f"{TRANSIT}{intent_key}"


def stake_account(place: Place) -> str:
    """Account of what a position is counted in."""
    return f"{STAKES}{_named(place)}"


def place_of(account: str) -> Place:
    """Return the position that an account names.

    Examples
    --------
    >>> place_of("stake:0xab:7")
    ('0xab', 7)
    """
    _, keeper, token_id = account.split(":")
    return keeper, int(token_id)


def place_in(receipt: Receipt, tx: UnsignedTransaction) -> Place | None:
    """Return the one position that a transaction concerns by its events, or ``None``: none, or several."""
    for found in (_staked(receipt.logs, tx), _collected(receipt.logs, tx), _moved(receipt.logs, tx)):
        places = set(found)
        if places:
            return places.pop() if len(places) == 1 else None
    return None


def stake_postings(intent: Intent, receipt: Receipt) -> tuple[Posting, ...]:
    """Return both sides of every change that a transaction of ours made to what its positions are counted in."""
    if not receipt.succeeded:
        return ()
    return tuple(
        posting
        for log, place, delta in stake_moves(receipt.logs, sources_of(intent.tx))
        for posting in stake_pair(
            chain_id=intent.tx.chain_id,
            wallet=intent.tx.sender,
            place=place,
            delta=delta,
            at=(receipt.tx_hash, log.log_index),
            intent_key=intent.key,
        )
    )


def stake_pair(
    *,
    chain_id: int,
    wallet: str,
    place: Place,
    delta: int,
    at: tuple[str, int],
    intent_key: str | None = None,
    other: str | None = None,
) -> tuple[Posting, Posting]:
    """Return both sides of a change of a position's stake.

    Parameters
    ----------
    chain_id, wallet, place
        Whose position.
    delta
        By how much the stake grew.
    at
        Transaction hash and log index.
    intent_key
        Of our transaction that did it.
    other
        Account of the other side; by default the keeper, which issued it.
    """

    def side(account: str, amount: int) -> Posting:
        return Posting(
            chain_id=chain_id,
            wallet=wallet,
            tx_hash=at[0],
            log_index=at[1],
            account=account,
            token=STAKE,
            delta=amount,
            intent_key=intent_key,
        )

    return side(stake_account(place), delta), side(other or f"issued:{place[0]}", -delta)


def sources_of(tx: UnsignedTransaction) -> StakeSources:
    """Return whose events of liquidity a transaction of ours is believed."""
    told = {tx.to.lower(), *([tx.liquidity_events_from.lower()] if tx.liquidity_events_from else [])}
    return StakeSources(owner=tx.sender.lower(), keepers=frozenset(told), pool_managers=frozenset(told))


def _named(place: Place) -> str:
    return f"{place[0]}:{place[1]}"


def _staked(logs: Sequence[Log], tx: UnsignedTransaction) -> Iterator[Place]:
    return (place for _, place, _ in stake_moves(logs, sources_of(tx)))


def _collected(logs: Sequence[Log], tx: UnsignedTransaction) -> Iterable[Place]:
    # A farm collects by the position manager that it holds the position of, which is not who was called.
    by_managers = {log.address.lower() for log in logs}
    found = [(at, one.token_id) for at in by_managers for one in position_logs(logs, at, COLLECT_TOPIC)]
    return found + [(log.address.lower(), int(log.address, 16)) for log in collected_from_bins(logs, tx)]


def _moved(logs: Sequence[Log], tx: UnsignedTransaction) -> Iterator[Place]:
    """Yield ERC-721 tokens that came to the sender or left it: staked, or taken back."""
    own = address_word(tx.sender)
    for log in logs:
        words = [topic.removeprefix("0x").lower() for topic in log.topics]
        if len(words) == 4 and words[0] == TRANSFER_TOPIC[2:] and own in words[1:3]:
            yield log.address.lower(), int(words[3], 16)
