"""``alm registry`` as a person calls it."""

import json
import os
import re
import socket
from pathlib import Path

import pytest
from click.testing import CliRunner

from alm_cli.registry import registry
from alm_core.model.errors import ConfigError
from alm_resources.registry import load_registry
from alm_resources.registry.schema import registry_schema


def closed_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()[1]


@pytest.fixture
def unreachable(tmp_path: Path, home: Path) -> Path:
    """Overlay in which no chain answers."""
    path = tmp_path / "overlay.toml"
    rpc = f'rpc = ["http://127.0.0.1:{closed_port()}"]'
    path.write_text("\n".join(f"[chains.{chain_id}]\n{rpc}" for chain_id in load_registry().chains))
    os.environ["ALM_REGISTRY"] = str(path)
    assert home.parent == tmp_path
    return path


def test_list_shows_every_pool_with_its_status(runner: CliRunner, home: Path) -> None:
    result = runner.invoke(registry, ["list", "--json"], catch_exceptions=False)
    assert (result.exit_code, home.exists()) == (0, False)
    pools = json.loads(result.stdout)["pools"]
    assert len(pools) == len(load_registry().listed)
    assert {pool["status"] for pool in pools} == {"operable", "unverified", "inoperable"}
    assert all(pool["reason"] in pool["shown"] for pool in pools)


def test_list_takes_a_pair_and_a_chain_and_is_readable(runner: CliRunner, home: Path) -> None:
    result = runner.invoke(registry, ["list", "--pair", "USDC.e-USDT", "--chain", "137"], catch_exceptions=False)
    assert not home.exists()
    assert result.exit_code == 0
    text = re.sub(r"\s+", " ", result.stdout)
    assert text.count("inoperable") == 3
    assert "0xDaC8A8E6DBf8c690ec6815e0fF03491B2770255D" in text


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["list", "--pair", "NO-PAIR"], "NO-PAIR"),
        (["list", "--chain", "2"], "chain 2"),
        (["verify", "--chain", "2"], "chain 2"),
        (["discover", "--pair", "NO-PAIR"], "NO-PAIR"),
        (["discover", "--pair", "WETH-USDC", "--dex", "sushi"], "sushi"),
    ],
)
def test_what_is_not_in_the_registry_is_named(runner: CliRunner, home: Path, arguments: list[str], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        runner.invoke(registry, arguments, catch_exceptions=False)
    assert not home.exists()


def test_schema_prints_the_schema(runner: CliRunner) -> None:
    assert json.loads(runner.invoke(registry, ["schema"]).stdout) == registry_schema()


def test_a_chain_that_does_not_answer_is_unknown_with_exit_code_1_and_nothing_is_written(
    runner: CliRunner, unreachable: Path
) -> None:
    target = unreachable.with_name("confirmed.toml")
    arguments = ["verify", "--chain", "8453", "--json", "--write", str(target)]
    result = runner.invoke(registry, arguments, catch_exceptions=False)
    assert result.exit_code == 1
    answer = json.loads(result.stdout)
    assert answer["counts"] == {"unreachable": 1}
    (finding,) = answer["findings"]
    assert "overlay.toml" in finding["remedy"]
    assert not target.exists()


def test_discovery_over_chains_that_do_not_answer_says_unknown(runner: CliRunner, unreachable: Path) -> None:
    assert unreachable.exists()
    result = runner.invoke(
        registry, ["discover", "--pair", "WETH-USDC", "--chain", "8453", "--dex", "uni-v3"], catch_exceptions=False
    )
    assert result.exit_code == 1
    assert "unknown, it did not answer" in re.sub(r"\s+", " ", result.stdout)
