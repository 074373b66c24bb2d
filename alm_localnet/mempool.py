"""The pool of a real node in front of anvil: its rules, what waits for its price or nonce, and what it forgets."""

import threading
from dataclasses import dataclass
from typing import Any

from alm_core.model.errors import SourceRejected
from alm_localnet.client_rules import ClientRules, PooledTransaction
from alm_localnet.rpc import RpcClient


@dataclass(frozen=True, slots=True)
class _Held:
    tx: PooledTransaction
    due_block: int


class Mempool:
    """Transactions that a node has and has not mined. Several proxies before one node share it.

    anvil drops what a rising base fee overtakes; a real pool keeps it. It is therefore kept here, and handed on again
    by :meth:`deliver`, which every request through a proxy calls first.

    Parameters
    ----------
    node
        The anvil.
    rules
        Whose pool it is.
    """

    def __init__(self, node: RpcClient, rules: ClientRules) -> None:
        self.node = node
        self.rules = rules
        self._held: dict[tuple[str, int], _Held] = {}
        self._lock = threading.RLock()

    def add(self, raw: str, *, after_blocks: int = 0) -> tuple[str, str]:
        """Take raw bytes.

        Parameters
        ----------
        raw
            A signed EIP-1559 transaction.
        after_blocks
            Blocks that pass before the node gets it.

        Returns
        -------
        tx_hash, refusal
            The refusal is empty if the transaction was taken.
        """
        tx = pooled_transaction(raw)
        with self._lock:
            refusal = self._refusal(tx)
            if not refusal:
                self._held[tx.sender, tx.nonce] = _Held(tx, self._head() + after_blocks)
                refusal = self._hand_on(tx.sender, tx.nonce)
            return tx.tx_hash, refusal

    def deliver(self) -> None:
        """Hand on what waits and may be mined by now."""
        with self._lock:
            for sender, nonce in sorted(self._held):
                self._hand_on(sender, nonce)

    def evict(self) -> None:
        """Forget everything that is not mined, as a full pool or a restart does."""
        with self._lock:
            self._held.clear()
            self.node.call("anvil_dropAllTransactions")

    def pooled(self) -> list[PooledTransaction]:
        """What is held, in order of nonces."""
        with self._lock:
            return [self._held[key].tx for key in sorted(self._held)]

    def _refusal(self, tx: PooledTransaction) -> str:
        old = self._held.get((tx.sender, tx.nonce))
        if old is not None and old.tx.tx_hash == tx.tx_hash:
            return "already known"
        nonce = self._nonce(tx.sender)
        found = self.rules.refusal(
            tx,
            chain_id=int(self.node.call("eth_chainId"), 16),
            nonce=nonce,
            next_nonce=self._next_nonce(tx.sender, nonce),
            base_fee_wei=int(self.node.call("eth_getBlockByNumber", "latest", False)["baseFeePerGas"], 16),
        )
        if not found and old is not None and self.rules.refuses_replacement(old.tx, tx):
            return "replacement transaction underpriced"
        return found

    def _hand_on(self, sender: str, nonce: int) -> str:
        """Give one transaction to the node, and return what it says against it for good."""
        held = self._held[sender, nonce]
        if nonce < self._nonce(sender):
            del self._held[sender, nonce]
            return ""
        if held.due_block > self._head():
            return ""
        try:
            self.node.call("eth_sendRawTransaction", held.tx.raw)
        except SourceRejected as error:
            if any(text in str(error) for text in ("already imported", "less than block base fee")):
                return ""
            del self._held[sender, nonce]
            return error.detail.removeprefix("eth_sendRawTransaction: ")
        return ""

    def _next_nonce(self, sender: str, nonce: int) -> int:
        while (sender, nonce) in self._held:
            nonce += 1
        return nonce

    def _nonce(self, sender: str) -> int:
        return int(self.node.call("eth_getTransactionCount", sender, "latest"), 16)

    def _head(self) -> int:
        return int(self.node.call("eth_blockNumber"), 16)


def pooled_transaction(raw: str) -> PooledTransaction:
    """Decode a signed EIP-1559 transaction; ``ValueError`` if it is none."""
    from eth_account import Account  # slow to import
    from eth_account.typed_transactions.typed_transaction import TypedTransaction
    from eth_utils.crypto import keccak
    from hexbytes import HexBytes

    try:
        fields: dict[str, Any] = {**TypedTransaction.from_bytes(HexBytes(raw)).as_dict()}
        sender = str(Account.recover_transaction(raw)).lower()
        price = int(fields["maxFeePerGas"])
    except Exception as error:  # the decoder has no error of its own
        raise ValueError(f"rlp: no EIP-1559 transaction: {error}") from error
    return PooledTransaction(
        raw=raw,
        tx_hash="0x" + keccak(hexstr=raw).hex(),
        chain_id=int(fields["chainId"]),
        sender=sender,
        nonce=int(fields["nonce"]),
        gas=int(fields["gas"]),
        max_fee_wei=price,
        tip_wei=int(fields["maxPriorityFeePerGas"]),
    )
