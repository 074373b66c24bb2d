"""Books against chain, at the start of every epoch. The chain is the truth; what cannot be explained stops the chain.

Order: open intents are resolved by the caller first; then the nonce (foreign use of the key), then every balance to the
wei at one block, then positions and leftover allowances. Only a green result moves the reconciled block on.

What the chain explains is put beside the books first; :func:`alm_core.accounting.postings_proof.prove` then decides.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from alm_core.accounting.ledger import NATIVE
from alm_core.accounting.postings_proof import Booked, Difference, OnChain, prove
from alm_core.execution.adjustments import adjustments
from alm_core.execution.book_sums import adopted_stakes, read_booked, read_on_chain, read_transits
from alm_core.execution.chain_state import ChainView, WalletState
from alm_core.execution.engine import describe
from alm_core.execution.restrict import restrict
from alm_core.model.books import Journal, LedgerEntry, PositionChange, Posting, ReconciledPoint, Standstill
from alm_core.model.chains import ChainRules
from alm_core.model.dex_ports import Grant
from alm_core.model.market import Block
from alm_core.model.transactions import Intent, IntentState, ReconcileReport, ResidualAllowance

_UNSENT = frozenset({IntentState.PLANNED, IntentState.RESERVED})
_OPENING_INDEX = -3
_DEPOSIT_INDEX = -4

Books = Literal["kept", "read", "corrected"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Findings:
    entries: tuple[LedgerEntry, ...] = ()
    positions: tuple[PositionChange, ...] = ()
    differences: tuple[str, ...] = ()
    adopted: tuple[str, ...] = ()
    postings: tuple[Posting, ...] = ()
    warnings: tuple[str, ...] = ()
    unexplained: tuple[Difference, ...] = ()

    def __add__(self, other: "_Findings") -> "_Findings":
        return _Findings(
            entries=self.entries + other.entries,
            positions=self.positions + other.positions,
            differences=self.differences + other.differences,
            adopted=self.adopted + other.adopted,
            postings=self.postings + other.postings,
            warnings=self.warnings + other.warnings,
            unexplained=self.unexplained + other.unexplained,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """What a reconciliation found.

    Parameters
    ----------
    report
        As it is reported.
    block
        Block that everything was compared at.
    unexplained
        Where books and chain differ to the wei. Empty also where they were not compared: then ``books`` is ``None``,
        and ``report.differences`` says why.
    books, on_chain
        What was compared, with what would be adopted.
    """

    report: ReconcileReport
    block: Block
    unexplained: tuple[Difference, ...]
    books: Booked | None
    on_chain: OnChain | None


def reconcile(
    view: ChainView, journal: Journal, standing: Sequence[Grant], *, books: Books = "kept"
) -> ReconcileReport:
    """Prove the books of a wallet against one chain, adopting what the chain explains.

    Parameters
    ----------
    view
        Fresh reads of the wallet on the chain.
    journal
        Where the books are; what is adopted is booked there if the result is green.
    standing
        Rights of which nothing should be left; what is left of them is listed.
    books
        ``kept`` books what was adopted; ``read`` writes nothing, for a look beside a running executor; ``corrected``
        takes the chain's word for everything that nothing explains, on a person's order: balances are booked as
        ``adjustment``, its nonce becomes the journal's.

    Returns
    -------
    ReconcileReport
        ``green`` if no intent is open, the nonce is ours alone, and every balance equals the books to the wei.

    Notes
    -----
    The first reconciliation books whatever is there as ``opening``. Later, token differences are explained by transfer
    logs since the last reconciled block (``deposit``, ``withdrawal``). Native coin carries no logs: more of it than
    booked can only have been sent to us and is a ``deposit``; less of it can only have left by our own key.

    Native coin below the chain's reserve is no difference, but while it is so the wallet may only leave.
    """
    return examine(view, journal, standing, books=books).report


def examine(view: ChainView, journal: Journal, standing: Sequence[Grant], *, books: Books = "read") -> Examination:
    """Reconcile, and return what was compared too; arguments as of :func:`reconcile`."""
    chain_id, wallet = view.chain.chain_id, view.wallet
    point = journal.read_reconciled(chain_id, wallet)
    nonce = view.chain.read_nonce(wallet)
    state = view.read_wallet()
    open_intents = journal.read_open_intents(chain_id, wallet)
    found = _open_intents(open_intents)
    used = _nonce(journal, point, wallet, nonce, open_intents)
    found += used if books != "corrected" or open_intents else _Findings(adopted=used.differences)
    seen, on_chain = None, None
    if not found.differences:
        seen = read_booked(journal, chain_id, wallet)
        on_chain, unread = read_on_chain(view, state, seen)
        found += _compared(view, journal, point, state, (seen, on_chain))
        found += _Findings(warnings=tuple(f"balance of {token} cannot be read" for token in unread))
        seen = seen.with_changes(found.entries, found.postings)
        found = _corrected(view, state.block, found) if books == "corrected" else found
    if books != "read":
        native = on_chain.balances[NATIVE] if on_chain else view.chain.read_native_balance(wallet, state.block)
        restrict(journal, chain_id, wallet, "gas_reserve", gas_shortage(view.chain.rules, chain_id, native))
    if not found.differences and books != "read":
        moved_on = ReconciledPoint(
            chain_id=chain_id,
            wallet=wallet,
            block_number=state.block.number,
            block_hash=state.block.known_hash,
            nonce=nonce,
        )
        journal.record_reconciled(moved_on, found.entries, found.positions, postings=found.postings)
    report = ReconcileReport(
        chain_id=chain_id,
        block_number=state.block.number,
        green=not found.differences,
        differences=found.differences,
        adopted=found.adopted,
        allowances=_left_over(view, standing, state.block),
        warnings=(*standstill_text(journal.read_halt(chain_id, wallet)), *found.warnings),
    )
    return Examination(report=report, block=state.block, unexplained=found.unexplained, books=seen, on_chain=on_chain)


def _left_over(view: ChainView, standing: Sequence[Grant], block: Block) -> tuple[ResidualAllowance, ...]:
    left = view.read_rights(standing, block)
    return tuple(
        ResidualAllowance(token=grant.revoke.to, spender=grant.revoke.spender or "", amount=amount)
        for grant, amount in zip(standing, left, strict=True)
        if amount
    )


def standstill_text(held: Standstill | None) -> tuple[str, ...]:
    """Return a standstill in force as people read it; nothing where none is."""
    return (f"standstill ({held.mode}) by {held.set_by}: {held.reason}",) if held else ()


def _open_intents(open_intents: Sequence[Intent]) -> _Findings:
    flying = [intent for intent in open_intents if intent.state not in _UNSENT]
    return _Findings(
        differences=tuple(f"outcome unknown ({intent.state.value}): {describe(intent)}" for intent in flying)
    )


def _nonce(
    journal: Journal, point: ReconciledPoint | None, wallet: str, nonce: int, open_intents: Sequence[Intent]
) -> _Findings:
    reserved = [intent.nonce for intent in open_intents if intent.nonce is not None]
    known = min(reserved) if reserved else None if point is None else journal.read_next_nonce(point.chain_id, wallet)
    if known is None or nonce == known:
        return _Findings()
    if nonce > known:
        foreign = f"nonce {nonce} on chain, {known} in the journal: somebody else uses the key of {wallet}"
        return _Findings(differences=(foreign,))
    lost = f"nonce {nonce} on chain, {known} in the journal: the node lags or the chain was reorganised"
    return _Findings(differences=(lost,))


def gas_shortage(rules: ChainRules, chain_id: int, native_wei: int) -> str | None:
    """Say so where a wallet has less native coin than the chain's reserve; exits must stay affordable.

    Examples
    --------
    >>> gas_shortage(ChainRules(gas_reserve_wei=10), 1, 10)
    >>> gas_shortage(ChainRules(gas_reserve_wei=10), 1, 9)
    'gas_reserve: 9 wei of native coin on chain 1, the reserve is 10'
    """
    if native_wei >= rules.gas_reserve_wei:
        return None
    return f"gas_reserve: {native_wei} wei of native coin on chain {chain_id}, the reserve is {rules.gas_reserve_wei}"


def _compared(
    view: ChainView,
    journal: Journal,
    point: ReconciledPoint | None,
    state: WalletState,
    compared: tuple[Booked, OnChain],
) -> _Findings:
    """Return what the chain explains, and where books and chain differ even so.

    Nothing is explained where a change of the books lacks a side: what was lost would be booked as what others did.
    """
    booked, on_chain = compared
    found = _Findings()
    if not booked.one_sided:
        stakes = adopted_stakes(view, journal, booked, on_chain, point.block_number if point else None, state.block)
        found = _balances(view, journal, point, state.block, compared)
        found += _Findings(postings=stakes.postings, adopted=stakes.notes)
    differences = prove(booked.with_changes(found.entries, found.postings), on_chain, read_transits(view, journal))
    found += _Findings(differences=tuple(one.text for one in differences), unexplained=differences)
    return found + _positions(view, journal, state)


def _balances(
    view: ChainView,
    journal: Journal,
    point: ReconciledPoint | None,
    block: Block,
    compared: tuple[Booked, OnChain],
) -> _Findings:
    booked, on_chain = compared[0].wallet, compared[1].balances
    fresh = {token for token in on_chain if point is None or token not in booked}
    found = _openings(view, block, {token: on_chain[token] - booked.get(token, 0) for token in fresh})
    off = {token: on_chain[token] - booked[token] for token in on_chain.keys() - fresh}
    if point is not None and any(off.values()):
        found += _explained(view, journal, point, block, off)
    return found


def _corrected(view: ChainView, block: Block, found: _Findings) -> _Findings:
    """Book what nothing explains as adjustments; a person has looked and takes the chain's word."""
    by_hand = adjustments(view, block, found.unexplained)
    return _Findings(
        entries=found.entries + by_hand.entries,
        positions=found.positions,
        postings=found.postings + by_hand.postings,
        warnings=found.warnings,
        adopted=found.adopted + by_hand.notes,
    )


