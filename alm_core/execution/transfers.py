"""Transfers between chains, followed each epoch until the chains show what became of them.

Balances are the truth: a transfer has arrived, come back or brought something else once a transfer log to the wallet
explains it, and is booked with it. A bridge's own words only guide the looking; nothing is ever sent twice, and nothing
is sent back. Until the block of the sending transaction is final, a bridge is not even asked.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from alm_core.execution.arrivals import Arrival, ArrivalFinder
from alm_core.execution.intents import SENT
from alm_core.model.books import Journal
from alm_core.model.chain_ports import ChainClient
from alm_core.model.errors import AlmError, SourceError
from alm_core.model.market import InTransit
from alm_core.model.pools import Pool
from alm_core.model.ports import BridgeSource
from alm_core.model.transactions import Intent, IntentState, Receipt
from alm_core.model.transfers import BridgeStatus, BridgeTransfer, BridgeVerdict, TransferState

_NEVER_SENT = frozenset({IntentState.FINAL_REVERTED, IntentState.CANCELLED, IntentState.EXPIRED_UNSENT})


def pair_tokens(pools: Iterable[Pool]) -> dict[int, frozenset[str]]:
    """Return the lower-case addresses of the pools' tokens by chain id."""
    found: dict[int, frozenset[str]] = {}
    for pool in pools:
        own = frozenset({pool.token0.address.lower(), pool.token1.address.lower()})
        found[pool.chain_id] = found.get(pool.chain_id, frozenset()) | own
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """Transfers that were looked at, as they are now, and what could not be looked at."""

    transfers: tuple[BridgeTransfer, ...] = ()
    problems: tuple[str, ...] = ()


class TransferDesk:
    """Follows the transfers of one wallet.

    Parameters
    ----------
    chains
        Chain clients by id.
    journal
        Where transfers and books are.
    bridges
        Asked what became of a transfer; ``None`` leaves only the chains to look at.
    tokens
        Of the pair (:func:`pair_tokens`).
    overdue_s
        A transfer of which nothing has arrived for so long is a person's matter.
    """

    def __init__(
        self,
        *,
        chains: Mapping[int, ChainClient],
        journal: Journal,
        bridges: BridgeSource | None,
        tokens: Mapping[int, frozenset[str]],
        overdue_s: float,
    ) -> None:
        self._chains = chains
        self._journal = journal
        self._bridges = bridges
        self._finder = ArrivalFinder(chains, journal, tokens)
        self._overdue = timedelta(seconds=overdue_s)

    def follow(self, pair: str, wallet: str, now_at: datetime, chain_id: int | None = None) -> Followed:
        """Move every open transfer of a pair's wallet on as far as the chains show it; one failing stops no other.

        Parameters
        ----------
        pair, wallet
            Whose transfers.
        now_at
            Epoch; age is measured to it.
        chain_id
            Only those that leave or reach this chain; ``None`` for all.
        """
        followed: list[BridgeTransfer] = []
        problems: list[str] = []
        for transfer in self._journal.read_transfers(pair, wallet):
            if chain_id is not None and chain_id not in (transfer.from_chain, transfer.to_chain):
                continue
            try:
                followed.append(self._follow(transfer, now_at))
            except AlmError as error:
                problems.append(f"{described(transfer)}: {type(error).__name__}: {error}")
        return Followed(transfers=tuple(followed), problems=tuple(problems))

    def _follow(self, transfer: BridgeTransfer, now_at: datetime) -> BridgeTransfer:
        intent = self._journal.read_intent(transfer.intent_key)
        if intent.state in _NEVER_SENT:
            if self._is_unfinal(intent):
                return transfer
            detail = f"sending transaction ended {intent.state.value}: {intent.detail}"
            return self._stored(transfer, replace(transfer, state=TransferState.NOT_SENT, detail=detail))
        receipt = self._journal.read_receipt(transfer.intent_key)
        if receipt is None:
            # Not mined, or mined in a block that is gone. An intent that is a person's matter makes this one, too.
            lost = intent.state is IntentState.MANUAL
            state = TransferState.MANUAL if lost else TransferState.PLANNED
            detail = f"sending transaction: {intent.detail}" if lost else transfer.detail
            return self._stored(transfer, replace(transfer, state=state, detail=detail))
        return self._sent(replace(transfer, tx_hash=receipt.tx_hash), transfer, intent, now_at)

    def _sent(
        self, transfer: BridgeTransfer, stored: BridgeTransfer, intent: Intent, now_at: datetime
    ) -> BridgeTransfer:
        status = None if self._is_unfinal(intent) else self._asked(transfer)
        arrival = self._finder.find(transfer, status, self._heads(transfer))
        if arrival is not None:
            return self._journal.store_transfer(judged(transfer, arrival), arrival.entries)
        return self._stored(stored, self._waiting(transfer, intent, status, now_at))

    def _waiting(
        self, transfer: BridgeTransfer, intent: Intent, status: BridgeStatus | None, now_at: datetime
    ) -> BridgeTransfer:
        said = "no answer from the bridge" if status is None else f"bridge says {status.verdict.value}: {status.detail}"
        if status is not None and status.verdict in (BridgeVerdict.DONE, BridgeVerdict.PARTIAL, BridgeVerdict.REFUNDED):
            said += "; the chains show nothing of it"
        age = now_at - transfer.started_at
        stuck = age >= self._overdue or intent.state is IntentState.MANUAL
        if stuck or (status is not None and status.verdict is BridgeVerdict.FAILED):
            detail = f"nothing arrived in {age}: {said}"
            return replace(transfer, state=TransferState.MANUAL, detail=detail)
        return replace(transfer, state=TransferState.IN_TRANSIT, detail=said)

    def _asked(self, transfer: BridgeTransfer) -> BridgeStatus | None:
        return asked(self._bridges, transfer)

    def _heads(self, transfer: BridgeTransfer) -> dict[int, int]:
        ends = [one for one in (transfer.from_chain, transfer.to_chain) if one in self._chains]
        return {chain_id: self._chains[chain_id].read_block().number for chain_id in ends}

    def _is_unfinal(self, intent: Intent) -> bool:
        unfinal = self._journal.read_unfinal(intent.tx.chain_id, intent.tx.sender)
        return any(one.key == intent.key for one in unfinal)

    def _stored(self, before: BridgeTransfer, after: BridgeTransfer) -> BridgeTransfer:
        return after if after == before else self._journal.store_transfer(after)


