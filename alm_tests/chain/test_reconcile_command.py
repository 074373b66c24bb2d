"""``alm reconcile`` on a real chain: looks beside whatever runs, names what is wrong, repairs on a person's word."""

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from alm_cli.main import alm
from alm_core.execution.erc20 import approve_data
from alm_core.execution.nonces import noop_for
from alm_core.execution.saga import PlanExecutor
from alm_core.model.books import ReconciledPoint
from alm_core.model.dex_ports import PriceInterval
from alm_core.model.epochs import Epoch
from alm_core.model.errors import SignerRefused
from alm_core.model.startup import ContractCode, KnownBlock
from alm_core.model.transactions import ExecutionReport, FeeBid, IntentState
from alm_localnet import Localnet, LocalnetConfig
from alm_localnet.config import LIFI_DIAMOND
from alm_localnet.pairs import WETH_USDC
from alm_localnet.presets import PoolPreset
from alm_localnet.rpc import RpcClient
from alm_resources.chains import Web3Chain
from alm_resources.dex.uniswap_v3 import abi
from alm_resources.settings import Settings
from alm_resources.startup.code import SLOTS, changes_of, read_code
from alm_resources.world import World, build_world
from alm_tests.chaos.scene import Scene

pytestmark = pytest.mark.chain
START_AT = datetime(2026, 11, 1, 6, 0, tzinfo=UTC)
PAIR, BASE, POLYGON = "WETH-USDC", 8453, 137
POOLS = (PoolPreset(fee_pips=500, tick_spacing=10, tvl_usd=3e6, daily_volume_usd=6e6),)
ONE_ETHER = 10**18


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Localnet]:
    config = LocalnetConfig(start_at=START_AT, chains=(BASE, POLYGON), pairs=(replace(WETH_USDC, pools=POOLS),))
    with Localnet(tmp_path_factory.mktemp("reconcile"), config) as localnet:
        yield localnet


@pytest.fixture
def localnet(standing: Localnet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Localnet]:
    with standing.restored():
        for name, value in standing.env().items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("ALM_HOME", str(tmp_path / "home"))
        yield standing


@pytest.fixture
def world(localnet: Localnet, tmp_path: Path) -> Iterator[World]:
    opened = build_world(Settings.from_env({**localnet.env(), "ALM_HOME": str(tmp_path / "home")}))
    yield opened
    opened.journal.close()
    for chain in opened.chains.values():
        assert isinstance(chain, Web3Chain)
        chain.close()


def reconcile(*options: str) -> tuple[int, dict[str, Any]]:
    result = CliRunner().invoke(alm, ["reconcile", "--json", *options])
    assert result.stdout, result.output
    found = json.loads(result.stdout)
    assert len(found["pairs"]) == 1
    return result.exit_code, found["pairs"][0]


def chain_of(found: dict[str, Any], chain_id: int) -> dict[str, Any]:
    return next(chain for chain in found["chains"] if chain["chain_id"] == chain_id)


def hold(world: World, localnet: Localnet) -> ExecutionReport:
    """An epoch that does nothing but reconcile, as the executor of the product does."""
    executor, wallet = world.executor_for(PAIR), world.wallet_of(PAIR)
    assert isinstance(executor, PlanExecutor)
    snapshot = world.snapshots.read_snapshot(Epoch(pair=PAIR, epoch_at=localnet.now), wallet)
    scene = Scene(localnet, world.settings.home / "other.db")
    try:
        return executor.execute(scene.hold(snapshot), snapshot)
    finally:
        scene.close()


def place(world: World, localnet: Localnet) -> ExecutionReport:
    """An epoch that places capital."""
    executor, wallet = world.executor_for(PAIR), world.wallet_of(PAIR)
    assert isinstance(executor, PlanExecutor)
    snapshot = world.snapshots.read_snapshot(Epoch(pair=PAIR, epoch_at=localnet.now), wallet)
    scene = Scene(localnet, world.settings.home / "other.db")
    try:
        return executor.execute(scene.plan(snapshot, shares=(0.9,)), snapshot)
    finally:
        scene.close()


