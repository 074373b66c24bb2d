"""Plans on a Slipstream gauge and a PancakeSwap farm: staked, moved, left; the books equal the chain to the wei."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from alm_cli.main import alm
from alm_core.execution.erc20 import balance_of_data, uint_from_result
from alm_core.execution.saga import PlanExecutor
from alm_core.model.chain_ports import Call
from alm_core.model.decisions import AllocationPlan, DecisionKind
from alm_core.model.market import MarketSnapshot, Position
from alm_core.model.transactions import Action, ExecutionReport, IntentState
from alm_core.portfolio.sight import unseen_chains
from alm_localnet import Localnet, LocalnetConfig
from alm_localnet.contracts import Bytecode, calldata
from alm_localnet.node import install_node_modules
from alm_localnet.pairs import WETH_USDC
from alm_localnet.presets import PoolPreset
from alm_localnet.servers.faults import FaultSwitch
from alm_localnet.servers.http import StandInServer
from alm_localnet.servers.merkl import Merkl as MerklStandIn
from alm_localnet.staking import AERO, CAKE, MERKL_DISTRIBUTOR, open_distributor, open_farm, open_gauge
from alm_resources.dex import adapters
from alm_resources.dex.rewards import staking_programmes
from alm_resources.dex.snapshots import SnapshotReader
from alm_resources.geckoterminal import GeckoTerminalClient
from alm_resources.registry import load_registry
from alm_tests.chaos.scene import LIMITS, PAIR, Scene
from alm_tests.core.execution.fakes import Crash

pytestmark = pytest.mark.chain
START_AT = datetime(2026, 11, 1, 6, 0, tzinfo=UTC)
BASE, ETHEREUM = 8453, 1
REWARDS = {BASE: AERO, ETHEREUM: CAKE}
POOLS = (
    PoolPreset(fee_pips=500, tick_spacing=10, tvl_usd=3_000_000, daily_volume_usd=6_000_000),
    PoolPreset(dex="pcs-v3", fee_pips=500, tick_spacing=10, tvl_usd=1e6, daily_volume_usd=2.4e6, chains=(ETHEREUM,)),
    PoolPreset(dex="aero-v3", fee_pips=500, tick_spacing=100, tvl_usd=2.5e6, daily_volume_usd=7e6, chains=(BASE,)),
)


@dataclass
class StakingScene(Scene):
    """A process that knows the programmes; its registry names a gauge and a farm."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.programmes = tuple(staking_programmes().values())
        registry = load_registry(self.localnet.registry_file)
        networks = {chain_id: chain.gecko_network for chain_id, chain in registry.chains.items()}
        markets = GeckoTerminalClient(registry.services.geckoterminal_url, networks, session=self._http)
        self.reader = SnapshotReader(registry, self.chains, adapters(), markets, programmes=self.programmes)

    def executor(self, wrap: object = lambda port: port) -> PlanExecutor:
        return PlanExecutor(
            chains={chain_id: wrap(chain) for chain_id, chain in self.chains.items()},
            adapters=adapters(),
            swaps=wrap(self.swaps),
            signer=wrap(self.signer),
            journal=wrap(self.journal),
            limits=LIMITS,
            allow_list=self.allow_list,
            programmes=self.programmes,
        )

    def carry_out(self, plan: AllocationPlan, snapshot: MarketSnapshot) -> ExecutionReport:
        report = self.executor().execute(plan, snapshot)
        assert report.halted is None, report.halted
        self.check_books()
        return report

    def next(self) -> MarketSnapshot:
        """A quarter hour later; trades have happened, and rewards have accrued."""
        self.localnet.advance_to(self.localnet.now + timedelta(minutes=15))
        snapshot = self.snapshot(self.localnet.now)
        assert snapshot.problems == ()
        return snapshot

    def positions(self, snapshot: MarketSnapshot | None = None) -> list[Position]:
        seen = snapshot or self.snapshot(self.localnet.now)
        return [position for holdings in seen.holdings for position in holdings.positions]

    def balance(self, chain_id: int, token: str) -> int:
        chain = self.chains[chain_id]
        call = Call(target=token, data=bytes.fromhex(balance_of_data(self.wallet)[2:]))
        return uint_from_result(chain.read_calls([call], chain.read_block())[0].data)

    def check_books(self) -> None:
        """Every balance of the wallet, reward tokens and gas money among them, is what the ledger adds up to."""
        for chain_id, chain in self.chains.items():
            sums = {REWARDS[chain_id].lower(): 0, **self.journal.read_ledger_sums(chain_id, self.wallet)}
            native = chain.read_native_balance(self.wallet, chain.read_block())
            assert sums.pop("native") == native
            assert sums == {token: self.balance(chain_id, token) for token in sums}

    def rewards(self, chain_id: int) -> int:
        return self.journal.read_ledger_sums(chain_id, self.wallet, kind="rewards").get(REWARDS[chain_id].lower(), 0)


