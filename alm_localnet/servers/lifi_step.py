"""One Li.Fi quote: the best Uniswap V3 pool by the on-chain quoters, as the step and calldata the API would return."""

import hashlib
from dataclasses import dataclass
from typing import Any

from eth_utils.address import is_address, to_checksum_address

from alm_core.model.errors import SourceRejected
from alm_localnet.clock import VirtualClock
from alm_localnet.config import LIFI_DIAMOND
from alm_localnet.contracts import calldata
from alm_localnet.deploy import DeployedChain
from alm_localnet.market.world import Market
from alm_localnet.presets import ChainPreset
from alm_localnet.servers.faults import Fault

TOOL = "uniswap-v3-localnet"
SWAP = (
    "swapTokensSingleV3ERC20ToERC20(bytes32,string,string,address,uint256,"
    "(address,address,address,address,uint256,bytes,bool))"
)
QUOTE = "quoteExactInputSingle((address,address,uint256,uint24,uint160))"
ROUTE = "exactInputSingle((address,address,uint24,address,uint256,uint256,uint256,uint160))"
DEADLINE_S = 3600
DIAMOND_GAS = 160_000
STRANGER = "0x000000000000000000000000000000000000dEaD"
_TOOL_DETAILS = {"key": TOOL, "name": "Uniswap V3 (localnet)", "logoURI": ""}


