"""Deployed chains are kept between starts: what is loaded is what would be deployed, and a bad file is no obstacle."""

import gzip
import json
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from alm_localnet import contract_state
from alm_localnet.anvil import AnvilNode
from alm_localnet.config import MULTICALL3
from alm_localnet.contract_state import KEPT_STATES, ContractStates, deploy_contracts
from alm_localnet.contracts import Bytecode
from alm_localnet.deployments import Deployment, deployment
from alm_localnet.node import install_node_modules
from alm_localnet.presets import chain_presets
from alm_localnet.rpc import RpcClient

pytestmark = pytest.mark.chain

AVALANCHE = chain_presets()[43114]
GENESIS_S = 1_790_000_000


@pytest.fixture(scope="module")
def bytecode() -> Bytecode:
    return Bytecode(install_node_modules())


@pytest.fixture(scope="module")
def deployments() -> Sequence[Deployment]:
    return (deployment("uni-v3", AVALANCHE), deployment("pangolin-v3", AVALANCHE))


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Chains that are deployed during a test and not loaded."""
    made: list[int] = []

    def counted(rpc: RpcClient, preset: object, *rest: object) -> None:
        made.append(AVALANCHE.chain_id)
        deploy_contracts(rpc, preset, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(contract_state, "deploy_contracts", counted)
    return made


def loaded(states: ContractStates, deployments: Sequence[Deployment], folder: Path) -> dict[str, object]:
    """Accounts of an empty chain after loading, and its head."""
    node = AnvilNode(states._bytecode.modules.anvil(), AVALANCHE.chain_id, GENESIS_S, 10**9, folder / "node")
    try:
        node.wait_until_ready()
        states.load(node.rpc, AVALANCHE, deployments)
        dump = json.loads(gzip.decompress(bytes.fromhex(node.rpc.call("anvil_dumpState")[2:])))
        head = node.rpc.call("eth_getBlockByNumber", "latest", False)
        return {"accounts": dump["accounts"], "number": head["number"], "timestamp": int(head["timestamp"], 16)}
    finally:
        node.stop()


def test_a_second_start_loads_what_the_first_one_deployed(
    bytecode: Bytecode, deployments: Sequence[Deployment], deployed: list[int], tmp_path: Path
) -> None:
    first = loaded(ContractStates(bytecode, tmp_path / "kept"), deployments, tmp_path)
    assert deployed == [43114]
    again = loaded(ContractStates(bytecode, tmp_path / "kept"), deployments, tmp_path)
    assert deployed == [43114]
    elsewhere = loaded(ContractStates(bytecode, tmp_path / "other"), deployments, tmp_path)
    assert deployed == [43114, 43114]
    assert first == again == elsewhere
    assert (first["number"], first["timestamp"]) == ("0x0", GENESIS_S)
    assert MULTICALL3.lower() in first["accounts"]


def test_other_contracts_are_another_state(
    bytecode: Bytecode, deployments: Sequence[Deployment], deployed: list[int], tmp_path: Path
) -> None:
    states = ContractStates(bytecode, tmp_path)
    both = loaded(states, deployments, tmp_path)
    alone = loaded(states, deployments[:1], tmp_path)
    assert len(deployed) == 2
    factory = deployments[1].contracts["factory"].lower()
    assert factory in both["accounts"]
    assert factory not in alone["accounts"]


@pytest.mark.parametrize("text", [None, b"", b"{}", b"[]", b'{"accounts": '], ids=str)
def test_a_damaged_file_is_made_again(
    bytecode: Bytecode, deployments: Sequence[Deployment], deployed: list[int], tmp_path: Path, text: bytes | None
) -> None:
    states = ContractStates(bytecode, tmp_path)
    first = loaded(states, deployments, tmp_path)
    (file,) = tmp_path.glob("*.gz")
    whole = file.read_bytes()
    file.write_bytes(whole[:1000] if text is None else gzip.compress(text))
    assert loaded(states, deployments, tmp_path) == first
    assert len(deployed) == 2
    assert file.read_bytes() == whole


def test_old_states_of_a_chain_make_room_for_new_ones(
    bytecode: Bytecode, deployments: Sequence[Deployment], tmp_path: Path
) -> None:
    for age in range(KEPT_STATES + 3):
        old = tmp_path / f"43114-{age}.json.gz"
        old.write_bytes(b"old")
        os.utime(old, (1_000_000 - age, 1_000_000 - age))
    (tmp_path / "1-0.json.gz").write_bytes(b"of another chain")
    loaded(ContractStates(bytecode, tmp_path), deployments, tmp_path)
    kept = {found.name for found in tmp_path.glob("43114-*.gz")}
    assert len(kept) == KEPT_STATES
    assert {f"43114-{age}.json.gz" for age in range(KEPT_STATES - 1)} < kept
    assert (tmp_path / "1-0.json.gz").exists()


def test_without_a_folder_to_keep_it_in_a_chain_is_deployed_every_time(
    bytecode: Bytecode, deployments: Sequence[Deployment], deployed: list[int], tmp_path: Path
) -> None:
    (tmp_path / "occupied").write_text("a file, not a folder")
    states = ContractStates(bytecode, tmp_path / "occupied" / "states")
    assert loaded(states, deployments, tmp_path) == loaded(states, deployments, tmp_path)
    assert len(deployed) == 2
    assert {found.name for found in tmp_path.iterdir()} == {"node", "occupied"}