def impersonated(rpc: RpcClient, sender: str, to: str, data: bytes = b"", value: int = 0) -> None:
    """A transaction that no journal knows."""
    rpc.call("anvil_impersonateAccount", sender)
    rpc.transact(sender, to, data, value=value)
    rpc.call("anvil_stopImpersonatingAccount", sender)


def test_a_fresh_wallet_is_green_and_looking_writes_nothing(localnet: Localnet, world: World) -> None:
    code, found = reconcile("--full")
    assert (code, found["state"]) == (0, "GREEN"), found
    assert {chain["chain_id"] for chain in found["chains"]} == {BASE, POLYGON}
    assert any("opening balance" in text for text in chain_of(found, BASE)["adopted"])
    assert world.journal.read_reconciled(BASE, world.wallet_of(PAIR)) is None
    assert world.startup_memory.read_pins(BASE) == {}
    assert world.startup_memory.read_known_block(BASE) is None


def test_it_agrees_with_an_executor_and_counts_what_was_sent_today(localnet: Localnet, world: World) -> None:
    report = place(world, localnet)
    assert report.halted is None, report.halted
    sent = sum(tx.chain_id == BASE for tx in report.transactions)
    code, found = reconcile("--full")
    assert (code, found["state"]) == (0, "GREEN"), found
    assert chain_of(found, BASE)["transactions_24h"] == sent > 3
    assert chain_of(found, BASE)["adopted"] == []
    assert world.startup_memory.read_pins(BASE)
    assert world.startup_memory.read_checked_at(BASE, world.wallet_of(PAIR)) is not None


@pytest.mark.control("foreign_nonce", "passes")
@pytest.mark.control("foreign_nonce", "fires")
def test_a_key_that_somebody_else_uses_stops_one_chain_until_a_person_takes_the_chain_s_word(
    localnet: Localnet, world: World
) -> None:
    assert hold(world, localnet).halted is None
    wallet = world.wallet_of(PAIR)
    impersonated(localnet.rpc(BASE), wallet, wallet)
    code, found = reconcile()
    assert (code, found["state"]) == (1, "DEGRADED")
    assert "somebody else uses the key" in chain_of(found, BASE)["differences"][0]
    assert chain_of(found, POLYGON)["differences"] == []
    localnet.advance_to(localnet.now + timedelta(minutes=15))
    halted = place(world, localnet).halted
    assert halted is not None
    assert "somebody else uses the key" in halted
    assert world.journal.read_epoch_intents("nothing") == ()
    code, found = reconcile("--adopt")
    assert (code, found["state"]) == (0, "GREEN"), found
    assert any("adjustment" in text for text in found["done"])
    resumed = CliRunner().invoke(alm, ["resume"])
    assert resumed.exit_code == 0, resumed.output
    localnet.advance_to(localnet.now + timedelta(minutes=75))
    assert place(world, localnet).halted is None


@pytest.mark.control("journal_lost", "passes")
@pytest.mark.control("journal_lost", "fires")
def test_a_lost_journal_lets_a_used_wallet_only_leave_until_a_person_adopts(
    localnet: Localnet, world: World, tmp_path: Path
) -> None:
    assert place(world, localnet).halted is None, "a wallet that never sent anything needs no journal"
    localnet.advance_to(localnet.now + timedelta(minutes=15))
    lost = build_world(Settings.from_env({**localnet.env(), "ALM_HOME": str(tmp_path / "new")}))
    halted = place(lost, localnet).halted
    assert halted is not None
    standstill = lost.journal.read_halt(BASE, lost.wallet_of(PAIR))
    assert standstill is not None
    assert (standstill.mode, standstill.set_by) == ("withdraw_only", "journal_lost")
    assert "has sent" in standstill.reason
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ALM_HOME", str(tmp_path / "new"))
        reconcile("--adopt")
    assert lost.journal.read_halt(BASE, lost.wallet_of(PAIR)) is None
    lost.journal.close()