@pytest.fixture(scope="module")
def staking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Localnet]:
    """Ethereum with a farm and Base with a gauge, beside a pool of Uniswap V3 on each."""
    config = LocalnetConfig(start_at=START_AT, chains=(ETHEREUM, BASE), pairs=(replace(WETH_USDC, pools=POOLS),))
    with Localnet(tmp_path_factory.mktemp("staking"), config) as localnet:
        code = Bytecode(install_node_modules(config.node_dir))
        text = localnet.registry_file.read_text()
        for chain in localnet.chains:
            (pool,) = (pool for pool in chain.pools if pool.deployment.family != "uniswap_v3")
            opening = open_gauge if pool.deployment.family == "slipstream" else open_farm
            text = opening(chain, code, pool).registry(text)
        localnet.registry_file.write_text(text)
        yield localnet


@pytest.fixture
def localnet(staking: Localnet) -> Iterator[Localnet]:
    with staking.restored():
        yield staking


@pytest.fixture
def scene(localnet: Localnet, tmp_path: Path) -> Iterator[StakingScene]:
    opened = StakingScene(localnet, tmp_path / "journal.db")
    yield opened
    opened.close()


def actions(report: ExecutionReport, chain_id: int) -> list[Action]:
    """What was done on a chain, without rights and swaps."""
    aside = (Action.APPROVE, Action.APPROVE_RESET, Action.SWAP)
    done = [tx for tx in report.transactions if tx.chain_id == chain_id and tx.action not in aside]
    assert all(tx.state is IntentState.FINAL_OK for tx in done)
    return [tx.action for tx in done]


def begun(scene: StakingScene) -> MarketSnapshot:
    """Capital placed in all pools, and a quarter hour of rewards."""
    snapshot = scene.snapshot(scene.localnet.now)
    report = scene.carry_out(scene.plan(snapshot), snapshot)
    for chain_id in (BASE, ETHEREUM):
        assert sorted(actions(report, chain_id)) == [Action.OPEN, Action.OPEN, Action.STAKE]
    return scene.next()


def compounding(scene: StakingScene, snapshot: MarketSnapshot) -> AllocationPlan:
    """Collect everywhere, and add a hundred dollars to each position: less would not be worth Ethereum's gas."""
    pools = {pool.pool_id: pool for pool in scene.pools}
    opens = tuple(
        scene.target(snapshot, pools[held.pool_id], 100.0, (held.tick_lower, held.tick_upper), held.token_id)
        for held in scene.positions(snapshot)
    )
    closes = scene.closes(snapshot)
    return scene.plan_of(snapshot, DecisionKind.COMPOUND, (), opens, collects=closes)


def test_opened_staked_moved_and_left_with_books_that_equal_the_chain(scene: StakingScene) -> None:
    snapshot = begun(scene)
    staked = [position for position in scene.positions(snapshot) if position.staked_in]
    assert len(staked) == 2
    assert len(scene.positions(snapshot)) == 4
    moved = scene.carry_out(scene.plan(snapshot, half_width=0.04), snapshot)
    for chain_id in (BASE, ETHEREUM):
        done = actions(moved, chain_id)
        assert sorted(done) == sorted([Action.UNSTAKE, *[Action.CLOSE] * 2, *[Action.OPEN] * 2, Action.STAKE])
        assert done.index(Action.UNSTAKE) < 2
        assert done.index(Action.STAKE) >= 4
    first = {chain_id: scene.rewards(chain_id) for chain_id in REWARDS}
    assert min(first.values()) > 0
    snapshot = scene.next()
    left = scene.carry_out(scene.exit(snapshot), snapshot)
    for chain_id in (BASE, ETHEREUM):
        assert sorted(actions(left, chain_id)) == sorted([Action.UNSTAKE, *[Action.CLOSE] * 2])
        assert scene.rewards(chain_id) > first[chain_id]
        assert scene.rewards(chain_id) == scene.balance(chain_id, REWARDS[chain_id])
    assert scene.positions() == []


def test_a_new_process_with_an_empty_journal_finds_what_is_staked_and_can_leave(
    scene: StakingScene, tmp_path: Path
) -> None:
    begun(scene)
    other = StakingScene(scene.localnet, tmp_path / "another.db")
    try:
        snapshot = other.snapshot(scene.localnet.now)
        assert sorted(position.staked_in is None for position in other.positions(snapshot)) == [
            False,
            False,
            True,
            True,
        ]
        report = other.executor().execute(other.exit(snapshot), snapshot)
        assert report.halted is None
        assert other.positions() == []
    finally:
        other.close()


