"""Stand-in for Li.Fi: chains, tools, quotes and routes that execute through the local diamond, status by the chains."""

from collections.abc import Callable
from typing import Any, cast

from alm_localnet.bridges import Bridges
from alm_localnet.clock import VirtualClock
from alm_localnet.config import LIFI_DIAMOND, PERMIT2, LocalnetConfig
from alm_localnet.deploy import DeployedChain
from alm_localnet.market.world import Market
from alm_localnet.presets import ChainPreset
from alm_localnet.servers.http import Answer, Request
from alm_localnet.servers.lifi_bridge import BRIDGE, BridgeQuotes
from alm_localnet.servers.lifi_status import StatusBook
from alm_localnet.servers.lifi_step import TOOL, NoRoute, QuoteRequest, step

WINDOW_MINUTES = 120
NATIVE = "0x0000000000000000000000000000000000000000"
_KEYS = {1: "eth", 56: "bsc", 137: "pol", 999: "hyp", 8453: "bas", 42161: "arb", 43114: "ava"}
_REQUIRED = ("fromChain", "toChain", "fromToken", "toToken", "fromAddress", "fromAmount")
_ROUTE_WORDS = {
    "fromChainId": "fromChain",
    "toChainId": "toChain",
    "fromTokenAddress": "fromToken",
    "toTokenAddress": "toToken",
    "fromAddress": "fromAddress",
    "toAddress": "toAddress",
    "fromAmount": "fromAmount",
}


