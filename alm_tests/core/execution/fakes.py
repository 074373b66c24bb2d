"""A chain in memory with the rules that matter here: nonces, fees, drops, lost answers, reorganisations."""

import hashlib
import json
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta

from alm_core.execution.erc20 import TRANSFER_TOPIC, address_word, uint_word
from alm_core.model.chain_ports import Call, CallResult, Fees, HeadReading
from alm_core.model.chains import ChainRules
from alm_core.model.errors import OutcomeUnknown, SourceRejected, TransactionWouldRevert
from alm_core.model.market import Block
from alm_core.model.transactions import (
    Action,
    BalanceBound,
    FeeBid,
    FoundLog,
    Inclusion,
    Intent,
    IntentState,
    Log,
    Receipt,
    SignedTransaction,
    UnsignedTransaction,
)

WALLET = "0x" + "aa" * 20
TOKEN = "0x" + "11" * 20
OTHER_TOKEN = "0x" + "22" * 20
VENUE = "0x" + "33" * 20
GENESIS = datetime(2026, 11, 22, tzinfo=UTC)
GAS_USED = 50_000
GAS_PRICE = 10**9


@dataclass
class Ledgerable:
    """Everything a block changes, so that a reorganisation can undo it."""

    nonce: int = 0
    native: int = 10**18
    tokens: dict[str, int] = field(default_factory=lambda: {TOKEN: 10**12, OTHER_TOKEN: 10**12})
    allowances: dict[tuple[str, str], int] = field(default_factory=dict)
    effects: list[str] = field(default_factory=list)
    nonces_mined: list[int] = field(default_factory=list)


@dataclass
class MinedBlock:
    number: int
    block_hash: str
    before: Ledgerable
    raws: list[str]
    receipts: dict[str, Receipt]


