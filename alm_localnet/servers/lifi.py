"""Stand-in for Li.Fi: chains, tools, same-chain quotes that execute through the local diamond, status by receipt."""

from collections.abc import Callable
from typing import Any

from alm_localnet.clock import VirtualClock
from alm_localnet.config import LIFI_DIAMOND, PERMIT2, LocalnetConfig
from alm_localnet.deploy import DeployedChain
from alm_localnet.market.world import Market
from alm_localnet.presets import ChainPreset
from alm_localnet.servers.http import Answer, Request
from alm_localnet.servers.lifi_status import transfer_status
from alm_localnet.servers.lifi_step import TOOL, NoRoute, QuoteRequest, step

WINDOW_MINUTES = 120
NATIVE = "0x0000000000000000000000000000000000000000"
_KEYS = {1: "eth", 56: "bsc", 137: "pol", 999: "hyp", 8453: "bas", 42161: "arb", 43114: "ava"}
_REQUIRED = ("fromChain", "toChain", "fromToken", "toToken", "fromAddress", "fromAmount")


class LiFi:
    """Answers like ``https://li.quest``; paths start with ``/v1``.

    Parameters
    ----------
    chains
        Where swaps are quoted.
    market, clock
        USD prices; the window of the request budget.
    config
        The budget itself.
    """

    def __init__(
        self, chains: list[DeployedChain], market: Market, clock: VirtualClock, config: LocalnetConfig
    ) -> None:
        self._chains = {chain.preset.chain_id: chain for chain in chains}
        self._market, self._clock, self._budget = market, clock, config.lifi_quotes_per_2h
        self._quoted_at: list[int] = []

    def answer(self, request: Request) -> Answer:
        """Answer one request, with the rate limit headers every answer carries."""
        endpoints: dict[str, Callable[[Request], Answer]] = {
            "/v1/quote": self._quote,
            "/v1/status": lambda asked: Answer(body=transfer_status(self._chains, self._market, asked.query)),
            "/v1/chains": lambda _: Answer(body={"chains": [_chain(chain.preset) for chain in self._chains.values()]}),
            "/v1/tools": lambda _: Answer(body=_tools(sorted(self._chains))),
        }
        endpoint = endpoints.get(request.path)
        answer = endpoint(request) if endpoint else _error(404, 1003, "Not Found")
        return Answer(body=answer.body, status=answer.status, headers=self._limits() | answer.headers)

    @staticmethod
    def refuse(status: int) -> Any:
        """Body of an error answer."""
        code = {429: 1005, 409: 1007, 424: 1008, 504: 1009, 401: 1010}.get(status, 1006)
        return {"message": "Rate limit exceeded, retry in 2 hours" if status == 429 else "Server error", "code": code}

    def _quote(self, request: Request) -> Answer:
        if self._spent() >= self._budget:
            return _error(429, 1005, "Rate limit exceeded, retry in 2 hours")
        self._quoted_at.append(self._clock.minute)
        missing = [name for name in _REQUIRED if name not in request.query]
        if missing:
            return _error(400, 1011, f"must have required property '{missing[0]}'")
        try:
            asked = QuoteRequest.from_query(request.query)
        except ValueError as error:
            return _error(400, 1011, str(error))
        if asked.from_chain not in self._chains or asked.to_chain != asked.from_chain:
            return _no_quote(asked, f"no route from chain {asked.from_chain} to chain {asked.to_chain}")
        try:
            chain = self._chains[asked.from_chain]
            return Answer(body=step(chain, self._market, self._clock, asked, request.fault))
        except NoRoute as error:
            return _no_quote(asked, str(error))

    def _spent(self) -> int:
        self._quoted_at = [minute for minute in self._quoted_at if minute > self._clock.minute - WINDOW_MINUTES]
        return len(self._quoted_at)

    def _limits(self) -> dict[str, str]:
        spent = self._spent()
        oldest = self._quoted_at[0] if spent else self._clock.minute
        return {
            "ratelimit-limit": str(self._budget),
            "ratelimit-remaining": str(max(self._budget - spent, 0)),
            "ratelimit-reset": str(min((oldest + WINDOW_MINUTES - self._clock.minute) * 60, 7200)),
        }


def _error(status: int, code: int, message: str) -> Answer:
    return Answer(status=status, body={"message": message, "code": code})


def _no_quote(asked: QuoteRequest, reason: str) -> Answer:
    path = f"{asked.from_chain}:{asked.from_token}-{TOOL}-{asked.to_chain}:{asked.to_token}"
    failure = {"errorType": "NO_QUOTE", "code": "NO_POSSIBLE_ROUTE", "tool": TOOL, "message": reason}
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
    return {"bridges": [], "exchanges": [exchange]}
