"""Transfers between two chains: sent once, followed until the chains show their end, never lost from the NAV."""

from dataclasses import replace

import pytest

from alm_core.accounting import epoch_reports
from alm_core.execution.transfers import Followed, TransferDesk, pair_tokens
from alm_core.model.decisions import DecisionKind
from alm_core.model.errors import InvalidInput
from alm_core.model.transactions import Action, ExecutionReport, IntentState
from alm_core.model.transfers import BridgeStatus, BridgeTransfer, BridgeVerdict, TransferState
from alm_tests.core.execution.fakes import OTHER_TOKEN, TOKEN, WALLET, Crash, Crashing, CrashPoint
from alm_tests.core.execution.two_chains import HERE, POOLS, THERE, TwoChains, moving, of_asset
from alm_tests.core.execution.v3_fakes import WIDE
from alm_tests.core.execution.v3_world import plan_of, target


@pytest.fixture
def world() -> TwoChains:
    return TwoChains()


def sent_off(world: TwoChains, share: float = 0.5) -> ExecutionReport:
    """A world that has sent a share of its capital from here to there, in blocks that are final."""
    snapshot = world.snapshot()
    report = world.execute(moving(snapshot, share), snapshot)
    world.finalise()
    return report


def deliver(world: TwoChains, *assets: str) -> None:
    for asset in assets:
        transfer = of_asset(world.transfers(), asset)
        world.bridge.pay(transfer, transfer.expected_amount)


def bridged(report: ExecutionReport) -> list[str]:
    return [tx.summary for tx in report.transactions if tx.action is Action.BRIDGE and tx.state is IntentState.FINAL_OK]