class FakeChain:
    """Satisfies ``ChainClient``. Transactions do exactly what their bounds allow (``min_delta``)."""

    chain_id = 8453
    rules = ChainRules(bump_after_s=5.0)
    sends_privately = False

    def __init__(self) -> None:
        self.now = Ledgerable()
        self.blocks: list[MinedBlock] = []
        self.mempool: dict[str, dict[str, object]] = {}
        self.relay: dict[str, dict[str, object]] = {}
        """What a private endpoint holds; it is mined only while ``relaying``."""
        self.relaying = True
        self.base_fee = GAS_PRICE
        self.l1_fee = 0
        self.send_mode = "ok"
        self.mining = True
        self.final_depth: int | None = None
        """Blocks on top after which a block is final; ``None``: never."""
        self.reverting: set[str] = set()
        self.would_revert = False
        self.effects: tuple[Log, ...] | None = None
        self.received: list[SignedTransaction] = []
        self.received_privately: list[SignedTransaction] = []
        self.waits: list[float] = []
        self.on_send: Callable[[SignedTransaction], None] = lambda signed: None
        self.on_wait: Callable[[], None] = lambda: None
        self._salt = 0

    def read_block(self) -> Block:
        if not self.blocks:
            self.mine()
        head = self.blocks[-1]
        return Block(
            chain_id=self.chain_id,
            number=head.number,
            block_hash=head.block_hash,
            block_at=GENESIS + timedelta(seconds=2 * head.number),
        )

    def read_head(self, calls: Sequence[Call]) -> HeadReading:
        block = self.read_block()
        return HeadReading(block=block, results=self.read_calls(calls, block))

    def read_header(self, block: Block) -> Block:
        return block

    def read_calls(self, calls: Sequence[Call], block: Block) -> tuple[CallResult, ...]:
        return tuple(CallResult(succeeded=True, data=self._answer(call).to_bytes(32, "big")) for call in calls)

    def read_native_balance(self, address: str, block: Block) -> int:
        return self.now.native

    def read_nonce(self, address: str) -> int:
        return self.now.nonce

    def read_fees(self) -> Fees:
        return Fees(base_fee_wei=self.base_fee, priority_fee_wei=1)

    def simulate(self, tx: UnsignedTransaction) -> int:
        if self.would_revert:
            raise TransactionWouldRevert(f"{tx.summary}: simulated")
        return GAS_USED

    def read_l1_fee(self, tx: UnsignedTransaction) -> int:
        return self.l1_fee

    def read_effects(self, tx: UnsignedTransaction) -> tuple[Log, ...] | None:
        return self.effects

    def read_inclusion(self, receipt: Receipt) -> Inclusion:
        if all(block.block_hash != receipt.block_hash for block in self.blocks):
            return Inclusion.GONE
        depth = self.blocks[-1].number - receipt.block_number
        return Inclusion.FINAL if self.final_depth is not None and depth >= self.final_depth else Inclusion.INCLUDED

    def send_raw(self, signed: SignedTransaction, *, private: bool = False) -> None:
        self.on_send(signed)
        (self.received_privately if private else self.received).append(signed)
        if self.send_mode == "refuse":
            raise SourceRejected("rpc:8453", "intrinsic gas too low")
        if self.send_mode == "lost":
            raise OutcomeUnknown("connection reset before the node had it")
        fields = _decoded(signed.raw)
        if self.read_receipt(signed.tx_hash) is None and int(str(fields["nonce"])) < self.now.nonce:
            raise OutcomeUnknown("nonce too low")
        if self.read_receipt(signed.tx_hash) is None and self.send_mode != "drop":
            _replace(self.relay if private else self.mempool, signed.raw, fields)
        if self.send_mode == "answer lost":
            raise OutcomeUnknown("connection reset after the node had it")

    def read_receipt(self, tx_hash: str) -> Receipt | None:
        for block in self.blocks:
            if tx_hash in block.receipts:
                return block.receipts[tx_hash]
        return None

    def wait_for_receipt(self, tx_hash: str, timeout_s: float) -> Receipt | None:
        self.waits.append(timeout_s)
        self.on_wait()
        if self.mining:
            self.mine()
        return self.read_receipt(tx_hash)

    def read_transfers(
        self, tokens: Sequence[str], wallet: str, from_block: int, to_block: int
    ) -> tuple[tuple[str, int, str, int], ...]:
        return tuple(
            (log.address, _delta(log), receipt.tx_hash, log.log_index)
            for block in self.blocks
            if from_block <= block.number <= to_block
            for receipt in block.receipts.values()
            for log in receipt.logs
            if log.address.lower() in {token.lower() for token in tokens} and _delta(log)
        )

    def read_logs(
        self, addresses: Sequence[str], topics: Sequence[object], from_block: int, to_block: int
    ) -> tuple[FoundLog, ...]:
        wanted = {address.lower() for address in addresses}
        return tuple(
            FoundLog(log=log, tx_hash=receipt.tx_hash, block_number=block.number)
            for block in self.blocks
            if from_block <= block.number <= to_block
            for receipt in block.receipts.values()
            for log in receipt.logs
            if log.address.lower() in wanted
        )

    def read_nft_ids(self, contract: str, owner: str, from_block: int, to_block: int) -> tuple[int, ...]:
        return ()

    def mine(self, raws: Sequence[str] | None = None) -> None:
        """Put what fits into one block: per nonce the best-paying transaction that pays the base fee."""
        block = self._new_block()
        wanted = {**self.mempool, **(self.relay if self.relaying else {})}
        if raws is not None:
            wanted = {raw: _decoded(raw) for raw in raws}
        wanted = {raw: tx for raw, tx in wanted.items() if int(str(tx["max_fee"])) >= self.base_fee}
        while ready := [raw for raw, tx in wanted.items() if tx["nonce"] == self.now.nonce]:
            best = max(ready, key=lambda raw: int(str(wanted[raw]["max_fee"])))
            block.raws.append(best)
            self._execute(block, best, wanted[best])
        for pool in (self.mempool, self.relay):
            for raw in [raw for raw, tx in pool.items() if int(str(tx["nonce"])) < self.now.nonce]:
                del pool[raw]

    def reorganise(self, depth: int, *, keep: bool) -> None:
        """Take the last blocks away; their transactions return to the mempool, or are forgotten."""
        for _ in range(min(depth, len(self.blocks))):
            block = self.blocks.pop()
            self.now = block.before
            if keep:
                self.mempool.update({raw: _decoded(raw) for raw in block.raws})

    def move_from_outside(self, token: str, delta: int) -> None:
        """A transfer to (positive) or from (negative) the wallet that is not ours."""
        block = self._new_block()
        self.now.tokens[token] += delta
        tx_hash = _hash(f"outside {block.block_hash}")
        block.receipts[tx_hash] = _receipt(tx_hash, block, True, (transfer_log(token, delta, 7),))

    def use_key_elsewhere(self) -> None:
        """Somebody else signs with our key: the nonce moves and gas is gone."""
        self._new_block()
        self.now.nonce += 1
        self.now.nonces_mined.append(-1)
        self.now.native -= 21_000 * GAS_PRICE

    def _new_block(self) -> MinedBlock:
        self._salt += 1
        number = self.blocks[-1].number + 1 if self.blocks else 1
        block = MinedBlock(number, _hash(f"block {self._salt}"), deepcopy(self.now), [], {})
        self.blocks.append(block)
        return block

    def _execute(self, block: MinedBlock, raw: str, fields: dict[str, object]) -> None:
        tx = tx_from(fields)
        succeeded = tx.summary not in self.reverting
        logs: list[Log] = []
        for index, bound in enumerate(tx.bounds if succeeded else ()):
            self.now.tokens[bound.token] += bound.min_delta
            logs.append(transfer_log(bound.token, bound.min_delta, index))
        self.now.native -= GAS_USED * self.base_fee + self.l1_fee
        self.now.nonce += 1
        self.now.nonces_mined.append(int(str(fields["nonce"])))
        if succeeded and tx.action is not Action.NOOP:
            self.now.effects.append(tx.summary)
        tx_hash = _hash(raw)
        paid = _receipt(tx_hash, block, succeeded, tuple(logs))
        block.receipts[tx_hash] = replace(paid, effective_gas_price_wei=self.base_fee, l1_fee_wei=self.l1_fee)

    def _answer(self, call: Call) -> int:
        selector, body = "0x" + call.data[:4].hex(), call.data[4:]
        if selector == "0x70a08231":
            return self.now.tokens[call.target]
        return self.now.allowances.get((call.target, "0x" + body[44:64].hex()), 0)