def judged(transfer: BridgeTransfer, arrival: Arrival) -> BridgeTransfer:
    """Return a transfer with what has come in of it.

    ``ARRIVED`` only where at least the minimum of the token that was asked for is on the destination.
    """
    wanted = transfer.sell_token if arrival.chain_id == transfer.from_chain else transfer.buy_token
    token = wanted if arrival.amount_of(wanted) else arrival.credits[0].token
    amount = arrival.amount_of(token)
    if arrival.chain_id == transfer.from_chain:
        state, detail = TransferState.REFUNDED, f"{amount} of {token} came back"
    elif token == transfer.buy_token and amount >= transfer.min_amount:
        state, detail = TransferState.ARRIVED, ""
    else:
        at_least = f"at least {transfer.min_amount} of {transfer.buy_token}"
        state, detail = TransferState.PARTIAL, f"{amount} of {token} arrived, promised was {at_least}"
    return replace(
        transfer,
        state=state,
        detail=detail,
        received_token=token,
        received_amount=amount,
        arrival_tx=arrival.tx_hash,
    )


def described(transfer: BridgeTransfer) -> str:
    """Return a transfer in words, for messages."""
    return (
        f"{transfer.sent_amount} of {transfer.sell_token} from chain {transfer.from_chain} to {transfer.to_chain} "
        f"by {transfer.tool}, sent for {transfer.started_at.isoformat()}"
    )


def asked(bridges: BridgeSource | None, transfer: BridgeTransfer) -> BridgeStatus | None:
    """Return what a bridge says of a transfer; ``None`` where it says nothing that can be used."""
    if bridges is None or transfer.tx_hash is None:
        return None
    try:
        return bridges.read_status(transfer)
    except SourceError:
        return None


def value_in_transit(
    journal: Journal,
    chains: Mapping[int, ChainClient],
    bridges: BridgeSource | None,
    pools: Sequence[Pool],
    pair: str,
    wallet: str,
    heads: Mapping[int, int],
) -> tuple[InTransit, ...]:
    """Return what has left the wallet on one chain and is not in it on another, each chain at its pinned block.

    Parameters
    ----------
    journal, chains, bridges
        Ports; nothing is stored here.
    pools
        Of the pair.
    pair, wallet
        Whose transfers.
    heads
        Number of the block, by chain id, at which balances were read. Money counts here exactly where those do not
        have it: sent at or before the block of the source, arrived after that of the destination.

    Notes
    -----
    The amount is what was promised (:attr:`~alm_core.model.transfers.BridgeTransfer.expected_amount`), never more than
    was sent. A transfer that is a person's matter still counts: nobody knows yet that it is lost.
    """
    finder = ArrivalFinder(chains, journal, pair_tokens(pools))
    found: list[InTransit] = []
    for transfer in journal.read_transfers(pair, wallet):
        receipt = _sending_receipt(journal, chains, transfer)
        if receipt is None or receipt.block_number > heads.get(transfer.from_chain, receipt.block_number):
            continue
        sent = replace(transfer, tx_hash=receipt.tx_hash)
        if finder.find(sent, asked(bridges, sent), heads) is None:
            found.append(
                InTransit(
                    from_chain=transfer.from_chain,
                    to_chain=transfer.to_chain,
                    token=transfer.buy_token,
                    amount=transfer.expected_amount,
                    started_at=transfer.started_at,
                    detail=f"{transfer.state.value}: {transfer.detail}" if transfer.detail else transfer.state.value,
                )
            )
    return tuple(found)


def _sending_receipt(journal: Journal, chains: Mapping[int, ChainClient], transfer: BridgeTransfer) -> Receipt | None:
    """Receipt of the transaction that sent a transfer, if it is mined and did, whatever the journal knows of it yet."""
    intent = journal.read_intent(transfer.intent_key)
    settled = journal.read_receipt(transfer.intent_key)
    if settled is not None:
        return settled if settled.succeeded and intent.state not in _NEVER_SENT else None
    if intent.state not in SENT or transfer.from_chain not in chains:
        return None
    for attempt in journal.read_signed(transfer.intent_key):
        receipt = None if attempt.cancels else chains[transfer.from_chain].read_receipt(attempt.tx_hash)
        if receipt is not None:
            return receipt if receipt.succeeded else None
    return None
