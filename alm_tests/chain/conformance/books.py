"""The wallet's books over a life: each transaction judged as the product does, the sum held against balances."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from alm_core.accounting.ledger import FEES, GAS_INDEX, NATIVE
from alm_core.accounting.postings import STAKES
from alm_core.execution.allow_list import AllowList, allow_list_for
from alm_core.execution.erc20 import balance_of_data
from alm_core.execution.outcome import Outcome, outcome_of
from alm_core.model.books import LedgerEntry
from alm_core.model.dex_ports import Grant
from alm_core.model.pools import Pool
from alm_core.model.transactions import Action, Intent, IntentState, Receipt, SignedTransaction, UnsignedTransaction
from alm_tests.chain.dex_chain import DexChain

THIEF = "0x7411ef0000000000000000000000000000000bad"
_NAMES_NOBODY = frozenset({Action.ADD, Action.APPROVE, Action.APPROVE_RESET})


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A transaction with what became of it."""

    tx: UnsignedTransaction
    receipt: Receipt
    outcome: Outcome

    def moved(self, token: str) -> int:
        """Change of the wallet's balance of a token, as booked."""
        return sum(entry.delta for entry in self.outcome.entries if entry.token == token.lower())

    def fees(self, token: str) -> int:
        """What of it is booked as earned."""
        return sum(e.delta for e in self.outcome.entries if e.token == token.lower() and e.kind == FEES)


@dataclass
class Books:
    """Sends for one wallet in one pool, from unlocked accounts; nothing is sent that the allow-list refuses."""

    chain: DexChain
    pool: Pool
    sent: list[Sent] = field(default_factory=list)
    opening: tuple[int, ...] = ()
    allowed: AllowList = field(init=False)

    def __post_init__(self) -> None:
        self.allowed = allow_list_for([self.pool], {})
        self.opening = self.balances()

    def balances(self) -> tuple[int, ...]:
        """Native balance and both tokens of the wallet."""
        wallet = self.chain.wallet
        return int(self.chain.rpc.call("eth_getBalance", wallet, "latest"), 16), *self._tokens_of(wallet)

    def _tokens_of(self, holder: str) -> tuple[int, ...]:
        asked = [
            {"to": token.address, "data": balance_of_data(holder)} for token in (self.pool.token0, self.pool.token1)
        ]
        answers = self.chain.rpc.call_many([("eth_call", (call, "latest")) for call in asked])
        return tuple(int(answer, 16) for answer in answers)

    def send(self, tx: UnsignedTransaction) -> Sent:
        """Send, and hold everything that the product makes of the receipt against the plan."""
        assert self.allowed.refusals(tx, self.chain.wallet) == ()
        self._refuses_to_pay_others(tx)
        raw = self.chain.rpc.transact(tx.sender, tx.to, bytes.fromhex(tx.data[2:]))
        receipt = self.chain.chain.read_receipt(raw["transactionHash"])
        assert receipt is not None
        number = len(self.sent)
        intent = Intent(
            key=f"intent-{number}",
            epoch_id="epoch",
            pair="pair",
            plan_hash="plan",
            step_no=number,
            tx=tx,
            state=IntentState.MINED,
        )
        outcome = outcome_of(intent, SignedTransaction(raw="0x", tx_hash=receipt.tx_hash), receipt)
        assert (outcome.state, outcome.detail) == (IntentState.FINAL_OK, ""), tx.summary
        self.sent.append(Sent(tx=tx, receipt=receipt, outcome=outcome))
        return self.sent[-1]

    def place(self, grants: Sequence[Grant], tx: UnsignedTransaction, amounts: tuple[int, int] | None = None) -> Sent:
        """Give rights of which nothing was left, send, and take back what is left: afterwards there is nothing.

        ``amounts`` are what is placed: rights are of exactly that much. Without them they are a yes.
        """
        assert not any(self._left(grants))
        for grant in grants:
            self.send(grant.give)
        assert set(self._left(grants)) <= {*(amounts or (1,))}
        done = self.send(tx)
        for grant, left in zip(grants, self._left(grants), strict=True):
            if left:
                self.send(grant.revoke)
        assert not any(self._left(grants))
        return done

    def _left(self, grants: Sequence[Grant]) -> list[int]:
        """First words of what is left of rights."""
        asked = [{"to": grant.remaining.target, "data": "0x" + grant.remaining.data.hex()} for grant in grants]
        return [
            int(answer[2:66], 16) for answer in self.chain.rpc.call_many([("eth_call", (c, "latest")) for c in asked])
        ]

    def stake(self) -> int:
        """What the events of all receipts say of the position: its liquidity or shares."""
        postings = [posting for sent in self.sent for posting in sent.outcome.postings]
        assert sum(posting.delta for posting in postings) == 0
        accounts = {posting.account for posting in postings if posting.account.startswith(STAKES)}
        assert len(accounts) <= 1
        return sum(posting.delta for posting in postings if posting.account in accounts)

    def close(self) -> None:
        """Entries of all receipts add up to what happened to the balances, to the wei."""
        assert self.stake() == 0
        others = {entry.account.split(":")[0] for entry in self.entries()}
        assert others <= {"position", "fees", "gas"}
        tokens = (NATIVE, self.pool.token0.address, self.pool.token1.address)
        booked = tuple(sum(sent.moved(token) for sent in self.sent) for token in tokens)
        happened = tuple(now - before for now, before in zip(self.balances(), self.opening, strict=True))
        assert booked == happened
        assert {entry.token for entry in self.entries()} <= {token.lower() for token in tokens}
        gas = sum(sent.receipt.gas_used * sent.receipt.effective_gas_price_wei for sent in self.sent)
        assert sum(entry.delta for entry in self.entries() if entry.log_index == GAS_INDEX) == -gas == happened[0]
        # What passes through the contract that changes positions does not stay there.
        assert self._tokens_of(self.pool.position_manager) == (0, 0)

    def entries(self) -> list[LedgerEntry]:
        return [entry for sent in self.sent for entry in sent.outcome.entries]

    def _refuses_to_pay_others(self, tx: UnsignedTransaction) -> None:
        """The same call that pays or permits somebody else is refused."""
        payees = {self.chain.wallet[2:].lower()} | ({tx.spender[2:].lower()} if tx.spender else set())
        tampered = [spot for payee in payees for spot in _put_in(tx.data, payee, THIEF[2:])]
        assert tampered or tx.action in _NAMES_NOBODY, tx.summary
        for data in tampered:
            changed = UnsignedTransaction(
                chain_id=tx.chain_id,
                sender=tx.sender,
                to=tx.to,
                data=data,
                value_wei=0,
                action=tx.action,
                summary=tx.summary,
                bounds=tx.bounds,
            )
            assert self.allowed.refusals(changed, self.chain.wallet), tx.summary


def _put_in(data: str, who: str, other: str) -> list[str]:
    """Calldata with each word that holds an address replaced, one at a time."""
    spots = [found.start() for found in re.finditer("0" * 24 + who, data.lower())]
    return [data[: spot + 24] + other + data[spot + 64 :] for spot in spots]
