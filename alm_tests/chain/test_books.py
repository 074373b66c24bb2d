"""Double entry on real contracts: proven after every epoch, counted again from logs, and red after one spoilt row."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from alm_cli.main import alm
from alm_core.accounting.postings import place_of
from alm_core.execution.books_check import BooksVerdict, check_books
from alm_core.execution.chain_state import ChainView
from alm_core.model.decisions import AllocationPlan
from alm_core.model.market import MarketSnapshot
from alm_localnet import Localnet
from alm_localnet.contracts import Bytecode, calldata
from alm_localnet.deploy import fund
from alm_localnet.node import install_node_modules
from alm_localnet.pairs import BINS
from alm_localnet.presets import PoolPreset
from alm_localnet.staking import open_gauge
from alm_resources.dex import adapters
from alm_resources.dex.rewards import staking_programmes
from alm_tests.chaos.scene import PAIR, Scene
from alm_tests.chaos.ways import pools_on

pytestmark = pytest.mark.chain
BASE, AVALANCHE = 8453, 43114
POOLS = (
    PoolPreset(fee_pips=500, tick_spacing=10, tvl_usd=3e6, daily_volume_usd=6e6),
    PoolPreset(dex="uni-v4", fee_pips=500, tick_spacing=10, tvl_usd=3e6, daily_volume_usd=6e6, chains=(BASE,)),
    PoolPreset(dex="aero-v3", fee_pips=500, tick_spacing=100, tvl_usd=2.5e6, daily_volume_usd=7e6, chains=(BASE,)),
    PoolPreset(
        dex="joe-v2.2",
        fee_pips=1000,
        bin_step=10,
        tvl_usd=2e6,
        daily_volume_usd=4e6,
        ranges=BINS,
        chains=(AVALANCHE,),
    ),
)
SHARES = (0.4, 0.3, 0.3)


@dataclass
class BooksScene(Scene):
    """A process that knows the gauge, and may send capital across."""

    def __post_init__(self) -> None:
        self.programmes = tuple(staking_programmes().values())
        super().__post_init__()

    def views(self) -> list[ChainView]:
        return [
            ChainView(
                chain,
                adapters(),
                [pool for pool in self.pools if pool.chain_id == chain_id],
                self.wallet,
                self.programmes,
            )
            for chain_id, chain in self.chains.items()
        ]

    def check(self) -> tuple[BooksVerdict, ...]:
        return check_books(self.views(), self.journal, lambda _: None)

    def carry_out(self, plan: AllocationPlan, snapshot: MarketSnapshot) -> None:
        """Execute, and prove every chain; every token sums to nothing over all accounts."""
        report = self.executor().execute(plan, snapshot)
        assert report.halted is None, report.halted
        for verdict in self.check():
            assert (verdict.problems, verdict.unproven) == ((), None)
            for token in {token for _, token in verdict.balance}:
                assert sum(amount for (_, of), amount in verdict.balance.items() if of == token) == 0

    def next(self) -> MarketSnapshot:
        self.localnet.advance_to(self.localnet.now + timedelta(minutes=15))
        return self.snapshot(self.localnet.now)

    def command(self, *words: str) -> tuple[int, dict[str, Any]]:
        env = {**self.localnet.env(), "ALM_HOME": str(self.journal_file.parent / "home"), "ALM_PAIRS": PAIR}
        env |= {"ALM_REGISTRY": str(self.localnet.registry_file), "ALM_JOURNAL_URL": f"sqlite:///{self.journal_file}"}
        result = CliRunner().invoke(alm, ["books", *words, "--json"], env=env, catch_exceptions=False)
        return result.exit_code, json.loads(result.stdout)

    def recount(self) -> tuple[int, list[str], list[dict[str, Any]]]:
        day = self.localnet.now.date().isoformat()
        code, said = self.command("recount", "--pair", PAIR, "--day", day)
        return code, [text for chain in said["chains"] for text in chain["differences"]], said["chains"]

    def stakes(self, chain_id: int) -> dict[tuple[str, int], int]:
        return {
            place_of(account): amount
            for (account, _), amount in self.journal.read_accounts(chain_id, self.wallet, "stake:").items()
            if amount
        }


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Localnet]:
    """Base with a gauge and Uniswap V3 and V4, Avalanche with Uniswap V3 and bins."""
    with pools_on(tmp_path_factory.mktemp("books"), (BASE, AVALANCHE), *POOLS) as localnet:
        (chain,) = (chain for chain in localnet.chains if chain.preset.chain_id == BASE)
        (pool,) = (pool for pool in chain.pools if pool.deployment.family == "slipstream")
        gauge = open_gauge(chain, Bytecode(install_node_modules(localnet.config.node_dir)), pool)
        localnet.registry_file.write_text(gauge.registry(localnet.registry_file.read_text()))
        yield localnet


@pytest.fixture
def scene(world: Localnet, tmp_path: Path) -> Iterator[BooksScene]:
    with world.restored():
        opened = BooksScene(world, tmp_path / "journal.db", bridging=True)
        yield opened
        opened.close()


def placed(scene: BooksScene) -> MarketSnapshot:
    snapshot = scene.snapshot(scene.localnet.now)
    scene.carry_out(scene.plan(snapshot, shares=SHARES), snapshot)
    return scene.next()


def test_a_day_of_every_kind_of_position_is_proven_each_epoch_and_counted_again(scene: BooksScene) -> None:
    snapshot = placed(scene)
    assert {len(scene.stakes(BASE)), len(scene.stakes(AVALANCHE))} == {3, 2}
    scene.carry_out(scene.plan(snapshot, half_width=0.04, shares=SHARES), snapshot)
    code, differences, chains = scene.recount()
    assert (code, differences) == (0, [])
    assert all(one["transactions"] > 10 and one["stakes"] >= 4 for one in chains)
    assert scene.command("check")[0] == 0
    # What is on its way between the chains is in the books of the one it left.
    snapshot = scene.next()
    scene.carry_out(scene.cross(snapshot, BASE, AVALANCHE, 0.3), snapshot)
    under_way = [amount for amount in scene.journal.read_accounts(BASE, scene.wallet, "transit:").values() if amount]
    assert len(under_way) in (1, 2)
    assert min(under_way) > 0
    for _ in range(3):
        snapshot = scene.next()
        scene.carry_out(scene.hold(snapshot), snapshot)
    assert {one.state.value for one in scene.journal.read_wallet_transfers(scene.wallet)} == {"ARRIVED"}
    assert max(scene.journal.read_accounts(AVALANCHE, scene.wallet, "transit:").values()) < 0
    scene.carry_out(scene.exit(snapshot), snapshot)
    assert (scene.stakes(BASE), scene.stakes(AVALANCHE)) == ({}, {})
    kinds = {account.split(":")[0] for account, _ in scene.journal.read_accounts(BASE, scene.wallet)}
    assert kinds >= {"external", "position", "fees", "rewards", "gas", "swap", "transit", "stake", "issued"}
    assert "unsorted" not in kinds
    assert scene.recount()[:2] == (0, [])


ROW = "(SELECT max(seq) FROM ledger WHERE kind = '{0}' AND log_index >= 0)"
SPOILT = {
    "lost": f"DELETE FROM ledger WHERE seq = {ROW.format('transfer')}",
    "doubled": (
        "INSERT INTO ledger (chain_id, wallet, token, delta, kind, tx_hash, log_index, intent_key) SELECT chain_id, "
        f"wallet, token, delta, kind, tx_hash, log_index + 99, intent_key FROM ledger WHERE seq = "
        f"{ROW.format('transfer')}"
    ),
    "decimal": f"UPDATE ledger SET delta = delta || '0' WHERE seq = {ROW.format('transfer')}",
    "liquidity": "UPDATE postings SET delta = delta || '0' WHERE seq = (SELECT max(seq) FROM postings WHERE account "
    "LIKE 'stake:%')",
}


def test_each_spoilt_row_is_red_in_check_and_recount_and_halts_its_chain_alone(
    scene: BooksScene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A spoilt row is red at every look, and no block comes between them here.
    monkeypatch.setattr("alm_core.execution.books_check._PAUSE_S", 0.0)
    snapshot = placed(scene)
    scene.close()
    for what, statement in SPOILT.items():
        file = tmp_path / f"{what}.db"
        shutil.copy(scene.journal_file, file)
        other = BooksScene(scene.localnet, file)
        with other.journal.writing() as connection:
            assert connection.execute(sa.text(statement)).rowcount == 1, what
        code, differences, _ = other.recount()
        assert (code, len(differences)) == (1, 1), (what, differences)
        code, said = other.command("check")
        assert (code, [bool(one["differences"]) for one in said["chains"]].count(True)) == (1, 1), what
        (red,) = (one for one in other.check() if one.differences)
        assert "change" in {one.subject for one in red.differences}, what
        assert len(other.journal.read_discrepancies(red.chain_id, other.wallet)) == len(red.differences)
        report = other.executor().execute(other.hold(snapshot), snapshot)
        assert f"chain {red.chain_id}: not reconciled" in str(report.halted)
        assert [one.chain_id for one in report.reconciliations if not one.green] == [red.chain_id]
        (halt,) = other.journal.read_halts()
        assert (halt[0], halt[2].set_by) == (red.chain_id, "books_equal_chain")
        other.close()


def test_liquidity_that_somebody_gave_is_adopted_by_its_event_and_is_no_discrepancy(scene: BooksScene) -> None:
    placed(scene)
    (pool,) = (p for p in scene.pools if p.chain_id == BASE and p.family == "uniswap_v3")
    place = next(one for one in scene.stakes(BASE) if one[0] == pool.keeper.lower())
    (chain,) = (one for one in scene.localnet.chains if one.preset.chain_id == BASE)
    before = scene.stakes(BASE)[place]
    for token in (pool.token0, pool.token1):
        fund(chain, token.symbol, chain.operator, 10**12)
        chain.rpc.transact(chain.operator, token.address, calldata("approve(address,uint256)", pool.keeper, 2**255))
    gift = (place[1], 10**9, 10**9, 0, 0, 2**63)
    signature = "increaseLiquidity((uint256,uint256,uint256,uint256,uint256,uint256))"
    chain.rpc.transact(chain.operator, pool.keeper, calldata(signature, gift))
    assert all(one.differences == () for one in scene.check()), "it is explained before it is adopted"
    snapshot = scene.next()
    scene.carry_out(scene.hold(snapshot), snapshot)
    assert scene.stakes(BASE)[place] > before
    assert scene.recount()[:2] == (0, [])
