"""``alm exit-all`` on three chains and six families: with every store deleted it gets out all there is, to the wei."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from alm_cli.main import alm
from alm_core.execution.erc20 import approve_data
from alm_core.model.market import MarketSnapshot, Position
from alm_core.model.transactions import Action
from alm_localnet import Localnet, LocalnetConfig
from alm_localnet.contracts import Bytecode
from alm_localnet.node import install_node_modules
from alm_localnet.pairs import BINS, WETH_USDC
from alm_localnet.presets import PoolPreset
from alm_localnet.staking import open_gauge
from alm_resources.chains import Web3Chain
from alm_resources.journal import SqlJournal
from alm_resources.signer import KeystoreSigner
from alm_tests.chain.test_staking_plans import StakingScene
from alm_tests.chaos.killing import kill_myself, run_killed

pytestmark = pytest.mark.chain
START_AT = datetime(2026, 11, 1, 6, 0, tzinfo=UTC)
PAIR = "WETH-USDC"
BASE, AVALANCHE, POLYGON = 8453, 43114, 137
POOLS = (
    PoolPreset(fee_pips=500, tick_spacing=10, tvl_usd=3e6, daily_volume_usd=6e6),
    PoolPreset(dex="uni-v4", fee_pips=500, tick_spacing=10, tvl_usd=2e6, daily_volume_usd=5e6, chains=(BASE,)),
    PoolPreset(dex="aero-v3", fee_pips=500, tick_spacing=100, tvl_usd=2.5e6, daily_volume_usd=7e6, chains=(BASE,)),
    PoolPreset(
        dex="joe-v2.2",
        fee_pips=1000,
        bin_step=10,
        tvl_usd=1e6,
        daily_volume_usd=1.5e6,
        ranges=BINS,
        chains=(AVALANCHE,),
    ),
    PoolPreset(dex="quickswap-v3", fee_pips=150, tick_spacing=60, tvl_usd=1.2e6, daily_volume_usd=2e6),
)


@dataclass
class Desk(StakingScene):
    """A wallet with positions in all of it, and what is left of them."""

    def opened(self) -> MarketSnapshot:
        """Capital in every pool, a third of an hour old."""
        snapshot = self.snapshot(self.localnet.now)
        report = self.executor().execute(self.plan(snapshot, shares=(0.4, 0.3, 0.3)), snapshot)
        assert report.halted is None, report.halted
        return self.next()


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Localnet, Path]]:
    """Three chains on which the wallet has a position in each pool; the folder holds the journal of them."""
    folder = tmp_path_factory.mktemp("exit")
    config = LocalnetConfig(
        start_at=START_AT, chains=(BASE, AVALANCHE, POLYGON), pairs=(replace(WETH_USDC, pools=POOLS),)
    )
    with Localnet(folder / "localnet", config) as localnet:
        (base,) = (chain for chain in localnet.chains if chain.preset.chain_id == BASE)
        (pool,) = (pool for pool in base.pools if pool.deployment.family == "slipstream")
        gauge = open_gauge(base, Bytecode(install_node_modules(config.node_dir)), pool)
        localnet.registry_file.write_text(gauge.registry(localnet.registry_file.read_text()))
        desk = Desk(localnet, folder / "journal.db")
        desk.opened()
        desk.close()
        yield localnet, folder / "journal.db"


@pytest.fixture
def localnet(standing: tuple[Localnet, Path]) -> Iterator[Localnet]:
    with standing[0].restored():
        yield standing[0]


@pytest.fixture
def home(localnet: Localnet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, no journal, no hot state."""
    for name, value in localnet.env().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("ALM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ALM_HOT_STATE_URL", "redis://127.0.0.1:1")  # nobody listens there
    return tmp_path / "home"


def held(localnet: Localnet, folder: Path) -> list[Position]:
    """All positions of the wallet, found by a process that knows nothing."""
    desk = Desk(localnet, folder / f"looking-{len(list(folder.iterdir()))}.db")
    try:
        return desk.positions()
    finally:
        desk.close()


