"""Status of a Li.Fi transfer, read from the receipt of its transaction."""

from typing import Any

from eth_abi.abi import decode
from eth_utils.address import to_checksum_address

from alm_localnet.config import LIFI_DIAMOND
from alm_localnet.deploy import DeployedChain
from alm_localnet.market.world import Market

COMPLETED_TOPIC = "0x38eee76fd911eabac79da7af16053e809be0e12c8637f156e77e1af309b99537"
_EVENT = ("string", "string", "address", "address", "address", "uint256", "uint256")


def transfer_status(chains: dict[int, DeployedChain], market: Market, query: dict[str, str]) -> dict[str, Any]:
    """Answer of ``GET /v1/status``: ``NOT_FOUND`` until mined, then ``DONE`` or ``FAILED``."""
    tx_hash = query.get("txHash", "")
    wanted = [int(query["fromChain"])] if query.get("fromChain", "").isdigit() else list(chains)
    for chain in (chains[chain_id] for chain_id in wanted if chain_id in chains):
        receipt = chain.rpc.call("eth_getTransactionReceipt", tx_hash) if len(tx_hash) == 66 else None
        if receipt:
            return _status(chain, market, receipt)
    message = "The transfer was not found yet."
    return {"status": "NOT_FOUND", "substatusMessage": message, "sending": {"txHash": tx_hash}}


def _status(chain: DeployedChain, market: Market, receipt: dict[str, Any]) -> dict[str, Any]:
    chain_id = chain.preset.chain_id
    block = chain.rpc.call("eth_getBlockByHash", receipt["blockHash"], False)
    sending: dict[str, Any] = {
        "txHash": receipt["transactionHash"],
        "chainId": chain_id,
        "gasPrice": str(int(receipt["effectiveGasPrice"], 16)),
        "gasUsed": str(int(receipt["gasUsed"], 16)),
        "timestamp": int(block["timestamp"], 16),
        "value": "0",
    }
    events = [log for log in receipt["logs"] if log["topics"][0] == COMPLETED_TOPIC and _is_diamond(log)]
    if receipt["status"] != "0x1" or not events:
        failed = receipt["status"] != "0x1"
        code = {"status": "FAILED", "substatus": "UNKNOWN_FAILED_ERROR"} if failed else {"status": "INVALID"}
        return code | {"sending": sending, "receiving": {"chainId": chain_id}}
    values = decode(_EVENT, bytes.fromhex(events[0]["data"][2:]))
    _, _, receiver, sold, bought, from_amount, to_amount = values
    tokens = {to_checksum_address(address): _token(chain, market, address) for address in (sold, bought)}
    return {
        "transactionId": events[0]["topics"][1],
        "sending": sending | {"amount": str(from_amount), "token": tokens[to_checksum_address(sold)]},
        "receiving": {
            "txHash": receipt["transactionHash"],
            "chainId": chain_id,
            "amount": str(to_amount),
            "token": tokens[to_checksum_address(bought)],
        },
        "feeCosts": [],
        "fromAddress": to_checksum_address(receipt["from"]),
        "toAddress": to_checksum_address(receiver),
        "tool": "uniswap-v3-localnet",
        "status": "DONE",
        "substatus": "COMPLETED",
        "substatusMessage": "The transfer is complete.",
        "metadata": {"integrator": values[0]},
    }


def _is_diamond(log: dict[str, Any]) -> bool:
    return to_checksum_address(log["address"]) == LIFI_DIAMOND


def _token(chain: DeployedChain, market: Market, address: str) -> dict[str, Any]:
    checksummed = to_checksum_address(address)
    for symbol, token in chain.preset.tokens.items():
        if token.address == checksummed:
            described = {"symbol": symbol, "decimals": token.decimals, "name": symbol, "coinKey": symbol}
            return {"address": checksummed, "chainId": chain.preset.chain_id, "logoURI": "", **described}
    return {"address": checksummed, "chainId": chain.preset.chain_id}