def test_rights_left_behind_are_listed_and_taken_back_by_a_repair(localnet: Localnet, world: World) -> None:
    assert hold(world, localnet).halted is None
    (chain,) = (chain for chain in localnet.chains if chain.preset.chain_id == BASE)
    wallet, token = world.wallet_of(PAIR), chain.preset.tokens["USDC"].address
    manager = chain.preset.position_manager
    impersonated(chain.rpc, wallet, token, bytes.fromhex(approve_data(manager, 2**256 - 1)[2:]))
    code, found = reconcile()
    assert code == 1, "the approval was no transaction of ours"
    assert chain_of(found, BASE)["allowances"] == [
        {"token": token, "spender": manager.lower(), "amount": str(2**256 - 1)}
    ]
    reconcile("--adopt")
    code, found = reconcile("--repair")
    assert (code, found["state"]) == (0, "GREEN"), found
    assert chain_of(found, BASE)["allowances"] == []
    assert any("FINAL_OK reset" in text for text in found["done"])


def test_a_right_of_a_contract_without_business_is_named_with_how_to_reset_it(localnet: Localnet, world: World) -> None:
    (chain,) = (chain for chain in localnet.chains if chain.preset.chain_id == BASE)
    wallet, token = world.wallet_of(PAIR), chain.preset.tokens["USDC"].address
    multicall3 = world.registry.chain(BASE).multicall3
    impersonated(chain.rpc, wallet, token, bytes.fromhex(approve_data(multicall3, 5)[2:]))
    _, found = reconcile()
    (warning,) = chain_of(found, BASE)["warnings"]
    assert warning == (
        f"foreign right: {multicall3.lower()} may take 5 of {token}; reset it: {token} approve({multicall3.lower()}, 0)"
    )


@pytest.mark.control("code_hash", "passes")
@pytest.mark.control("code_hash", "fires")
def test_changed_code_lets_the_wallet_only_leave_until_a_person_accepts_it(localnet: Localnet, world: World) -> None:
    assert place(world, localnet).halted is None
    localnet.advance_to(localnet.now + timedelta(minutes=75))
    assert hold(world, localnet).halted is None, "an hour later the same code is still the same"
    rpc = localnet.rpc(BASE)
    code = rpc.call("eth_getCode", LIFI_DIAMOND, "latest")
    rpc.call("anvil_setCode", LIFI_DIAMOND, code + "00")
    status, found = reconcile("--full")
    assert (status, found["state"]) == (1, "DEGRADED")
    assert f"code_hash: chain {BASE}: code of {LIFI_DIAMOND.lower()} was" in chain_of(found, BASE)["differences"][0]
    localnet.advance_to(localnet.now + timedelta(minutes=75))
    halted = place(world, localnet).halted
    assert halted is not None
    standstill = world.journal.read_halt(BASE, world.wallet_of(PAIR))
    assert standstill is not None
    assert (standstill.mode, standstill.set_by) == ("withdraw_only", "code_hash")
    world.journal.lift_halt(BASE, world.wallet_of(PAIR))
    localnet.advance_to(localnet.now + timedelta(minutes=15))
    assert place(world, localnet).halted is not None, "lifting it alone is not enough"
    status, found = reconcile("--accept-code")
    assert (status, found["state"]) == (0, "GREEN"), found
    assert any(text.startswith("accepted: chain 8453: code of") for text in found["done"])
    localnet.advance_to(localnet.now + timedelta(minutes=75))
    assert place(world, localnet).halted is None


