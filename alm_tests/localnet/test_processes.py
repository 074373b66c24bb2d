"""Nodes die with whoever started them; packages and artifacts are what the lock and the sources say."""

import os
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from alm_core.model.errors import ConfigError, SourceUnavailable
from alm_localnet import Localnet, LocalnetConfig
from alm_localnet.contracts import ARTIFACTS, compile_contracts
from alm_localnet.market.venues import SHARES
from alm_localnet.node import PACKAGE_DIR, NodeModules, install_node_modules
from alm_localnet.pairs import WETH_USDC
from alm_localnet.registry_file import write_registry
from alm_resources.registry import load_registry

CHILD = """
import sys, time
from pathlib import Path
from alm_localnet.anvil import AnvilNode
from alm_localnet.node import install_node_modules
node = AnvilNode(install_node_modules().anvil(), 1, 1_700_000_000, 10**9, Path(sys.argv[1]))
node.wait_until_ready()
print(node._process.pid, flush=True)
sys.stdin.read()
"""


@pytest.mark.chain
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can tie a child to its parent")
def test_a_node_dies_with_a_killed_parent(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", CHILD, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as parent:
        assert parent.stdout is not None
        node = int(parent.stdout.readline())
        waiting = os.pidfd_open(node)
        parent.send_signal(signal.SIGKILL)
    try:
        import select

        assert select.select([waiting], [], [], 10)[0], "anvil still runs ten seconds after its parent was killed"
    finally:
        os.close(waiting)


@pytest.mark.chain
def test_the_registry_file_is_complete(localnet: Localnet) -> None:
    registry = tomllib.loads(localnet.registry_file.read_text(encoding="utf-8"))
    assert registry["meta"]["mode"] == "replace"
    assert set(registry["chains"]) == {"1", "8453", "43114"}
    listed = {(pool["chain"], pool["address"]) for pool in registry["pools"]}
    deployed = {(pool.chain_id, pool.address) for chain in localnet.chains for pool in chain.pools}
    assert listed == deployed
    tokens = {(token["chain"], token["address"]) for token in registry["tokens"]}
    assert all((pool["chain"], pool[side]) in tokens for pool in registry["pools"] for side in ("base", "quote"))
    dexes = {dex["id"]: set(dex["contracts"]) for dex in registry["dexes"]}
    assert dexes["uni-v3"] == {"1", "8453", "43114"}
    assert all((pool["dex"] in dexes and str(pool["chain"]) in dexes[pool["dex"]]) for pool in registry["pools"])
    exchanges = {"binance", "bybit", "okx", "mexc", "gate", "bitget"}
    assert set(registry["services"]["exchange_urls"]) == exchanges
    by_pair = {
        pair: {source["exchange"]: source for source in registry["sources"] if source["pair"] == pair}
        for pair in ("USDC-USDT", "WETH-USDC")
    }
    assert all(set(sources) == exchanges for sources in by_pair.values())
    assert {(s["symbol"], s["convert_by"]) for s in by_pair["WETH-USDC"].values()} == {("ETH/USDT", "USDC-USDT")}
    assert {(s["symbol"], s.get("convert_by")) for s in by_pair["USDC-USDT"].values()} == {("USDC/USDT", None)}
    assert by_pair["USDC-USDT"]["mexc"]["weight"] == by_pair["WETH-USDC"]["gate"]["weight"] == 0.15


@pytest.mark.chain
def test_the_product_reads_the_registry_file(localnet: Localnet) -> None:
    registry = load_registry(localnet.registry_file)
    assert registry.services.dexscreener_url == localnet.servers["dexscreener"].url
    assert [source.convert_by for source in registry.sources_of("WETH-USDC")] == ["USDC-USDT"] * 6


def test_without_the_stable_pair_nothing_is_converted(tmp_path: Path) -> None:
    urls = dict.fromkeys((*SHARES, "geckoterminal", "dexscreener", "lifi"), "http://127.0.0.1:1")
    write_registry(tmp_path / "registry.toml", [], LocalnetConfig(pairs=(WETH_USDC,)), urls)
    sources = tomllib.loads((tmp_path / "registry.toml").read_text(encoding="utf-8"))["sources"]
    assert {(source["symbol"], source.get("convert_by")) for source in sources} == {("ETH/USDC", None)}


def test_an_unknown_chain_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="chain 5 has no preset"):
        LocalnetConfig(chains=(5,))


def test_a_missing_binary_says_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailable, match=str(tmp_path)):
        NodeModules(tmp_path).anvil()


def test_a_failing_npm_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    npm = tmp_path / "bin" / "npm"
    npm.parent.mkdir()
    npm.write_text("#!/bin/sh\necho no network >&2\nexit 1\n")
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", f"{npm.parent}:/bin:/usr/bin")
    with pytest.raises(SourceUnavailable, match="no network"):
        install_node_modules(tmp_path / "modules")


def test_committed_artifacts_are_what_the_sources_compile_to(tmp_path: Path) -> None:
    if not (PACKAGE_DIR / "node_modules" / "solc").is_dir():
        pytest.skip("no compiler; run: cd alm_localnet && npm ci --ignore-scripts")
    compile_contracts(tmp_path)
    assert {built.name for built in tmp_path.iterdir()} == {artifact.name for artifact in ARTIFACTS.glob("*.json")}
    for artifact in sorted(ARTIFACTS.glob("*.json")):
        assert (tmp_path / artifact.name).read_text(encoding="utf-8") == artifact.read_text(encoding="utf-8")