def exit_all(*options: str) -> tuple[Result, dict[str, Any]]:
    result = CliRunner().invoke(alm, ["exit-all", "--json", *options])
    assert result.stdout, result.output
    return result, json.loads(result.stdout)


def errors_of(found: dict[str, Any]) -> list[tuple[int, str, list[str]]]:
    return [(chain["chain_id"], chain["state"], chain["errors"]) for chain in found["pairs"][PAIR]]


def static(localnet: Localnet, folder: Path) -> dict[tuple[int, str], int]:
    """What closing everything must pay, by chain and token."""
    desk = Desk(localnet, folder / "static.db")
    total: dict[tuple[int, str], int] = {}
    pools = {pool.pool_id: pool for pool in desk.pools}
    for one in desk.positions():
        pool = pools[one.pool_id]
        for token, amount in ((pool.token0, one.amount0 + one.fees0), (pool.token1, one.amount1 + one.fees1)):
            key = (pool.chain_id, token.address)
            total[key] = total.get(key, 0) + amount
    desk.close()
    return total


def recovered(found: dict[str, Any]) -> dict[tuple[int, str], int]:
    return {
        (chain["chain_id"], entry["token"]): int(entry["amount"])
        for chain in found["pairs"][PAIR]
        for entry in chain["recovered"]
    }


def test_the_dry_run_shows_every_position_with_minima_and_sends_nothing(
    localnet: Localnet, home: Path, tmp_path: Path
) -> None:
    before = [chain.rpc.call("eth_blockNumber") for chain in localnet.chains]
    result, found = exit_all()
    assert result.exit_code == 0, errors_of(found)
    assert found["dry_run"]
    chains = {chain["chain_id"]: chain for chain in found["pairs"][PAIR]}
    assert {chain_id: len(chain["positions"]) for chain_id, chain in chains.items()} == {
        BASE: 3,
        AVALANCHE: 2,
        POLYGON: 2,
    }
    assert {chain["state"] for chain in chains.values()} == {"planned"}
    for position in (one for chain in chains.values() for one in chain["positions"]):
        assert "error" not in position
        for token, least in position["minima"].items():
            assert int(least) >= 0, (position, token)
    assert sum(position["staked_in"] is not None for position in chains[BASE]["positions"]) == 1
    assert [chain.rpc.call("eth_blockNumber") for chain in localnet.chains] == before
    assert len(held(localnet, tmp_path)) == 7


def test_with_every_store_deleted_all_positions_come_back_to_the_wei_and_no_right_is_left(
    localnet: Localnet, home: Path, tmp_path: Path
) -> None:
    expected = static(localnet, tmp_path)
    shutil.rmtree(home, ignore_errors=True)
    result, found = exit_all("--yes")
    assert result.exit_code == 0, errors_of(found)
    assert recovered(found) == expected
    chains = found["pairs"][PAIR]
    assert [chain["allowances"] for chain in chains] == [[], [], []]
    assert {chain["state"] for chain in chains} == {"left"}
    assert held(localnet, tmp_path) == []
    actions = [tx["action"] for chain in chains for tx in chain["transactions"]]
    assert actions.count(Action.CLOSE.value) >= 7
    assert actions.count(Action.UNSTAKE.value) == 1
    again, nothing = exit_all("--yes")
    assert again.exit_code == 0
    assert [chain["transactions"] for chain in nothing["pairs"][PAIR]] == [[], [], []]