def test_code_is_read_as_the_node_tells_it_and_a_proxy_with_what_it_points_to(localnet: Localnet, world: World) -> None:
    from eth_utils.crypto import keccak

    rpc, chain = localnet.rpc(BASE), world.chains[BASE]
    multicall3 = world.registry.chain(BASE).multicall3
    addresses = [address for chain_id, address in world.reconciler_for(PAIR).allow_list.selectors if chain_id == BASE]
    codes = read_code(chain, multicall3, addresses, chain.read_block())
    assert len(codes) == len(set(addresses)) > 3
    for code in codes:
        told = bytes.fromhex(rpc.call("eth_getCode", code.address, "latest")[2:])
        assert code.code_hash == "0x" + keccak(told).hex()
        assert code.implementation is None
    for slot in SLOTS:
        target = addresses[0]
        rpc.call("anvil_setStorageAt", target, f"{slot:#066x}", "0x" + "00" * 12 + addresses[1][2:])
        rpc.call("anvil_mine", 1)
        (proxy,) = read_code(chain, multicall3, [target], chain.read_block())
        assert proxy.implementation == addresses[1]
        assert proxy.implementation_hash == next(one.code_hash for one in codes if one.address == addresses[1])
        change = changes_of(next(one for one in codes if one.address == target), proxy)
        assert change is not None
        assert "points to" in change
        rpc.call("anvil_setStorageAt", target, f"{slot:#066x}", "0x" + "00" * 32)


def test_code_behind_a_proxy_that_changes_is_seen() -> None:
    was = ContractCode(chain_id=1, address="0xa", code_hash="0x1", implementation="0xb", implementation_hash="0x2")
    assert changes_of(was, was) is None
    changed = changes_of(was, replace(was, implementation_hash="0x3"))
    assert changed == "code of 0xb behind proxy 0xa was 0x2 and is 0x3"
    assert changes_of(was, replace(was, code_hash="0x4")) == "code of 0xa was 0x1 and is 0x4"


@pytest.mark.control("known_block", "passes")
@pytest.mark.control("known_block", "fires")
def test_another_chain_with_the_same_id_is_known_by_its_blocks(localnet: Localnet, world: World) -> None:
    assert hold(world, localnet).halted is None
    known = world.startup_memory.read_known_block(BASE)
    assert known is not None
    assert reconcile("--full")[0] == 0
    world.startup_memory.store_known_block(KnownBlock(chain_id=BASE, number=known.number, block_hash="0x" + "ab" * 32))
    code, found = reconcile("--full")
    assert (code, found["state"]) == (1, "DEGRADED")
    assert "this is another chain with the same id" in chain_of(found, BASE)["differences"][0]
    localnet.advance_to(localnet.now + timedelta(minutes=75))
    nonce = world.chains[BASE].read_nonce(world.wallet_of(PAIR))
    halted = place(world, localnet).halted
    assert halted is not None
    assert "known_block" in halted
    assert world.chains[BASE].read_nonce(world.wallet_of(PAIR)) == nonce


