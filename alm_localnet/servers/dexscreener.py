"""Stand-in for DexScreener: pairs of a chain, figures as numbers, no fees."""

from typing import Any

from alm_localnet.clock import VirtualClock
from alm_localnet.market.world import Market
from alm_localnet.servers.faults import Fault
from alm_localnet.servers.http import Answer, Request
from alm_localnet.servers.pool_view import GeckoNetwork, PoolSide, PoolView, shown_pools

ADDRESS_CAP = 30
WINDOWS = ("m5", "h1", "h6", "h24")


class DexScreener:
    """Answers like ``https://api.dexscreener.com``."""

    def __init__(self, networks: list[GeckoNetwork], market: Market, clock: VirtualClock) -> None:
        self._networks = {network.preset.dexscreener_chain: network for network in networks}
        self._market = market
        self._clock = clock

    def answer(self, request: Request) -> Answer:
        """Answer one request."""
        match request.path.strip("/").split("/"):
            case ["latest", "dex", "pairs", slug, addresses]:
                return self._pairs(slug, addresses.split(","), request)
            case ["tokens", "v1", slug, addresses]:
                return self._tokens(slug, addresses.lower().split(","), request)
            case _:
                return Answer(status=404, body={"error": "Not Found"})

    @staticmethod
    def refuse(status: int) -> Any:
        """Body of an error answer."""
        return {"error": "Too Many Requests" if status == 429 else "Internal Server Error"}

    def _pairs(self, slug: str, addresses: list[str], request: Request) -> Answer:
        if len(addresses) > ADDRESS_CAP:
            return Answer(status=400, body={"error": f"at most {ADDRESS_CAP} pairs"})
        pairs = self._shown(slug, addresses, request.fault) or None
        return Answer(body={"schemaVersion": "1.0.0", "pairs": pairs, "pair": pairs[0] if pairs else None})

    def _tokens(self, slug: str, tokens: list[str], request: Request) -> Answer:
        if len(tokens) > ADDRESS_CAP:
            return Answer(status=400, body={"error": f"at most {ADDRESS_CAP} tokens"})
        pools = self._networks[slug].chain.pools if slug in self._networks else ()
        holding = [
            pool.address for pool in pools if {pool.base.address.lower(), pool.quote.address.lower()} & set(tokens)
        ]
        return Answer(body=self._shown(slug, holding, request.fault))

    def _shown(self, slug: str, addresses: list[str], fault: Fault | None) -> list[dict[str, Any]]:
        network = self._networks.get(slug)
        if network is None or (fault and fault.kind == "empty"):
            return []
        views = shown_pools(network, addresses, self._market, self._clock.minute, fault)
        pairs = [_pair(slug, view) for view in views]
        if pairs and fault and fault.kind == "foreign_token":
            pairs[0]["baseToken"]["address"] = pairs[0]["pairAddress"]
        return pairs


def _pair(slug: str, view: PoolView) -> dict[str, Any]:
    address = view.pool.address
    windows = {name: view.windows[name] for name in WINDOWS}
    value = view.base.reserve * view.base.usd
    return {
        "chainId": slug,
        "dexId": view.pool.deployment.names.dexscreener,
        "url": f"https://dexscreener.com/{slug}/{address.lower()}",
        "pairAddress": address,
        "labels": [view.pool.deployment.names.label],
        "baseToken": _token(view.base),
        "quoteToken": _token(view.quote),
        "priceNative": f"{view.base.usd / view.quote.usd:.8f}",
        "priceUsd": f"{view.base.usd:.6f}",
        "txns": {name: {"buys": w.buys, "sells": w.sells} for name, w in windows.items()},
        "volume": {name: round(w.usd, 2) for name, w in windows.items()},
        "priceChange": {name: round(view.changes_percent[name], 2) for name in WINDOWS},
        "liquidity": {
            "usd": round(view.reserve_usd, 2),
            "base": round(view.base.reserve, 4),
            "quote": round(view.quote.reserve, 4),
        },
        "fdv": round(value * 50),
        "marketCap": round(value * 50),
        "pairCreatedAt": 1_620_250_931_000,
    }


def _token(side: PoolSide) -> dict[str, str]:
    return {"address": side.token.address, "name": f"{side.symbol} (localnet)", "symbol": side.symbol}
