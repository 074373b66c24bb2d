"""The choke point over the journal: what counts as spent, for how long, in which states; what it knows of quotes."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from alm_core.execution.guard import token_usd
from alm_core.execution.spending import own_intent, rebalances, reverted
from alm_core.execution.steps import SWAP_SLOT
from alm_core.math.liquidity import burn_minimums, price_interval
from alm_core.math.orientation import sqrt_price_x96_from_price
from alm_core.math.tick import sqrt_price_x96_at_tick, tick_at_sqrt_price_x96
from alm_core.model.config import LimitsConfig
from alm_core.model.decisions import DecisionKind, Move
from alm_core.model.errors import LimitExceeded
from alm_core.model.market import PoolMarket, PoolRefusal, Position, Twap
from alm_core.model.ports import SwapQuote
from alm_core.model.transactions import (
    Action,
    BalanceBound,
    FeeBid,
    Intent,
    IntentState,
    Receipt,
    SignedTransaction,
    UnsignedTransaction,
)
from alm_core.model.transfers import BridgeTransfer
from alm_core.portfolio.plan_limits import twap_deviation_frac
from alm_core.portfolio.worth import exact
from alm_resources.journal import SqlJournal
from alm_tests.core.execution.fakes import OTHER_TOKEN, TOKEN, WALLET
from alm_tests.core.execution.guarded import (
    AT,
    NAV_USD,
    guard_of,
    intent_of,
    plan_at,
    pool_state,
    snapshot_at,
    spending_tx,
    state_of,
)
from alm_tests.core.execution.v3_fakes import POOL, PRICE
from alm_tests.core.execution.v3_world import target

BID = FeeBid(gas_limit=100_000, max_fee_per_gas_wei=1, max_priority_fee_per_gas_wei=0)
USD = 10**6
CAP = LimitsConfig(max_epoch_turnover_frac=0.5, max_day_spend_frac=0.5, max_day_turnover_frac=0.5)
"""15,000 USD of the 30,000."""
MINED = Receipt(
    tx_hash="0xh",
    block_number=1,
    block_hash="0xb",
    succeeded=True,
    gas_used=100_000,
    effective_gas_price_wei=10**9,
    l1_fee_wei=5,
    logs=(),
)


@pytest.fixture
def journal() -> Iterator[SqlJournal]:
    made = SqlJournal("sqlite:///:memory:")
    yield made
    made.close()


def brought_to(journal: SqlJournal, intent: Intent, state: IntentState, bid: FeeBid = BID) -> None:
    """Store an intent and lead it along the state machine."""
    journal.add_intents([intent])
    if state is IntentState.PLANNED:
        return
    journal.reserve_nonce(intent.key, 0)
    if state is IntentState.EXPIRED_UNSENT:
        journal.release_nonce(intent.key, "")
    if state in (IntentState.RESERVED, IntentState.EXPIRED_UNSENT):
        return
    journal.record_signed(intent.key, SignedTransaction(raw="0x1", tx_hash=intent.key), bid)
    path = [IntentState.BROADCAST, IntentState.MINED]
    for step in path[: path.index(state) + 1] if state in path else path if state is not IntentState.SIGNED else ():
        journal.advance(intent.key, step)
    if state.terminal:
        journal.settle(intent.key, state, replace(MINED, tx_hash=intent.key), ())


def allows(journal: SqlJournal, tx: UnsignedTransaction, limits: LimitsConfig = CAP, **others: object) -> str:
    """Nothing where a payload is let through, else the limits it breaks."""
    try:
        guard_of(journal, limits, **others).check(tx, BID)
    except LimitExceeded as error:
        return str(error)
    return ""


COUNTED = [
    *(IntentState.RESERVED, IntentState.SIGNED, IntentState.BROADCAST, IntentState.MINED),
    *(IntentState.FINAL_OK, IntentState.MANUAL),
]


@pytest.mark.parametrize("state", COUNTED)
def test_what_is_spent_counts_from_the_reservation_on_to_the_raw_unit(journal: SqlJournal, state: IntentState) -> None:
    brought_to(journal, intent_of(spending_tx(10_000 * USD), 1), state)
    assert not allows(journal, spending_tx(5_000 * USD))
    refused = allows(journal, spending_tx(5_000 * USD + 1))
    assert all(name in refused for name in ("max_epoch_turnover_frac", "max_day_spend_frac", "max_day_turnover_frac"))


@pytest.mark.parametrize(
    "state",
    [IntentState.PLANNED, IntentState.EXPIRED_UNSENT, IntentState.FINAL_REVERTED, IntentState.CANCELLED],
)
def test_what_moved_nothing_counts_for_nothing(journal: SqlJournal, state: IntentState) -> None:
    brought_to(journal, intent_of(spending_tx(10_000 * USD), 1), state)
    assert not allows(journal, spending_tx(15_000 * USD))


@pytest.mark.parametrize("state", [IntentState.RESERVED, IntentState.SIGNED, IntentState.BROADCAST])
def test_an_intent_does_not_count_against_itself_when_it_is_signed_again(
    journal: SqlJournal, state: IntentState
) -> None:
    tx = spending_tx(15_000 * USD)
    brought_to(journal, intent_of(tx, 1), state)
    assert not allows(journal, tx)
    noop = replace(tx, to=WALLET, action=Action.NOOP, bounds=())
    assert not allows(journal, noop)


def test_the_window_rolls_over_after_24_hours(journal: SqlJournal) -> None:
    brought_to(journal, intent_of(spending_tx(15_000 * USD), 1), IntentState.FINAL_OK)
    for hours, refused in ((0.25, True), (23.75, True), (24.0, True), (24.25, False)):
        at = AT + timedelta(hours=hours)
        found = allows(journal, spending_tx(1), plan=plan_at(at), snapshot=snapshot_at(at))
        assert ("max_day_spend_frac" in found) is refused, hours
        assert "max_epoch_turnover_frac" not in found


def test_a_token_nobody_prices_makes_the_days_spending_unknown(journal: SqlJournal) -> None:
    strange = replace(spending_tx(1), bounds=(BalanceBound(token="0x" + "99" * 20, min_delta=-1, max_delta=0),))
    brought_to(journal, intent_of(strange, 1), IntentState.FINAL_OK)
    assert "max_day_spend_frac: inf" in allows(journal, spending_tx(1))


def test_fees_of_the_day_count_what_was_paid_and_what_is_bid(journal: SqlJournal) -> None:
    guard = guard_of(journal)
    brought_to(journal, intent_of(spending_tx(1), 1), IntentState.FINAL_REVERTED)
    high = FeeBid(gas_limit=10**6, max_fee_per_gas_wei=10**9, max_priority_fee_per_gas_wei=0, l1_fee_wei=10**15)
    brought_to(journal, intent_of(spending_tx(2), 2), IntentState.BROADCAST, high)
    spent = guard._spending.spent(guard._spending.intents(), None, ())
    wei = MINED.gas_used * MINED.effective_gas_price_wei + MINED.l1_fee_wei + high.most_wei
    assert spent.gas_usd == pytest.approx(wei / 1e18 * PRICE, rel=1e-12)
    assert guard._spending.spent(guard._spending.intents(), None, ()) == spent, "settled fees are remembered"
    unpriced = guard_of(journal, snapshot=replace(snapshot_at(), chains=()))
    assert unpriced._spending.spent(guard._spending.intents(), None, ()).gas_usd == float("inf")


@pytest.mark.parametrize("state", [None, IntentState.PLANNED, IntentState.RESERVED, IntentState.EXPIRED_UNSENT])
def test_what_was_never_signed_has_no_fee_whatever_the_native_coin_is_worth(
    journal: SqlJournal, state: IntentState | None
) -> None:
    if state is not None:
        brought_to(journal, intent_of(spending_tx(1), 1), state)
    for snapshot in (snapshot_at(), replace(snapshot_at(), chains=())):
        spending = guard_of(journal, snapshot=snapshot)._spending
        assert spending.spent(spending.intents(), None, ()).gas_usd == 0.0


def test_an_intent_without_receipt_or_signature_has_paid_nothing(journal: SqlJournal) -> None:
    journal.add_intents([replace(intent_of(spending_tx(1), 1), state=IntentState.FINAL_OK, nonce=0)])
    spending = guard_of(journal)._spending
    assert spending.spent(spending.intents(), None, ()).gas_usd == 0.0


def test_of_several_intents_with_one_payload_the_latest_is_meant() -> None:
    tx = spending_tx(1)
    older, newer, done = (intent_of(tx, number) for number in range(3))
    assert own_intent([older, newer, replace(done, state=IntentState.FINAL_OK)], tx) == newer
    noop = replace(tx, to=WALLET, action=Action.NOOP, bounds=())
    held = [replace(one, state=IntentState.BROADCAST) for one in (older, newer)]
    assert own_intent([*held, done], noop) == held[1]
    assert own_intent([done], noop) is None


def test_reverts_count_for_their_pool_and_those_of_swaps_for_every_pool(journal: SqlJournal) -> None:
    tx = spending_tx(1 * USD)
    brought_to(journal, intent_of(tx, 1), IntentState.FINAL_REVERTED)
    brought_to(journal, intent_of(tx, 2, slot="8453:elsewhere"), IntentState.FINAL_REVERTED)
    brought_to(journal, intent_of(tx, 3, AT - timedelta(hours=1, minutes=15)), IntentState.FINAL_REVERTED)
    assert "max_pool_reverts_hour" not in allows(journal, tx)
    brought_to(journal, intent_of(replace(tx, action=Action.SWAP), 4, slot=SWAP_SLOT), IntentState.FINAL_REVERTED)
    assert "max_pool_reverts_hour: 2" in allows(journal, tx)


@pytest.mark.parametrize(("minutes", "counted"), [(0, 1), (60, 1), (75, 0)])
def test_reverts_and_rebalances_count_for_an_hour(journal: SqlJournal, minutes: int, counted: int) -> None:
    at = AT - timedelta(minutes=minutes)
    brought_to(journal, intent_of(spending_tx(1), 1, at), IntentState.FINAL_REVERTED)
    for number, action in ((2, Action.CLOSE), (3, Action.OPEN)):
        brought_to(journal, intent_of(spending_tx(0, action), number, at), IntentState.FINAL_OK)
    intents = journal.read_intents_since("WETH-USDC", AT - timedelta(hours=24))
    assert len(reverted(intents, AT, [POOL.pool_id])) == counted
    assert rebalances(intents, AT, "now") == counted


def test_a_rebalance_is_a_plan_that_closes_and_places(journal: SqlJournal) -> None:
    opening, closing = spending_tx(1), replace(spending_tx(0), action=Action.CLOSE)
    for number, (tx, plan, at) in enumerate(
        [
            (closing, "moves", AT),
            (opening, "moves", AT),
            (closing, "leaves", AT),
            (opening, "places", AT),
            (closing, "long ago", AT - timedelta(hours=2)),
            (opening, "long ago", AT - timedelta(hours=2)),
        ]
    ):
        brought_to(journal, intent_of(tx, number, at, plan=plan), IntentState.FINAL_OK)
    intents = journal.read_intents_since("WETH-USDC", AT - timedelta(hours=24))
    assert rebalances(intents, AT, "now") == 1
    assert rebalances(intents, AT, "moves") == 0
    assert rebalances((), AT, "now") == 0


SWAP = replace(
    spending_tx(2_000 * USD, Action.SWAP),
    bounds=(
        BalanceBound(token=OTHER_TOKEN, min_delta=-2_000 * USD, max_delta=0),
        BalanceBound(token=TOKEN, min_delta=10**18, max_delta=2**128),
    ),
)
"""2,000 USDC for one WETH at 2,000."""


def quote_of(bought: int) -> SwapQuote:
    return SwapQuote(
        tx=SWAP,
        spender="0x",
        sell=POOL.quote,
        buy=POOL.base,
        sell_amount=2_000 * USD,
        buy_amount=bought,
        buy_amount_min=bought,
        tool="test",
    )


@pytest.mark.control("max_price_impact_frac", "fires")
@pytest.mark.control("max_price_impact_frac", "passes")
def test_a_quote_that_expects_too_little_is_refused(journal: SqlJournal) -> None:
    fair = int(2_000 / PRICE * 10**18)
    guard = guard_of(journal)
    guard.check_quote(quote_of(-(-fair * 997 // 1000)))
    with pytest.raises(LimitExceeded, match="max_price_impact_frac"):
        guard.check_quote(quote_of(fair * 996_999 // 1_000_000))
    blind = guard_of(journal, snapshot=replace(snapshot_at(), quote_usd=None))
    with pytest.raises(LimitExceeded, match="max_price_impact_frac: value of the quote of test unknown"):
        blind.check_quote(quote_of(fair))


@pytest.mark.control("max_price_impact_stable_frac", "fires")
@pytest.mark.control("max_price_impact_stable_frac", "passes")
def test_a_quote_for_stables_may_lose_a_tenth_of_a_percent(journal: SqlJournal) -> None:
    fair = int(2_000 / PRICE * 10**18)
    stable = replace(POOL.base, asset_class="stable")
    guard_of(journal).check_quote(replace(quote_of(-(-fair * 999 // 1000)), buy=stable))
    with pytest.raises(LimitExceeded, match="max_price_impact_stable_frac"):
        guard_of(journal).check_quote(replace(quote_of(fair * 998_999 // 1_000_000), buy=stable))


def test_a_quote_ages_with_the_blocks_of_the_chain(journal: SqlJournal) -> None:
    snapshot = snapshot_at()
    guard = guard_of(journal, snapshot=snapshot)
    state = state_of(snapshot)

    def after(seconds: float) -> str:
        block = replace(state.block, block_at=state.block.block_at + timedelta(seconds=seconds))
        guard.see(replace(state, block=block), (POOL.pool_id,))
        try:
            guard.check(SWAP, BID)
        except LimitExceeded as error:
            return str(error)
        return ""

    assert "quote_max_age_s: age of the quote unknown" in after(0)
    guard.quoted(SWAP)
    assert "quote_max_age_s" not in after(15)
    assert "quote_max_age_s: 16" in after(16)
    brought_to(journal, intent_of(SWAP, 1), IntentState.BROADCAST)
    assert "quote_max_age_s" not in after(300), "what is out is bumped, not dropped"


def test_before_a_fresh_state_nothing_that_moves_value_passes(journal: SqlJournal) -> None:
    guard = guard_of(journal)
    guard._state = None
    guard.quoted(SWAP)
    with pytest.raises(LimitExceeded, match="max_price_deviation_frac"):
        guard.check(SWAP, BID)
    assert guard.nav_usd() is None


def pushed(frac: float, twap: bool = False) -> str:
    """What is said of a pool whose price one block moved by a fraction."""
    mean = tick_at_sqrt_price_x96(sqrt_price_x96_from_price(POOL, PRICE))
    state = pool_state(
        sqrt_price_x96=sqrt_price_x96_from_price(POOL, PRICE * (1 + frac)),
        twap=Twap(window_s=1800, tick=mean) if twap else None,
    )
    snapshot = snapshot_at(AT, state)
    return allows(SqlJournal("sqlite:///:memory:"), spending_tx(USD), LimitsConfig(), snapshot=snapshot)


@pytest.mark.parametrize("frac", [0.0101, -0.0101, 0.05, -0.05, 0.5, -0.5])
def test_a_pool_pushed_in_one_block_is_left_alone_with_and_without_a_mean(frac: float) -> None:
    assert "max_price_deviation_frac" in pushed(frac)
    assert "max_twap_deviation_frac" not in pushed(frac), "cardinality 1: there is no mean"
    assert "max_twap_deviation_frac" in pushed(frac, twap=True)


@pytest.mark.parametrize("frac", [0.005, -0.005, 0.0099, -0.0099])
def test_a_push_within_the_bound_passes_and_is_bounded_by_the_minima(frac: float) -> None:
    assert pushed(frac) == ""


def test_a_pool_without_a_mean_is_infinitely_far_from_it() -> None:
    assert twap_deviation_frac(pool_state(twap=None)) == float("inf")


POSITION = Position(
    pool_id=POOL.pool_id,
    token_id=7,
    tick_lower=-887_220 // POOL.tick_spacing * POOL.tick_spacing + POOL.tick_spacing,
    tick_upper=887_220 // POOL.tick_spacing * POOL.tick_spacing - POOL.tick_spacing,
    liquidity=10**15,
    amount0=1,
    amount1=1,
    fees0=0,
    fees1=0,
)


def closing(least0: int, least1: int) -> UnsignedTransaction:
    return replace(
        spending_tx(0, Action.CLOSE),
        closes_token_id=7,
        bounds=(
            BalanceBound(token=POOL.token0.address, min_delta=least0, max_delta=2**128),
            BalanceBound(token=POOL.token1.address, min_delta=least1, max_delta=2**128),
        ),
    )


def test_a_close_that_guarantees_nothing_is_refused(journal: SqlJournal) -> None:
    snapshot = snapshot_at()
    held = state_of(snapshot, positions=(POSITION,))
    guard = guard_of(journal, snapshot=snapshot, state=held)
    least = guard._least_close(closing(0, 0))
    assert least is not None
    at_least = closing(*(least[token.address.lower()] for token in (POOL.token0, POOL.token1)))
    assert not allows(journal, at_least, snapshot=snapshot, state=held)
    assert "close_value" in allows(journal, closing(0, 0), snapshot=snapshot, state=held)
    exiting = plan_at(kind=DecisionKind.EXIT)
    assert "close_value" in allows(journal, closing(0, 0), plan=exiting, snapshot=snapshot, state=held)


@pytest.mark.parametrize("changes", [{"shares": 5}, {"token_id": 8}])
def test_of_bins_and_strangers_nothing_is_known_before(journal: SqlJournal, changes: dict[str, int]) -> None:
    snapshot = snapshot_at()
    guard = guard_of(journal, snapshot=snapshot, state=state_of(snapshot, positions=(replace(POSITION, **changes),)))
    assert guard._least_close(closing(0, 0)) is None
    assert guard._least_close(replace(closing(0, 0), closes_token_id=None)) is None


def test_a_pool_is_entered_only_where_its_figures_and_tokens_allow(journal: SqlJournal) -> None:
    small = PoolMarket(
        pool_id=POOL.pool_id,
        source="test",
        fetched_at=AT,
        volume_24h_usd=1e5,
        tvl_usd=1e5,
        fee_frac=None,
        base_usd=None,
        quote_usd=None,
    )
    plain = snapshot_at()
    assert not allows(journal, spending_tx(USD), snapshot=plain)
    assert "min_pool_tvl_usd" in allows(journal, spending_tx(USD), snapshot=replace(plain, markets=(small,)))
    barred = replace(plain, refusals=(PoolRefusal(pool_id=POOL.pool_id, reason="taxes its sellers"),))
    assert "pool: 8453" in allows(journal, spending_tx(USD), snapshot=barred)


SENDING = spending_tx(3_000 * USD, Action.BRIDGE)


def transfer_of(intent: Intent, least: int, buy: str = OTHER_TOKEN) -> BridgeTransfer:
    return BridgeTransfer(
        intent_key=intent.key,
        pair="WETH-USDC",
        wallet=WALLET,
        from_chain=POOL.chain_id,
        to_chain=POOL.chain_id,
        asset="quote",
        sell_token=OTHER_TOKEN.lower(),
        buy_token=buy.lower(),
        sent_amount=3_000 * USD,
        expected_amount=3_000 * USD,
        min_amount=least,
        tool="test",
        started_at=AT,
    )


def sending(journal: SqlJournal, least: int, buy: str = OTHER_TOKEN) -> str:
    intent = intent_of(SENDING, 1)
    journal.add_transfer(intent, transfer_of(intent, least, buy))
    guard = guard_of(journal)
    guard.quoted(SENDING)
    try:
        guard.check(SENDING, BID)
    except LimitExceeded as error:
        return str(error)
    return ""


def test_the_terms_of_a_transfer_come_from_the_journal(journal: SqlJournal) -> None:
    assert sending(journal, 2_985 * USD) == ""


@pytest.mark.parametrize(("least", "buy"), [(2_985 * USD - 1, OTHER_TOKEN), (2_985 * USD, "0x" + "77" * 20)])
def test_a_transfer_on_worse_or_unknown_terms_is_refused(journal: SqlJournal, least: int, buy: str) -> None:
    assert "max_bridge_loss_frac" in sending(journal, least, buy)


def test_a_transfer_that_the_journal_does_not_know_is_refused(journal: SqlJournal) -> None:
    assert "max_bridge_loss_frac: terms of the transfer unknown" in allows(journal, SENDING)
    journal.add_intents([intent_of(SENDING, 1)])
    assert "max_bridge_loss_frac: terms of the transfer unknown" in allows(journal, SENDING)


def test_what_may_still_be_sent_today_is_known_beforehand(journal: SqlJournal) -> None:
    assert guard_of(journal).bridge_left_usd() == 6_000
    brought_to(journal, intent_of(SENDING, 1), IntentState.RESERVED)
    assert guard_of(journal).bridge_left_usd() == 3_000
    unknown = replace(plan_at(), nav_usd=None)
    assert guard_of(journal, plan=unknown).bridge_left_usd() == 0
    halved = replace(plan_at(), nav_usd=NAV_USD / 2)
    assert guard_of(journal, plan=halved).bridge_left_usd() == 0
    poor = replace(plan_at(), nav_usd=NAV_USD / 4)
    assert guard_of(journal, plan=poor).bridge_left_usd() == 0, "what is gone already is no debt"


def test_a_price_that_is_none_makes_the_nav_unknown(journal: SqlJournal) -> None:
    assert guard_of(journal, plan=replace(plan_at(), price=0.0)).nav_usd() is None
    assert guard_of(journal).nav_usd() == pytest.approx(30_000.0)


def test_the_nav_counts_positions_with_their_fees_to_the_raw_unit(journal: SqlJournal) -> None:
    snapshot = snapshot_at()
    held = replace(POSITION, amount0=10**18, amount1=10**9, fees0=10**17, fees1=10**8)
    plain = guard_of(journal, snapshot=snapshot)._nav()
    with_position = guard_of(journal, snapshot=snapshot, state=state_of(snapshot, positions=(held,)))._nav()
    prices = guard_of(journal).token_usd
    more = 11 * 10**17 * exact(prices[POOL.token0.address.lower()])
    more += 11 * 10**8 * exact(prices[POOL.token1.address.lower()])
    assert plain is not None
    assert with_position == plain + more


def test_tokens_are_priced_by_the_pair_and_its_quote() -> None:
    prices = token_usd([POOL], 2000.7, 0.5)
    assert prices[POOL.base.address.lower()] == pytest.approx(1000.35 / 10**POOL.base.decimals, rel=1e-15)
    assert prices[POOL.quote.address.lower()] == pytest.approx(0.5 / 10**POOL.quote.decimals, rel=1e-15)
    assert token_usd([POOL], 2000.0, 0.0) == dict.fromkeys(prices, 0.0), "worth nothing is not worth a little"
    assert token_usd([POOL], 2000.0, None) == {} == token_usd([], 2000.0, 1.0)


def test_a_plan_places_what_it_opens_on_the_chain_and_sends_from_it(journal: SqlJournal) -> None:
    here, there = POOL.chain_id, POOL.chain_id + 1
    opens = tuple(replace(target(0.1, (-10, 10)), chain_id=at, capital_usd=usd) for at, usd in ((here, 5), (there, 70)))
    moves = tuple(
        Move(from_chain=source, to_chain=aim, share_frac=0.1, capital_usd=usd)
        for source, aim, usd in ((here, there, 300.0), (there, here, 1000.0))
    )
    plan = replace(plan_at(), opens=opens, moves=moves)
    assert guard_of(journal, plan=plan)._plan_usd() == 305.0


def test_a_close_is_held_against_twice_the_interval_of_its_plan(journal: SqlJournal) -> None:
    snapshot = snapshot_at()
    guard = guard_of(journal, snapshot=snapshot, state=state_of(snapshot, positions=(POSITION,)))
    interval = price_interval(snapshot.pools[0].sqrt_price_x96, 2 * LimitsConfig().price_interval_frac)
    ticks = (sqrt_price_x96_at_tick(tick) for tick in (POSITION.tick_lower, POSITION.tick_upper))
    least = burn_minimums(interval, *ticks, POSITION.liquidity)
    assert guard._least_close(closing(0, 0)) == {
        token.address.lower(): amount for token, amount in zip((POOL.token0, POOL.token1), least, strict=True)
    }


def test_what_is_signed_already_has_no_age_and_what_was_never_quoted_none_that_is_known(journal: SqlJournal) -> None:
    guard, intent = guard_of(journal), intent_of(SWAP, 1)
    for state in (IntentState.SIGNED, IntentState.BROADCAST, IntentState.MINED):
        assert guard._quote_age_s(SWAP, replace(intent, state=state)) == 0.0
    for state in (IntentState.PLANNED, IntentState.RESERVED):
        assert guard._quote_age_s(SWAP, replace(intent, state=state)) is None
    guard.quoted(SWAP)
    assert guard._quote_age_s(SWAP, intent) == 0.0