class FakeSigner:
    """Satisfies ``Signer``; the raw bytes are the payload itself, so equal inputs give equal bytes."""

    address = WALLET

    def sign(self, tx: UnsignedTransaction, nonce: int, bid: FeeBid, *, fence: int = 0) -> SignedTransaction:
        fields = {
            "nonce": nonce,
            "max_fee": bid.max_fee_per_gas_wei,
            "tip": bid.max_priority_fee_per_gas_wei,
            "tx": asdict(tx),
        }
        raw = "0x" + json.dumps(fields, sort_keys=True).encode().hex()
        return SignedTransaction(raw=raw, tx_hash=_hash(raw))


class AllowAll:
    """A guard that lets everything through, and remembers it."""

    def __init__(self) -> None:
        self.checked: list[UnsignedTransaction] = []

    def check(self, tx: UnsignedTransaction, bid: FeeBid, simulated_gas: int | None = None) -> None:
        self.checked.append(tx)


class Crash(BaseException):
    """The process is gone. Not an ``Exception``: nothing in the product may catch it."""


class CrashPoint:
    """Counts the boundaries of port calls (before and after each) and crashes at one of them."""

    def __init__(self, at: int | None = None, crash: Callable[[], None] | None = None) -> None:
        self.passed = 0
        self.at = at
        self._crash = crash or _raise_crash

    def hit(self) -> None:
        self.passed += 1
        if self.passed == self.at:
            self._crash()


class Crashing:
    """A port that passes every call on, with a crash point before and after it."""

    def __init__(self, port: object, point: CrashPoint) -> None:
        self._port = port
        self._point = point

    def __getattr__(self, name: str) -> object:
        found = getattr(self._port, name)
        if not callable(found):
            return found

        def call(*args: object, **kwargs: object) -> object:
            self._point.hit()
            answer = found(*args, **kwargs)
            self._point.hit()
            return answer

        return call


def transfer_intent(number: int, epoch: str = "P@1", *, plan: str = "plan", delta: int = -5) -> Intent:
    """A planned swap-like action that takes some of one token and gives another."""
    tx = UnsignedTransaction(
        chain_id=FakeChain.chain_id,
        sender=WALLET,
        to=VENUE,
        data="0x4666fc80",
        value_wei=0,
        action=Action.SWAP,
        summary=f"{epoch}/{number}",
        bounds=(
            BalanceBound(token=TOKEN, min_delta=delta, max_delta=0),
            BalanceBound(token=OTHER_TOKEN, min_delta=-delta, max_delta=-delta),
        ),
    )
    return Intent(
        key=_hash(f"{epoch}/{number}/{plan}")[2:],
        epoch_id=epoch,
        pair="P",
        plan_hash=plan,
        step_no=number,
        tx=tx,
        state=IntentState.PLANNED,
    )


def tx_from(fields: dict[str, object]) -> UnsignedTransaction:
    stored = dict(fields["tx"])
    stored["bounds"] = tuple(BalanceBound(**bound) for bound in stored["bounds"])
    stored["action"] = Action(stored["action"])
    return UnsignedTransaction(**stored)


def transfer_log(token: str, delta: int, log_index: int) -> Log:
    own, other = "0x" + address_word(WALLET), "0x" + address_word(VENUE)
    return Log(
        address=token,
        topics=(TRANSFER_TOPIC, own, other) if delta < 0 else (TRANSFER_TOPIC, other, own),
        data="0x" + uint_word(abs(delta)),
        log_index=log_index,
    )


def _delta(log: Log) -> int:
    amount = int(log.data, 16)
    return amount if log.topics[2][-40:] == WALLET[2:] else -amount


def _receipt(tx_hash: str, block: MinedBlock, succeeded: bool, logs: tuple[Log, ...]) -> Receipt:
    return Receipt(
        tx_hash=tx_hash,
        block_number=block.number,
        block_hash=block.block_hash,
        succeeded=succeeded,
        gas_used=GAS_USED,
        effective_gas_price_wei=GAS_PRICE,
        l1_fee_wei=0,
        logs=logs,
    )


def _replace(pool: dict[str, dict[str, object]], raw: str, fields: dict[str, object]) -> None:
    """Keep one transaction per nonce; another takes its place only for a tenth more in both prices (geth)."""
    for other, held in list(pool.items()):
        if held["nonce"] != fields["nonce"] or other == raw:
            continue
        if any(10 * int(str(fields[name])) < 11 * int(str(held[name])) for name in ("max_fee", "tip")):
            raise OutcomeUnknown("replacement transaction underpriced")
        del pool[other]
    pool[raw] = fields


def _decoded(raw: str) -> dict[str, object]:
    return json.loads(bytes.fromhex(raw[2:]))


def _hash(text: str) -> str:
    return "0x" + hashlib.sha256(text.encode()).hexdigest()


def _raise_crash() -> None:
    raise Crash