def test_both_tokens_leave_in_kind_by_the_share_of_the_capital(world: TwoChains) -> None:
    report = sent_off(world, 0.25)
    assert report.halted is None
    assert bridged(report) == ["send WETH", "send USDC"]
    base, quote = (of_asset(world.transfers(), asset) for asset in ("base", "quote"))
    assert (base.sent_amount, quote.sent_amount) == (10 * 10**18 // 4, 20_000 * 10**6 // 4)
    assert base.min_amount == base.sent_amount * 995 // 1000
    assert {one.state for one in report.transfers} == {TransferState.PLANNED}
    assert world.allowances() == 0


def test_all_of_the_wallet_leaves_to_the_last_unit(world: TwoChains) -> None:
    sent_off(world, 1.0)
    assert world.chains[HERE].now.tokens == {TOKEN: 0, OTHER_TOKEN: 0}


def test_a_share_that_has_become_worth_more_than_may_leave_today_leaves_to_the_last_unit_of_it(
    world: TwoChains,
) -> None:
    world.limits = replace(world.limits, max_day_bridge_frac=0.2)
    snapshot = world.snapshot()
    plan = moving(snapshot, 0.2001)
    report = world.execute(replace(plan, moves=(replace(plan.moves[0], capital_usd=8_000.0),)), snapshot)
    assert report.halted is None
    assert bridged(report) == ["send WETH", "send USDC"]
    base, quote = (of_asset(world.transfers(), asset) for asset in ("base", "quote"))
    assert base.sent_amount == 2_001 * 10**15
    assert base.sent_amount * 2_000 * 10**6 // 10**18 + quote.sent_amount == 8_000 * 10**6


def test_what_may_not_leave_today_stays_and_is_named(world: TwoChains) -> None:
    world.limits = replace(world.limits, max_day_bridge_frac=0.2)
    sent_off(world, 0.2)
    world.next_epoch()
    report = sent_off(world, 0.1)
    assert bridged(report) == []
    assert report.halted is not None
    assert "max_day_bridge_frac: 0.00 USD left of today (bound 0.2)" in report.halted


def test_what_is_in_transit_keeps_the_nav_and_what_arrives_is_no_deposit(world: TwoChains) -> None:
    before = world.nav_usd()
    sent_off(world)
    assert world.nav_usd() == pytest.approx(before * (1 - 0.5 * world.bridge.keeps_frac), rel=1e-9)
    world.hold()
    assert {one.state for one in world.transfers()} == {TransferState.IN_TRANSIT}
    on_the_way = world.nav_usd()
    deliver(world, "quote")
    assert world.nav_usd() == pytest.approx(on_the_way, rel=1e-12)
    report = world.hold()
    assert report.halted is None
    assert of_asset(report.transfers, "quote").state is TransferState.ARRIVED
    assert of_asset(report.transfers, "base").state is TransferState.IN_TRANSIT
    assert world.nav_usd() == pytest.approx(on_the_way, rel=1e-12)
    assert world.journal.read_ledger_sums(THERE, WALLET, kind="deposit") == {}
    assert world.journal.read_ledger_sums(THERE, WALLET, kind="bridge") == {
        OTHER_TOKEN: of_asset(world.transfers(), "quote").received_amount
    }
    assert world.books_equal_chains()


def test_what_has_arrived_is_placed_in_the_next_plan(world: TwoChains) -> None:
    sent_off(world)
    deliver(world, "base", "quote")
    world.next_epoch()
    snapshot = world.snapshot()
    wanted = replace(target(1.0, WIDE), pool_id=POOLS[THERE].pool_id, chain_id=THERE)
    report = world.execute(plan_of(snapshot, DecisionKind.PRA, opens=[wanted]), snapshot)
    assert report.halted is None
    assert {one.state for one in report.transfers} == {TransferState.ARRIVED}
    assert world.chains[THERE].now.positions
    assert world.chains[THERE].now.tokens[OTHER_TOKEN] < 200 * 10**6


def test_targets_of_the_source_use_what_their_shares_are_of_the_capital_before(world: TwoChains) -> None:
    snapshot = world.snapshot()
    report = world.execute(moving(snapshot, 0.5, opens=[target(0.25, WIDE)]), snapshot)
    assert report.halted is None
    left = world.chains[HERE].now.tokens
    assert left[TOKEN] * 2000 / 10**18 + left[OTHER_TOKEN] / 10**6 == pytest.approx(10_000.0, rel=1e-3)


def test_a_bridge_that_is_down_keeps_nothing_from_being_placed(world: TwoChains) -> None:
    world.bridge.down = True
    snapshot = world.snapshot()
    report = world.execute(moving(snapshot, 0.5, opens=[target(0.5, WIDE)]), snapshot)
    assert "not sent from chain 8453" in (report.halted or "")
    left = world.chains[HERE].now.tokens
    assert left[TOKEN] * 2000 / 10**18 + left[OTHER_TOKEN] / 10**6 == pytest.approx(20_000.0, rel=1e-3)
    assert world.transfers() == ()
    assert world.allowances() == 0


def test_less_than_is_worth_a_transfer_is_not_sent(world: TwoChains) -> None:
    world.chains[HERE].now.tokens[TOKEN] = 10**15
    sent_off(world, 1.0)
    assert [one.asset for one in world.transfers()] == ["quote"]


def test_a_transfer_whose_transaction_reverts_is_not_sent_and_counts_nowhere(world: TwoChains) -> None:
    before = world.nav_usd()
    snapshot = world.snapshot()
    world.chains[HERE].bridge_reverts = True
    report = world.execute(moving(snapshot, 0.5), snapshot)
    assert "reverted" in (report.halted or "").lower()
    assert world.nav_usd() == pytest.approx(before)
    world.hold()
    assert {one.state for one in world.transfers()} == {TransferState.PLANNED}, "its block is not final yet"
    world.finalise()
    world.hold()
    assert {one.state for one in world.transfers()} == {TransferState.NOT_SENT}
    assert world.allowances() == 0


def test_a_bridge_is_not_asked_before_the_sending_block_is_final(world: TwoChains) -> None:
    snapshot = world.snapshot()
    world.execute(moving(snapshot, 0.5), snapshot)
    asked: list[str] = []

    def says(transfer: BridgeTransfer) -> BridgeStatus:
        asked.append(transfer.asset)
        return BridgeStatus(verdict=BridgeVerdict.FAILED, detail="lost")

    world.next_epoch()
    held = world.snapshot()
    world.bridge.says = says
    world.execute(plan_of(held, DecisionKind.HOLD), held)
    assert asked == []
    assert {one.state for one in world.transfers()} == {TransferState.IN_TRANSIT}


def test_less_than_the_minimum_is_recorded_and_nothing_is_tried_again(world: TwoChains) -> None:
    sent_off(world)
    quote = of_asset(world.transfers(), "quote")
    world.bridge.pay(quote, quote.min_amount - 1)
    report = world.hold()
    found = of_asset(report.transfers, "quote")
    assert (found.state, found.received_amount) == (TransferState.PARTIAL, quote.min_amount - 1)
    assert world.books_equal_chains()
    world.hold()
    assert world.bridge.quoted == 2


def test_another_token_of_the_pair_that_arrives_is_booked_and_partial(world: TwoChains) -> None:
    sent_off(world)
    quote = of_asset(world.transfers(), "quote")
    world.bridge.pay(quote, 10**18, token=TOKEN)
    world.hold()
    found = of_asset(world.transfers(), "quote")
    assert (found.state, found.received_token) == (TransferState.PARTIAL, TOKEN)
    assert world.journal.read_ledger_sums(THERE, WALLET, kind="bridge") == {TOKEN: 10**18}
    assert world.books_equal_chains()


def test_a_refund_is_booked_on_the_source(world: TwoChains) -> None:
    sent_off(world)
    on_the_way = world.nav_usd()
    base = of_asset(world.transfers(), "base")
    world.bridge.pay(base, base.sent_amount, back=True)
    assert world.nav_usd() == pytest.approx(on_the_way, rel=1e-3)
    world.hold()
    assert of_asset(world.transfers(), "base").state is TransferState.REFUNDED
    assert world.journal.read_ledger_sums(HERE, WALLET, kind="bridge") == {TOKEN: base.sent_amount}
    assert world.journal.read_ledger_sums(HERE, WALLET, kind="deposit") == {}
    assert world.books_equal_chains()


@pytest.mark.control("bridge_overdue_s", "fires")
def test_a_transfer_of_which_nothing_arrives_for_four_hours_is_a_persons_matter(world: TwoChains) -> None:
    sent_off(world)
    world.next_epoch(15)
    report = world.hold()
    assert {one.state for one in world.transfers()} == {TransferState.MANUAL}
    problems = epoch_reports._problems(world.snapshot(), report)
    assert [text.partition(":")[0] for text in problems] == [
        "transfer of base from chain 8453 to 1 needs a person",
        "transfer of quote from chain 8453 to 1 needs a person",
    ]


@pytest.mark.control("bridge_overdue_s", "passes")
def test_a_transfer_waits_for_a_quarter_hour_less_than_four_hours(world: TwoChains) -> None:
    sent_off(world)
    world.next_epoch(14)
    world.hold()
    assert {one.state for one in world.transfers()} == {TransferState.IN_TRANSIT}


@pytest.mark.parametrize(
    "verdict", [BridgeVerdict.NOT_FOUND, BridgeVerdict.PENDING, BridgeVerdict.DONE, BridgeVerdict.REFUNDED]
)
def test_a_status_alone_ends_nothing_and_after_hours_a_person_is_told(world: TwoChains, verdict: BridgeVerdict) -> None:
    sent_off(world)
    on_the_way = world.nav_usd()
    world.bridge.says = lambda transfer: BridgeStatus(verdict=verdict, detail="says it", tx_hash="0x" + "99" * 32)
    for _ in range(4):
        world.hold()
    assert {one.state for one in world.transfers()} == {TransferState.IN_TRANSIT}
    world.next_epoch(16)
    world.hold()
    assert {one.state for one in world.transfers()} == {TransferState.MANUAL}
    assert "nothing arrived in" in world.transfers()[0].detail
    assert world.nav_usd() == on_the_way
    deliver(world, "base", "quote")
    world.hold()
    assert {one.state for one in world.transfers()} == {TransferState.ARRIVED}
    assert world.books_equal_chains()


def test_a_bridge_that_says_failed_is_a_persons_matter_until_the_money_comes_all_the_same(world: TwoChains) -> None:
    sent_off(world)
    world.bridge.says = lambda transfer: BridgeStatus(verdict=BridgeVerdict.FAILED, detail="lost")
    world.hold()
    assert {one.state for one in world.transfers()} == {TransferState.MANUAL}
    deliver(world, "quote")
    world.hold()
    assert of_asset(world.transfers(), "quote").state is TransferState.ARRIVED


def test_a_status_that_names_an_old_payment_ends_nothing(world: TwoChains) -> None:
    world.execute(plan_of(world.snapshot(), DecisionKind.HOLD), world.snapshot())
    world.chains[THERE].move_from_outside(OTHER_TOKEN, 5 * 10**6)
    (old,) = world.chains[THERE].blocks[-1].receipts
    world.hold()
    world.next_epoch()
    sent_off(world)
    world.bridge.says = lambda transfer: BridgeStatus(verdict=BridgeVerdict.DONE, detail="", tx_hash=old)
    world.hold()
    assert {one.state for one in world.transfers()} == {TransferState.IN_TRANSIT}


def test_one_payment_ends_one_transfer_only(world: TwoChains) -> None:
    sent_off(world)
    deliver(world, "quote")
    paid = world.bridge.paid[of_asset(world.transfers(), "quote").intent_key][3]
    world.bridge.says = lambda transfer: BridgeStatus(verdict=BridgeVerdict.DONE, detail="", tx_hash=paid)
    world.hold()
    assert of_asset(world.transfers(), "quote").state is TransferState.ARRIVED
    assert of_asset(world.transfers(), "base").state is TransferState.IN_TRANSIT


def test_what_was_taken_for_a_deposit_is_called_by_its_name_once_the_bridge_tells(world: TwoChains) -> None:
    sent_off(world)
    base = of_asset(world.transfers(), "base")
    world.bridge.down = True
    world.bridge.pay(base, base.sent_amount, back=True)
    world.hold()
    assert world.journal.read_ledger_sums(HERE, WALLET, kind="deposit") == {TOKEN: base.sent_amount}
    world.bridge.down = False
    world.hold()
    assert of_asset(world.transfers(), "base").state is TransferState.REFUNDED
    assert world.journal.read_ledger_sums(HERE, WALLET, kind="deposit") == {TOKEN: 0}
    assert world.journal.read_ledger_sums(HERE, WALLET, kind="bridge") == {TOKEN: base.sent_amount}
    assert world.books_equal_chains()


def test_a_crash_at_any_boundary_sends_everything_exactly_once() -> None:
    noticed = Noticing()
    run_through(TwoChains(), noticed)
    assert len(noticed.changed) > 60
    for at in noticed.changed[::3]:
        world = TwoChains()
        with pytest.raises(Crash):
            run_through(world, CrashPoint(at=at))
        run_through(world, CrashPoint())
        assert_all_arrived_once(world)


class Noticing(CrashPoint):
    """Never crashes; notes the boundaries at which a chain or the journal are not what they were at the one before."""

    def __init__(self) -> None:
        super().__init__()
        self.changed: list[int] = []
        self.world: TwoChains | None = None
        self._last: object = None

    def hit(self) -> None:
        super().hit()
        assert self.world is not None
        with self.world.journal.reading() as connection:
            written = connection.exec_driver_sql("SELECT total_changes()").scalar()
        chains = [(len(one.blocks), len(one.mempool), len(one.received)) for one in self.world.chains.values()]
        now = (written, chains)
        if now != self._last:
            self.changed.append(self.passed)
        self._last = now


def run_through(world: TwoChains, point: CrashPoint) -> None:
    """Send half, let it arrive, and follow it; from whatever an earlier run has left."""
    if isinstance(point, Noticing):
        point.world = world
    world.first = world.first or world.snapshot()
    executor = world.executor(lambda port: Crashing(port, point))
    if not world.chains[HERE].epochs:
        executor.execute(moving(world.first, 0.5, opens=[target(0.5, WIDE)]), world.first)
        world.finalise()
        deliver(world, "base", "quote")
        world.next_epoch()
    held = world.snapshot()
    executor.execute(plan_of(held, DecisionKind.HOLD), held)


def assert_all_arrived_once(world: TwoChains) -> None:
    effects = world.chains[HERE].now.effects
    assert (effects.count("send WETH"), effects.count("send USDC")) == (1, 1)
    assert {one.state for one in world.transfers()} == {TransferState.ARRIVED}
    assert len(world.transfers()) == 2
    assert world.books_equal_chains()
    assert world.allowances() == 0
    assert world.chains[HERE].now.nonces_mined == sorted(set(world.chains[HERE].now.nonces_mined))


def test_a_sending_transaction_that_is_a_persons_matter_makes_the_transfer_one(world: TwoChains) -> None:
    snapshot = world.snapshot()
    world.execute(moving(snapshot, 0.5), snapshot)
    for transfer in world.transfers():
        world.journal.unsettle(transfer.intent_key, "its block is gone")
    followed = _follow(world)
    assert {one.state for one in followed.transfers} == {TransferState.PLANNED}
    first, second = world.transfers()
    world.journal.advance(first.intent_key, IntentState.MANUAL, "nonce used by somebody else")
    _follow(world)
    lost, waiting = (next(t for t in world.transfers() if t.intent_key == o.intent_key) for o in (first, second))
    assert (lost.state, waiting.state) == (TransferState.MANUAL, TransferState.PLANNED)
    assert lost.detail == "sending transaction: nonce used by somebody else"
    assert "sending transaction" not in waiting.detail


@pytest.mark.parametrize(
    ("verdict", "contradicts"),
    [
        (BridgeVerdict.PENDING, False),
        (BridgeVerdict.NOT_FOUND, False),
        (BridgeVerdict.DONE, True),
        (BridgeVerdict.PARTIAL, True),
        (BridgeVerdict.REFUNDED, True),
    ],
)
def test_a_status_that_the_chains_do_not_bear_out_says_so(
    world: TwoChains, verdict: BridgeVerdict, contradicts: bool
) -> None:
    sent_off(world)
    world.bridge.says = lambda transfer: BridgeStatus(verdict=verdict, detail="says it", tx_hash="0x" + "99" * 32)
    world.hold()
    for one in world.transfers():
        assert ("the chains show nothing of it" in one.detail) is contradicts


def test_each_transfer_is_asked_for_once_its_own_block_is_final(world: TwoChains) -> None:
    snapshot = world.snapshot()
    world.execute(moving(snapshot, 0.5), snapshot)
    names: list[str] = []

    def says(transfer: BridgeTransfer) -> BridgeStatus:
        names.append(transfer.asset)
        return BridgeStatus(verdict=BridgeVerdict.PENDING, detail="")

    world.bridge.says = says
    world.journal.mark_final(of_asset(world.transfers(), "base").intent_key)
    _follow(world)
    assert names == ["base"]


def test_money_counts_as_in_transit_from_the_block_that_sent_it_although_the_books_do_not_know_yet(
    world: TwoChains,
) -> None:
    snapshot = world.snapshot()
    world.execute(moving(snapshot, 0.5), snapshot)
    before = world.snapshot().in_transit
    assert len(before) == 2
    for transfer in world.transfers():
        world.journal.unsettle(transfer.intent_key, "settled by a process that was killed")
    assert [(one.token, one.amount) for one in world.snapshot().in_transit] == [
        (one.token, one.amount) for one in before
    ]


def test_what_a_reverted_transaction_would_have_sent_is_not_in_transit_although_the_books_do_not_know_yet(
    world: TwoChains,
) -> None:
    snapshot = world.snapshot()
    world.chains[HERE].bridge_reverts = True
    world.execute(moving(snapshot, 0.5), snapshot)
    assert len(world.transfers()) == 2
    for transfer in world.transfers():
        world.journal.unsettle(transfer.intent_key, "settled by a process that was killed")
        assert world.journal.read_receipt(transfer.intent_key) is None
    assert world.snapshot().in_transit == ()


def _follow(world: TwoChains) -> Followed:
    desk = TransferDesk(
        chains=world.chains,
        journal=world.journal,
        bridges=world.bridge,
        tokens=pair_tokens(POOLS.values()),
        overdue_s=4 * 3_600.0,
    )
    return desk.follow("WETH-USDC", WALLET, world.chains[HERE].read_block().block_at)


def test_one_transfer_that_cannot_be_looked_at_is_named_and_stops_no_other(
    world: TwoChains, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent_off(world)
    deliver(world, "base", "quote")
    read = world.bridge.read_status

    def breaks(transfer: BridgeTransfer) -> BridgeStatus:
        if transfer.asset == "base":
            raise InvalidInput("a status that is no status")
        return read(transfer)

    monkeypatch.setattr(world.bridge, "read_status", breaks)
    followed = _follow(world)
    (problem,) = followed.problems
    assert "a status that is no status" in problem
    assert problem.startswith(str(of_asset(world.transfers(), "base").sent_amount))
    assert [(one.asset, one.state) for one in followed.transfers] == [("quote", TransferState.ARRIVED)]