def _openings(view: ChainView, block: Block, amounts: Mapping[str, int]) -> _Findings:
    # Entries of zero are booked too: they mark a token as watched.
    entries = tuple(
        _entry(view, token, amount, "opening", f"opening:{block.known_hash}", _OPENING_INDEX)
        for token, amount in sorted(amounts.items())
    )
    adopted = tuple(f"opening balance {entry.delta} of {entry.token}" for entry in entries if entry.delta)
    return _Findings(entries=entries, adopted=adopted)


def _explained(
    view: ChainView, journal: Journal, point: ReconciledPoint, block: Block, off: Mapping[str, int]
) -> _Findings:
    spelled = {token.lower(): token for token in view.tokens}
    tokens = [spelled.get(token, token) for token in sorted(off) if off[token] and token != NATIVE]
    logs = view.chain.read_transfers(tokens, view.wallet, point.block_number + 1, block.number) if tokens else ()
    # All that our own did was booked with its receipt; what is missing of it is no deposit, and nobody's withdrawal.
    own = journal.read_own([tx_hash for _, _, tx_hash, _ in logs])
    seen = [
        _entry(view, token.lower(), delta, "deposit" if delta > 0 else "withdrawal", tx_hash, log_index)
        for token, delta, tx_hash, log_index in logs
        if tx_hash not in own
    ]
    entries = list(journal.read_unbooked(seen))
    if off.get(NATIVE, 0) > 0:
        entries.append(_entry(view, NATIVE, off[NATIVE], "deposit", f"deposit:{block.known_hash}", _DEPOSIT_INDEX))
    return _Findings(
        entries=tuple(entries),
        adopted=tuple(f"{entry.kind} of {entry.delta} {entry.token} in {entry.tx_hash}" for entry in entries),
    )


def _positions(view: ChainView, journal: Journal, state: WalletState) -> _Findings:
    keepers = {pool.pool_id: pool.keeper.lower() for pool in view.pools}
    held = {(keepers[position.pool_id], position.token_id) for position in state.positions}
    known = journal.read_positions(view.chain.chain_id, view.wallet)
    changes = [(key, True) for key in sorted(held - known)] + [(key, False) for key in sorted(known - held)]
    return _Findings(
        positions=tuple(
            PositionChange(
                chain_id=view.chain.chain_id,
                wallet=view.wallet,
                manager=manager,
                token_id=token_id,
                opened=opened,
                intent_key=None,
            )
            for (manager, token_id), opened in changes
        ),
        adopted=tuple(
            f"position {token_id} of {manager} " + ("found on chain" if opened else "is gone from the chain")
            for (manager, token_id), opened in changes
        ),
    )


def _entry(view: ChainView, token: str, delta: int, kind: str, tx_hash: str, log_index: int) -> LedgerEntry:
    return LedgerEntry(
        chain_id=view.chain.chain_id,
        wallet=view.wallet,
        token=token,
        delta=delta,
        kind=kind,
        tx_hash=tx_hash,
        log_index=log_index,
        intent_key=None,
    )
