"""``alm dex roundtrip`` before anything is asked: what cannot be used is one line that names it, exit code 2."""

import secrets
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from alm_cli.main import main
from alm_resources.roundtrip.chosen import is_of_this_machine

NAME = "ROUNDTRIP_CLI_KEY"
POOL = "0xd0b53D9277642d899DF5C87A3966A349A798F224"
OTHER = "0xb2cc224c1c9feE385f8ad6a55b4d94E92359DC59"
LOCAL = '[chains.8453]\nrpc = ["http://127.0.0.1:{port}"]\n'
LISTED = f'[[pools]]\nchain = 8453\naddress = "{POOL}"\n'
WALLET = f'[wallet]\nkey_env = "{NAME}"\n'

Refuse = Callable[..., str]


def closed_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> str:
    found = secrets.token_hex(32)
    monkeypatch.setenv(NAME, found)
    return found


@pytest.fixture
def refuse(tmp_path: Path, key: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Refuse:
    """Run with a file that cannot be used, and return the one line of the error."""

    def run(text: str, *arguments: str) -> str:
        file = tmp_path / "fork.toml"
        file.write_text(text.replace("{port}", str(closed_port())))
        home = tmp_path / "home"
        words = ["alm", "dex", "roundtrip", "--registry", str(file), "--home", str(home), "--json", *arguments]
        monkeypatch.setattr("sys.argv", words)
        with pytest.raises(SystemExit) as left:
            main()
        printed = capsys.readouterr()
        assert left.value.code == 2
        assert printed.out == ""
        assert key not in printed.err
        assert not home.exists()
        return printed.err

    return run


def test_a_file_without_a_wallet_says_what_to_add(refuse: Refuse) -> None:
    assert '[wallet] is missing; add key_env = "NAME"' in refuse(LOCAL + LISTED)


def test_a_variable_that_is_not_set_is_named(refuse: Refuse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(NAME)
    assert f"environment variable {NAME} is not set" in refuse(LOCAL + LISTED + WALLET)


def test_a_variable_that_holds_no_key_is_named_and_not_shown(refuse: Refuse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, "canary-that-is-no-key")
    line = refuse(LOCAL + LISTED + WALLET)
    assert NAME in line
    assert "canary" not in line


def test_a_key_in_the_place_of_its_name_is_not_shown(refuse: Refuse, key: str) -> None:
    assert "key_env" in refuse(LOCAL + LISTED + f'[wallet]\nkey_env = "0x{key}"\n')


def test_a_chain_that_is_not_of_this_machine_needs_the_opt_in(refuse: Refuse, monkeypatch: pytest.MonkeyPatch) -> None:
    remote = '[chains.8453]\nrpc = ["http://127.0.0.1:{port}", "https://base.example.org/canary-token"]\n'
    line = refuse(remote + LISTED + WALLET)
    assert "chain 8453 is not on this machine" in line
    assert "--live yes" in line
    assert "canary" not in line
    monkeypatch.setenv("ALM_LIVE", "yes")
    assert "--live yes" in refuse(remote + LISTED + WALLET), "a shell set up for trading is no consent"
    assert "'no' is not 'yes'" in refuse(remote + LISTED + WALLET, "--live", "no")


def test_a_pool_that_the_file_does_not_list_is_named_though_the_registry_knows_it(refuse: Refuse) -> None:
    line = refuse(LOCAL + LISTED + WALLET, "--pool", OTHER)
    assert f"--pool {OTHER}: no such pool" in line
    assert f"8453:{POOL}" in line


def test_a_file_without_pools_is_refused(refuse: Refuse) -> None:
    assert "lists no pool" in refuse(LOCAL + WALLET)


def test_a_pool_on_two_chains_needs_its_chain(refuse: Refuse) -> None:
    both = LISTED + (
        f'[[pools]]\nchain = 137\naddress = "{POOL}"\npair = "WETH-USDC"\ndex = "uni-v3"\nfee_pips = 500\n'
        'tick_spacing = 10\nbase = "0x7ceB23fD6bC0adD59E62ac25578270cFf1b9f619"\n'
        'quote = "0x3c499c542cEF5E3811e1192ce70d8cC03d5c3359"\n'
    )
    line = refuse(LOCAL + both + WALLET, "--pool", POOL.lower())
    assert "on chains [137, 8453]" in line


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--price", "WETH"), "'WETH'"),
        (("--price", "=3000"), "'=3000'"),
        (("--price", "WETH=-1"), "'WETH=-1'"),
        (("--price", "WETH=inf"), "'WETH=inf'"),
        (("--usd", "0"), "--usd"),
        (("--usd", "nan"), "--usd nan"),
        (("--wait", "inf"), "--wait inf"),
        (("--width", "1"), "--width"),
    ],
)
def test_numbers_that_cannot_be_used_are_quoted(refuse: Refuse, arguments: tuple[str, ...], named: str) -> None:
    assert named in refuse(LOCAL + LISTED + WALLET, *arguments)


def test_a_file_that_is_not_there_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["alm", "dex", "roundtrip", "--registry", str(tmp_path / "none.toml")])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 2
    assert "none.toml" in capsys.readouterr().err


def test_a_node_that_does_not_answer_is_a_line_that_is_not_ok(
    tmp_path: Path, key: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file, home = tmp_path / "fork.toml", tmp_path / "home"
    file.write_text((LOCAL + LISTED + WALLET).replace("{port}", str(closed_port())))
    words = ["alm", "dex", "roundtrip", "--registry", str(file), "--home", str(home)]
    monkeypatch.setattr("sys.argv", words)
    with pytest.raises(SystemExit) as left:
        main()
    printed = capsys.readouterr()
    assert left.value.code == 1
    assert "rpc:8453#0" in printed.out
    assert str(home) in printed.err
    assert key not in printed.out + printed.err


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("http://127.0.0.1:8545", True),
        ("http://127.8.0.1", True),
        ("http://localhost:8545/path", True),
        ("http://[::1]:8545", True),
        ("https://mainnet.base.org", False),
        ("http://localhost.example.org:8545", False),
        ("http://127.0.0.1.example.org", False),
        ("http://127.0.0.1@example.org", False),
        ("http://10.0.0.1:8545", False),
        ("http://0.0.0.0:8545", False),
    ],
)
def test_only_loopback_addresses_are_of_this_machine(url: str, local: bool) -> None:
    assert is_of_this_machine(url) is local
