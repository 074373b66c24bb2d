"""Profit and loss of capital that crosses between two real chains: on its way it is worth what was promised."""

import csv
import io
from collections import defaultdict
from datetime import timedelta
from decimal import Decimal, getcontext
from pathlib import Path

import pytest
from click.testing import CliRunner

from alm_cli.books_export import export
from alm_core.accounting.pnl import Marked, epoch_pnl
from alm_core.model.accounts import EpochPnl
from alm_core.portfolio.valuation import nav_usd
from alm_localnet.bridges import BridgeFate
from alm_localnet.presets import PoolPreset
from alm_resources.history import HistoryStore
from alm_resources.journal.movements import movements_between
from alm_tests.chaos.rounds import BUSY
from alm_tests.chaos.scene import PAIR, Scene
from alm_tests.chaos.ways import BRIDGE_CHAINS, pools_on

pytestmark = pytest.mark.chain
getcontext().prec = 100
BASE, ARBITRUM = BRIDGE_CHAINS
POOL = PoolPreset(fee_pips=500, tick_spacing=10, tvl_usd=3e6, daily_volume_usd=6e6)


def test_what_crosses_is_never_lost_and_costs_what_the_bridge_keeps(tmp_path: Path) -> None:
    with pools_on(tmp_path / "world", BRIDGE_CHAINS, POOL) as localnet:
        # One token arrives within the quarter hour, the other two quarter hours later.
        localnet.bridges.fates = [BridgeFate(minutes=5), BridgeFate(minutes=25)]
        scene = Scene(localnet, tmp_path / "journal.db", limits=BUSY, bridging=True)
        history = HistoryStore(tmp_path / "history")
        seen: list[Marked] = []
        found: list[EpochPnl] = []
        ways = (
            lambda at: scene.plan(at, shares=(0.5,)),
            lambda at: scene.cross(at, BASE, ARBITRUM, 0.4),
            scene.hold,
            scene.hold,
            scene.hold,
        )
        for way in ways:
            localnet.advance_to(localnet.now + timedelta(minutes=15))
            snapshot = scene.snapshot(localnet.now)
            plan = way(snapshot)
            report = scene.executor().execute(plan, snapshot)
            for asset, value in (
                ("pool_snapshots", snapshot),
                ("allocations", plan),
                ("executed_transactions", report),
            ):
                history.write_epoch(asset, value)
            seen.append(Marked(snapshot=snapshot, price=plan.price))
            if len(seen) > 1:
                moved = movements_between(scene.journal, seen[-2].snapshot, snapshot)
                found.append(epoch_pnl(seen[-2], seen[-1], moved.movements))
        pools = scene.pools
        for one, before, now in zip(found, seen, seen[1:], strict=False):
            tokens = nav_usd(now.snapshot, now.price, pools) - nav_usd(before.snapshot, before.price, pools)
            native = one.native_end_usd - one.native_start_usd
            assert one.parts.change_usd == pytest.approx(tokens + native, abs=1e-9 * one.nav_end_usd)
            assert one.parts.flow_usd == 0.0
        arrived = [one.state.value for one in scene.journal.read_transfers(PAIR, scene.wallet, open_only=False)]
        assert arrived
        assert set(arrived) == {"ARRIVED"}
        assert any(marked.snapshot.in_transit for marked in seen)
        arbitrum = [line.parts.bridge_usd for one in found for line in one.lines if line.chain_id == ARBITRUM]
        assert arbitrum == [pytest.approx(0.0, abs=1e-9)] * len(arbitrum), "the chain that sends pays"
        bridge = sum(one.parts.bridge_usd for one in found)
        assert 0.0 < bridge < 0.02 * seen[0].snapshot.quote_usd * 20_000
        told = exported(tmp_path, localnet.registry_file, f"{localnet.now:%Y-%m-%d}")
        last = scene.snapshot(localnet.now)
        for pool in {one.chain_id: one for one in pools}.values():
            (held,) = (one for one in last.holdings if one.block.chain_id == pool.chain_id)
            for token in (pool.base, pool.quote):
                wallet = Decimal(held.balance(token.address)).scaleb(-token.decimals)
                assert told[pool.chain_id][f"{token.symbol}:{token.address}"] == wallet
        scene.close()


def exported(home: Path, registry: Path, day: str) -> dict[int, dict[str, Decimal]]:
    """Balances that Koinly has of each chain as a wallet of its own."""
    found: dict[int, dict[str, Decimal]] = {}
    for chain_id in BRIDGE_CHAINS:
        told: defaultdict[str, Decimal] = defaultdict(Decimal)
        args = ["--format", "koinly", "--pair", PAIR, "--from", day, "--to", day, "--chain", str(chain_id)]
        result = CliRunner().invoke(export, args, env={"ALM_HOME": str(home), "ALM_REGISTRY": str(registry)})
        assert result.exit_code == 0, result.output
        for row in csv.DictReader(io.StringIO(result.stdout)):
            for side, sign in (("Sent", -1), ("Received", 1), ("Fee", -1)):
                if row[f"{side} Amount"]:
                    told[row[f"{side} Currency"]] += sign * Decimal(row[f"{side} Amount"])
        found[chain_id] = dict(told)
    return found
