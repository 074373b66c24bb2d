"""Books of whole plans on real contracts: profit and loss, lots and files are what the chain says the wallet has."""

import csv
import io
import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal, getcontext
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from alm_cli.books_export import export, lots, pnl
from alm_core.accounting.pnl import Marked, epoch_pnl
from alm_core.accounting.pnl_idle import do_nothing_usd
from alm_core.accounting.pnl_running import begun_accounts, hodl_usd, went_on
from alm_core.model.accounts import EpochPnl
from alm_core.model.decisions import AllocationPlan
from alm_core.model.market import MarketSnapshot
from alm_core.model.transactions import Action
from alm_localnet import Localnet
from alm_localnet.rpc import RpcClient
from alm_resources.history import HistoryStore
from alm_resources.journal.movements import movements_between, read_ledger
from alm_tests.chaos.scene import LIMITS, PAIR, Scene

pytestmark = pytest.mark.chain
getcontext().prec = 100
CHAIN = 8453
QUARTER = timedelta(minutes=15)
GIFT = 5_000 * 10**6


@dataclass
class Lived:
    """Seven epochs of one wallet, and a home that remembers them."""

    scene: Scene
    home: Path
    seen: list[Marked] = field(default_factory=list)
    found: list[EpochPnl] = field(default_factory=list)

    def epoch(self, plan_of: object) -> EpochPnl | None:
        scene, history = self.scene, HistoryStore(self.home / "history")
        scene.localnet.advance_to(scene.localnet.now + QUARTER)
        snapshot: MarketSnapshot = scene.snapshot(scene.localnet.now)
        plan: AllocationPlan = plan_of(snapshot)
        self.seen.append(Marked(snapshot=snapshot, price=plan.price))
        report = scene.executor().execute(plan, snapshot)
        assert report.halted is None
        for asset, value in (
            ("pool_snapshots", snapshot),
            ("allocations", plan),
            ("executed_transactions", report),
        ):
            history.write_epoch(asset, value)
        if len(self.seen) == 1:
            return None
        before, now = self.seen[-2:]
        found = epoch_pnl(before, now, movements_between(scene.journal, before.snapshot, now.snapshot).movements)
        self.found.append(found)
        return found

    def command(self, command: object, *args: str) -> Result:
        environment = {"ALM_HOME": str(self.home), "ALM_REGISTRY": str(self.scene.localnet.registry_file)}
        day = f"{self.scene.localnet.now:%Y-%m-%d}"
        window = () if command is lots else ("--from", day, "--to", day)
        result = CliRunner().invoke(command, ["--pair", PAIR, *window, *args], env=environment)
        assert result.exit_code == 0, result.output
        return result


@pytest.fixture(scope="module")
def lived(one_chain: Localnet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lived]:
    """Open, earn, compound, a deposit, shift, earn, leave."""
    home = tmp_path_factory.mktemp("home")
    with one_chain.restored():
        scene = Scene(one_chain, home / "journal.db", limits=replace(LIMITS, max_day_turnover_frac=20.0))
        life = Lived(scene, home)
        life.epoch(scene.plan)
        trade(scene)
        life.epoch(scene.hold)
        trade(scene)
        life.epoch(scene.compound)
        give(scene, GIFT)
        life.epoch(lambda snapshot: scene.plan(snapshot, shift=0.01))
        trade(scene)
        life.epoch(scene.hold)
        life.epoch(scene.exit)
        life.epoch(scene.hold)
        yield life
        scene.close()


def call(rpc: RpcClient, to: str, data: str, block: int) -> int:
    return int(rpc.call("eth_call", {"to": to, "data": data}, hex(block)), 16)


def balance(scene: Scene, token: str, block: int) -> int:
    return call(scene.localnet.rpc(CHAIN), token, "0x70a08231" + scene.wallet[2:].lower().rjust(64, "0"), block)


def coins(scene: Scene, block: int) -> int:
    return int(scene.localnet.rpc(CHAIN).call("eth_getBalance", scene.wallet, hex(block)), 16)


