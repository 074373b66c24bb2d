"""A node that was too slow to see the block of a transaction: it is looked for, and never sent again."""

from collections.abc import Iterator
from typing import Any

import pytest

from alm_core.model.errors import SourceRejected
from alm_localnet.anvil import AnvilNode
from alm_localnet.node import install_node_modules
from alm_localnet.rpc import RpcClient

pytestmark = pytest.mark.chain

SOMEBODY = "0x" + "11" * 20


class Missing(RpcClient):
    """Its node takes every transaction and then misses its block, as a busy one may."""

    def call(self, method: str, *params: Any) -> Any:
        if method != "eth_sendTransactionSync":
            return super().call(method, *params)
        super().call("eth_sendTransaction", *params)
        if super().call("anvil_getAutomine"):
            super().call("evm_mine")  # answers once what was sent is in a block
        raise SourceRejected(self.name, f"{method}: Transaction confirmation timeout")


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AnvilNode]:
    made = AnvilNode(install_node_modules().anvil(), 1, 1_790_000_000, 10**9, tmp_path_factory.mktemp("rpc"))
    try:
        made.wait_until_ready()
        yield made
    finally:
        made.stop()


@pytest.fixture
def missing(node: AnvilNode) -> Iterator[Missing]:
    client = Missing(node.url, "missing")
    yield client
    client.close()


def sent_count(rpc: RpcClient, sender: str) -> int:
    return int(rpc.call("eth_getTransactionCount", sender, "pending"), 16)


def test_a_transaction_whose_block_the_node_missed_has_its_receipt_and_is_sent_once(missing: Missing) -> None:
    (sender, *_) = missing.call("eth_accounts")
    for number in (1, 2):
        receipt = missing.transact(sender, SOMEBODY, b"", value=number)
        assert receipt["status"] == "0x1"
        mined = missing.call("eth_getTransactionByHash", receipt["transactionHash"])
        assert int(mined["value"], 16) == number
        assert sent_count(missing, sender) == number


def test_a_transaction_that_is_in_no_block_stays_an_error_whatever_was_sent_before(missing: Missing) -> None:
    (_, sender, *_) = missing.call("eth_accounts")
    missing.transact(sender, SOMEBODY, b"")
    missing.call("evm_setAutomine", False)
    try:
        with pytest.raises(SourceRejected, match="confirmation timeout"):
            missing.transact(sender, SOMEBODY, b"")
    finally:
        missing.call("evm_setAutomine", True)
        missing.call("evm_mine")
