"""What came in of a transfer: only what a log pays to the wallet, once, and by what the books do not hold yet."""

from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction

import pytest

from alm_core.execution.arrivals import ArrivalFinder, Credit
from alm_core.execution.erc20 import TRANSFER_TOPIC, address_word, uint_word
from alm_core.execution.transfers import asked, judged
from alm_core.model.books import LedgerEntry, ReconciledPoint
from alm_core.model.errors import SourceUnavailable
from alm_core.model.transactions import Log, Receipt
from alm_core.model.transfers import BridgeStatus, BridgeTransfer, BridgeVerdict, TransferState

HERE, THERE, ELSEWHERE = 8453, 1, 56
WALLET, VENUE = "0x" + "aa" * 20, "0x" + "bb" * 20
SOLD, BOUGHT, STRANGE = "0x" + "01" * 20, "0x" + "02" * 20, "0x" + "03" * 20
TOKENS = {HERE: frozenset({SOLD}), THERE: frozenset({BOUGHT})}
PAID = "0x" + "77" * 32
TRANSFER = BridgeTransfer(
    intent_key="ab" * 32,
    pair="WETH-USDC",
    wallet=WALLET,
    from_chain=HERE,
    to_chain=THERE,
    asset="quote",
    sell_token=SOLD,
    buy_token=BOUGHT,
    sent_amount=1_000,
    expected_amount=990,
    min_amount=980,
    tool="test",
    started_at=datetime(2026, 11, 22, tzinfo=UTC),
    tx_hash="0x" + "55" * 32,
)
DONE = BridgeStatus(verdict=BridgeVerdict.DONE, detail="", tx_hash=PAID)


class Chain:
    """Blocks 1 to 10; ``logs`` are what range queries find."""

    def __init__(self, receipts: dict[str, Receipt], logs: tuple[tuple[str, int, str, int], ...] = ()) -> None:
        self.receipts = receipts
        self.logs = logs
        self.asked: list[tuple[int, int]] = []

    def read_receipt(self, tx_hash: str) -> Receipt | None:
        return self.receipts.get(tx_hash)

    def read_transfers(self, tokens: object, wallet: str, from_block: int, to_block: int) -> object:
        self.asked.append((from_block, to_block))
        return self.logs


class Books:
    """Knows some entries, a reconciled block per chain, and transfers."""

    def __init__(self, reconciled: int | None = 5) -> None:
        self.reconciled = reconciled
        self.booked: set[tuple[str, int]] = set()
        self.others: tuple[BridgeTransfer, ...] = (TRANSFER,)

    def read_reconciled(self, chain_id: int, wallet: str) -> ReconciledPoint | None:
        if self.reconciled is None:
            return None
        return ReconciledPoint(
            chain_id=chain_id, wallet=wallet, block_number=self.reconciled, block_hash="0x0", nonce=0
        )

    def read_unbooked(self, entries: tuple[LedgerEntry, ...]) -> tuple[LedgerEntry, ...]:
        return tuple(one for one in entries if (one.tx_hash, one.log_index) not in self.booked)

    def read_transfers(self, pair: str, wallet: str, *, open_only: bool = True) -> tuple[BridgeTransfer, ...]:
        return tuple(one for one in self.others if not (open_only and one.state.terminal))


def pays(token: str, amount: int, index: int = 0, sender: str = VENUE, to: str = WALLET) -> Log:
    topics = (TRANSFER_TOPIC, "0x" + address_word(sender), "0x" + address_word(to))
    return Log(address=token, topics=topics, data="0x" + uint_word(amount), log_index=index)


def receipt(*logs: Log, block: int = 8, succeeded: bool = True) -> Receipt:
    return Receipt(
        tx_hash=PAID,
        block_number=block,
        block_hash="0x0",
        succeeded=succeeded,
        gas_used=0,
        effective_gas_price_wei=0,
        l1_fee_wei=0,
        logs=logs,
    )