def test_a_hold_leaves_stakes_alone(scene: StakingScene) -> None:
    snapshot = begun(scene)
    report = scene.carry_out(scene.hold(snapshot), snapshot)
    assert report.transactions == ()
    assert [result.adopted for result in report.reconciliations] == [(), ()]


def test_fees_of_a_staked_farm_position_are_collected_added_and_staked_again(scene: StakingScene) -> None:
    snapshot = begun(scene)
    report = scene.carry_out(compounding(scene, snapshot), snapshot)
    for chain_id in (BASE, ETHEREUM):
        done = actions(report, chain_id)
        assert done.count(Action.UNSTAKE) == done.count(Action.STAKE) == 1
        assert done.count(Action.COLLECT) == done.count(Action.ADD) == 2
    assert sum(position.staked_in is not None for position in scene.positions()) == 2


def test_staked_positions_are_part_of_the_capital_and_the_gauge_earns_no_fees(scene: StakingScene) -> None:
    snapshot = begun(scene)
    plan = scene.plan(snapshot)
    assert plan.nav_usd == pytest.approx(2 * scene.localnet.config.capital_usd, rel=0.05)
    fees = {p.pool_id.split(":")[0]: (p.fees0, p.fees1) for p in scene.positions(snapshot) if p.staked_in}
    assert fees[str(BASE)] == (0, 0)
    assert max(fees[str(ETHEREUM)]) > 0
    markets = {market.pool_id: market for market in snapshot.markets}
    replaced = {pool.chain_id: markets[pool.pool_id].rewards_replace_fees for pool in scene.pools if pool.stakes}
    assert replaced == {BASE: True, ETHEREUM: False}
    # No service here knows what AERO or CAKE are worth.
    assert {markets[pool.pool_id].rewards_apr for pool in scene.pools if pool.stakes} == {None}


def test_a_gauge_that_is_not_what_the_registry_says_hides_holdings_by_name_and_sends_nothing(
    scene: StakingScene, tmp_path: Path
) -> None:
    begun(scene)
    (gauge,) = (pool.contract("gauge") for pool in scene.pools if pool.chain_id == BASE and pool.stakes)
    scene.localnet.rpc(BASE).call("anvil_setCode", gauge, "0x")
    snapshot = scene.snapshot(scene.localnet.now)
    assert [holdings.block.chain_id for holdings in snapshot.holdings] == [ETHEREUM]
    assert {state.pool.chain_id for state in snapshot.pools} == {ETHEREUM, BASE}
    assert all(gauge in f"{problem.source} {problem.detail}" for problem in snapshot.problems)
    assert list(unseen_chains(snapshot)) == [BASE]
    report = scene.executor().execute(scene.exit(snapshot), snapshot)
    assert f"chain {BASE}" in str(report.halted)
    assert {tx.chain_id for tx in report.transactions[-3:]} == {ETHEREUM}


@pytest.mark.parametrize(
    ("chain_id", "action", "when"),
    [
        (BASE, Action.UNSTAKE, "after"),
        (BASE, Action.APPROVE, "after"),
        (BASE, Action.STAKE, "before"),
        (ETHEREUM, Action.UNSTAKE, "before"),
        (ETHEREUM, Action.STAKE, "after"),
    ],
)
def test_a_crash_around_each_step_of_a_stake_is_finished_by_another_process(
    scene: StakingScene, chain_id: int, action: Action, when: str
) -> None:
    snapshot = begun(scene)
    plan = scene.plan(snapshot, half_width=0.04)
    with pytest.raises(Crash):
        scene.executor(_dying_at(scene, chain_id, action, when)).execute(plan, snapshot)
    scene.close()
    other = StakingScene(scene.localnet, scene.journal_file)
    try:
        other.carry_out(plan, snapshot)
        seen = other.positions()
        assert sorted(position.staked_in is None for position in seen) == [False, False, True, True]
        assert not {position.token_id for position in seen} & {held.token_id for held in scene.positions(snapshot)}
    finally:
        other.close()


def rewards_command(scene: StakingScene, registry: Path, *options: str) -> tuple[int, dict[str, Any]]:
    """Run ``alm rewards`` as the scene's process would, over its journal."""
    home = scene.journal_file.parent
    env = {**scene.localnet.env(), "ALM_HOME": str(home / "home"), "ALM_REGISTRY": str(registry)}
    env["ALM_JOURNAL_URL"] = f"sqlite:///{scene.journal_file}"
    result = CliRunner().invoke(alm, ["rewards", "--json", *options], env=env, catch_exceptions=False)
    return result.exit_code, json.loads(result.stdout)["pairs"][PAIR]


