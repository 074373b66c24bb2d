"""What a proof compares: sums of a journal's books, and what a chain has at a block."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from alm_core.accounting.ledger import NATIVE
from alm_core.accounting.postings import EXTERNAL, STAKE, STAKES, TRANSIT, Place, stake_account, stake_pair
from alm_core.accounting.postings_proof import Booked, HeldPosition, InBooks, OnChain, transits_of
from alm_core.execution.chain_state import ChainView, WalletState
from alm_core.execution.erc20 import address_word, balance_of_data, uint_from_result, uint_word
from alm_core.execution.position_logs import TRANSFER_BATCH_TOPIC, TRANSFER_SINGLE_TOPIC
from alm_core.execution.stake_logs import GROWING_TOPICS, StakeSources, stake_moves
from alm_core.model.books import Journal, Posting
from alm_core.model.chain_ports import Call
from alm_core.model.market import Block
from alm_core.model.transactions import IntentState
from alm_core.model.transfers import BridgeTransfer

_NOT_SENT = frozenset(
    {
        IntentState.FINAL_REVERTED,
        IntentState.CANCELLED,
        IntentState.EXPIRED_UNSENT,
        IntentState.PLANNED,
        IntentState.RESERVED,
    }
)
_OPENING_INDEX = -10


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopted:
    """What a chain explains of positions and the books do not have yet, in words and as postings."""

    postings: tuple[Posting, ...] = ()
    notes: tuple[str, ...] = ()


def read_booked(journal: Journal, chain_id: int, wallet: str, *, all_accounts: bool = False) -> Booked:
    """Sum the books of a wallet on a chain; of its accounts those that a proof needs, or all."""
    accounts: dict[tuple[str, str], int] = {}
    for prefix in ("",) if all_accounts else (STAKES, TRANSIT):
        accounts |= journal.read_accounts(chain_id, wallet, prefix)
    return Booked(
        wallet=journal.read_ledger_sums(chain_id, wallet),
        accounts=accounts,
        one_sided=journal.read_one_sided(chain_id, wallet),
    )


def read_on_chain(view: ChainView, state: WalletState, booked: Booked) -> tuple[OnChain, tuple[str, ...]]:
    """Return what the chain has at the block of a wallet's state, and which booked tokens cannot be read.

    Notes
    -----
    Tokens that are booked beside the pair's (rewards) are read too. One whose contract does not answer is left out: it
    must not keep the wallet from leaving its positions.
    """
    others = sorted(booked.wallet.keys() - state.balances.keys() - {NATIVE})
    further = _balances(view, others, state.block) if others else {}
    native = view.chain.read_native_balance(view.wallet, state.block)
    pools = {pool.pool_id: pool for pool in view.pools}
    positions: dict[Place, HeldPosition] = {}
    for held in state.positions:
        pool = pools[held.pool_id]
        tokens = (pool.token0.address.lower(), pool.token1.address.lower())
        positions[pool.keeper.lower(), held.token_id] = HeldPosition(
            stake=held.stake,
            principal=dict(zip(tokens, (held.amount0, held.amount1), strict=True)),
            fees=dict(zip(tokens, (held.fees0, held.fees1), strict=True)),
        )
    on_chain = OnChain(balances={**state.balances, **further, NATIVE: native}, positions=positions)
    return on_chain, tuple(token for token in others if token not in further)


def read_transits(view: ChainView, journal: Journal) -> tuple[InBooks, ...]:
    """Return what the accounts of the wallet's transfers must hold on the view's chain."""
    chain_id = view.chain.chain_id
    transfers = [
        one for one in journal.read_wallet_transfers(view.wallet) if chain_id in (one.from_chain, one.to_chain)
    ]
    return transits_of(transfers, _sent(journal, transfers), chain_id, [token.lower() for token in view.tokens])


def adopted_stakes(
    view: ChainView, journal: Journal, booked: Booked, on_chain: OnChain, since_block: int | None, block: Block
) -> Adopted:
    """Return what the chain explains of positions' stakes.

    A position of which nothing is booked is taken over as it is. Where a known one has more, somebody gave it: events
    since the last proof tell. Less than is booked is never explained: only our own key takes out.
    """
    postings, notes = list[Posting](), list[str]()
    for at, (place, held) in enumerate(sorted(on_chain.positions.items(), key=lambda one: one[0])):
        account = stake_account(place)
        if (account, STAKE) not in booked.accounts:
            hash_ = f"opening:{block.known_hash}"
            postings += _pair(view, place, held.stake, (hash_, _OPENING_INDEX - at))
            notes.append(f"stake {held.stake} of position {place[1]} of {place[0]}")
        elif held.stake > booked.accounts[account, STAKE] and since_block is not None:
            given = _given(view, journal, place, since_block + 1, block.number)
            postings += given
            notes += [f"gift of stake {one.delta} in {one.tx_hash}" for one in given[::2]]
    return Adopted(postings=tuple(postings), notes=tuple(notes))


def _given(view: ChainView, journal: Journal, place: Place, first: int, last: int) -> list[Posting]:
    """Return both sides of every event that raised a position's stake and is not in the books."""
    keeper, token_id = place
    in_bins = int(keeper, 16) == token_id
    own = "0x" + address_word(view.wallet)
    topics = (
        ((TRANSFER_BATCH_TOPIC, TRANSFER_SINGLE_TOPIC), None, None, own)
        if in_bins
        else (GROWING_TOPICS, "0x" + uint_word(token_id))
    )
    sources = StakeSources(owner=view.wallet.lower(), keepers=frozenset({keeper}), pool_managers=frozenset())
    found: list[Posting] = []
    logs = view.chain.read_logs([keeper], topics, first, last)
    own = journal.read_own([one.tx_hash for one in logs])
    for one in (one for one in logs if one.tx_hash not in own):
        for log, _, delta in stake_moves([one.log], sources):
            found += _pair(view, place, delta, (one.tx_hash, log.log_index))
    return list(journal.read_unbooked_postings(found))


def _pair(view: ChainView, place: Place, delta: int, at: tuple[str, int]) -> tuple[Posting, Posting]:
    return stake_pair(chain_id=view.chain.chain_id, wallet=view.wallet, place=place, delta=delta, at=at, other=EXTERNAL)


def _balances(view: ChainView, tokens: Sequence[str], block: Block) -> dict[str, int]:
    data = bytes.fromhex(balance_of_data(view.wallet).removeprefix("0x"))
    results = view.chain.read_calls([Call(target=token, data=data, may_fail=True) for token in tokens], block)
    return {
        token: uint_from_result(result.data)
        for token, result in zip(tokens, results, strict=True)
        if result.succeeded and len(result.data) >= 32
    }


def _sent(journal: Journal, transfers: Sequence[BridgeTransfer]) -> Mapping[str, bool]:
    states = {one.intent_key: journal.read_intent(one.intent_key).state for one in transfers}
    known = {key: state for key, state in states.items() if state is IntentState.FINAL_OK or state in _NOT_SENT}
    return {key: state is IntentState.FINAL_OK for key, state in known.items()}
