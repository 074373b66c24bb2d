"""Status of a Li.Fi transfer: of a swap from the receipt of its transaction, of a bridge from both chains."""

from collections.abc import Mapping
from typing import Any

from eth_abi.abi import decode
from eth_utils.address import to_checksum_address

from alm_localnet.bridges import Bridges, Crossing, symbol_of
from alm_localnet.clock import VirtualClock
from alm_localnet.config import LIFI_DIAMOND
from alm_localnet.deploy import DeployedChain
from alm_localnet.market.world import Market
from alm_localnet.servers.lifi_bridge import BRIDGE

COMPLETED_TOPIC = "0x38eee76fd911eabac79da7af16053e809be0e12c8637f156e77e1af309b99537"
SUBSTATUS_OF = {
    "arrives": "COMPLETED",
    "short": "COMPLETED",
    "twice": "COMPLETED",
    "other_token": "PARTIAL",
    "refunded": "REFUNDED",
}
_EVENT = ("string", "string", "address", "address", "address", "uint256", "uint256")
_INVENTED = "0x" + "5a" * 32


class StatusBook:
    """Answers of ``GET /v1/status``."""

    def __init__(
        self, chains: Mapping[int, DeployedChain], market: Market, clock: VirtualClock, bridges: Bridges
    ) -> None:
        self._chains, self._market, self._clock, self._bridges = chains, market, clock, bridges

    def answer(self, query: dict[str, str]) -> dict[str, Any]:
        """``NOT_FOUND`` until mined; then what the chains say, or what the fate of the transfer has it say."""
        tx_hash = query.get("txHash", "")
        crossing = self._bridges.find(tx_hash)
        if crossing is not None:
            return self._crossing(crossing, query)
        wanted = [int(query["fromChain"])] if query.get("fromChain", "").isdigit() else list(self._chains)
        for chain in (self._chains[chain_id] for chain_id in wanted if chain_id in self._chains):
            receipt = chain.rpc.call("eth_getTransactionReceipt", tx_hash) if len(tx_hash) == 66 else None
            if receipt:
                return self._swap(chain, receipt)
        return _not_found(tx_hash)

    def _crossing(self, crossing: Crossing, query: dict[str, str]) -> dict[str, Any]:
        if self._clock.minute < crossing.sent_minute + crossing.fate.hidden_minutes:
            return _not_found(crossing.tx_hash)
        source = self._chains[crossing.from_chain]
        receipt = source.rpc.call("eth_getTransactionReceipt", crossing.tx_hash)
        sending = _sending(source, receipt) | {
            "amount": str(crossing.sold_amount),
            "token": _token(source, crossing.sold),
        }
        status, substatus = crossing.fate.says or self._truth(crossing)
        if query.get("bridge", BRIDGE) != BRIDGE:
            status, substatus = "INVALID", ""
        return {
            "transactionId": crossing.transaction_id,
            "sending": sending,
            "receiving": self._receiving(crossing, done=status == "DONE"),
            "feeCosts": [],
            "lifiExplorerLink": f"https://scan.li.fi/tx/{crossing.tx_hash}",
            "fromAddress": to_checksum_address(receipt["from"]),
            "toAddress": crossing.receiver,
            "tool": BRIDGE,
            "status": status,
            "substatus": substatus,
            "substatusMessage": f"The transfer is {substatus or status}.",
            "metadata": {"integrator": "lifi-api"},
        }

    def _truth(self, crossing: Crossing) -> tuple[str, str]:
        if crossing.arrivals:
            return "DONE", SUBSTATUS_OF[crossing.fate.outcome]
        if self._clock.minute <= crossing.sent_minute:
            return "PENDING", "WAIT_SOURCE_CONFIRMATIONS"
        return "PENDING", "WAIT_DESTINATION_TRANSACTION"

    def _receiving(self, crossing: Crossing, *, done: bool) -> dict[str, Any]:
        if not done:
            return {"chainId": crossing.to_chain}
        if crossing.arrivals:
            one = crossing.arrivals[0]
            chain_id, token, amount, tx_hash = one.chain_id, one.token, one.amount, one.tx_hash
        else:  # it says so, whatever is true
            chain_id, token, amount = crossing.to_chain, crossing.bought, crossing.bought_amount
            tx_hash = _INVENTED
        described = _token(self._chains[chain_id], token)
        return {"txHash": tx_hash, "chainId": chain_id, "amount": str(amount), "token": described}

    def _swap(self, chain: DeployedChain, receipt: dict[str, Any]) -> dict[str, Any]:
        sending = _sending(chain, receipt)
        events = [log for log in receipt["logs"] if log["topics"][0] == COMPLETED_TOPIC and _is_diamond(log)]
        if receipt["status"] != "0x1" or not events:
            failed = receipt["status"] != "0x1"
            code = {"status": "FAILED", "substatus": "UNKNOWN_FAILED_ERROR"} if failed else {"status": "INVALID"}
            return code | {"sending": sending, "receiving": {"chainId": chain.preset.chain_id}}
        values = decode(_EVENT, bytes.fromhex(events[0]["data"][2:]))
        integrator, _, receiver, sold, bought, from_amount, to_amount = values
        return {
            "transactionId": events[0]["topics"][1],
            "sending": sending | {"amount": str(from_amount), "token": _token(chain, sold)},
            "receiving": {
                "txHash": receipt["transactionHash"],
                "chainId": chain.preset.chain_id,
                "amount": str(to_amount),
                "token": _token(chain, bought),
            },
            "feeCosts": [],
            "fromAddress": to_checksum_address(receipt["from"]),
            "toAddress": to_checksum_address(receiver),
            "tool": "uniswap-v3-localnet",
            "status": "DONE",
            "substatus": "COMPLETED",
            "substatusMessage": "The transfer is complete.",
            "metadata": {"integrator": integrator},
        }


def _not_found(tx_hash: str) -> dict[str, Any]:
    message = "The transfer was not found yet."
    return {"status": "NOT_FOUND", "substatusMessage": message, "sending": {"txHash": tx_hash}}


def _sending(chain: DeployedChain, receipt: dict[str, Any]) -> dict[str, Any]:
    block = chain.rpc.call("eth_getBlockByHash", receipt["blockHash"], False)
    return {
        "txHash": receipt["transactionHash"],
        "chainId": chain.preset.chain_id,
        "gasPrice": str(int(receipt["effectiveGasPrice"], 16)),
        "gasUsed": str(int(receipt["gasUsed"], 16)),
        "timestamp": int(block["timestamp"], 16),
        "value": "0",
    }


def _is_diamond(log: dict[str, Any]) -> bool:
    return to_checksum_address(log["address"]) == LIFI_DIAMOND


def _token(chain: DeployedChain, address: str) -> dict[str, Any]:
    checksummed = to_checksum_address(address)
    try:
        symbol = symbol_of(chain, checksummed)
    except KeyError:
        return {"address": checksummed, "chainId": chain.preset.chain_id}
    described = {"symbol": symbol, "decimals": chain.preset.tokens[symbol].decimals, "name": symbol, "coinKey": symbol}
    return {"address": checksummed, "chainId": chain.preset.chain_id, "logoURI": "", **described}
