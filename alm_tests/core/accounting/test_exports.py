"""CSV files read back by the rules of their importers: every balance comes out to the last digit.

Koinly: amounts are plain decimals with a point, dates ``YYYY-MM-DD HH:mm:ss``, what is sent leaves and what is received
comes, a fee leaves besides, and only tags that its page lists may stand in a file. rotki: direction by type as
``EventCategory`` has it, timestamps in milliseconds, amounts plain decimals, assets CAIP-19 or its own identifiers.
"""

import csv
import io
import re
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal, getcontext

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alm_core.accounting.exports_koinly import KOINLY_COLUMNS, koinly_csv
from alm_core.accounting.exports_rotki import (
    ROTKI_EVENT_COLUMNS,
    ROTKI_TRADE_COLUMNS,
    rotki_events_csv,
    rotki_trades_csv,
)
from alm_core.accounting.lots_events import book_events
from alm_core.model.errors import InvalidInput
from alm_core.model.lots import BookEvent, EventKind
from alm_core.model.transactions import Action
from alm_tests.core.accounting.ledgers import CHAINS, USDC, WETH, Wallet
from alm_tests.core.accounting.test_lots import booked, naming, sends
from alm_tests.core.accounting.test_pnl import own_steps, take
from alm_tests.core.forces.tapes import END_AT

getcontext().prec = 100
BASE, POLYGON = CHAINS
SINCE, UNTIL = END_AT - timedelta(days=1), END_AT + timedelta(days=1)
DATE = re.compile(r"^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}$")
PLAIN = re.compile(r"^\d+\.\d{2,}$")
OUTGOING = {
    "",
    "gift",
    "lost",
    "donation",
    "cost",
    "loan fee",
    "margin fee",
    "loan repayment",
    "margin repayment",
    "stake",
}
INCOMING = {
    "",
    "airdrop",
    "fork",
    "mining",
    "reward",
    "income",
    "lending interest",
    "cashback",
    "salary",
    "fee refund",
    "stake",
}
IN, OUT = 1, -1
ROTKI_DIRECTIONS = {"Deposit": OUT, "Withdrawal": IN, "Income": IN, "Loss": OUT, "Spend": OUT, "Staking": IN}
ROTKI_LOCATIONS = {"base", "polygon pos", "external"}
CAIP = re.compile(r"^(eip155:\d+/erc20:0x[0-9a-fA-F]{40}|ETH)$")


def rows_of(text: str, columns: tuple[str, ...]) -> list[dict[str, str]]:
    reader = csv.DictReader(io.StringIO(text))
    assert tuple(reader.fieldnames or ()) == columns
    return list(reader)


def koinly_balances(text: str) -> dict[str, Decimal]:
    found: defaultdict[str, Decimal] = defaultdict(Decimal)
    for row in rows_of(text, KOINLY_COLUMNS):
        assert DATE.match(row["Date"])
        sent, received = row["Sent Amount"], row["Received Amount"]
        assert sent or received
        for name, sign in (("Sent", -1), ("Received", 1), ("Fee", -1)):
            amount, currency = row[f"{name} Amount"], row[f"{name} Currency"]
            assert bool(amount) == bool(currency)
            if amount:
                assert PLAIN.match(amount)
                found[currency] += sign * Decimal(amount)
        assert row["Label"] in (OUTGOING if not received else INCOMING if not sent else {""})
        assert not row["Fee Amount"] or (sent and received), "fees stand beside trades only"
        assert (row["Net Worth Currency"] == "USD") == bool(row["Net Worth Amount"])
    return {currency: amount for currency, amount in found.items() if amount}


def rotki_balances(events: str, trades: str) -> dict[tuple[str, str], Decimal]:
    """By location and asset."""
    found: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for row in rows_of(events, ROTKI_EVENT_COLUMNS):
        assert (row["Fee"], row["Fee Currency"]) == ("", "")
        assert PLAIN.match(row["Amount"])
        found[row["Location"], row["Currency"]] += ROTKI_DIRECTIONS[row["Type"]] * Decimal(row["Amount"])
        assert row["Location"] in ROTKI_LOCATIONS
        assert CAIP.match(row["Currency"])
        assert datetime.fromtimestamp(int(row["Timestamp"]) / 1000, UTC) >= SINCE
    for row in rows_of(trades, ROTKI_TRADE_COLUMNS):
        found[row["Location"], row["Spend Currency"]] -= Decimal(row["Spend Amount"])
        found[row["Location"], row["Receive Currency"]] += Decimal(row["Receive Amount"])
    return {where: amount for where, amount in found.items() if amount}