@pytest.mark.control("registry_entry", "passes")
@pytest.mark.control("registry_entry", "fires")
def test_a_registry_that_is_wrong_about_the_chain_is_told_by_entry(
    localnet: Localnet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert reconcile("--full")[0] == 0
    (chain,) = (chain for chain in localnet.chains if chain.preset.chain_id == BASE)
    text = localnet.registry_file.read_text()
    entry = f'address = "{chain.preset.tokens["USDC"].address}"\nsymbol = "USDC"\ndecimals = 6'
    assert entry in text
    wrong = tmp_path / "wrong.toml"
    wrong.write_text(text.replace(entry, entry.replace("decimals = 6", "decimals = 18")))
    monkeypatch.setenv("ALM_REGISTRY", str(wrong))
    code, found = reconcile("--full")
    assert (code, found["state"]) == (1, "DEGRADED")
    assert any(
        text.startswith("registry_entry: token 8453") and "decimals of USDC is 6, the registry says 18" in text
        for text in chain_of(found, BASE)["differences"]
    )


@pytest.mark.control("gas_reserve", "passes")
@pytest.mark.control("gas_reserve", "fires")
def test_below_the_gas_reserve_the_wallet_only_leaves_until_it_has_enough_again(
    localnet: Localnet, tmp_path: Path
) -> None:
    registry = tmp_path / "reserve.toml"
    text = localnet.registry_file.read_text()
    registry.write_text(text.replace("[chains.8453]\n", f"[chains.8453]\ngas_reserve_wei = {ONE_ETHER}\n"))
    env = {**localnet.env(), "ALM_HOME": str(tmp_path / "home"), "ALM_REGISTRY": str(registry)}
    world = build_world(Settings.from_env(env))
    wallet = world.wallet_of(PAIR)
    rpc = localnet.rpc(BASE)
    rpc.call("anvil_setBalance", wallet, hex(ONE_ETHER))
    hold(world, localnet)
    assert world.journal.read_halt(BASE, wallet) is None, "exactly the reserve is enough"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ALM_REGISTRY", str(registry))
        rpc.call("anvil_setBalance", wallet, hex(ONE_ETHER - 1))
        _, found = reconcile("--adopt")
    assert chain_of(found, BASE)["warnings"][-1].startswith("gas_reserve:")
    standstill = world.journal.read_halt(BASE, wallet)
    assert standstill is not None
    assert (standstill.mode, standstill.set_by) == ("withdraw_only", "gas_reserve")
    rpc.call("anvil_setBalance", wallet, hex(2 * ONE_ETHER))
    localnet.advance_to(localnet.now + timedelta(minutes=15))
    assert hold(world, localnet).halted is None
    assert world.journal.read_halt(BASE, wallet) is None
    world.journal.close()


@pytest.mark.control("chain_unreachable", "passes")
@pytest.mark.control("chain_unreachable", "fires")
def test_a_dead_chain_is_told_and_hides_no_other(localnet: Localnet, tmp_path: Path, monkeypatch: Any) -> None:
    text = localnet.registry_file.read_text()
    dead = tmp_path / "dead.toml"
    dead.write_text(text.replace(localnet.rpc(POLYGON).url, "http://127.0.0.1:1"))
    monkeypatch.setenv("ALM_REGISTRY", str(dead))
    code, found = reconcile("--full")
    assert (code, found["state"]) == (1, "DEGRADED")
    assert chain_of(found, BASE)["state"] == "green"
    assert "rpc:137" in chain_of(found, POLYGON)["differences"][0]


def test_an_unresolved_transaction_is_a_difference_and_is_finished_by_a_repair(
    localnet: Localnet, world: World
) -> None:
    rpc = localnet.rpc(BASE)
    rpc.call("evm_setAutomine", False)
    try:
        executor = world.executor_for(PAIR)
        assert isinstance(executor, PlanExecutor)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Web3Chain, "wait_for_receipt", lambda *_args, **_kwargs: None)
            halted = place(world, localnet).halted
        assert halted is not None
    finally:
        rpc.call("evm_setAutomine", True)
    code, found = reconcile()
    assert code == 1
    assert "outcome unknown" in chain_of(found, BASE)["differences"][0]
    rpc.call("anvil_mine", 1)
    code, found = reconcile("--repair")
    assert (code, found["state"]) == (0, "GREEN"), found
    states = {intent.state for intent in world.journal.read_open_intents(BASE, world.wallet_of(PAIR))}
    assert states <= {IntentState.PLANNED}


MANY, PER_TRANSACTION = 1_000, 50


def test_a_thousand_positions_are_reconciled_within_a_minute(localnet: Localnet, world: World) -> None:
    _mint_many(localnet, world)
    began = time.perf_counter()
    code, found = reconcile("--full")
    took_s = time.perf_counter() - began
    assert (code, found["state"]) == (0, "GREEN"), found
    adopted = chain_of(found, BASE)["adopted"]
    assert sum("found on chain" in text for text in adopted) == MANY
    print(f"{MANY} positions reconciled in {took_s:.1f} s")
    assert took_s <= 60.0