def finder(books: Books, here: Chain | None = None, there: Chain | None = None) -> ArrivalFinder:
    chains = {HERE: here or Chain({}), THERE: there or Chain({})}
    return ArrivalFinder(chains, books, TOKENS)


HEADS = {HERE: 10, THERE: 10}


def test_a_payment_that_the_bridge_names_is_an_arrival_with_its_entry() -> None:
    found = finder(Books(), there=Chain({PAID: receipt(pays(BOUGHT, 985, 3))})).find(TRANSFER, DONE, HEADS)
    assert found is not None
    assert (found.chain_id, found.tx_hash, found.credits) == (
        THERE,
        PAID,
        (Credit(token=BOUGHT, amount=985, log_index=3),),
    )
    (entry,) = found.entries
    assert (entry.chain_id, entry.token, entry.delta, entry.kind, entry.log_index) == (THERE, BOUGHT, 985, "bridge", 3)
    assert entry.intent_key is None


@pytest.mark.parametrize("named", [None, HERE])
def test_a_refund_is_looked_for_on_the_source_whether_or_not_its_chain_is_named(named: int | None) -> None:
    status = BridgeStatus(verdict=BridgeVerdict.REFUNDED, detail="", tx_hash=PAID, chain_id=named)
    found = finder(Books(), here=Chain({PAID: receipt(pays(SOLD, 1_000))})).find(TRANSFER, status, HEADS)
    assert found is not None
    assert found.chain_id == HERE
    assert finder(Books(), there=Chain({PAID: receipt(pays(BOUGHT, 985))})).find(TRANSFER, status, HEADS) is None


def test_the_chain_that_the_bridge_names_is_looked_at_before_the_usual_one() -> None:
    status = replace(DONE, chain_id=HERE)
    both = finder(
        Books(), here=Chain({PAID: receipt(pays(SOLD, 1_000))}), there=Chain({PAID: receipt(pays(BOUGHT, 985))})
    )
    found = both.find(TRANSFER, status, HEADS)
    assert found is not None
    assert found.chain_id == HERE


@pytest.mark.parametrize(
    "status",
    [
        replace(DONE, tx_hash=None),
        replace(DONE, chain_id=ELSEWHERE),
        replace(DONE, chain_id=HERE, tx_hash=TRANSFER.tx_hash),
        replace(DONE, chain_id=HERE, tx_hash="0x" + "5" * 64),
    ],
)
def test_a_status_that_names_nothing_usable_finds_nothing(status: BridgeStatus) -> None:
    sent = receipt(pays(SOLD, 1_000))
    chain = Chain({str(TRANSFER.tx_hash): sent})
    assert finder(Books(), here=chain, there=chain).find(TRANSFER, status, HEADS) is None


@pytest.mark.parametrize(
    "paid",
    [
        receipt(pays(BOUGHT, 985), succeeded=False),
        receipt(pays(BOUGHT, 985), block=11),
        receipt(pays(BOUGHT, 0)),
        receipt(pays(BOUGHT, 985, to=VENUE)),
        receipt(pays(BOUGHT, 985, sender=WALLET)),
        receipt(),
    ],
    ids=["reverted", "after the head", "nothing", "to another", "from ourselves", "no log"],
)
def test_what_pays_the_wallet_nothing_up_to_the_head_is_no_arrival(paid: Receipt) -> None:
    assert finder(Books(), there=Chain({PAID: paid})).find(TRANSFER, DONE, HEADS) is None


def test_an_arrival_in_the_head_itself_counts() -> None:
    assert finder(Books(), there=Chain({PAID: receipt(pays(BOUGHT, 985), block=10)})).find(TRANSFER, DONE, HEADS)


@pytest.mark.parametrize(("block", "fresh"), [(5, False), (6, True)])
def test_a_payment_up_to_the_reconciled_block_is_no_news(block: int, fresh: bool) -> None:
    # Less than the minimum, so that nothing else than being new makes it an arrival.
    paid = Chain({PAID: receipt(pays(BOUGHT, 1), block=block)})
    assert (finder(Books(), there=paid).find(TRANSFER, DONE, HEADS) is not None) is fresh


