"""The far side of bridges: what was sent on one local chain arrives on another, or meets the fate it was given."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any, Literal

from eth_abi.abi import decode
from eth_utils.address import to_checksum_address

from alm_localnet.clock import VirtualClock
from alm_localnet.config import LIFI_DIAMOND, SPOKE_POOL
from alm_localnet.deploy import DeployedChain, fund
from alm_localnet.market.world import Market

DEPOSITED_TOPIC = "0x32ed1a409ef04c7b0227189c3a103dc5ac10e775a15b785dcc510201f7c25ad3"
STARTED_TOPIC = "0xcba69f43792f9f399347222505213b55af8e0b0b54b893085c2e27ecbe1644f1"
BRIDGE_DATA = "(bytes32,string,string,address,address,address,uint256,uint256,bool,bool)"
# FundsDeposited without its indexed words: destination chain, deposit id, depositor.
_DEPOSITED = (
    *("bytes32", "bytes32", "uint256", "uint256", "uint32", "uint32", "uint32", "bytes32", "bytes32", "bytes"),
)

Outcome = Literal["arrives", "short", "twice", "other_token", "refunded", "stuck"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeFate:
    """What becomes of one transfer, and what the service says of it.

    Parameters
    ----------
    outcome
        ``arrives`` as promised, ``short`` of it, ``twice``, as ``other_token`` of the same worth, ``refunded`` on the
        chain it came from, or ``stuck`` for ever.
    minutes
        Until then, of the virtual clock; ``None`` takes that of the configuration.
    delivered_frac
        Part that arrives if ``short``.
    hidden_minutes
        How long after sending the service knows nothing of it.
    says
        Status and substatus that it shows whatever is true; ``None`` shows the truth.
    """

    outcome: Outcome = "arrives"
    minutes: int | None = None
    delivered_frac: float = 0.5
    hidden_minutes: int = 0
    says: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """Tokens that came out of a bridge."""

    chain_id: int
    token: str
    amount: int
    tx_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """One transfer, as its events tell, and what has come of it. Addresses are checksummed, amounts raw."""

    transaction_id: str
    tx_hash: str
    block_number: int
    sent_minute: int
    from_chain: int
    to_chain: int
    sold: str
    sold_amount: int
    bought: str
    bought_amount: int
    receiver: str
    refund_to: str
    fate: BridgeFate
    arrivals: tuple[Arrival, ...] = ()

    @property
    def waiting(self) -> bool:
        """Whether something will still arrive."""
        return not self.arrivals and self.fate.outcome != "stuck"


@dataclass(frozen=True, slots=True)
class BridgeState:
    """What :meth:`Bridges.restore` goes back to."""

    crossings: tuple[Crossing, ...]
    fates: tuple[BridgeFate, ...]
    next_blocks: Mapping[int, int]


@dataclass(slots=True)
class _Books:
    crossings: dict[str, Crossing] = field(default_factory=dict[str, Crossing])
    next_blocks: dict[int, int] = field(default_factory=dict[int, int])


class Bridges:
    """Relays between all local chains.

    Parameters
    ----------
    chains
        By id.
    market
        What another token of the same worth is.
    clock
        When something is due.
    minutes
        How long a transfer takes.

    Examples
    --------
    >>> localnet.bridges.fates.append(BridgeFate(outcome="stuck"))  # doctest: +SKIP
    """

    def __init__(self, chains: Mapping[int, DeployedChain], market: Market, clock: VirtualClock, minutes: int) -> None:
        self._chains, self._market, self._clock, self._minutes = chains, market, clock, minutes
        self._books = _Books(next_blocks={chain_id: _head(chain) + 1 for chain_id, chain in chains.items()})
        self._lock = threading.RLock()
        self.fates: list[BridgeFate] = []
        """Of the next transfers, in the order in which they are sent; without one a transfer arrives."""

    @property
    def crossings(self) -> tuple[Crossing, ...]:
        """All transfers so far, in the order in which they were seen."""
        self.read_events()
        return tuple(self._books.crossings.values())

    def find(self, hash_or_id: str) -> Crossing | None:
        """Return a transfer by its sending transaction, its arrival or its id."""
        wanted = hash_or_id.lower()
        for crossing in self.crossings:
            if wanted in (crossing.tx_hash, crossing.transaction_id, *(one.tx_hash for one in crossing.arrivals)):
                return crossing
        return None

    def next_due(self) -> int | None:
        """Return the minute at which the next transfer arrives; ``None`` if none will."""
        return min((self._due(crossing) for crossing in self.crossings if crossing.waiting), default=None)

    def deliver_due(self) -> tuple[Crossing, ...]:
        """Deliver what is due by the clock."""
        return self._deliver([one for one in self.crossings if one.waiting and self._due(one) <= self._clock.minute])

    def deliver(self, tx_hash: str | None = None) -> tuple[Crossing, ...]:
        """Deliver now, whatever the clock says: one transfer, or all that are waiting. What is stuck stays so."""
        return self._deliver([one for one in self.crossings if one.waiting and tx_hash in (None, one.tx_hash)])

    def doom(self, tx_hash: str, fate: BridgeFate) -> None:
        """Give a transfer that was sent already another fate; one that has arrived stays arrived."""
        with self._lock:
            self.read_events()
            self._books.crossings[tx_hash] = replace(self._books.crossings[tx_hash], fate=fate)

    def read_events(self) -> None:
        """Take over the deposits of all blocks since the last call."""
        with self._lock:
            for chain_id, chain in self._chains.items():
                self._read_chain(chain_id, chain)

    def saved(self) -> BridgeState:
        """Return what :meth:`restore` takes."""
        with self._lock:
            books = self._books
            return BridgeState(tuple(books.crossings.values()), tuple(self.fates), dict(books.next_blocks))

    def restore(self, state: BridgeState) -> None:
        """Go back to a saved state."""
        with self._lock:
            self._books = _Books({one.tx_hash: one for one in state.crossings}, dict(state.next_blocks))
            self.fates = list(state.fates)

    def _due(self, crossing: Crossing) -> int:
        minutes = crossing.fate.minutes
        return crossing.sent_minute + (self._minutes if minutes is None else minutes)

    def _read_chain(self, chain_id: int, chain: DeployedChain) -> None:
        head, first = _head(chain), self._books.next_blocks[chain_id]
        if head + 1 < first:  # the chain was set back: what it never had is no transfer
            gone = [
                one.tx_hash
                for one in self._books.crossings.values()
                if one.from_chain == chain_id and one.block_number > head
            ]
            for tx_hash in gone:
                del self._books.crossings[tx_hash]
        if head >= first:
            span = {"fromBlock": hex(first), "toBlock": hex(head)}
            wanted = {"address": SPOKE_POOL, "topics": [DEPOSITED_TOPIC]}
            for log in chain.rpc.call("eth_getLogs", span | wanted):
                self._add(chain_id, chain, log)
        self._books.next_blocks[chain_id] = head + 1

    def _add(self, chain_id: int, chain: DeployedChain, log: dict[str, Any]) -> None:
        receipt = chain.rpc.call("eth_getTransactionReceipt", log["transactionHash"])
        started = [
            one for one in receipt["logs"] if one["topics"][0] == STARTED_TOPIC and _checksummed(one) == LIFI_DIAMOND
        ]
        block = chain.rpc.call("eth_getBlockByHash", log["blockHash"], False)
        sold, bought, amount, promised, *_, recipient, _, _ = decode(_DEPOSITED, bytes.fromhex(log["data"][2:]))
        (bridge_data,) = decode([BRIDGE_DATA], bytes.fromhex(started[0]["data"][2:]))
        self._books.crossings[log["transactionHash"]] = Crossing(
            transaction_id="0x" + bridge_data[0].hex(),
            tx_hash=log["transactionHash"],
            block_number=int(log["blockNumber"], 16),
            sent_minute=int(block["timestamp"], 16) // 60,
            from_chain=chain_id,
            to_chain=int(log["topics"][1], 16),
            sold=_address(sold),
            sold_amount=amount,
            bought=_address(bought),
            bought_amount=promised,
            receiver=_address(recipient),
            refund_to=_address(bytes.fromhex(log["topics"][3][2:])),
            fate=self.fates.pop(0) if self.fates else BridgeFate(),
        )

    def _deliver(self, crossings: list[Crossing]) -> tuple[Crossing, ...]:
        with self._lock:
            done = [replace(one, arrivals=self._arrivals(one)) for one in crossings]
            self._books.crossings |= {one.tx_hash: one for one in done}
        return tuple(done)

    def _arrivals(self, crossing: Crossing) -> tuple[Arrival, ...]:
        to_chain, amount = crossing.to_chain, crossing.bought_amount
        match crossing.fate.outcome:
            case "refunded":
                return (self._give(crossing.from_chain, crossing.sold, crossing.refund_to, crossing.sold_amount),)
            case "other_token":
                token, worth = self._other(to_chain, crossing.bought, amount)
                return (self._give(to_chain, token, crossing.receiver, worth),)
            case "short":
                amount = int(amount * Fraction(crossing.fate.delivered_frac))
            case _:
                pass
        times = 2 if crossing.fate.outcome == "twice" else 1
        return tuple(self._give(to_chain, crossing.bought, crossing.receiver, amount) for _ in range(times))

    def _give(self, chain_id: int, token: str, to: str, amount: int) -> Arrival:
        chain = self._chains[chain_id]
        tx_hash = fund(chain, symbol_of(chain, token), to, amount)
        return Arrival(chain_id=chain_id, token=token, amount=amount, tx_hash=tx_hash)

    def _other(self, chain_id: int, token: str, amount: int) -> tuple[str, int]:
        """Another token of the chain, and how much of it is worth the same."""
        chain = self._chains[chain_id]
        tokens, asked = chain.preset.tokens, symbol_of(chain, token)
        other = next(symbol for symbol in tokens if symbol != asked)
        minute = self._clock.minute - 1
        usd = amount / 10 ** tokens[asked].decimals * self._market.token_usd(asked, minute)
        return tokens[other].address, int(usd / self._market.token_usd(other, minute) * 10 ** tokens[other].decimals)


def symbol_of(chain: DeployedChain, address: str) -> str:
    """Return the symbol of a token of a chain; ``KeyError`` if it has none of that address."""
    for symbol, token in chain.preset.tokens.items():
        if token.address == address:
            return symbol
    raise KeyError(f"token {address} is not known on chain {chain.preset.chain_id}")


def _head(chain: DeployedChain) -> int:
    return int(chain.rpc.call("eth_blockNumber"), 16)


def _checksummed(log: dict[str, Any]) -> str:
    return to_checksum_address(log["address"])


def _address(word: bytes) -> str:
    return to_checksum_address(word[-20:])