def _mint_many(localnet: Localnet, world: World) -> None:
    """Give the wallet a thousand small positions, fifty in one transaction."""
    wallet, chain, rpc = world.wallet_of(PAIR), world.chains[BASE], localnet.rpc(BASE)
    (pool,) = (pool for pool in world.registry.pools_of(PAIR) if pool.chain_id == BASE)
    view = world.reconciler_for(PAIR).view(BASE)
    (state,) = view.read_pools((pool,), chain.read_block())
    adapter = world.adapters[pool.family]
    here = state.tick // pool.tick_spacing * pool.tick_spacing
    interval = PriceInterval(sqrt_lower_x96=state.sqrt_price_x96, sqrt_upper_x96=state.sqrt_price_x96)
    until = chain.read_block().block_at + timedelta(days=1)
    plans = [
        adapter.plan_open(
            state,
            here - (1 + n) * pool.tick_spacing,
            here + (1 + n) * pool.tick_spacing,
            *dust,
            interval,
            wallet,
            until,
        ).data
        for n in range(MANY)
        for dust in [(10**13, 10**4)]
    ]
    rpc.call("anvil_impersonateAccount", wallet)
    for token in (pool.token0, pool.token1):
        rpc.transact(wallet, token.address, bytes.fromhex(approve_data(pool.position_manager, 2**255)[2:]))
    for start in range(0, MANY, PER_TRANSACTION):
        calls = [bytes.fromhex(data[2:]) for data in plans[start : start + PER_TRANSACTION]]
        rpc.transact(wallet, pool.position_manager, abi.MULTICALL.data(calls), gas=29_000_000)
    for token in (pool.token0, pool.token1):
        rpc.transact(wallet, token.address, bytes.fromhex(approve_data(pool.position_manager, 0)[2:]))
    rpc.call("anvil_stopImpersonatingAccount", wallet)
    world.journal.record_reconciled(
        ReconciledPoint(chain_id=BASE, wallet=wallet, block_number=0, block_hash="0x", nonce=chain.read_nonce(wallet)),
        (),
        (),
    )


def test_a_halt_of_everything_holds_in_journal_and_signer_until_a_person_resumes(
    localnet: Localnet, world: World
) -> None:
    assert all(report.green for report in hold(world, localnet).reconciliations)
    signer, noop = world.signer_for(PAIR), noop_for(BASE, world.wallet_of(PAIR), 0)
    bid = FeeBid(gas_limit=21_000, max_fee_per_gas_wei=10**9, max_priority_fee_per_gas_wei=1)
    told = CliRunner().invoke(alm, ["halt", "--reason", "drill", "--json"])
    assert (told.exit_code, json.loads(told.stdout)["signer"]) == (0, "halt")
    with pytest.raises(SignerRefused, match="signer_halt: nothing is signed: drill"):
        signer.sign(noop, 0, bid, fence=1_000)
    assert "drill" in str(hold(world, localnet).reconciliations)
    back = CliRunner().invoke(alm, ["resume", "--json"])
    assert back.exit_code == 0, back.output
    answer = json.loads(back.stdout)
    assert (answer["resumed"], answer["signer"], len(answer["lifted"])) == (True, "signs", 1)
    assert world.journal.read_halts() == ()
    assert signer.sign(noop, 0, bid, fence=1_000).raw


def test_nothing_is_resumed_while_books_and_chain_disagree(localnet: Localnet, world: World) -> None:
    hold(world, localnet)
    assert CliRunner().invoke(alm, ["halt", "--reason", "drill"]).exit_code == 0
    wallet, rpc = world.wallet_of(PAIR), localnet.rpc(BASE)
    rpc.call("anvil_impersonateAccount", wallet)
    rpc.transact(wallet, wallet, b"", gas=30_000)
    back = CliRunner().invoke(alm, ["resume", "--json"])
    answer = json.loads(back.stdout)
    assert (back.exit_code, answer["resumed"], answer["lifted"]) == (1, False, [])
    assert any("8453" in refusal for refusal in answer["refusals"])
    assert [held.reason for _, _, held in world.journal.read_halts()] == ["drill"]
    assert world.settings.signer_halt_file.exists()
