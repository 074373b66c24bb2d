"""One EVM chain as the core sees it: reads pinned to a block, one POST per broadcast."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from alm_core.model.chain_ports import Call, CallResult, ChainClient, Fees, HeadReading
from alm_core.model.chains import ChainRules
from alm_core.model.errors import BadAnswer, OutcomeUnknown, SourceError, SourceUnavailable
from alm_core.model.market import Block
from alm_core.model.transactions import FoundLog, Inclusion, Log, Receipt, SignedTransaction, UnsignedTransaction
from alm_resources.chains.agreement import Agreement
from alm_resources.chains.answers import block_from, counter, hex_bytes, quantity, receipt_from, record
from alm_resources.chains.broadcast import broadcast, refuse_unsent
from alm_resources.chains.endpoint import TIMEOUT_S, Endpoint, RpcError, lacks_state
from alm_resources.chains.failover import Endpoints
from alm_resources.chains.fees import read_fees, read_fees_at
from alm_resources.chains.head import identified_block, identity_calls, refuse_other, served_chain_id
from alm_resources.chains.inclusion import inclusion_of
from alm_resources.chains.l1_fee import read_l1_fee
from alm_resources.chains.multicall import (
    CHUNK,
    ETH_BALANCE,
    aggregate_data,
    checked_results,
    decoded_results,
    read_aggregated,
)
from alm_resources.chains.simulation import revert_bytes, simulated_events, simulated_gas
from alm_resources.chains.transfers import LogReader, TransferRow

_FIRST_POLL_S = 0.05
_LONGEST_POLL_S = 2.0


class ChainAccess(Protocol):
    """What is needed to reach a chain; the registry's ``ChainConfig`` has it."""

    @property
    def chain_id(self) -> int:
        """Id the endpoints must serve."""
        ...

    @property
    def rpc(self) -> Sequence[str]:
        """URLs in order of preference; they may hold keys."""
        ...

    @property
    def private_rpc(self) -> Sequence[str]:
        """URLs that take transactions only and keep them out of the public mempool; none where there are none."""
        ...

    @property
    def multicall3(self) -> str:
        """Address of Multicall3."""
        ...

    @property
    def rules(self) -> ChainRules:
        """What is peculiar to the chain."""
        ...


class ChainRegistry(Protocol):
    """Registry of chains by id."""

    @property
    def chains(self) -> Mapping[int, ChainAccess]:
        """Chains by id."""
        ...


def chains_from(registry: ChainRegistry) -> dict[int, ChainClient]:
    """Return a client per chain of the registry; none connects before its first read."""
    return {chain_id: Web3Chain(config) for chain_id, config in registry.chains.items()}


