"""Books against chain: what is explained is adopted, what is not stops the chain."""

from dataclasses import replace

import pytest

from alm_core.execution.chain_state import ChainView
from alm_core.execution.engine import TransactionEngine
from alm_core.execution.reconcile import Books, reconcile
from alm_core.model.errors import OutcomeUnknown
from alm_core.model.market import PoolState, Position
from alm_core.model.pools import Pool
from alm_core.model.transactions import IntentState, ReconcileReport
from alm_resources.dex.uniswap_v3 import UniswapV3Adapter
from alm_resources.journal import SqlJournal
from alm_tests.core.execution.fakes import (
    OTHER_TOKEN,
    TOKEN,
    VENUE,
    WALLET,
    AllowAll,
    FakeChain,
    FakeSigner,
    transfer_intent,
)
from alm_tests.core.portfolio.scene import pool


def tracked_pool() -> Pool:
    plain = pool()
    return replace(
        plain, token0=replace(plain.token0, address=TOKEN), token1=replace(plain.token1, address=OTHER_TOKEN)
    )


class OnePoolAdapter(UniswapV3Adapter):
    """Answers with the positions it is given; pools need no reads here."""

    def __init__(self) -> None:
        self.positions: tuple[Position, ...] = ()

    def pool_calls(self, pool: Pool) -> tuple[object, ...]:
        return ()

    def read_pool(self, pool: Pool, results: object, block: object) -> PoolState:
        return PoolState(
            pool=pool,
            block=block,
            sqrt_price_x96=2**96,
            tick=0,
            liquidity=1,
            fee_pips=500,
            fee_growth_global0_x128=0,
            fee_growth_global1_x128=0,
        )

    def read_positions(self, chain: object, pools: object, owner: str, block: object) -> tuple[Position, ...]:
        return self.positions


class Wallet:
    """A chain, a journal and what looks at both."""

    def __init__(self) -> None:
        self.chain = FakeChain()
        self.journal = SqlJournal("sqlite:///:memory:")
        self.adapter = OnePoolAdapter()
        self.engine = TransactionEngine(
            self.journal, self.chain, FakeSigner(), AllowAll(), receipt_timeout_s=1.0, fence=1
        )

    def view(self) -> ChainView:
        return ChainView(self.chain, {"uniswap_v3": self.adapter}, [tracked_pool()], WALLET)

    def reconcile(self, books: Books = "kept") -> ReconcileReport:
        view = self.view()
        return reconcile(view, self.journal, view.standing_rights([VENUE]), books=books)

    def books_equal_chain(self) -> bool:
        sums = self.journal.read_ledger_sums(self.chain.chain_id, WALLET)
        return sums == {**self.chain.now.tokens, "native": self.chain.now.native}


@pytest.fixture
def wallet() -> Wallet:
    return Wallet()


def position(token_id: int) -> Position:
    return Position(
        pool_id=tracked_pool().pool_id,
        token_id=token_id,
        tick_lower=-10,
        tick_upper=10,
        liquidity=1,
        amount0=0,
        amount1=0,
        fees0=0,
        fees1=0,
    )


def test_the_first_time_opens_the_books_with_what_is_there(wallet: Wallet) -> None:
    report = wallet.reconcile()
    assert report.green
    assert wallet.books_equal_chain()
    assert len(report.adopted) == 3


@pytest.mark.control("balances", "passes")
@pytest.mark.control("outcome_unknown", "passes")
def test_own_transactions_leave_nothing_to_explain(wallet: Wallet) -> None:
    wallet.reconcile()
    for number in range(3):
        wallet.engine.run(wallet.journal.add_intents([transfer_intent(number)])[0])
    report = wallet.reconcile()
    assert report.green
    assert report.adopted == ()
    assert wallet.books_equal_chain()


