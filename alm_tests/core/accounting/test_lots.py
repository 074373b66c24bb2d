"""Lots: which one goes first, what is realised, and that nothing is made or lost, whatever happens to a wallet."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alm_core.accounting.lots import KeptLots, kept_lots
from alm_core.accounting.lots_events import Naming, book_events, lot_units
from alm_core.model.accounts import Movement
from alm_core.model.errors import InvalidInput
from alm_core.model.lots import BookEvent, EventKind, Leg, Named
from alm_core.model.transactions import Action
from alm_core.model.transfers import BridgeTransfer, TransferState
from alm_tests.core.accounting.ledgers import CHAINS, USDC, WETH, Wallet
from alm_tests.core.accounting.test_pnl import own_steps, take
from alm_tests.core.forces.tapes import END_AT

BASE, POLYGON = CHAINS
UNIT = 10**24
TOKEN = Named(chain_id=1, asset="ABC", symbol="ABC", address="0xa", decimals=0)


def buy(day: int, amount: int, usd: float | None) -> BookEvent:
    return event(day, EventKind.DEPOSIT, received=Leg(token=TOKEN, amount=amount, usd=usd))


def sell(day: int, amount: int, usd: float | None, kind: EventKind = EventKind.GAS) -> BookEvent:
    return event(day, kind, sent=Leg(token=TOKEN, amount=amount, usd=usd))


def event(day: int, kind: EventKind, **legs: Leg) -> BookEvent:
    return BookEvent(at=END_AT + timedelta(days=day), order=day, chain_id=1, kind=kind, tx_hash=f"0x{day}", **legs)


HISTORY = (buy(0, 10, 10.0), buy(1, 10, 50.0), buy(2, 10, 20.0), sell(3, 15, 60.0))


@pytest.mark.parametrize(
    ("method", "costs", "left"),
    [
        # 10 of the first and 5 of the second; 10 of the last and 5 of the second; the second, then 5 of the last.
        ("fifo", [10.0, 25.0], [25.0, 20.0]),
        ("lifo", [20.0, 25.0], [10.0, 25.0]),
        ("hifo", [50.0, 10.0], [10.0, 10.0]),
    ],
)
def test_the_lot_that_goes_first_is_the_oldest_the_newest_or_the_dearest(
    method: str, costs: list[float], left: list[float]
) -> None:
    found = kept_lots(HISTORY, method)
    assert [one.cost_usd for one in found.realised] == costs
    assert [one.proceeds_usd for one in found.realised] == [40.0, 20.0]
    assert sum(one.gain_usd for one in found.realised) == pytest.approx(60.0 - sum(costs))
    assert [lot.cost_usd for lot in found.lots] == left
    assert [lot.amount for lot in found.lots] == [
        amount * UNIT for amount in ([5, 10] if method == "fifo" else [10, 5])
    ]


def test_the_dearest_lot_is_the_one_that_cost_most_per_unit() -> None:
    found = kept_lots([buy(0, 10, 30.0), buy(1, 2, 20.0), sell(2, 2, 8.0)], "hifo")
    assert [one.cost_usd for one in found.realised] == [20.0]


def test_a_lot_of_unknown_cost_goes_last_by_cost_and_has_no_gain() -> None:
    found = kept_lots([buy(0, 1, None), buy(1, 1, 5.0), sell(2, 2, 8.0)], "hifo")
    assert [(one.cost_usd, one.gain_usd) for one in found.realised] == [(5.0, -1.0), (None, None)]


def test_more_than_ever_came_is_realised_without_a_lot_and_without_a_gain() -> None:
    (first, second) = kept_lots([buy(0, 1, 3.0), sell(1, 3, 9.0)], "fifo").realised
    assert (first.gain_usd, second.gain_usd, second.acquired_kind, second.amount) == (0.0, None, None, 2 * UNIT)


def test_a_withdrawal_takes_lots_along_and_tells_no_gain() -> None:
    found = kept_lots([buy(0, 2, 4.0), sell(1, 1, 100.0, EventKind.WITHDRAWAL)], "fifo")
    assert [(one.cost_usd, one.proceeds_usd, one.gain_usd) for one in found.realised] == [(2.0, None, None)]
    assert [lot.cost_usd for lot in found.lots] == [2.0]


def test_a_trade_costs_what_it_brings() -> None:
    other = replace(TOKEN, asset="XYZ", symbol="XYZ")
    trade = event(
        1,
        EventKind.TRADE,
        sent=Leg(token=TOKEN, amount=2, usd=30.0),
        received=Leg(token=other, amount=5, usd=28.0),
    )
    found = kept_lots([buy(0, 2, 20.0), trade], "fifo")
    assert [one.gain_usd for one in found.realised] == [8.0]
    assert [(lot.asset, lot.cost_usd) for lot in found.lots] == [("XYZ", 28.0)]
    unpriced = replace(trade, received=replace(trade.received, usd=None))
    assert [one.gain_usd for one in kept_lots([buy(0, 2, 20.0), unpriced], "fifo").realised] == [10.0]


def test_a_token_whose_decimals_nobody_knows_is_in_no_lot_and_named() -> None:
    strange = Leg(token=replace(TOKEN, decimals=None, symbol="?"), amount=7, usd=None)
    found = kept_lots([event(0, EventKind.REWARDS, received=strange)], "fifo")
    assert (found.lots, len(found.problems)) == ((), 1)
    assert lot_units(replace(strange, token=replace(TOKEN, decimals=25))) is None
    with pytest.raises(InvalidInput, match="not known"):
        kept_lots([], "first")


# From the ledger.


def naming(wallet: Wallet) -> Naming:
    def token(chain_id: int, address: str) -> Named:
        if address == "native":
            return Named(chain_id=chain_id, asset="ETH", symbol="ETH", address=None, decimals=18)
        pool = wallet.chains[chain_id].scene.pools[0]
        of = pool.base if pool.base.address.lower() == address else pool.quote
        return Named(chain_id=chain_id, asset=of.symbol, symbol=of.symbol, address=of.address, decimals=of.decimals)

    def price(_at: object, chain_id: int, address: str) -> float:
        return {"WETH": wallet.price, "USDC": 1.0, "ETH": 2_000.0}[token(chain_id, address).asset]

    transfers = {
        f"sent {number}": BridgeTransfer(
            intent_key=f"sent {number}",
            pair="WETH-USDC",
            wallet="",
            from_chain=BASE,
            to_chain=POLYGON,
            asset="quote",
            sell_token=wallet.chains[BASE].scene.pools[0].quote.address.lower(),
            buy_token=wallet.chains[POLYGON].scene.pools[0].quote.address.lower(),
            sent_amount=-one.delta,
            expected_amount=-one.delta,
            min_amount=0,
            tool="t",
            started_at=END_AT,
            state=TransferState.ARRIVED,
        )
        for number, one in enumerate(sends(wallet.movements))
    }
    return Naming(
        token=token, price_usd=price, moment=lambda one: END_AT + one.seq * timedelta(seconds=1), transfers=transfers
    )


def sends(movements: Iterable[Movement]) -> list[Movement]:
    return [one for one in movements if one.action is Action.BRIDGE and one.kind == "transfer"]


def booked(wallet: Wallet) -> list[Movement]:
    """The ledger as it would be: opening balances first, closes marked, arrivals with the key of what sent them."""
    opening = [
        Movement(
            chain_id=chain_id, token=token, delta=amount, kind="opening", tx_hash=f"opening:{chain_id}", log_index=-3
        )
        for chain_id, chain in wallet.chains.items()
        for token, amount in (
            (chain.scene.pools[0].base.address.lower(), 5 * WETH),
            (chain.scene.pools[0].quote.address.lower(), 10_000 * USDC),
            ("native", 10**18),
        )
    ]
    arrivals = iter(range(len(wallet.movements)))
    rows = [
        replace(
            one,
            closes=one.action is Action.CLOSE,
            intent_key=f"sent {next(arrivals)}" if one.kind == "bridge" else None,
        )
        for one in wallet.movements
    ]
    return [replace(one, seq=seq) for seq, one in enumerate([*opening, *rows])]


def held_units(wallet: Wallet) -> dict[str, int]:
    """What the wallets hold by asset, and what was put into positions and sent and has not come out."""
    found: defaultdict[str, int] = defaultdict(int)
    for chain in wallet.chains.values():
        found["WETH"] += chain.base * 10**6
        found["USDC"] += chain.quote * 10**18
        found["ETH"] += chain.native * 10**6
    inside = [one for one in wallet.movements if one.action in (Action.OPEN, Action.CLOSE) and one.kind == "transfer"]
    closed = {(one.chain_id, one.token_id) for one in inside if one.action is Action.CLOSE}
    for one in inside:
        if (one.chain_id, one.token_id) not in closed:
            pool = wallet.chains[one.chain_id].scene.pools[0]
            is_base = one.token == pool.base.address.lower()
            found["WETH" if is_base else "USDC"] -= one.delta * 10 ** (6 if is_base else 18)
    going = sends(wallet.movements)[len([one for one in wallet.movements if one.kind == "bridge"]) :]
    found["USDC"] -= sum(one.delta for one in going) * 10**18
    return dict(found)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    taken=st.lists(own_steps, max_size=25),
    method=st.sampled_from(["fifo", "lifo", "hifo"]),
)
def test_lots_are_what_wallets_hold_and_what_lies_in_positions_and_between_chains(
    taken: list[tuple[object, ...]], method: str
) -> None:
    wallet = Wallet()
    for step in taken:
        take(wallet, step)
    events = book_events(booked(wallet), naming(wallet))
    found = kept_lots(events, method)
    left: defaultdict[str, int] = defaultdict(int)
    for lot in found.lots:
        left[lot.asset] += lot.amount
    short = sum(one.amount for one in found.realised if one.acquired_kind is None)
    if not short:
        assert {asset: left[asset] for asset in ("WETH", "USDC", "ETH")} == held_units(wallet)
        assert_no_cost_is_lost(events, found)


def assert_no_cost_is_lost(events: Iterable[BookEvent], found: KeptLots) -> None:
    paid = 0.0
    for one in events:
        if one.received is not None and one.kind not in (EventKind.POOL_OUT, EventKind.BRIDGE_IN):
            paid += one.received.usd or 0.0
    kept = sum(lot.cost_usd for lot in found.lots) + sum(one.cost_usd for one in found.realised)
    assert kept == pytest.approx(paid, rel=1e-9)


def test_putting_into_a_pool_gives_nothing_away_and_what_the_pool_traded_counts_when_it_is_closed() -> None:
    wallet = Wallet()
    wallet.open(BASE, WETH, 2_000 * USDC)
    wallet.shift(BASE, 1, -WETH // 4, 550 * USDC)
    before = kept_lots(book_events(booked(wallet), naming(wallet)), "fifo")
    assert before.realised == ()
    wallet.close(BASE, 1)
    events = book_events(booked(wallet), naming(wallet))
    (traded,) = [one for one in events if one.kind is EventKind.POOL_TRADE]
    assert (traded.sent.amount, traded.received.amount) == (WETH // 4, 550 * USDC)
    (realised,) = kept_lots(events, "fifo").realised
    assert (realised.asset, realised.gain_usd) == ("WETH", pytest.approx(550.0 - 500.0))
    sold = kept_lots(events, "fifo", lp_as_disposal=True)
    assert {one.kind for one in sold.realised} == {EventKind.POOL_IN}
    assert sum(lot.amount for lot in sold.lots if lot.asset == "WETH") == held_units(wallet)["WETH"]


def test_what_stays_in_the_bins_is_a_gain_and_rounding_a_loss_worth_nothing() -> None:
    wallet = Wallet()
    wallet.open(BASE, WETH, 2_000 * USDC)
    wallet.shift(BASE, 1, 10**15, 3 * USDC)
    wallet.close(BASE, 1)
    wallet.open(BASE, WETH, 2_000 * USDC)
    wallet.shift(BASE, 2, -1, -1)
    wallet.close(BASE, 2)
    events = book_events(booked(wallet), naming(wallet))
    assert [one.kind for one in events if not one.in_wallet] == [EventKind.POOL_GAIN] * 2 + [EventKind.POOL_LOSS] * 2
    lost = [one for one in kept_lots(events, "fifo").realised if one.kind is EventKind.POOL_LOSS]
    assert [one.proceeds_usd for one in lost] == [0.0, 0.0]


def test_a_position_that_the_books_never_saw_opened_pays_deposits() -> None:
    wallet = Wallet()
    wallet.open(BASE, WETH, 2_000 * USDC)
    wallet.begin_epoch()
    wallet.close(BASE, 1)
    events = book_events([replace(one, closes=True) for one in wallet.movements], naming(wallet))
    assert [one.kind for one in events] == [EventKind.DEPOSIT, EventKind.DEPOSIT]


def test_parts_of_closing_bins_belong_to_the_only_position_of_their_pool() -> None:
    wallet = Wallet()
    wallet.open(BASE, WETH, 2_000 * USDC)
    wallet.book(BASE, Action.CLOSE, "transfer", WETH // 2, 0, 1)
    wallet.book(BASE, Action.CLOSE, "transfer", WETH // 2, 2_000 * USDC, 1)
    rows = booked(wallet)
    parts = [replace(one, token_id=None, closes=False) if one.delta == WETH // 2 else one for one in rows]
    parts[-2:] = [replace(one, closes=True, tx_hash="0xlast") for one in rows[-2:]]
    events = book_events(parts, naming(wallet))
    assert [one.kind for one in events if one.received and one.kind is not EventKind.OPENING] == [
        EventKind.POOL_OUT
    ] * 3
    assert all(one.in_wallet for one in events)


def test_a_transfer_between_own_chains_gives_away_only_what_the_bridge_kept() -> None:
    wallet = Wallet()
    wallet.send(BASE, POLYGON, 1_000 * USDC, 2 * USDC)
    wallet.arrive(0)
    events = book_events(booked(wallet), naming(wallet))
    (lost,) = kept_lots(events, "fifo").realised
    assert (lost.kind, lost.amount, lost.proceeds_usd) == (EventKind.BRIDGE_LOSS, 2 * 10**24, pytest.approx(2.0))


def test_lost_blocks_are_left_out() -> None:
    wallet = Wallet()
    wallet.swap(BASE, WETH, -2_000 * USDC)
    gone = [replace(one, tx_hash=f"gone:1:{one.tx_hash}") for one in wallet.movements]
    back = [replace(one, kind="reorg", delta=-one.delta) for one in gone]
    assert book_events([*gone, *back], naming(wallet)) == ()
