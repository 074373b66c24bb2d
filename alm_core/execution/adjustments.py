"""What is booked where a person takes the chain's word for what nothing explains."""

from collections.abc import Sequence
from dataclasses import dataclass

from alm_core.accounting.postings import ADJUSTMENT, TRANSIT, stake_pair
from alm_core.accounting.postings_proof import Difference
from alm_core.execution.chain_state import ChainView
from alm_core.model.books import LedgerEntry, Posting
from alm_core.model.market import Block

_BALANCE_INDEX = -5
_FURTHER_INDEX = -100


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjustments:
    """Entries, postings, and what they are for in words."""

    entries: tuple[LedgerEntry, ...]
    postings: tuple[Posting, ...]
    notes: tuple[str, ...]


def adjustments(view: ChainView, block: Block, unexplained: Sequence[Difference]) -> Adjustments:
    """Return what makes the books equal to the chain again, all of it under the account ``adjustment``.

    A change that lacks a side, or whose sides do not sum to nothing, gets one that makes them do so.
    """
    hash_ = f"adjustment:{block.known_hash}"
    entries, postings, notes = list[LedgerEntry](), list[Posting](), list[str]()
    for at, one in enumerate(unexplained):
        amount = (one.on_chain or 0) - one.booked
        notes.append(f"adjustment of {amount} {one.name}: {one.text}")
        if one.subject == "balance":
            entries.append(_entry(view, one.name, amount, hash_))
        else:
            postings += _further(_At(view=view, tx_hash=hash_, log_index=_FURTHER_INDEX - at), one, amount)
    return Adjustments(entries=tuple(entries), postings=tuple(postings), notes=tuple(notes))


@dataclass(frozen=True, slots=True, kw_only=True)
class _At:
    view: ChainView
    tx_hash: str
    log_index: int

    def side(self, account: str, token: str, delta: int) -> Posting:
        return Posting(
            chain_id=self.view.chain.chain_id,
            wallet=self.view.wallet,
            tx_hash=self.tx_hash,
            log_index=self.log_index,
            account=account,
            token=token,
            delta=delta,
            intent_key=None,
        )


def _further(at: _At, one: Difference, amount: int) -> tuple[Posting, ...]:
    if one.subject == "stake":
        keeper, token_id = one.name.split(":")
        return stake_pair(
            chain_id=at.view.chain.chain_id,
            wallet=at.view.wallet,
            place=(keeper, int(token_id)),
            delta=amount,
            at=(at.tx_hash, at.log_index),
            other=ADJUSTMENT,
        )
    if one.subject == "transit":
        key, token = one.name.split(":")
        return at.side(TRANSIT + key, token, amount), at.side(ADJUSTMENT, token, -amount)
    tx_hash, _, rest = one.name.rpartition("#")
    log_index, _, token = rest.partition(":")
    return (_At(view=at.view, tx_hash=tx_hash, log_index=int(log_index)).side(ADJUSTMENT, token, amount),)


def _entry(view: ChainView, token: str, amount: int, tx_hash: str) -> LedgerEntry:
    return LedgerEntry(
        chain_id=view.chain.chain_id,
        wallet=view.wallet,
        token=token,
        delta=amount,
        kind="adjustment",
        tx_hash=tx_hash,
        log_index=_BALANCE_INDEX,
        intent_key=None,
    )
