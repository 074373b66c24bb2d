"""``alm epoch`` where nothing answers: every source is named, the epoch is a HOLD, the exit code is 1."""

import json
import socket
from pathlib import Path

import pytest

from alm_resources.registry import load_registry

PAIR = "WETH-USDC"


def closed_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


@pytest.fixture
def unreachable(tmp_path: Path) -> Path:
    """The built-in registry with every host replaced by a port of this machine where nobody listens."""
    dead = f"http://127.0.0.1:{closed_port()}"
    registry = load_registry()
    exchanges = sorted({source.exchange for found in registry.sources.values() for source in found})
    lines = ["[meta]", 'mode = "merge"']
    for chain_id in registry.chains:
        lines += [f"[chains.{chain_id}]", f'rpc = ["{dead}"]']
    lines += ["[services]", f'geckoterminal_url = "{dead}"', f'lifi_url = "{dead}"', "[services.exchange_urls]"]
    lines += [f'{exchange} = "{dead}"' for exchange in exchanges]
    overlay = tmp_path / "unreachable.toml"
    overlay.write_text("\n".join(lines) + "\n")
    return overlay


def test_an_epoch_without_network_names_each_exchange_and_is_recorded_as_hold(
    home: Path, unreachable: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from alm_cli.epoch import run_epochs

    monkeypatch.setenv("ALM_MODE", "paper")
    monkeypatch.setenv("ALM_REGISTRY", str(unreachable))
    assert run_epochs((PAIR,), None, as_json=True) == 1
    (report,) = json.loads(capfd.readouterr().out)
    assert (report["pair"], report["decision"], report["price"]) == (PAIR, "HOLD", None)
    for source in load_registry().sources_of(PAIR):
        assert source.exchange in report["reason"]
    assert list((home / "history" / "epoch_report" / PAIR).glob("*.parquet"))
    assert report["reason"].split(": ", 1)[1][:40] in (home / "alerts.jsonl").read_text()
