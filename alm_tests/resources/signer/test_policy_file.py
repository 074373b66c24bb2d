"""A policy file says exactly what the registry implies, so that a person can read it, pin it and change it."""

from dataclasses import fields, replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from alm_cli.main import alm
from alm_core.execution.allow_list import AllowList
from alm_core.model.errors import ConfigError, SignerRefused
from alm_resources.registry import load_registry
from alm_resources.settings import Settings
from alm_resources.signer import KeystoreSigner, SocketSigner
from alm_resources.signer.policy import PinnedPolicy, policy_text, read_policy, terms_from
from alm_resources.world import build_world
from alm_tests.resources.signer.lives import terms_of_lives
from alm_tests.resources.signer.scene import BID, PAIR, SignerHome, noop, signer_home

WALLET = "0x" + "ab" * 20


@pytest.mark.parametrize("pair", [pair.pair_id for pair in load_registry(None).pairs])
def test_what_is_written_is_read_back(pair: str, tmp_path: Path) -> None:
    policy = PinnedPolicy(pair=pair, wallet=WALLET, terms=terms_from(load_registry(None), pair))
    path = tmp_path / "policy.toml"
    path.write_text(policy_text(policy))
    assert read_policy(path) == policy


def test_takers_of_positions_are_written_too(tmp_path: Path) -> None:
    terms = terms_of_lives()
    takers = {(8453, WALLET): frozenset({WALLET})}
    terms = replace(terms, allow_list=replace(terms.allow_list, takers=takers))
    policy = PinnedPolicy(pair="A-B", wallet=WALLET, terms=terms)
    (tmp_path / "policy.toml").write_text(policy_text(policy))
    assert read_policy(tmp_path / "policy.toml") == policy


def test_no_part_of_an_allow_list_is_left_out_of_the_file() -> None:
    # One more field here must be one more table there: what a file does not hold would be refused for ever.
    assert {field.name for field in fields(AllowList)} == {"selectors", "spenders", "takers", "arrivals"}


def text() -> str:
    return policy_text(PinnedPolicy(pair=PAIR, wallet=WALLET, terms=terms_from(load_registry(None), PAIR)))


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("wallet = ", "more = 1\nwallet = ", "more"),
        (f'"{WALLET}"', '"0xAB"', "wallet"),
        ("transactions_per_hour = 240", "transactions_per_hour = 2.5", "transactions_per_hour"),
        ("transactions_per_hour = 240", "", "transactions_per_hour"),
        ("transactions_per_hour = 240", 'transactions_per_hour = "240"', "transactions_per_hour"),
        ("max_fee_wei = ", "max_fee_wei = -5 #", "max_fee_wei"),
        ("max_fee_wei = ", 'max_fee_wei = "lots" #', "max_fee_wei"),
        ("max_gas_limit = ", "#", "max_gas_limit"),
        ("[chains.1]", "[chains.one]", "chains.one"),
        ("spenders = [", "spenders = [1, ", "spenders"),
        ("pair = ", "pair = [", "policy.toml"),
    ],
)
def test_a_file_that_leaves_something_open_is_refused(tmp_path: Path, old: str, new: str, named: str) -> None:
    assert old in text()
    path = tmp_path / "policy.toml"
    path.write_text(text().replace(old, new, 1))
    with pytest.raises(ConfigError, match=named):
        read_policy(path)


def test_a_file_that_is_not_there_or_not_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml"):
        read_policy(tmp_path / "none.toml")
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match=r"bytes\.toml"):
        read_policy(tmp_path / "bytes.toml")


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SignerHome:
    files = signer_home(tmp_path)
    for name, value in files.environment.items():
        monkeypatch.setenv(name, value)
    return files


def test_the_command_prints_a_policy_for_the_wallet_of_the_pair(files: SignerHome, tmp_path: Path) -> None:
    result = CliRunner().invoke(alm, ["signer", "policy", PAIR, "--stable", "7", "--volatile", "3"])
    assert result.exit_code == 0
    (tmp_path / "printed.toml").write_text(result.stdout)
    policy = read_policy(tmp_path / "printed.toml")
    assert (policy.pair, policy.wallet) == (PAIR, files.wallet.lower())
    tokens = {one for pool in load_registry(None).pools_of(PAIR) for one in (pool.token0, pool.token1)}
    whole = {"stable": 7, "volatile": 3}
    assert policy.terms.approvals == {
        (one.chain_id, one.address.lower()): whole[one.asset_class] * 10**one.decimals for one in tokens
    }


def test_a_person_stops_and_starts_the_signer_by_its_folder(files: SignerHome) -> None:
    run = CliRunner()
    assert run.invoke(alm, ["signer", "halt", "--withdraw-only", "look into it"]).stdout == "withdraw_only\n"
    assert run.invoke(alm, ["signer", "halt", "worse"]).stdout == "halt\n"
    assert files.halt_file.read_text() == "halt: worse\n"
    assert run.invoke(alm, ["signer", "lift"]).stdout == "signing again\n"
    assert run.invoke(alm, ["signer", "lift"]).stdout == "nothing stood still\n"


def test_live_mode_asks_the_signer_process_and_demo_mode_signs_itself(files: SignerHome) -> None:
    for environ, kind in (
        ({"ALM_MODE": "live", "ALM_LIVE": "yes"}, SocketSigner),
        ({"ALM_MODE": "live", "ALM_LIVE": "yes", "ALM_SIGNER": "keystore"}, KeystoreSigner),
        ({"ALM_MODE": "demo"}, KeystoreSigner),
        ({"ALM_MODE": "demo", "ALM_SIGNER": "socket"}, SocketSigner),
    ):
        world = build_world(Settings.from_env({**files.environment, **environ}))
        assert type(world.signer_for(PAIR)) is kind
    with pytest.raises(ConfigError, match="ALM_SIGNER='kms'"):
        Settings.from_env({**files.environment, "ALM_SIGNER": "kms"})


def test_the_signer_in_the_planners_process_has_the_halt_file_and_memory_too(files: SignerHome) -> None:
    signer = build_world(Settings.from_env(files.environment)).signer_for(PAIR)
    chain_id = load_registry(None).pools_of(PAIR)[0].chain_id
    tx = replace(noop(files.wallet), chain_id=chain_id)
    signer.sign(tx, 0, BID, fence=4)
    with pytest.raises(SignerRefused, match="signer_fence"):
        build_world(Settings.from_env(files.environment)).signer_for(PAIR).sign(tx, 0, BID, fence=3)
    CliRunner().invoke(alm, ["signer", "halt", "stop"])
    with pytest.raises(SignerRefused, match="signer_halt"):
        signer.sign(tx, 0, BID, fence=4)