def test_what_reconciliation_took_for_a_deposit_is_renamed_in_entries_that_sum_to_nothing() -> None:
    books = Books(reconciled=9)
    books.booked.add((PAID, 3))
    found = finder(books, there=Chain({PAID: receipt(pays(BOUGHT, 985, 3))})).find(TRANSFER, DONE, HEADS)
    assert found is not None
    assert [(one.kind, one.delta) for one in found.entries] == [("deposit", -985), ("bridge", 985)]
    assert len({one.log_index for one in found.entries} | {3}) == 3


def test_two_payments_renamed_in_one_transaction_keep_entries_of_their_own() -> None:
    indices: list[int] = []
    for at in (3, 4):
        books = Books(reconciled=9)
        books.booked.add((PAID, at))
        found = finder(books, there=Chain({PAID: receipt(pays(BOUGHT, 985, at))})).find(TRANSFER, DONE, HEADS)
        assert found is not None
        indices += [one.log_index for one in found.entries]
    assert len(set(indices)) == 4
    assert max(indices) < 0


def test_an_old_payment_that_is_not_booked_is_not_renamed() -> None:
    books = Books(reconciled=9)
    found = finder(books, there=Chain({PAID: receipt(pays(BOUGHT, 985, 3))})).find(TRANSFER, DONE, HEADS)
    assert found is not None
    assert found.entries == ()


@pytest.mark.parametrize("other_took_it", [True, False])
def test_a_payment_that_ended_another_transfer_ends_no_second_one(other_took_it: bool) -> None:
    books = Books(reconciled=9)
    books.booked.add((PAID, 3))
    arrival_tx = PAID if other_took_it else "0x" + "66" * 32
    ended = replace(TRANSFER, intent_key="cd" * 32, state=TransferState.ARRIVED, arrival_tx=arrival_tx)
    books.others = (TRANSFER, ended)
    found = finder(books, there=Chain({PAID: receipt(pays(BOUGHT, 985, 3))})).find(TRANSFER, DONE, HEADS)
    assert (found is None) is other_took_it


def test_what_another_open_transfer_waits_for_is_left_to_it() -> None:
    books = Books()
    other = replace(TRANSFER, intent_key="cd" * 32, sent_amount=5_000, expected_amount=4_950, min_amount=4_900)
    books.others = (TRANSFER, other)
    paid = Chain({PAID: receipt(pays(BOUGHT, 4_950))})
    assert finder(books, there=paid).find(TRANSFER, DONE, HEADS) is None
    assert finder(books, there=paid).find(other, DONE, HEADS) is not None


@pytest.mark.parametrize(
    ("amount", "fits"), [(979, False), (980, True), (990, True), (int(990 * Fraction(102, 100)), True), (1_010, False)]
)
def test_without_a_status_a_payment_must_be_what_was_sent(amount: int, fits: bool) -> None:
    chain = Chain({}, ((BOUGHT, amount, PAID, 3),))
    found = finder(Books(), there=chain).find(TRANSFER, None, HEADS)
    assert (found is not None) is fits
    assert chain.asked == [(6, 10)]


def test_without_a_status_a_payment_that_is_booked_or_not_looked_for_is_none() -> None:
    chain = Chain({}, ((BOUGHT, 985, PAID, 3),))
    books = Books()
    books.booked.add((PAID, 3))
    assert finder(books, there=chain).find(TRANSFER, None, HEADS) is None
    assert finder(Books(reconciled=None), there=chain).find(TRANSFER, None, HEADS) is None
    assert finder(Books(reconciled=10), there=chain).find(TRANSFER, None, HEADS) is None
    assert finder(Books(), there=chain).find(TRANSFER, None, {HERE: 10}) is None