def test_the_command_lists_what_stakes_earn_and_claims_it_while_they_stay(scene: StakingScene) -> None:
    begun(scene)
    code, listed = rewards_command(scene, scene.localnet.registry_file)
    assert (code, listed["claimed"], listed["problems"]) == (0, [], [])
    assert {(one["chain"], one["symbol"]) for one in listed["earned"]} == {(BASE, "AERO"), (ETHEREUM, "CAKE")}
    assert scene.rewards(BASE) == scene.rewards(ETHEREUM) == 0
    code, claimed = rewards_command(scene, scene.localnet.registry_file, "--claim")
    assert (code, claimed["problems"]) == (0, [])
    assert [(tx["action"], tx["state"]) for tx in claimed["claimed"]] == [("claim", "FINAL_OK")] * 2
    for one in claimed["earned"]:
        assert scene.rewards(one["chain"]) >= int(one["amount_raw"]) > 0
    scene.check_books()
    assert sum(position.staked_in is not None for position in scene.positions()) == 2
    # A plan of the same epoch is not taken for done by it.
    snapshot = scene.snapshot(scene.localnet.now)
    scene.carry_out(scene.exit(snapshot), snapshot)
    assert scene.positions() == []


@pytest.fixture
def merkl(scene: StakingScene, tmp_path: Path) -> Iterator[tuple[MerklStandIn, Path]]:
    """Merkl on Base: its distributor, its service, and a registry that names both."""
    (chain,) = (chain for chain in scene.localnet.chains if chain.preset.chain_id == BASE)
    open_distributor(chain, Bytecode(install_node_modules(scene.localnet.config.node_dir)), AERO)
    stand_in = MerklStandIn({BASE: "Base"})
    server = StandInServer("merkl", FaultSwitch(lambda: 0), stand_in)
    text = scene.localnet.registry_file.read_text()
    text = text.replace("[services]", f'[services]\nmerkl_url = "{server.url}"')
    text = text.replace(f"[chains.{BASE}]", f'[chains.{BASE}]\nmerkl_distributor = "{MERKL_DISTRIBUTOR}"')
    registry = tmp_path / "merkl.toml"
    registry.write_text(text)
    yield stand_in, registry
    server.close()


def test_what_merkl_owes_is_claimed_after_the_exit_and_tokens_nobody_named_are_not(
    scene: StakingScene, merkl: tuple[MerklStandIn, Path]
) -> None:
    stand_in, registry = merkl
    snapshot = begun(scene)
    scene.carry_out(scene.exit(snapshot), snapshot)
    before = scene.rewards(BASE)
    stand_in.credit(BASE, scene.wallet, AERO, 10**18 + 1)
    stand_in.credit(BASE, scene.wallet, "0x" + "5C" * 20, 10**20)
    root = bytes.fromhex(stand_in.publish(BASE)[2:])
    rpc = scene.localnet.rpc(BASE)
    (chain,) = (chain for chain in scene.localnet.chains if chain.preset.chain_id == BASE)
    update = calldata("updateTree((bytes32,bytes32))", (root, bytes(32)))
    rpc.transact(chain.operator, MERKL_DISTRIBUTOR, update)
    code, early = rewards_command(scene, registry)
    assert code == 1
    assert "the distributor takes proofs of" in early["problems"][0]
    scene.localnet.advance_to(scene.localnet.now + timedelta(hours=2, minutes=15))
    code, listed = rewards_command(scene, registry, "--claim")
    assert (code, listed["problems"]) == (0, [])
    assert {one["symbol"]: one["claimable"] for one in listed["earned"]} == {"AERO": True, None: False}
    assert [tx["state"] for tx in listed["claimed"]] == ["FINAL_OK"]
    assert scene.rewards(BASE) == before + 10**18 + 1
    scene.check_books()


def _dying_at(scene: StakingScene, chain_id: int, action: Action, when: str) -> Callable[[object], object]:
    """Wrap the chains so that the process dies around the first send of an action that concerns a stake."""

    class Dying:
        def __init__(self, port: object) -> None:
            self._port = port

        def __getattr__(self, name: str) -> object:
            return getattr(self._port, name)

        def send_raw(self, signed: object) -> None:
            (sending,) = [intent for intent in scene.intents() if intent.state is IntentState.BROADCAST]
            named = sending.tx.chain_id == chain_id and sending.tx.action is action
            hit = named and (action is not Action.APPROVE or "position" in sending.tx.summary)
            if hit and when == "before":
                raise Crash
            self._port.send_raw(signed)
            if hit:
                raise Crash

    return lambda port: Dying(port) if hasattr(port, "send_raw") else port
