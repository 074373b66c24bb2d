"""The checks of the kill suite see what they are for: an executor that broadcasts before it writes down is caught."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from alm_core.execution.saga import PlanExecutor
from alm_core.model.chain_ports import ChainClient
from alm_core.model.ports import Signer
from alm_core.model.transactions import SignedTransaction, UnsignedTransaction
from alm_localnet import Localnet
from alm_tests.chaos.rounds import Rounds
from alm_tests.chaos.scene import Scene
from alm_tests.chaos.tally import Tally
from alm_tests.chaos.ways import EXIT, OPEN


class SendsAtOnce:
    """A signer whose bytes leave before anybody could store them."""

    def __init__(self, signer: Signer, chains: Mapping[int, ChainClient]) -> None:
        self._signer = signer
        self._chains = chains
        self.address = signer.address

    def sign(self, tx: UnsignedTransaction, *how: Any, **named: Any) -> SignedTransaction:
        signed = self._signer.sign(tx, *how, **named)
        self._chains[tx.chain_id].send_raw(signed)
        return signed


def hasty(scene: Scene, wrap: Callable[[Any], Any]) -> PlanExecutor:
    executor = scene.executor(wrap)
    executor._signer = wrap(SendsAtOnce(scene.signer, scene.chains))
    return executor


@pytest.mark.chain
def test_an_executor_that_broadcasts_before_it_writes_down_is_caught(localnet: Localnet, tmp_path: Path) -> None:
    rounds = Rounds(localnet, tmp_path, Tally("mutant"), seed=1, executor=hasty, given_up=0.0)
    rounds.take(EXIT)
    passed = rounds.take(OPEN)
    rounds.take(EXIT)
    with pytest.raises(AssertionError, match="somebody else uses the key"):
        rounds.take(OPEN, [name for name in passed if name.endswith("after sign")])
    assert rounds.tally.kills
