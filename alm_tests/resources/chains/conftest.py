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
    private_rpc: tuple[str, ...] = ()


@pytest.fixture
def connect() -> Iterator[Callable[..., Web3Chain]]:
    """Make a client of nodes or URLs, by the rules of a chain."""
    made: list[Web3Chain] = []

    def make(*nodes: StubNode | str, rules: ChainRules | None = None, private: tuple[StubNode, ...] = ()) -> Web3Chain:
        urls = tuple(node if isinstance(node, str) else node.url for node in nodes)
        hidden = tuple(node.url for node in private)
        made.append(Web3Chain(Access(CHAIN_ID, urls, rules=rules or ChainRules(), private_rpc=hidden)))
        return made[-1]

    yield make
    for chain in made:
        chain.close()