def test_killed_in_the_middle_it_goes_on_when_it_is_run_again(
    localnet: Localnet, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = static(localnet, tmp_path)
    sent = Web3Chain.send_raw
    for at in (2, 4):
        count = 0

        def dying(self: Web3Chain, *args: Any, at: int = at, **kwargs: Any) -> None:
            nonlocal count
            count += 1
            sent(self, *args, **kwargs)
            if count == at:
                kill_myself()

        monkeypatch.setattr(Web3Chain, "send_raw", dying)
        assert run_killed(lambda: CliRunner().invoke(alm, ["exit-all", "--yes", "--json"]) and None)
    monkeypatch.setattr(Web3Chain, "send_raw", sent)
    result, found = exit_all("--yes")
    assert result.exit_code == 0, errors_of(found)
    assert held(localnet, tmp_path) == []
    desk = Desk(localnet, tmp_path / "after.db")
    for (chain_id, token), amount in expected.items():
        assert desk.balance(chain_id, token) >= amount
    desk.close()
    assert [chain["allowances"] for chain in found["pairs"][PAIR]] == [[], [], []]


def test_rights_that_others_left_behind_are_taken_back_too(localnet: Localnet, home: Path) -> None:
    wallet = localnet.wallets.addresses[PAIR]
    (chain,) = (chain for chain in localnet.chains if chain.preset.chain_id == POLYGON)
    token, spender = chain.preset.tokens["USDC"].address, chain.preset.position_manager
    chain.rpc.call("anvil_impersonateAccount", wallet)
    chain.rpc.transact(wallet, token, bytes.fromhex(approve_data(spender, 2**256 - 1)[2:]))
    chain.rpc.call("anvil_stopImpersonatingAccount", wallet)
    _, shown = exit_all("--chain", str(POLYGON))
    assert shown["pairs"][PAIR][0]["allowances"] == [
        {"token": token, "spender": spender.lower(), "amount": str(2**256 - 1)}
    ]
    result, found = exit_all("--chain", str(POLYGON), "--yes")
    assert result.exit_code == 0, errors_of(found)
    assert found["pairs"][PAIR][0]["allowances"] == []


def test_a_halted_wallet_leaves_only_on_a_person_s_word(localnet: Localnet, home: Path) -> None:
    wallet = localnet.wallets.addresses[PAIR]
    journal = SqlJournal(f"sqlite:///{home / 'journal.db'}")
    journal.halt(POLYGON, wallet, "somebody is looking")
    result, found = exit_all("--yes", "--chain", str(POLYGON))
    assert result.exit_code == 1
    (chain,) = found["pairs"][PAIR]
    assert chain["state"] == "refused"
    assert chain["errors"] == ["halted by operator: somebody is looking; --despite-halt leaves all the same"]
    result, found = exit_all("--yes", "--chain", str(POLYGON), "--despite-halt")
    assert result.exit_code == 0, errors_of(found)
    assert journal.read_halt(POLYGON, wallet) is not None, "it is not lifted"
    journal.close()


def test_a_journal_that_cannot_be_reconciled_is_left_aside_for_one_in_a_folder_of_its_own(
    standing: tuple[Localnet, Path], localnet: Localnet, home: Path, tmp_path: Path
) -> None:
    home.mkdir(parents=True)
    shutil.copy(standing[1], home / "journal.db")
    wallet = localnet.wallets.addresses[PAIR]
    (chain,) = (chain for chain in localnet.chains if chain.preset.chain_id == POLYGON)
    chain.rpc.call("anvil_impersonateAccount", wallet)
    chain.rpc.transact(wallet, wallet, b"")  # somebody else uses the key
    chain.rpc.call("anvil_stopImpersonatingAccount", wallet)
    result, found = exit_all("--yes", "--chain", str(POLYGON))
    assert result.exit_code == 1
    assert "somebody else uses the key" in found["pairs"][PAIR][0]["errors"][0]
    result, found = exit_all("--yes", "--chain", str(POLYGON), "--journal", str(tmp_path / "own"))
    assert result.exit_code == 0, errors_of(found)
    assert (tmp_path / "own" / "exit-all.db").exists()


def test_a_signer_that_refuses_is_told_and_nothing_is_lost(
    localnet: Localnet, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from alm_core.model.errors import SignerRefused

    def refuse(self: KeystoreSigner, *_args: object, **_kwargs: object) -> None:
        raise SignerRefused("halted")

    monkeypatch.setattr(KeystoreSigner, "sign", refuse)
    result, found = exit_all("--yes", "--chain", str(POLYGON))
    assert result.exit_code == 1
    (chain,) = found["pairs"][PAIR]
    assert chain["state"] == "failed"
    assert "SignerRefused" in chain["errors"][0]
    assert len(held(localnet, tmp_path)) == 7


def test_a_wallet_that_may_only_leave_leaves_at_once(localnet: Localnet, home: Path) -> None:
    wallet = localnet.wallets.addresses[PAIR]
    journal = SqlJournal(f"sqlite:///{home / 'journal.db'}")
    journal.halt(POLYGON, wallet, "prices are odd", mode="withdraw_only")
    result, found = exit_all("--yes", "--chain", str(POLYGON))
    assert result.exit_code == 0, errors_of(found)
    assert found["pairs"][PAIR][0]["state"] == "left"
    held_by = journal.read_halt(POLYGON, wallet)
    assert held_by is not None
    assert held_by.mode == "withdraw_only"
    journal.close()


def test_a_transaction_of_somebody_else_in_flight_loses_nothing(
    localnet: Localnet, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same nonce, a higher bid, not mined yet when the exit begins: told, and left by a second run."""
    (tmp_path / "limits.toml").write_text("[limits]\nreceipt_timeout_s = 3.0\n")
    monkeypatch.setenv("ALM_CONFIG", str(tmp_path / "limits.toml"))
    expected = {key: amount for key, amount in static(localnet, tmp_path).items() if key[0] == POLYGON}
    wallet, rpc = localnet.wallets.addresses[PAIR], localnet.rpc(POLYGON)
    rpc.call("evm_setAutomine", False)
    try:
        rpc.call("anvil_impersonateAccount", wallet)
        foreign = {"from": wallet, "to": wallet, "value": "0x0", "gas": hex(21_000)}
        rpc.call("eth_sendTransaction", foreign | {"maxFeePerGas": hex(10**13), "maxPriorityFeePerGas": hex(10**12)})
        rpc.call("anvil_stopImpersonatingAccount", wallet)
        rpc.call("evm_setIntervalMining", 1)
        _, first = exit_all("--yes", "--chain", str(POLYGON))
    finally:
        rpc.call("evm_setIntervalMining", 0)
        rpc.call("evm_setAutomine", True)
    got = recovered(first)
    if first["pairs"][PAIR][0]["state"] != "left":
        assert first["pairs"][PAIR][0]["errors"]
        result, second = exit_all("--yes", "--chain", str(POLYGON), "--journal", str(tmp_path / "own"))
        assert result.exit_code == 0, errors_of(second)
        got = {key: got.get(key, 0) + amount for key, amount in recovered(second).items()}
    assert got == expected


def test_the_signer_process_signs_an_exit_also_for_a_journal_that_forgot_its_fences(
    localnet: Localnet, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy, socket = tmp_path / "policy.toml", tmp_path / "s"
    policy.write_text(CliRunner().invoke(alm, ["signer", "policy", PAIR]).stdout)
    monkeypatch.setenv("ALM_SIGNER_SOCKET", str(socket))
    env = {**os.environ, "ALM_HOME": str(tmp_path / "signer"), "ALM_SIGNER_POLICY": str(policy)}
    command = [sys.executable, "-m", "alm_cli.main", "signer", "--pair", PAIR]
    with subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            assert "signing for" in process.stderr.readline()
            assert "listening" in process.stderr.readline()
            monkeypatch.setenv("ALM_SIGNER", "socket")
            result, found = exit_all("--yes", "--chain", str(AVALANCHE))
            assert result.exit_code == 0, errors_of(found)
            shutil.rmtree(home)
            (chain,) = (chain for chain in localnet.chains if chain.preset.chain_id == AVALANCHE)
            wallet, token = localnet.wallets.addresses[PAIR], chain.preset.tokens["USDC"].address
            chain.rpc.call("anvil_impersonateAccount", wallet)
            chain.rpc.transact(wallet, token, bytes.fromhex(approve_data(chain.preset.position_manager, 7)[2:]))
            chain.rpc.call("anvil_stopImpersonatingAccount", wallet)
            result, found = exit_all("--yes", "--chain", str(AVALANCHE))
            assert result.exit_code == 0, errors_of(found)
            assert [tx["action"] for tx in found["pairs"][PAIR][0]["transactions"]] == [Action.APPROVE_RESET.value]
        finally:
            process.terminate()
            process.wait(10)
