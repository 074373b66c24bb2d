"""An engine over a chain in memory and an empty journal, and what its guards and signers may refuse."""

from dataclasses import replace

from alm_core.execution.engine import TransactionEngine
from alm_core.model.chains import ChainRules
from alm_core.model.errors import LimitExceeded, SignerRefused
from alm_core.model.transactions import Action, FeeBid, Intent, SignedTransaction, UnsignedTransaction
from alm_resources.journal import SqlJournal
from alm_tests.core.execution.fakes import AllowAll, FakeChain, FakeSigner, transfer_intent

PATIENT_S = 100.0


def engine_of(
    chain: object,
    journal: object,
    signer: object | None = None,
    guard: object | None = None,
    *,
    timeout_s: float = PATIENT_S,
) -> TransactionEngine:
    return TransactionEngine(
        journal, chain, signer or FakeSigner(), guard or AllowAll(), receipt_timeout_s=timeout_s, fence=1
    )


def stored(journal: SqlJournal, number: int = 0, **changes: object) -> Intent:
    intent = transfer_intent(number)
    return journal.add_intents([replace(intent, tx=replace(intent.tx, **changes))])[0]


def rules_of(chain: FakeChain, **changes: object) -> ChainRules:
    chain.rules = replace(chain.rules, **changes)
    return chain.rules


class PriceCap:
    """A guard with a cap on the fee of a transaction."""

    def __init__(self, most_wei: int) -> None:
        self.most_wei = most_wei
        self.refused = 0

    def check(self, tx: UnsignedTransaction, bid: FeeBid, simulated_gas: int | None = None) -> None:
        if bid.most_wei > self.most_wei:
            self.refused += 1
            raise LimitExceeded(f"max_gas: {bid.most_wei} (bound {self.most_wei})")


class NotingSigner(FakeSigner):
    """Remembers every signature; refuses what it is told to."""

    def __init__(self) -> None:
        self.bids: list[FeeBid] = []
        self.actions: list[Action] = []
        self.refuses: set[Action] = set()

    def sign(self, tx: UnsignedTransaction, nonce: int, bid: FeeBid, *, fence: int = 0) -> SignedTransaction:
        if tx.action in self.refuses:
            raise SignerRefused(f"{tx.action} is not on my list")
        self.bids.append(bid)
        self.actions.append(tx.action)
        return super().sign(tx, nonce, bid, fence=fence)
