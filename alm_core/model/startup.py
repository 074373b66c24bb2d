"""What a start compares chains with before anything is begun, and what it came to."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from alm_core.model.transactions import ResidualAllowance
from alm_core.model.transfers import BridgeTransfer


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractCode:
    """Code of a contract as the chain has it; hashes are Keccak-256, ``None`` stands for no proxy."""

    chain_id: int
    address: str
    code_hash: str
    implementation: str | None = None
    implementation_hash: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownBlock:
    """A block that a chain must still have: another chain of the same id (a fork, a test network) does not."""

    chain_id: int
    number: int
    block_hash: str


class StartupState(StrEnum):
    """What a full reconciliation came to."""

    GREEN = "GREEN"
    """Every chain is as it must be."""
    DEGRADED = "DEGRADED"
    """Some chains are; nothing is begun on the others."""
    HALT = "HALT"
    """None is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainVerdict:
    """One chain of a full reconciliation.

    Parameters
    ----------
    differences
        Why it is not in order; empty where it is.
    warnings
        What a person should know although it is in order.
    adopted
        What was taken over from the chain, or would be.
    allowances
        What others may still take.
    transfers
        Transfers from or to this chain that are under way.
    transactions_24h
        Transactions of the wallet that the journal counts in the last day: what the daily limits are computed from.
    """

    chain_id: int
    block_number: int
    differences: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    adopted: tuple[str, ...] = ()
    allowances: tuple[ResidualAllowance, ...] = ()
    transfers: tuple[BridgeTransfer, ...] = ()
    transactions_24h: int = 0

    @property
    def green(self) -> bool:
        """Whether the chain is in order."""
        return not self.differences

    def plain(self) -> dict[str, Any]:
        """Return the verdict as JSON has it; integers of chains are strings."""
        return {
            "chain_id": self.chain_id,
            "state": "green" if self.green else "not green",
            "block": self.block_number,
            "differences": [*self.differences],
            "warnings": [*self.warnings],
            "adopted": [*self.adopted],
            "allowances": [
                {"token": one.token, "spender": one.spender, "amount": str(one.amount)} for one in self.allowances
            ],
            "transfers": [
                {
                    "from_chain": one.from_chain,
                    "to_chain": one.to_chain,
                    "asset": one.asset,
                    "state": one.state.value,
                    "sent_amount": str(one.sent_amount),
                    "started_at": one.started_at.isoformat(),
                    "tx_hash": one.tx_hash,
                }
                for one in self.transfers
            ],
            "transactions_24h": self.transactions_24h,
        }


def state_of(verdicts: tuple[ChainVerdict, ...]) -> StartupState:
    """Return what verdicts of all chains come to; none is no order.

    Examples
    --------
    >>> fine = ChainVerdict(chain_id=1, block_number=9, differences=())
    >>> state_of((fine, ChainVerdict(chain_id=2, block_number=9, differences=("books differ",)))).value
    'DEGRADED'
    """
    green = sum(verdict.green for verdict in verdicts)
    if not green:
        return StartupState.HALT
    return StartupState.GREEN if green == len(verdicts) else StartupState.DEGRADED