@pytest.mark.parametrize(("delta", "kind"), [(123, "deposit"), (-123, "withdrawal")])
def test_transfers_of_others_are_adopted_by_their_logs(wallet: Wallet, delta: int, kind: str) -> None:
    wallet.reconcile()
    wallet.engine.run(wallet.journal.add_intents([transfer_intent(0)])[0])
    wallet.chain.move_from_outside(TOKEN, delta)
    report = wallet.reconcile()
    assert report.green
    assert [note.split()[0] for note in report.adopted] == [kind]
    assert wallet.books_equal_chain()
    assert wallet.reconcile().adopted == ()


@pytest.mark.control("balances", "fires")
def test_a_token_difference_of_one_unit_without_a_transfer_is_not_green(wallet: Wallet) -> None:
    wallet.reconcile()
    before = wallet.journal.read_reconciled(wallet.chain.chain_id, WALLET)
    wallet.chain.mine()
    wallet.chain.now.tokens[TOKEN] += 1
    report = wallet.reconcile()
    assert not report.green
    assert "differs from the books by 1" in report.differences[0]
    assert wallet.journal.read_reconciled(wallet.chain.chain_id, WALLET) == before


def test_native_coin_may_arrive_but_not_vanish(wallet: Wallet) -> None:
    wallet.reconcile()
    wallet.chain.mine()
    wallet.chain.now.native += 7
    assert wallet.reconcile().green
    wallet.chain.now.native -= 1
    assert not wallet.reconcile().green


def test_a_nonce_used_elsewhere_is_not_green(wallet: Wallet) -> None:
    wallet.reconcile()
    wallet.chain.use_key_elsewhere()
    report = wallet.reconcile()
    assert not report.green
    assert "somebody else uses the key" in report.differences[0]


def test_a_nonce_the_chain_has_forgotten_is_not_green(wallet: Wallet) -> None:
    wallet.reconcile()
    wallet.engine.run(wallet.journal.add_intents([transfer_intent(0)])[0])
    wallet.chain.reorganise(1, keep=False)
    report = wallet.reconcile()
    assert not report.green
    assert "reorganised" in report.differences[0]


@pytest.mark.control("outcome_unknown", "fires")
def test_an_unknown_outcome_is_not_green_and_books_nothing(wallet: Wallet) -> None:
    wallet.reconcile()
    wallet.chain.send_mode, wallet.chain.mining = "answer lost", False
    with pytest.raises(OutcomeUnknown):
        wallet.engine.run(wallet.journal.add_intents([transfer_intent(0)])[0])
    wallet.chain.mine()
    report = wallet.reconcile()
    assert not report.green
    assert "outcome unknown" in report.differences[0]
    (open_intent,) = wallet.journal.read_open_intents(wallet.chain.chain_id, WALLET)
    assert wallet.engine.resume(open_intent).state is IntentState.FINAL_OK
    assert wallet.reconcile().green
    assert wallet.books_equal_chain()


def test_a_reserved_nonce_that_was_never_used_does_not_disturb(wallet: Wallet) -> None:
    wallet.reconcile()
    intent = wallet.journal.add_intents([transfer_intent(0)])[0]
    wallet.journal.reserve_nonce(intent.key, 0)
    assert wallet.reconcile().green


def test_positions_of_the_chain_are_adopted_and_missing_ones_closed_once_a_person_says_so(wallet: Wallet) -> None:
    wallet.adapter.positions = (position(4), position(9))
    assert any("position 4" in note for note in wallet.reconcile().adopted)
    wallet.adapter.positions = (position(9),)
    report = wallet.reconcile()
    keeper = tracked_pool().position_manager.lower()
    assert report.differences == (f"stake of position {keeper}:4 differs from the books by -1: 1 booked, 0 found",), (
        "what no transaction of ours took out is nothing that the chain explains"
    )
    assert wallet.reconcile(books="corrected").green
    assert wallet.reconcile().adopted == ()
    assert {token_id for _, token_id in wallet.journal.read_positions(wallet.chain.chain_id, WALLET)} == {9}


def test_leftover_allowances_are_listed(wallet: Wallet) -> None:
    wallet.chain.now.allowances[(TOKEN, VENUE)] = 55
    (left,) = wallet.reconcile().allowances
    assert (left.token, left.spender, left.amount) == (TOKEN, VENUE, 55)