class Web3Chain:
    """Client of one chain. Satisfies :class:`alm_core.model.chain_ports.ChainClient`.

    Parameters
    ----------
    config
        Chain id, RPC URLs, Multicall3, rules.
    timeout_s
        For connecting to an endpoint, and for each of its answers.
    """

    def __init__(self, config: ChainAccess, *, timeout_s: tuple[float, float] = TIMEOUT_S) -> None:
        self._chain_id = config.chain_id
        self._multicall3 = config.multicall3
        self._rules = config.rules
        self._tells_effects = True
        self._endpoints = Endpoints(config.chain_id, config.rpc, timeout_s=timeout_s)
        self._private = [
            Endpoint(config.chain_id, index, url, sends_only=True, timeout_s=timeout_s)
            for index, url in enumerate(config.private_rpc)
        ]
        self._agreement = Agreement(self._endpoints, config.chain_id, config.rules.bump_after_s)
        self._logs = LogReader(self._endpoints.read, self._endpoints.source)

    def __repr__(self) -> str:
        return f"Web3Chain({self._chain_id})"

    @property
    def chain_id(self) -> int:
        """Id of the chain."""
        return self._chain_id

    @property
    def rules(self) -> ChainRules:
        """What is peculiar to the chain."""
        return self._rules

    @property
    def sends_privately(self) -> bool:
        """Whether there is an endpoint that keeps transactions out of the public mempool."""
        return bool(self._private)

    @property
    def source(self) -> str:
        """Name of this source in messages."""
        return self._endpoints.source

    def close(self) -> None:
        """Close kept-alive connections."""
        self._endpoints.close()
        for endpoint in self._private:
            endpoint.close()

    def read_block(self) -> Block:
        """Read the head, of an endpoint that keeps up with the others."""
        self._agreement.refresh()
        return self._block("latest")

    @property
    def read(self) -> Callable[..., object]:
        """``read(method, *params)`` of the endpoints, for what has no method here."""
        return self._endpoints.read

    def read_block_at(self, number: int) -> Block:
        """Read the header of a block by its number; :class:`SourceUnavailable` if no endpoint has it."""
        return self._block(hex(number))

    def read_head(self, calls: Sequence[Call]) -> HeadReading:
        """Answer all calls at the head and tell the block, in one ``eth_call`` without any request before it.

        Works on nodes that keep no state but the latest. The batch is never split, whatever its size: parts would be of
        two blocks. A node whose gas cap or body limit is too small for it refuses it with an error that says so.
        Where a second endpoint keeps the state of that block, it must answer the same.

        Raises
        ------
        WrongChain
            If every endpoint answers from another chain.
        SourceUnavailable
            If none answers, or two answer differently.
        SourceRejected
            If the node refuses the batch, or a call failed that may not.
        """
        identity = identity_calls(self._chain_id, self._multicall3)
        batch = [*identity, *calls]
        decoded: list[tuple[CallResult, ...]] = []

        def served(answer: object) -> int:
            results = decoded_results(hex_bytes(answer, self.source, "call result"), self.source)
            decoded.append(checked_results(batch, results, self.source))
            return served_chain_id(results, self.source)

        self._agreement.refresh()
        payload = self._payload(aggregate_data(batch))
        self._endpoints.read_proven(served, "eth_call", payload, "latest")
        results = decoded[-1]
        block = identified_block(results, self._chain_id, self.source)
        self._compare(block, results, payload)
        return HeadReading(block=block, results=results[len(identity) :])

    def read_header(self, block: Block) -> Block:
        """Read the header of a block that was seen before, and return the block with its hash.

        Raises
        ------
        SourceUnavailable
            If the block of that number is another one by now, or no endpoint has it.
        """
        now = self._block(hex(block.number))
        refuse_other(block, now, self.source)
        return now

    def read_calls(self, calls: Sequence[Call], block: Block) -> tuple[CallResult, ...]:
        """Answer all calls at one block, and make sure that it still is that block.

        A block without hash is recognised by number, time and parent in the same request; the hash of one that has it
        is compared afterwards. In chunks of 100. Nodes that keep no state but the latest (HyperEVM) are asked for that,
        and the block is recognised in the answer.

        Raises
        ------
        SourceUnavailable
            If the chain reorganised meanwhile: the answers belong together no more.
        """
        if not calls:
            return ()
        if block.block_hash is None:
            return self._read_recognised(calls, block, hex(block.number))
        try:
            results = read_aggregated(calls, lambda data: self._executed(data, hex(block.number)), self.source)
        except SourceError as error:
            if not lacks_state(error):
                raise
            return self._read_recognised(calls, block, "latest")
        self.read_header(block)
        return results

    def read_with_code(self, call: Call, code: Mapping[str, bytes], block: Block) -> CallResult:
        """Answer one call at a block as if other code stood at some addresses; their storage and balances stay.

        ``eth_call`` with state overrides (geth since 1.9, anvil, reth, erigon). Nodes without them refuse the third
        parameter or do not look at it: the caller has to recognise an answer that only its own code can give.

        Raises
        ------
        SourceRejected
            If the node refuses the request itself.
        """
        payload = {"to": call.target, "data": "0x" + call.data.hex()}
        overrides = {address: {"code": "0x" + runtime.hex()} for address, runtime in code.items()}
        try:
            answer = self._endpoints.read("eth_call", payload, hex(block.number), overrides)
        except RpcError as error:
            data = revert_bytes(error)
            if data is None:
                raise
            return CallResult(succeeded=False, data=data)
        return CallResult(succeeded=True, data=hex_bytes(answer, self.source, "call result"))

    def read_native_balance(self, address: str, block: Block) -> int:
        """Read native coin at a block; of a node without the state of a block, while that block is the head."""
        try:
            answer = self._endpoints.read_twice("eth_getBalance", address, hex(block.number))
        except SourceError as error:
            if not lacks_state(error):
                raise
            (result,) = self._read_recognised([ETH_BALANCE.call(self._multicall3, address)], block, "latest")
            return int(ETH_BALANCE.answer(result.data, self.source)[0])
        return quantity(answer, self.source, "native balance")

    def read_nonce(self, address: str) -> int:
        """Read the count of mined transactions of an account."""
        self._agreement.refresh()
        answer = self._endpoints.read("eth_getTransactionCount", address, "latest")
        return counter(answer, self.source, "nonce")

    def read_fees(self) -> Fees:
        """Read what the chain asks for gas now. Every signature has read it before, so it also watches the endpoints.

        Raises
        ------
        SourceUnavailable
            If two endpoints have different blocks at the same height: nothing is signed then.
        BadAnswer
            If a figure cannot be true.
        """
        self._agreement.require()
        return read_fees(self._endpoints, self._rules)

    def read_fees_at(self, block: Block) -> Fees:
        """Read what the chain asked for gas at a past block (:func:`alm_resources.chains.fees.read_fees_at`)."""
        return read_fees_at(self._endpoints, self._rules, block.number)

    def read_l1_fee(self, tx: UnsignedTransaction) -> int:
        """Expect what the chain charges for the payload's data on Ethereum; 0 where its rules say that it does not."""
        return read_l1_fee(self._endpoints.read, tx, self.source) if self._rules.has_l1_fee else 0

    def simulate(self, tx: UnsignedTransaction) -> int:
        """Run the payload at the head with ``eth_call``, and return the gas estimate."""
        self._agreement.refresh()
        return simulated_gas(self._endpoints.read, tx, self.source)

    def read_effects(self, tx: UnsignedTransaction) -> tuple[Log, ...] | None:
        """Run the payload at the head and return its events; ``None`` where the nodes do not offer that."""
        if self._tells_effects:
            effects = simulated_events(self._endpoints.read, tx, self.source)
            if effects is not None:
                return effects
            self._tells_effects = False
        return None

    def send_raw(self, signed: SignedTransaction, *, private: bool = False) -> None:
        """Broadcast with exactly one POST to every endpoint: the private ones if told so, else the public ones.

        Raises
        ------
        WrongChain
            If every endpoint serves another chain; nothing was sent.
        SourceRejected
            If every endpoint that was posted to refused the bytes, and they are nowhere.
        OutcomeUnknown
            On everything else but success.
        """
        endpoints = self._private if private else self._endpoints.usable()
        if not endpoints:
            raise OutcomeUnknown(f"{self.source}: send of {signed.tx_hash}: there is no private endpoint")
        told = broadcast(signed, endpoints)
        if not private:
            for one in told:
                if one.broken:
                    self._endpoints.demote(one.endpoint)
            self._endpoints.usable()
        refuse_unsent(signed, told, self.source)

    def read_inclusion(self, receipt: Receipt) -> Inclusion:
        """Tell whether a receipt's block is canonical, and final by the rules of the chain and two endpoints."""
        return inclusion_of(receipt, self._endpoints.readable(), self._rules, self._chain_id)

    def read_receipt(self, tx_hash: str) -> Receipt | None:
        """Read a receipt; ``None`` while no endpoint has the transaction in a block."""
        try:
            answer = self._endpoints.read_any("eth_getTransactionReceipt", tx_hash)
        except RpcError as error:
            if "index" in error.message.lower() and "progress" in error.message.lower():
                return None
            raise
        if answer is None or record(answer, self.source, "receipt").get("blockHash") is None:
            return None
        receipt = receipt_from(answer, self.source)
        if receipt.tx_hash != tx_hash.lower():
            raise BadAnswer(self.source, f"asked for the receipt of {tx_hash}, got that of {receipt.tx_hash}")
        return receipt

    def wait_for_receipt(self, tx_hash: str, timeout_s: float) -> Receipt | None:
        """Wait for a receipt; ``None`` after the timeout means unknown, also where no endpoint answered."""
        deadline = time.monotonic() + timeout_s
        pause_s = _FIRST_POLL_S
        while True:
            try:
                receipt = self.read_receipt(tx_hash)
            except SourceUnavailable:
                receipt = None  # Unknown for now; the deadline decides.
            remaining_s = deadline - time.monotonic()
            if receipt is not None or remaining_s <= 0:
                return receipt
            time.sleep(min(pause_s, remaining_s))
            pause_s = min(pause_s * 1.5, _LONGEST_POLL_S)

    def read_transfers(
        self, tokens: Sequence[str], wallet: str, from_block: int, to_block: int
    ) -> tuple[TransferRow, ...]:
        """Read ERC-20 transfers from or to a wallet; tokens come in lower case, both ends of the range count."""
        return self._logs.read_transfers(tokens, wallet, from_block, to_block)

    def read_logs(
        self,
        addresses: Sequence[str],
        topics: Sequence[str | tuple[str, ...] | None],
        from_block: int,
        to_block: int,
    ) -> tuple[FoundLog, ...]:
        """Read events of some contracts in chain order; both ends of the range count."""
        return self._logs.read_logs(addresses, topics, from_block, to_block)

    def read_nft_ids(self, contract: str, owner: str, from_block: int, to_block: int) -> tuple[int, ...]:
        """Read ids of ERC-721 tokens that came to an owner, in order; both ends of the range count."""
        return self._logs.read_nft_ids(contract, owner, from_block, to_block)

    def _read_recognised(self, calls: Sequence[Call], block: Block, tag: str) -> tuple[CallResult, ...]:
        identity = identity_calls(self._chain_id, self._multicall3)
        answered: list[CallResult] = []
        for start in range(0, len(calls), CHUNK):
            batch = [*identity, *calls[start : start + CHUNK]]
            results = decoded_results(self._executed(aggregate_data(batch), tag), self.source)
            refuse_other(block, identified_block(results, self._chain_id, self.source), self.source)
            answered += checked_results(batch, results, self.source)[len(identity) :]
        return tuple(answered)

    def _executed(self, data: bytes, tag: str) -> bytes:
        read = self._endpoints.read if tag == "latest" else self._endpoints.read_twice
        answer = read("eth_call", self._payload(data), tag)
        return hex_bytes(answer, self.source, "call result")

    def _payload(self, data: bytes) -> dict[str, str]:
        return {"to": self._multicall3, "data": "0x" + data.hex()}

    def _block(self, tag: str) -> Block:
        return block_from(self._endpoints.read_header(tag), self._chain_id, self.source)

    def _compare(self, block: Block, results: Sequence[CallResult], payload: Mapping[str, str]) -> None:
        """Refuse answers that a second endpoint gives otherwise at the same block."""
        answer = self._endpoints.second_opinion("eth_call", payload, hex(block.number))
        try:
            other = decoded_results(hex_bytes(answer, self.source, "call result"), self.source)
            same_block = identified_block(other, self._chain_id, self.source).number == block.number
        except SourceError:
            return  # There is none, or it keeps no state but the latest, or answers with something else than a batch.
        if same_block and tuple(other) != tuple(results):
            raise SourceUnavailable(
                self.source, f"endpoints_agree: two endpoints answer differently at block {block.number}"
            )
