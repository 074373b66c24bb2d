from dataclasses import replace

import pytest

from alm_core.model.market import SourceProblem
from alm_core.portfolio.sight import unseen_chains
from alm_tests.core.portfolio.deciding import invested

SNAPSHOT = invested().snapshot()


def test_a_chain_whose_wallet_was_read_is_seen() -> None:
    assert unseen_chains(SNAPSHOT) == {}


@pytest.mark.parametrize("source", ["rpc:8453", "rpc:8453#0"])
def test_a_node_that_did_not_answer_hides_its_chain(source: str) -> None:
    snapshot = replace(SNAPSHOT, problems=(SourceProblem(source=source, detail="timeout"),))
    assert unseen_chains(snapshot) == {8453: f"{source}: timeout"}


@pytest.mark.parametrize("source", ["geckoterminal", "native price", "rpc:", "rpc:x", "rpcs:8453", "8453"])
def test_other_sources_hide_no_holdings(source: str) -> None:
    assert unseen_chains(replace(SNAPSHOT, problems=(SourceProblem(source=source, detail="down"),))) == {}


def test_a_chain_whose_pools_were_read_and_whose_wallet_was_not_is_hidden() -> None:
    assert list(unseen_chains(replace(SNAPSHOT, holdings=()))) == [8453]