def nav_on_chain(scene: Scene, marked: Marked) -> float:
    """Tokens and coin as the node says at the pinned block, and what burning and collecting positions would pay."""
    (held,) = marked.snapshot.holdings
    block, pool = held.block.number, scene.pools[0]
    quote_usd, base_usd = marked.snapshot.quote_usd, marked.price * marked.snapshot.quote_usd
    base, quote = balance(scene, pool.base.address, block), balance(scene, pool.quote.address, block)
    for position in held.positions:
        amounts = position.amount0 + position.fees0, position.amount1 + position.fees1
        more = amounts if pool.base_is_token0 else amounts[::-1]
        base, quote = base + more[0], quote + more[1]
    coin = coins(scene, block)
    tokens = base / 10**pool.base.decimals * base_usd + quote / 10**pool.quote.decimals * quote_usd
    return tokens + coin / 1e18 * marked.snapshot.chain(CHAIN).native_usd


def give(scene: Scene, amount: int) -> None:
    """Somebody else pays the wallet, in the quote token."""
    (chain,) = scene.localnet.chains
    data = "0x40c10f19" + scene.wallet[2:].lower().rjust(64, "0") + f"{amount:064x}"
    chain.rpc.transact(chain.operator, scene.pools[0].quote.address, bytes.fromhex(data[2:]))


def trade(scene: Scene) -> None:
    """A whale moves every pool up and back to a little above: positions earn."""
    price = scene.price(scene.snapshot(scene.localnet.now))
    for pool in scene.pools:
        scene.move_price(pool, price * 1.01)
        scene.move_price(pool, price * 1.002)


def paid_wei(scene: Scene) -> int:
    receipts = [scene.journal.read_receipt(intent.key) for intent in scene.intents()]
    return sum(one.gas_used * one.effective_gas_price_wei + one.l1_fee_wei for one in receipts if one is not None)


def test_parts_of_every_epoch_are_the_change_of_what_the_chain_says(lived: Lived) -> None:
    assert len(lived.found) == 6
    for found, before, now in zip(lived.found, lived.seen, lived.seen[1:], strict=False):
        nav_before, nav_now = nav_on_chain(lived.scene, before), nav_on_chain(lived.scene, now)
        assert found.nav_start_usd == pytest.approx(nav_before, rel=1e-12)
        assert found.nav_end_usd == pytest.approx(nav_now, rel=1e-12)
        assert found.parts.change_usd == pytest.approx(nav_now - nav_before, abs=1e-9 * nav_now)


def test_the_ledger_read_from_a_block_on_is_the_end_of_the_whole_one(lived: Lived) -> None:
    whole = read_ledger(lived.scene.journal, PAIR, lived.scene.wallet)
    assert len(whole.movements) > 50
    for before, now in zip(lived.seen, lived.seen[1:], strict=False):
        part = movements_between(lived.scene.journal, before.snapshot, now.snapshot)
        assert part == whole.between(before.snapshot, now.snapshot)


def test_each_part_is_what_the_epoch_did(lived: Lived) -> None:
    opened, held, compounded, shifted, quiet, left = (one.parts for one in lived.found)
    assert opened.gas_usd > 0.0
    assert opened.swap_usd > 0.0
    assert opened.fees_usd > 0.0
    assert held.fees_usd > 0.0
    assert (held.gas_usd, held.swap_usd, held.flow_usd) == (0.0, 0.0, 0.0)
    assert compounded.flow_usd == pytest.approx(GIFT / 1e6 * lived.seen[3].snapshot.quote_usd, rel=1e-9)
    assert [one.flow_usd for one in (opened, held, shifted, quiet, left)] == [0.0] * 5
    assert shifted.swap_usd > 0.0
    assert left.swap_usd == 0.0
    assert [line for line in lived.found[-1].lines if line.token_id and line.value_usd] == []


def test_gas_of_all_epochs_is_that_of_all_receipts(lived: Lived) -> None:
    wei = sum(
        one.parts.gas_usd / at.snapshot.chain(CHAIN).native_usd * 1e18
        for one, at in zip(lived.found, lived.seen, strict=False)
    )
    assert wei == pytest.approx(paid_wei(lived.scene), rel=1e-9)


def test_fees_are_told_by_the_position_that_earned_them(lived: Lived) -> None:
    paying = {(line.pool_id, line.token_id) for one in lived.found for line in one.lines if line.parts.fees_usd > 0.0}
    assert len(paying) == 4, "two positions before the shift, two after it, and no line of a chain"
    assert all(None not in where for where in paying)


