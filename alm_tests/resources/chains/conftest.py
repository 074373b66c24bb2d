"""Clients of stub nodes, closed after the test."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from alm_core.model.chains import ChainRules
from alm_resources.chains import Web3Chain
from alm_tests.resources.chains.stub_node import CHAIN_ID, StubNode

MULTICALL3 = "0xcA11bde05977b3631167028862bE2a173976CA11"


@dataclass(frozen=True)
class Access:
    chain_id: int
    rpc: tuple[str, ...]
    multicall3: str = MULTICALL3
    rules: ChainRules = field(default_factory=ChainRules)


@pytest.fixture
def connect() -> Iterator[Callable[..., Web3Chain]]:
    """Make a client of nodes or URLs."""
    made: list[Web3Chain] = []

    def make(*nodes: StubNode | str) -> Web3Chain:
        urls = tuple(node if isinstance(node, str) else node.url for node in nodes)
        made.append(Web3Chain(Access(CHAIN_ID, urls)))
        return made[-1]

    yield make
    for chain in made:
        chain.close()