class LiFi:
    """Answers like ``https://li.quest``; paths start with ``/v1``.

    Parameters
    ----------
    chains
        Where swaps are quoted, and between which bridges are.
    market, clock
        USD prices; the window of the request budget.
    config
        The budget itself: quotes and routes have it each, transactions of a route two thirds of it.
    bridges
        What became of transfers.
    """

    def __init__(
        self,
        chains: list[DeployedChain],
        market: Market,
        clock: VirtualClock,
        config: LocalnetConfig,
        bridges: Bridges,
    ) -> None:
        self._chains = {chain.preset.chain_id: chain for chain in chains}
        self._market, self._clock, self._config = market, clock, config
        self._quotes = BridgeQuotes(self._chains, market, clock, config)
        self._status = StatusBook(self._chains, market, clock, bridges)
        most = config.lifi_quotes_per_2h
        self._windows = {
            "/v1/quote": _Window(clock, most),
            "/v1/advanced/routes": _Window(clock, most),
            "/v1/advanced/stepTransaction": _Window(clock, most * 2 // 3),
        }

    def answer(self, request: Request) -> Answer:
        """Answer one request, with the rate limit headers every answer carries."""
        endpoints: dict[str, Callable[[Request], Answer]] = {
            "/v1/quote": self._quote,
            "/v1/advanced/routes": self._routes,
            "/v1/advanced/stepTransaction": self._transaction,
            "/v1/status": lambda asked: Answer(body=self._status.answer(asked.query)),
            "/v1/chains": lambda _: Answer(body={"chains": [_chain(chain.preset) for chain in self._chains.values()]}),
            "/v1/tools": lambda _: Answer(body=_tools(sorted(self._chains))),
        }
        endpoint = endpoints.get(request.path)
        window = self._windows.get(request.path, self._windows["/v1/quote"])
        if request.path in self._windows and not window.take():
            answer = _error(429, 1005, "Rate limit exceeded, retry in 2 hours")
        else:
            answer = endpoint(request) if endpoint else _error(404, 1003, "Not Found")
        return Answer(body=answer.body, status=answer.status, headers=window.headers() | answer.headers)

    @staticmethod
    def refuse(status: int) -> Any:
        """Body of an error answer."""
        code = {429: 1005, 409: 1007, 424: 1008, 504: 1009, 401: 1010}.get(status, 1006)
        return {"message": "Rate limit exceeded, retry in 2 hours" if status == 429 else "Server error", "code": code}

    def _quote(self, request: Request) -> Answer:
        return self._with(request.query, lambda asked: self._step(asked, request))

    def _routes(self, request: Request) -> Answer:
        def route(asked: QuoteRequest) -> dict[str, Any]:
            made = {name: part for name, part in self._step(asked, request).items() if name != "transactionRequest"}
            estimate = made["estimate"]
            found = {
                "id": made["id"],
                "fromAmountUSD": estimate["fromAmountUSD"],
                "toAmount": estimate["toAmount"],
                "toAmountMin": estimate["toAmountMin"],
                "steps": [made],
                "tags": ["CHEAPEST", "FASTEST"],
            }
            return {"routes": [found], "unavailableRoutes": {"filteredOut": [], "failed": []}}

        return self._with(_query_of_route(request.body), route)

    def _transaction(self, request: Request) -> Answer:
        return self._with(_query_of_step(request.body), lambda asked: self._step(asked, request))

    def _with(self, query: dict[str, str], answer: Callable[[QuoteRequest], dict[str, Any]]) -> Answer:
        missing = [name for name in _REQUIRED if name not in query]
        if missing:
            return _error(400, 1011, f"must have required property '{missing[0]}'")
        try:
            asked = QuoteRequest.from_query(query)
        except ValueError as error:
            return _error(400, 1011, str(error))
        if asked.from_chain not in self._chains or asked.to_chain not in self._chains:
            return _no_quote(asked, f"no route from chain {asked.from_chain} to chain {asked.to_chain}")
        try:
            return Answer(body=answer(asked))
        except NoRoute as error:
            return _no_quote(asked, str(error))

    def _step(self, asked: QuoteRequest, request: Request) -> dict[str, Any]:
        if asked.crosses:
            return self._quotes.step(asked, request.fault)
        return step(self._chains[asked.from_chain], self._market, self._clock, asked, request.fault)


class _Window:
    """Requests of the last two hours of the virtual clock."""

    def __init__(self, clock: VirtualClock, most: int) -> None:
        self._clock, self._most = clock, most
        self._minutes: list[int] = []

    def take(self) -> bool:
        """Count a request; false where there is none left."""
        if self._spent() >= self._most:
            return False
        self._minutes.append(self._clock.minute)
        return True

    def headers(self) -> dict[str, str]:
        """What every answer tells of it."""
        spent = self._spent()
        oldest = self._minutes[0] if spent else self._clock.minute
        return {
            "ratelimit-limit": str(self._most),
            "ratelimit-remaining": str(max(self._most - spent, 0)),
            "ratelimit-reset": str(min((oldest + WINDOW_MINUTES - self._clock.minute) * 60, 7200)),
        }

    def _spent(self) -> int:
        self._minutes = [minute for minute in self._minutes if minute > self._clock.minute - WINDOW_MINUTES]
        return len(self._minutes)


def _query_of_route(body: object) -> dict[str, str]:
    sent, options = _object(body), _object(_object(body).get("options"))
    query = {word: str(sent[name]) for name, word in _ROUTE_WORDS.items() if name in sent}
    query |= {name: str(options[name]) for name in ("slippage", "integrator") if name in options}
    allowed = _object(options.get("bridges")).get("allow")
    return query | ({"allowBridges": str(allowed[0])} if allowed else {})


def _query_of_step(body: object) -> dict[str, str]:
    action = _object(_object(body).get("action"))
    words = {"fromChain": action.get("fromChainId"), "toChain": action.get("toChainId")}
    words |= {f"{side}Token": _object(action.get(f"{side}Token")).get("address") for side in ("from", "to")}
    words |= {name: action.get(name) for name in ("fromAddress", "toAddress", "fromAmount", "slippage")}
    return {name: str(value) for name, value in words.items() if value is not None}


def _object(value: object) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _error(status: int, code: int, message: str) -> Answer:
    return Answer(status=status, body={"message": message, "code": code})


def _no_quote(asked: QuoteRequest, reason: str) -> Answer:
    tool = BRIDGE if asked.crosses else TOOL
    path = f"{asked.from_chain}:{asked.from_token}-{tool}-{asked.to_chain}:{asked.to_token}"
    failure = {"errorType": "NO_QUOTE", "code": "NO_POSSIBLE_ROUTE", "tool": tool, "message": reason}
    errors = {"filteredOut": [], "failed": [{"overallPath": path, "subpaths": {path: [failure]}}]}
    body = {"message": "No available quotes for the requested transfer", "code": 1002, "errors": errors}
    return Answer(status=404, body=body)


def _chain(preset: ChainPreset) -> dict[str, Any]:
    native = {"address": NATIVE, "chainId": preset.chain_id, "symbol": preset.native_symbol, "decimals": 18}
    return {
        "id": preset.chain_id,
        "key": _KEYS[preset.chain_id],
        "name": preset.name,
        "chainType": "EVM",
        "coin": preset.native_symbol,
        "mainnet": True,
        "nativeToken": native | {"name": preset.native_symbol, "coinKey": preset.native_symbol},
        "diamondAddress": LIFI_DIAMOND,
        "permit2": PERMIT2,
        "metamask": {"chainId": hex(preset.chain_id), "chainName": preset.name, "rpcUrls": []},
    }


def _tools(chain_ids: list[int]) -> dict[str, Any]:
    chains = [str(chain_id) for chain_id in chain_ids]
    exchange = {"key": TOOL, "name": "Uniswap V3 (localnet)", "logoURI": "", "supportedChains": chains}
    ways = [{"fromChainId": one, "toChainId": two} for one in chain_ids for two in chain_ids if one != two]
    bridge = {"key": BRIDGE, "name": "AcrossV4", "logoURI": "", "supportedChains": ways}
    return {"bridges": [bridge], "exchanges": [exchange]}
