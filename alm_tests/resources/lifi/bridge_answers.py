"""Right answers of Li.Fi to a question about another chain, to be tampered with."""

from dataclasses import dataclass, field, replace
from typing import Any

from eth_abi.abi import encode

from alm_core.model.pools import Token
from alm_resources.lifi.answers import SwapRequest
from alm_resources.registry import load_registry

REGISTRY = load_registry(None)
USDC, USDC_ON_BSC = REGISTRY.token(1, "USDC"), REGISTRY.token(56, "USDC")
DIAMOND = REGISTRY.chain(1).lifi_diamond
OWNER = "0x552008c0f6870c2f77e5cC1d2eb9bdff03e30Ea0"
THIEF = "0x000000000000000000000000000000000000dEaD"
FORWARDER = "0x2dfaDAB8266483beD9Fd9A292Ce56596a2D1378D"
ZERO = "0x" + "00" * 20
SELL_AMOUNT, OUTPUT = 10**9, 998 * 10**18
FLOOR = 995 * 10**18
SLIPPAGE_FRAC = 0.0003
START, SWAP_AND_START = "a1f1ce43", "1794958f"
BRIDGE_DATA = "(bytes32,string,string,address,address,address,uint256,uint256,bool,bool)"
ACROSS = "(bytes32,bytes32,bytes32,bytes32,uint256,uint128,bytes32,uint32,uint32,uint32,bytes)"
SWAPS = "(address,address,address,address,uint256,bytes,bool)[]"
FEE_BPS = 25
QUOTED_S = 1_790_000_000


@dataclass(frozen=True, kw_only=True)
class Call:
    """Every field of the calldata, by the name that a refusal gives it."""

    selector: str = START
    transaction_id: bytes = b"\x07" * 32
    bridge: str = "across"
    integrator: str = "lifi-api"
    referrer: str = ZERO
    sending_asset: str = USDC.address
    receiver: str = OWNER
    min_amount: int = SELL_AMOUNT
    destination_chain: int = 56
    source_swaps: bool = False
    destination_call: bool = False
    across_receiver: str | bytes = OWNER
    refund: str | bytes = OWNER
    deposited: str | bytes = USDC.address
    receiving_asset: str | bytes = USDC_ON_BSC.address
    output_amount: int = OUTPUT
    multiplier: int = 0
    exclusive_relayer: str | bytes = ZERO
    quote_timestamp: int = QUOTED_S
    fill_deadline: int = QUOTED_S + 14_400
    exclusivity: int = 0
    message: bytes = b""
    swaps: tuple[tuple[Any, ...], ...] = field(default=())

    def data(self) -> str:
        sent = (
            *(self.transaction_id, self.bridge, self.integrator, self.referrer, self.sending_asset, self.receiver),
            *(self.min_amount, self.destination_chain, self.source_swaps, self.destination_call),
        )
        across = (
            *(word(self.across_receiver), word(self.refund), word(self.deposited), word(self.receiving_asset)),
            *(self.output_amount, self.multiplier, word(self.exclusive_relayer)),
            *(self.quote_timestamp, self.fill_deadline, self.exclusivity, self.message),
        )
        if self.selector == START:
            body = encode([BRIDGE_DATA, ACROSS], [sent, across])
        else:
            body = encode([BRIDGE_DATA, SWAPS, ACROSS], [sent, list(self.swaps), across])
        return f"0x{self.selector}{body.hex()}"


def word(address: str | bytes) -> bytes:
    return address if isinstance(address, bytes) else bytes.fromhex(address[2:]).rjust(32, b"\0")


def fee_call(fees: list[tuple[str, int]], token: str = USDC.address, selector: str = "332d746b") -> bytes:
    return bytes.fromhex(selector) + encode(["address", "(address,uint256)[]"], [token, fees])


def fee_step(
    fee: int, amount: int = SELL_AMOUNT, *, sold: str = USDC.address, bought: str = USDC.address, **changes: Any
) -> tuple[Any, ...]:
    call = changes.get("call", fee_call([(THIEF, fee // 3), (FORWARDER, fee - fee // 3)]))
    at, rights = changes.get("at", FORWARDER), changes.get("rights", FORWARDER)
    return at, rights, sold, bought, amount, call, changes.get("deposit", True)


def with_fee(**changes: Any) -> Call:
    """A call that pays the service a quarter of a percent first."""
    fee = SELL_AMOUNT * FEE_BPS // 10_000
    left = SELL_AMOUNT - fee
    multiplier = (OUTPUT - 10**18 * 5 // 2) * 10**18 // left
    made = Call(
        selector=SWAP_AND_START, source_swaps=True, min_amount=left, multiplier=multiplier, swaps=(fee_step(fee),)
    )
    return replace(made, **changes)


def output_of(call: Call) -> int:
    return call.output_amount if call.selector == START else call.min_amount * call.multiplier // 10**18


def asked_for(sell: Token = USDC, buy: Token = USDC_ON_BSC) -> SwapRequest:
    return SwapRequest(
        sell=sell,
        buy=buy,
        sell_amount=SELL_AMOUNT,
        min_buy_amount=FLOOR,
        owner=OWNER,
        diamond=DIAMOND,
        slippage_frac=SLIPPAGE_FRAC,
    )


def answer_of(call: Call, *, output: int | None = None) -> dict[str, Any]:
    """The JSON around a call, as it is where nobody has tampered with it."""
    promised = output_of(call) if output is None else output
    return {
        "id": "a8dc011a",
        "type": "lifi",
        "tool": "across",
        "action": {
            "fromChainId": 1,
            "toChainId": 56,
            "fromToken": token_answer(USDC),
            "toToken": token_answer(USDC_ON_BSC),
            "fromAmount": str(SELL_AMOUNT),
            "fromAddress": OWNER,
            "toAddress": OWNER,
            "slippage": SLIPPAGE_FRAC,
        },
        "estimate": {
            "tool": "across",
            "fromAmount": str(SELL_AMOUNT),
            "toAmount": str(promised),
            "toAmountMin": str(promised),
            "approvalAddress": DIAMOND,
            "executionDuration": 240,
            "feeCosts": [],
            "gasCosts": [],
        },
        "includedSteps": [{"type": "cross", "tool": "across"}],
        "transactionRequest": {
            "to": DIAMOND,
            "from": OWNER,
            "chainId": 1,
            "data": call.data(),
            "value": "0x0",
            "gasPrice": "0xb2d05e00",
            "gasLimit": "0x0e9cb2",
        },
    }


def token_answer(token: Token) -> dict[str, Any]:
    return {
        "address": token.address,
        "chainId": token.chain_id,
        "symbol": token.symbol,
        "decimals": token.decimals,
        "name": token.symbol,
        "priceUSD": "1",
    }
