"""The lead of a wallet, looked at before every signature and not only when a plan begins."""

from alm_core.execution.engine import TransactionGuard
from alm_core.model.errors import NotLeading
from alm_core.model.ports import Leadership
from alm_core.model.transactions import FeeBid, UnsignedTransaction


class LedGuard:
    """A guard that lets nothing through while this process does not lead the wallet.

    Asked before a nonce is reserved, so an intent whose lead was lost keeps its state and can be resumed.
    """

    def __init__(self, guard: TransactionGuard, leadership: Leadership) -> None:
        self._guard = guard
        self._leadership = leadership

    def check(self, tx: UnsignedTransaction, bid: FeeBid, simulated_gas: int | None = None) -> None:
        """Refuse by raising ``NotLeading``, or as the guard does."""
        unled = self._leadership.refusal(tx.chain_id, tx.sender)
        if unled:
            raise NotLeading(unled)
        self._guard.check(tx, bid, simulated_gas)