def test_the_same_address_on_another_chain_is_another_token() -> None:
    same = replace(TRANSFER, buy_token=SOLD)
    books = Books()
    books.others = (same,)
    twin = ArrivalFinder(
        {HERE: Chain({PAID: receipt(pays(SOLD, 985))}), THERE: Chain({})},
        books,
        {HERE: frozenset({SOLD}), THERE: frozenset({SOLD})},
    )
    books.reconciled = 9
    books.booked.add((PAID, 0))
    # 985 of 1,000 came back on the source: as much as a refund has, though by the minimum of the destination's token.
    found = twin.find(same, replace(DONE, chain_id=HERE), HEADS)
    assert found is not None
    assert found.chain_id == HERE


def test_only_as_much_as_was_sent_is_taken_for_a_refund_where_it_is_booked_already() -> None:
    for amount, found in ((899, False), (900, True), (1_000, True), (1_001, False)):
        books = Books(reconciled=9)
        books.booked.add((PAID, 0))
        status = BridgeStatus(verdict=BridgeVerdict.REFUNDED, detail="", tx_hash=PAID)
        back = finder(books, here=Chain({PAID: receipt(pays(SOLD, amount))})).find(TRANSFER, status, HEADS)
        assert (back is not None) is found, amount


def test_of_several_strange_tokens_the_first_is_named() -> None:
    paid = receipt(pays(STRANGE, 7, 1), pays(VENUE, 8, 2))
    found = finder(Books(), there=Chain({PAID: paid})).find(TRANSFER, DONE, HEADS)
    assert found is not None
    assert found.entries == ()
    told = judged(TRANSFER, found)
    assert (told.state, told.received_token, told.received_amount) == (TransferState.PARTIAL, STRANGE, 7)


def test_the_token_that_was_asked_for_decides_among_several() -> None:
    paid = receipt(pays(STRANGE, 7, 1), pays(BOUGHT, 500, 2), pays(BOUGHT, 480, 3))
    found = finder(Books(), there=Chain({PAID: paid})).find(TRANSFER, DONE, HEADS)
    assert found is not None
    told = judged(TRANSFER, found)
    assert (told.state, told.received_token, told.received_amount) == (TransferState.ARRIVED, BOUGHT, 980)


class Bridge:
    def __init__(self, down: bool = False) -> None:
        self.down = down
        self.asked = 0

    def read_status(self, transfer: BridgeTransfer) -> BridgeStatus:
        self.asked += 1
        if self.down:
            raise SourceUnavailable("bridge", "down")
        return DONE


def test_a_bridge_is_asked_only_of_what_was_sent() -> None:
    bridge = Bridge()
    assert asked(bridge, replace(TRANSFER, tx_hash=None)) is None
    assert bridge.asked == 0
    assert asked(bridge, TRANSFER) is DONE
    assert asked(None, TRANSFER) is None
    assert asked(Bridge(down=True), TRANSFER) is None


def test_of_two_tokens_of_the_pair_the_one_that_was_asked_for_decides() -> None:
    books = Books()
    paid = {PAID: receipt(pays(STRANGE, 7, 1), pays(BOUGHT, 985, 2), pays(SOLD, 9, 3))}
    both = {HERE: frozenset({STRANGE, SOLD}), THERE: frozenset({STRANGE, BOUGHT})}
    arrived = ArrivalFinder({HERE: Chain({}), THERE: Chain(paid)}, books, both).find(TRANSFER, DONE, HEADS)
    refunded = ArrivalFinder({HERE: Chain(paid), THERE: Chain({})}, books, both).find(
        TRANSFER, BridgeStatus(verdict=BridgeVerdict.REFUNDED, detail="", tx_hash=PAID), HEADS
    )
    assert arrived is not None
    assert refunded is not None
    assert (judged(TRANSFER, arrived).received_token, judged(TRANSFER, arrived).received_amount) == (BOUGHT, 985)
    told = judged(TRANSFER, refunded)
    assert (told.state, told.received_token, told.received_amount) == (TransferState.REFUNDED, SOLD, 9)
