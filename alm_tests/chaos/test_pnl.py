"""Profit and loss of whole plans on real contracts: the parts are the change of what the chain says the wallet has."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from alm_core.accounting.pnl import Marked, epoch_pnl
from alm_core.accounting.pnl_idle import do_nothing_usd
from alm_core.accounting.pnl_running import begun_accounts, hodl_usd, went_on
from alm_core.model.accounts import EpochPnl
from alm_core.model.decisions import AllocationPlan
from alm_core.model.market import MarketSnapshot
from alm_core.model.transactions import Action
from alm_localnet import Localnet
from alm_localnet.rpc import RpcClient
from alm_resources.journal.movements import movements_between
from alm_tests.chaos.scene import LIMITS, Scene

pytestmark = pytest.mark.chain
CHAIN = 8453
QUARTER = timedelta(minutes=15)


@pytest.fixture
def scene(localnet: Localnet, tmp_path: Path) -> Iterator[Scene]:
    opened = Scene(localnet, tmp_path / "journal.db", limits=replace(LIMITS, max_day_turnover_frac=20.0))
    yield opened
    opened.close()


def call(rpc: RpcClient, to: str, data: str, block: int) -> int:
    return int(rpc.call("eth_call", {"to": to, "data": data}, hex(block)), 16)


def balance(scene: Scene, token: str, block: int) -> int:
    return call(scene.localnet.rpc(CHAIN), token, "0x70a08231" + scene.wallet[2:].lower().rjust(64, "0"), block)


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
    coin = int(scene.localnet.rpc(CHAIN).call("eth_getBalance", scene.wallet, hex(block)), 16)
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


def test_seven_epochs_of_plans_trades_and_a_deposit_add_up_to_what_the_chain_says(scene: Scene) -> None:
    seen: list[Marked] = []
    found: list[EpochPnl] = []

    def epoch(plan_of: object) -> EpochPnl | None:
        scene.localnet.advance_to(scene.localnet.now + QUARTER)
        snapshot: MarketSnapshot = scene.snapshot(scene.localnet.now)
        plan: AllocationPlan = plan_of(snapshot)
        seen.append(Marked(snapshot=snapshot, price=plan.price))
        assert scene.executor().execute(plan, snapshot).halted is None
        if len(seen) == 1:
            return None
        before, now = seen[-2:]
        pnl = epoch_pnl(before, now, movements_between(scene.journal, before.snapshot, now.snapshot).movements)
        nav_before, nav_now = nav_on_chain(scene, before), nav_on_chain(scene, now)
        assert pnl.nav_start_usd == pytest.approx(nav_before, rel=1e-12)
        assert pnl.nav_end_usd == pytest.approx(nav_now, rel=1e-12)
        assert pnl.parts.change_usd == pytest.approx(nav_now - nav_before, abs=1e-9 * nav_now)
        found.append(pnl)
        return pnl

    epoch(scene.plan)
    trade(scene)
    opened = epoch(scene.hold)
    trade(scene)
    held = epoch(scene.compound)
    give(scene, 5_000 * 10**6)
    compounded = epoch(lambda snapshot: scene.plan(snapshot, shift=0.01))
    trade(scene)
    shifted = epoch(scene.hold)
    quiet = epoch(scene.exit)
    left = epoch(scene.hold)
    assert all((opened, held, compounded, shifted, quiet, left))
    assert opened.parts.gas_usd > 0.0
    assert opened.parts.swap_usd > 0.0
    assert opened.parts.fees_usd > 0.0
    assert held.parts.fees_usd > 0.0
    assert (held.parts.gas_usd, held.parts.swap_usd, held.parts.flow_usd) == (0.0, 0.0, 0.0)
    assert compounded.parts.flow_usd == pytest.approx(5_000 * seen[3].snapshot.quote_usd, rel=1e-9)
    assert [one.parts.flow_usd for one in found if one is not compounded] == [0.0] * 5
    assert left.parts.swap_usd == 0.0
    assert [line for line in left.lines if line.token_id and line.value_usd] == []
    wei = sum(
        one.parts.gas_usd / at.snapshot.chain(CHAIN).native_usd * 1e18 for one, at in zip(found, seen, strict=False)
    )
    assert wei == pytest.approx(paid_wei(scene), rel=1e-9)
    paying = {(line.pool_id, line.token_id) for one in found for line in one.lines if line.parts.fees_usd > 0.0}
    assert len(paying) == 4, "two positions before the shift, two after it, and no line of a chain"
    assert all(None not in where for where in paying)
    begun = running = begun_accounts(seen[0])
    for pnl in found:
        running = went_on(running, pnl)
    assert running.gap_usd == pytest.approx(0.0, abs=1e-8 * running.nav_usd)
    assert running.totals.flow_usd == pytest.approx(5_000, rel=1e-3)
    assert running.hodl_quote - begun.hodl_quote == pytest.approx(5_000.0, rel=1e-9)
    assert running.hodl_base == begun.hodl_base
    for pnl, before, now in zip(found, seen, seen[1:], strict=False):
        assert do_nothing_usd(before, now, pnl) == pytest.approx(pnl.nav_end_usd, rel=0.01)
    assert do_nothing_usd(seen[1], seen[2], held) == pytest.approx(held.nav_end_usd, rel=1e-12)
    first = do_nothing_usd(seen[0], seen[1], opened)
    assert first == pytest.approx(hodl_usd(begun, seen[1]), rel=1e-12), "nothing was placed before the first plan"
    actions = {intent.tx.action for intent in scene.intents()}
    assert {Action.OPEN, Action.SWAP, Action.CLOSE, Action.COLLECT, Action.ADD} <= actions