def test_totals_hodl_and_doing_nothing_fit_to_what_was_done(lived: Lived) -> None:
    begun = running = begun_accounts(lived.seen[0])
    for found in lived.found:
        running = went_on(running, found)
    assert running.gap_usd == pytest.approx(0.0, abs=1e-8 * running.nav_usd)
    assert running.hodl_quote - begun.hodl_quote == pytest.approx(GIFT / 1e6, rel=1e-9)
    assert running.hodl_base == begun.hodl_base
    nothing = [
        do_nothing_usd(before, now, found)
        for found, before, now in zip(lived.found, lived.seen, lived.seen[1:], strict=False)
    ]
    for found, value in zip(lived.found, nothing, strict=True):
        assert value == pytest.approx(found.nav_end_usd, rel=0.01)
    assert nothing[0] == pytest.approx(hodl_usd(begun, lived.seen[1]), rel=1e-12), "nothing was placed before"
    assert nothing[1] == pytest.approx(lived.found[1].nav_end_usd, rel=1e-12), "a HOLD did nothing"
    actions = {intent.tx.action for intent in lived.scene.intents()}
    assert {Action.OPEN, Action.SWAP, Action.CLOSE, Action.COLLECT, Action.ADD} <= actions


def test_the_command_tells_the_same_by_epoch_position_pool_and_chain(lived: Lived) -> None:
    for by, rows in (("epoch", 6), ("position", 5), ("pool", 3), ("chain", 1)):
        told = json.loads(lived.command(pnl, "--by", by, "--json").stdout)
        assert len(told["rows"]) == rows
        change = sum(row["change_usd"] for row in told["rows"])
        assert change == pytest.approx(told["nav_end_usd"] - told["nav_start_usd"], abs=1e-6)
        assert told["parts"]["fees_usd"] == pytest.approx(sum(one.parts.fees_usd for one in lived.found))
    assert [one["kind"] for one in told["decisions"]] == ["PRA", "COMPOUND", "PRA", "EXIT"]
    assert told["left_out"] == []
    assert "twr_frac" in lived.command(pnl).output


def test_files_and_lots_give_back_the_balances_of_the_chain_to_the_wei(lived: Lived) -> None:
    block = lived.scene.chains[CHAIN].read_block().number
    pool = lived.scene.pools[0]
    wanted = {
        "WETH": Decimal(balance(lived.scene, pool.base.address, block)).scaleb(-18),
        "USDC": Decimal(balance(lived.scene, pool.quote.address, block)).scaleb(-6),
        "ETH": Decimal(coins(lived.scene, block)).scaleb(-18),
    }
    told: defaultdict[str, Decimal] = defaultdict(Decimal)
    for row in csv.DictReader(io.StringIO(lived.command(export, "--format", "koinly").stdout)):
        for side, sign in (("Sent", -1), ("Received", 1), ("Fee", -1)):
            if row[f"{side} Amount"]:
                told[row[f"{side} Currency"]] += sign * Decimal(row[f"{side} Amount"])
    assert told == wanted
    kept: defaultdict[str, Decimal] = defaultdict(Decimal)
    for lot in json.loads(lived.command(lots, "--method", "hifo", "--json").stdout)["lots"]:
        kept[lot["asset"]] += Decimal(lot["amount"])
    assert kept == wanted
    assert "disposals" in lived.command(lots).output


def test_rotki_gets_events_and_trades_in_two_files(lived: Lived, tmp_path: Path) -> None:
    target = tmp_path / "rotki.csv"
    lived.command(export, "--format", "rotki", "--out", str(target))
    directions = {"Deposit": -1, "Withdrawal": 1, "Income": 1, "Loss": -1, "Spend": -1, "Staking": 1}
    told: defaultdict[str, Decimal] = defaultdict(Decimal)
    for row in csv.DictReader(io.StringIO(target.read_text())):
        assert row["Location"] == "base"
        told[row["Currency"]] += directions[row["Type"]] * Decimal(row["Amount"])
    trades = list(csv.DictReader(io.StringIO((tmp_path / "rotki.trades.csv").read_text())))
    assert trades
    for row in trades:
        told[row["Spend Currency"]] -= Decimal(row["Spend Amount"])
        told[row["Receive Currency"]] += Decimal(row["Receive Amount"])
    block, pool = lived.scene.chains[CHAIN].read_block().number, lived.scene.pools[0]
    for token in (pool.base, pool.quote):
        held = Decimal(balance(lived.scene, token.address, block)).scaleb(-token.decimals)
        assert told[f"eip155:{CHAIN}/erc20:{token.address}"] == held