def wallets(wallet: Wallet, chain_id: int) -> dict[str, Decimal]:
    chain = wallet.chains[chain_id]
    return {
        "WETH": Decimal(chain.base).scaleb(-18),
        "USDC": Decimal(chain.quote).scaleb(-6),
        "ETH": Decimal(chain.native).scaleb(-18),
    }


def events_of(wallet: Wallet) -> tuple[BookEvent, ...]:
    return book_events(booked(wallet), naming(wallet))


taken_steps = st.lists(own_steps, max_size=25)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(taken=taken_steps, lp_as_disposal=st.booleans())
def test_koinly_rebuilds_the_wallets_of_all_chains_and_what_is_between_them(
    taken: list[tuple[object, ...]], lp_as_disposal: bool
) -> None:
    wallet = Wallet()
    for step in taken:
        take(wallet, step)
    found = koinly_csv(events_of(wallet), SINCE, UNTIL, lp_as_disposal=lp_as_disposal)
    both = [wallets(wallet, chain_id) for chain_id in CHAINS]
    wanted = {asset: sum(one[asset] for one in both) for asset in both[0]}
    going = sends(wallet.movements)[len([one for one in wallet.movements if one.kind == "bridge"]) :]
    wanted["USDC"] += sum(Decimal(-one.delta).scaleb(-6) for one in going)
    assert koinly_balances(found.text) == {asset: amount for asset, amount in wanted.items() if amount}
    assert found.problems == ()


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(taken=taken_steps, lp_as_disposal=st.booleans(), chain_id=st.sampled_from(CHAINS))
def test_one_chain_alone_is_a_wallet_of_its_own(
    taken: list[tuple[object, ...]], lp_as_disposal: bool, chain_id: int
) -> None:
    wallet = Wallet()
    for step in taken:
        take(wallet, step)
    how = {"chain_id": chain_id, "lp_as_disposal": lp_as_disposal}
    events = events_of(wallet)
    told = koinly_balances(koinly_csv(events, SINCE, UNTIL, **how).text)
    wanted = wallets(wallet, chain_id)
    assert {currency.partition(":")[0]: amount for currency, amount in told.items()} == {
        asset: amount for asset, amount in wanted.items() if amount
    }
    pool = wallet.chains[chain_id].scene.pools[0]
    assert set(told) <= {f"WETH:{pool.base.address}", f"USDC:{pool.quote.address}", "ETH"}


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(taken=taken_steps, lp_as_disposal=st.booleans())
def test_rotki_rebuilds_the_wallet_of_every_chain_from_events_and_trades(
    taken: list[tuple[object, ...]], lp_as_disposal: bool
) -> None:
    wallet = Wallet()
    for step in taken:
        take(wallet, step)
    events = events_of(wallet)
    texts = [
        make(events, SINCE, UNTIL, lp_as_disposal=lp_as_disposal).text for make in (rotki_events_csv, rotki_trades_csv)
    ]
    wanted: dict[tuple[str, str], Decimal] = {}
    for chain_id, location in ((BASE, "base"), (POLYGON, "polygon pos")):
        pool, held = wallet.chains[chain_id].scene.pools[0], wallets(wallet, chain_id)
        wanted[location, f"eip155:{chain_id}/erc20:{pool.base.address}"] = held["WETH"]
        wanted[location, f"eip155:{chain_id}/erc20:{pool.quote.address}"] = held["USDC"]
        wanted[location, "ETH"] = held["ETH"]
    assert rotki_balances(*texts) == {where: amount for where, amount in wanted.items() if amount}