class NoRoute(Exception):
    """No pool of the localnet can make the swap; carries the reason that the error answer shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteRequest:
    """Parameters of ``GET /v1/quote``, checked for form."""

    from_chain: int
    to_chain: int
    from_token: str
    to_token: str
    from_address: str
    to_address: str
    from_amount: int
    slippage: float
    integrator: str
    bridges: str = "all"
    """The only bridge that may be used, or ``all``."""

    @property
    def crosses(self) -> bool:
        """Whether it goes to another chain."""
        return self.from_chain != self.to_chain

    @staticmethod
    def from_query(query: dict[str, str]) -> "QuoteRequest":
        """Read the query.

        Raises
        ------
        ValueError
            With the message the API would give.
        """
        for name in ("fromToken", "toToken", "fromAddress"):
            if not is_address(query[name]):
                raise ValueError(f"/{name} must be an address, got {query[name]!r}")
        amount, slippage = int(query["fromAmount"]), float(query.get("slippage", "0.005"))
        if amount <= 0 or not 0 <= slippage <= 1:
            raise ValueError(f"/fromAmount must be positive and /slippage within 0..1, got {amount} and {slippage}")
        return QuoteRequest(
            from_chain=int(query["fromChain"]),
            to_chain=int(query["toChain"]),
            from_token=to_checksum_address(query["fromToken"]),
            to_token=to_checksum_address(query["toToken"]),
            from_address=to_checksum_address(query["fromAddress"]),
            to_address=to_checksum_address(query.get("toAddress", query["fromAddress"])),
            from_amount=amount,
            slippage=slippage,
            integrator=query.get("integrator", "lifi-api"),
            bridges=query.get("allowBridges", "all"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Route:
    router: str
    fee_pips: int
    amount_out: int
    gas: int


def step(
    chain: DeployedChain, market: Market, clock: VirtualClock, asked: QuoteRequest, fault: Fault | None
) -> dict[str, Any]:
    """Build the answer of a quote.

    Raises
    ------
    NoRoute
        If no pool connects the tokens or none has the liquidity.
    """
    route = _best_route(chain, asked)
    sell, buy = (token_answer(chain.preset, market, clock, address) for address in (asked.from_token, asked.to_token))
    minimum = int(route.amount_out * (1 - asked.slippage))
    action = action_answer(asked, sell, buy)
    gas_price = int(chain.rpc.call("eth_gasPrice"), 16)
    estimate = _estimate(chain.preset, market, clock, asked, route, minimum, gas_price)
    transaction_id = "0x" + hashlib.sha256(repr((asked, route, clock.minute)).encode()).hexdigest()
    body: dict[str, Any] = {
        "type": "lifi",
        "id": f"{transaction_id[2:38]}:0",
        "tool": TOOL,
        "toolDetails": _TOOL_DETAILS,
        "action": action,
        "estimate": estimate,
        "includedSteps": [
            {
                "id": transaction_id[2:38],
                "type": "swap",
                "tool": TOOL,
                "toolDetails": _TOOL_DETAILS,
                "action": action,
                "estimate": estimate,
            }
        ],
        "integrator": asked.integrator,
    }
    if fault and fault.kind == "no_transaction":
        return body
    data = _swap_calldata(clock, asked, route, minimum, transaction_id, fault)
    return body | {
        "transactionRequest": {
            "value": "0x0",
            "to": LIFI_DIAMOND,
            "data": "0x" + data.hex(),
            "from": asked.from_address,
            "chainId": asked.from_chain,
            "gasPrice": hex(gas_price),
            "gasLimit": hex(route.gas + DIAMOND_GAS),
        }
    }


def _best_route(chain: DeployedChain, asked: QuoteRequest) -> _Route:
    wanted = {asked.from_token, asked.to_token}
    routes = list[_Route]()
    for pool in chain.pools:
        if {pool.base.address, pool.quote.address} != wanted or pool.deployment.family != "uniswap_v3":
            continue
        contracts = pool.deployment.contracts
        key = (asked.from_token, asked.to_token, asked.from_amount, pool.preset.fee_pips, 0)
        call = {"to": contracts["quoter"], "data": "0x" + calldata(QUOTE, key).hex()}
        try:
            answer = bytes.fromhex(chain.rpc.call("eth_call", call, "latest")[2:])
        except SourceRejected:
            continue  # the quoter reverts where a pool lacks the liquidity
        amount, gas = (int.from_bytes(answer[word : word + 32], "big") for word in (0, 96))
        routes.append(_Route(router=contracts["router"], fee_pips=pool.preset.fee_pips, amount_out=amount, gas=gas))
    best = max(routes, key=lambda route: route.amount_out, default=None)
    if best is None or best.amount_out == 0:
        raise NoRoute(f"no pool on chain {asked.from_chain} swaps {asked.from_amount} {asked.from_token}")
    return best


def _swap_calldata(
    clock: VirtualClock,
    asked: QuoteRequest,
    route: _Route,
    minimum: int,
    transaction_id: str,
    fault: Fault | None,
) -> bytes:
    receiver = STRANGER if fault and fault.kind == "wrong_receiver" else asked.to_address
    if fault and fault.kind == "wrong_minimum":
        minimum = 1
    # Blocks of a slow demo may run ahead of the virtual clock; an hour leaves room.
    deadline = clock.minute * 60 + DEADLINE_S
    key = (asked.from_token, asked.to_token, route.fee_pips, LIFI_DIAMOND, deadline, asked.from_amount, 0, 0)
    inner = calldata(ROUTE, key)
    swap = (route.router, route.router, asked.from_token, asked.to_token, asked.from_amount, inner, True)
    return calldata(SWAP, bytes.fromhex(transaction_id[2:]), asked.integrator, "", receiver, minimum, swap)


def _estimate(
    preset: ChainPreset,
    market: Market,
    clock: VirtualClock,
    asked: QuoteRequest,
    route: _Route,
    minimum: int,
    gas_price: int,
) -> dict[str, Any]:
    sell, buy = (symbol_of(preset, address) for address in (asked.from_token, asked.to_token))
    minute = clock.minute - 1
    usd = {
        key: f"{amount / 10 ** preset.tokens[symbol].decimals * market.token_usd(symbol, minute):.4f}"
        for key, symbol, amount in (("from", sell, asked.from_amount), ("to", buy, route.amount_out))
    }
    gas = route.gas + DIAMOND_GAS
    return {
        "tool": TOOL,
        "approvalAddress": LIFI_DIAMOND,
        "fromAmount": str(asked.from_amount),
        "fromAmountUSD": usd["from"],
        "toAmount": str(route.amount_out),
        "toAmountMin": str(minimum),
        "toAmountUSD": usd["to"],
        "executionDuration": 0,
        "feeCosts": [],
        "gasCosts": [gas_cost(preset, market, minute, gas, gas_price)],
        **({"approvalReset": True} if preset.tokens[sell].tether_like else {}),
    }


def action_answer(asked: QuoteRequest, sell: dict[str, Any], buy: dict[str, Any]) -> dict[str, Any]:
    """What was understood, as every step repeats it."""
    return {
        "fromToken": sell,
        "fromAmount": str(asked.from_amount),
        "toToken": buy,
        "fromChainId": asked.from_chain,
        "toChainId": asked.to_chain,
        "slippage": asked.slippage,
        "fromAddress": asked.from_address,
        "toAddress": asked.to_address,
    }


def gas_cost(preset: ChainPreset, market: Market, minute: int, gas: int, gas_price: int) -> dict[str, Any]:
    """What sending costs, as an estimate shows it."""
    fee = gas * gas_price
    return {
        "type": "SEND",
        "price": str(gas_price),
        "estimate": str(gas),
        "limit": str(int(gas * 1.3)),
        "amount": str(fee),
        "amountUSD": f"{fee / 1e18 * market.native_usd(preset, minute):.4f}",
        "token": {
            "address": "0x" + "00" * 20,
            "chainId": preset.chain_id,
            "symbol": preset.native_symbol,
            "decimals": 18,
        },
    }


def token_answer(preset: ChainPreset, market: Market, clock: VirtualClock, address: str) -> dict[str, Any]:
    """A token as the service describes it.

    Raises
    ------
    NoRoute
        If the chain has no such token.
    """
    symbol = symbol_of(preset, address)
    return {
        "address": address,
        "chainId": preset.chain_id,
        "symbol": symbol,
        "decimals": preset.tokens[symbol].decimals,
        "name": symbol,
        "coinKey": symbol,
        "logoURI": "",
        "priceUSD": f"{market.token_usd(symbol, clock.minute - 1):.8f}",
    }


def symbol_of(preset: ChainPreset, address: str) -> str:
    """Return the symbol of a token; ``NoRoute`` if the chain has none of that address."""
    for symbol, token in preset.tokens.items():
        if token.address == address:
            return symbol
    raise NoRoute(f"token {address} is not known on chain {preset.chain_id}")