def test_rows_are_what_happened_in_the_words_of_koinly() -> None:
    wallet = Wallet()
    wallet.swap(BASE, WETH, -2_000 * USDC)
    wallet.movements.append(replace(wallet.movements[-1], token="native", delta=-(10**15), kind="gas", log_index=-1))
    wallet.chains[BASE].native -= 10**15
    wallet.open(BASE, WETH, 1_000 * USDC)
    wallet.earn(BASE, 1, 0, 7 * USDC)
    wallet.shift(BASE, 1, -WETH // 2, 1_100 * USDC)
    wallet.close(BASE, 1)
    wallet.pay_gas(BASE, 10**15)
    text = koinly_csv(events_of(wallet), SINCE, UNTIL).text
    told = [
        (row["Label"], row["Sent Amount"], row["Sent Currency"], row["Received Amount"], row["Received Currency"])
        for row in rows_of(text, KOINLY_COLUMNS)
    ][6:]
    assert told == [
        ("", "2000.00", "USDC", "1.00", "WETH"),
        ("stake", "1.00", "WETH", "", ""),
        ("stake", "1000.00", "USDC", "", ""),
        ("reward", "", "", "7.00", "USDC"),
        ("stake", "", "", "1.00", "WETH"),
        ("stake", "", "", "1000.00", "USDC"),
        ("", "0.50", "WETH", "1100.00", "USDC"),
        ("cost", "0.001", "ETH", "", ""),
    ]
    (trade,) = [row for row in rows_of(text, KOINLY_COLUMNS) if row["Fee Amount"]]
    assert (trade["Fee Amount"], trade["Fee Currency"], trade["Net Worth Amount"]) == ("0.001", "ETH", "2000.00000000")
    assert trade["TxHash"] == wallet.movements[0].tx_hash


def test_rows_of_one_moment_are_a_second_apart_in_their_order() -> None:
    wallet = Wallet()
    for _ in range(3):
        wallet.swap(BASE, WETH // 10, -200 * USDC)
    at_once = [replace(one, at=END_AT) for one in events_of(wallet) if one.kind is EventKind.TRADE]
    dates = [row["Date"] for row in rows_of(koinly_csv(at_once, SINCE, UNTIL).text, KOINLY_COLUMNS)]
    assert dates == [f"{END_AT + timedelta(seconds=number):%Y-%m-%d %H:%M:%S}" for number in range(3)]
    trades = rows_of(rotki_trades_csv(at_once, SINCE, UNTIL).text, ROTKI_TRADE_COLUMNS)
    stamps = [int(row["Timestamp"]) for row in trades]
    assert stamps == [round(END_AT.timestamp() + number) * 1000 for number in range(3)]


def test_a_worth_that_nobody_knows_is_left_empty_and_never_zero() -> None:
    wallet = Wallet()
    wallet.reward(BASE, 5 * USDC)
    events = [
        replace(one, received=replace(one.received, usd=None))
        for one in events_of(wallet)
        if one.kind is EventKind.REWARDS
    ]
    (row,) = rows_of(koinly_csv(events, SINCE, UNTIL).text, KOINLY_COLUMNS)
    assert (row["Net Worth Amount"], row["Net Worth Currency"], row["Label"]) == ("", "", "reward")


def test_what_cannot_be_told_is_named_and_not_written() -> None:
    wallet = Wallet()
    wallet.reward(BASE, 5 * USDC)
    events = [one for one in events_of(wallet) if one.kind is EventKind.REWARDS]
    timeless = [replace(one, at=None) for one in events]
    strange = [
        replace(one, received=replace(one.received, token=replace(one.received.token, decimals=None))) for one in events
    ]
    for lost, reason in ((timeless, "no moment"), (strange, "decimals")):
        for make in (koinly_csv, rotki_events_csv):
            found = make(lost, SINCE, UNTIL)
            assert found.rows == 0
            assert reason in found.problems[0]
    with pytest.raises(InvalidInput, match="empty"):
        koinly_csv(events, UNTIL, SINCE)


def test_only_the_window_is_told() -> None:
    wallet = Wallet()
    wallet.pay_gas(BASE, 1)
    assert koinly_csv(events_of(wallet), SINCE - timedelta(days=9), SINCE).rows == 0
    assert rotki_events_csv(events_of(wallet), SINCE, UNTIL).rows == 7


def test_names_of_rotki_are_those_of_its_importer() -> None:
    wallet = Wallet()
    wallet.open(BASE, WETH, 1_000 * USDC)
    wallet.close(BASE, 1)
    wallet.send(BASE, POLYGON, 100 * USDC, USDC)
    wallet.arrive(0)
    wallet.reward(POLYGON, USDC)
    wallet.book(BASE, Action.NOOP, "withdrawal", 0, -USDC)
    told = rows_of(rotki_events_csv(events_of(wallet), SINCE, UNTIL).text, ROTKI_EVENT_COLUMNS)[6:]
    assert [(row["Type"], row["Location"], row["Amount"]) for row in told] == [
        ("Deposit", "base", "1.00"),
        ("Deposit", "base", "1000.00"),
        ("Withdrawal", "base", "1.00"),
        ("Withdrawal", "base", "1000.00"),
        ("Deposit", "base", "100.00"),
        ("Withdrawal", "polygon pos", "99.00"),
        ("Withdrawal", "polygon pos", "1.00"),
        ("Loss", "polygon pos", "1.00"),
        ("Staking", "polygon pos", "1.00"),
        ("Spend", "base", "1.00"),
    ]
