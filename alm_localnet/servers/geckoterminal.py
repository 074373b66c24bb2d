"""Stand-in for GeckoTerminal v2: pools and token prices, from the chain's state and its Swap events."""

import hashlib
import threading
from typing import Any

from alm_core.model.errors import ConfigError
from alm_localnet.clock import VirtualClock
from alm_localnet.market.world import Market
from alm_localnet.presets import ChainPreset
from alm_localnet.servers.http import Answer, Request
from alm_localnet.servers.pool_view import GeckoNetwork, PoolView, shown_pools

MULTI_CAP = 30


class GeckoTerminal:
    """Answers like ``https://api.geckoterminal.com/api/v2``.

    Parameters
    ----------
    networks
        Chains with their volumes.
    market, clock
        USD prices, and when it is.
    cache_s
        Seconds of the virtual clock for which an answer is repeated, with an ``Age``; ``None`` repeats nothing.
    """

    def __init__(
        self, networks: list[GeckoNetwork], market: Market, clock: VirtualClock, cache_s: int | None = None
    ) -> None:
        self._networks = {network.preset.gecko_network: network for network in networks}
        self._market = market
        self._clock = clock
        self._cache_s = cache_s
        self._kept: dict[str, tuple[int, Answer]] = {}
        self._lock = threading.Lock()

    def answer(self, request: Request) -> Answer:
        """Answer one request."""
        if self._cache_s is None or request.fault is not None:
            return self._fresh(request)
        with self._lock:
            now = self._clock.server_ms()
            made, answer = self._kept.get(request.path, (now - self._cache_s * 1000, None))
            if answer is None or not 0 <= now - made < self._cache_s * 1000:
                made, answer = now, self._fresh(request)
                self._kept[request.path] = (made, answer)
        headers = {"Age": str((now - made) // 1000), "Cache-Control": f"max-age={self._cache_s}, public"}
        return Answer(body=answer.body, status=answer.status, headers=headers)

    @staticmethod
    def refuse(status: int) -> Any:
        """Body of an error answer; the real one also throttles with a bare word."""
        if status == 429:
            message = "You've exceeded the Rate Limit. Please visit https://www.coingecko.com/en/api/pricing"
            return {"status": {"error_code": 429, "error_message": message}}
        return {"errors": [{"status": str(status), "title": "Internal Server Error"}]}

    def _fresh(self, request: Request) -> Answer:
        match request.path.strip("/").split("/"):
            case ["api", "v2", "networks", slug, "pools", "multi", addresses] if slug in self._networks:
                return self._multi(self._networks[slug], addresses.split(","), request)
            case ["api", "v2", "networks", slug, "pools", address] if slug in self._networks:
                found = self._pools(self._networks[slug], [address], request)
                return self._answer(found[0]) if found else self._not_found()
            case ["api", "v2", "simple", "networks", slug, "token_price", addresses] if slug in self._networks:
                return self._token_price(self._networks[slug].preset, addresses.lower().split(","))
            case _:
                return self._not_found()

    def _multi(self, network: GeckoNetwork, addresses: list[str], request: Request) -> Answer:
        if len(addresses) > MULTI_CAP:
            return Answer(status=400, body={"errors": [{"status": "400", "title": "exceeded maximum number of pools"}]})
        return self._answer(self._pools(network, addresses, request))

    def _answer(self, data: Any) -> Answer:
        label = "embedded market; volume before the world began is synthesised from the market path"
        return Answer(body={"data": data, "meta": {"localnet": label}})

    def _not_found(self) -> Answer:
        reference = hashlib.sha256(str(self._clock.minute).encode()).hexdigest()
        return Answer(
            status=404, body={"errors": [{"status": "404", "title": "Not Found"}], "meta": {"ref_id": reference}}
        )

    def _pools(self, network: GeckoNetwork, addresses: list[str], request: Request) -> list[dict[str, Any]]:
        fault = request.fault
        if fault and fault.kind == "empty":
            return []
        views = shown_pools(network, addresses, self._market, self._clock.minute, fault)
        objects = [_pool_object(network.preset.gecko_network, view) for view in views]
        if fault and fault.kind == "null_fee":
            for entry in objects:
                entry["attributes"]["pool_fee_percentage"] = None
        if objects and fault and fault.kind == "foreign_token":
            first = objects[0]
            first["relationships"]["base_token"]["data"]["id"] = first["id"]
        return objects

    def _token_price(self, preset: ChainPreset, addresses: list[str]) -> Answer:
        prices = dict[str, str]()
        for symbol, token in preset.tokens.items():
            if token.address.lower() in addresses and (price := self._usd(symbol)) is not None:
                prices[token.address.lower()] = f"{price:.12f}"
        if preset.wrapped_native.lower() in addresses:
            native = self._market.native_usd(preset, self._clock.minute - 1)
            prices[preset.wrapped_native.lower()] = f"{native:.12f}"
        reference = hashlib.sha256(",".join(addresses).encode()).hexdigest()[:32]
        attributes = {"token_prices": prices}
        return self._answer({"id": reference, "type": "simple_token_price", "attributes": attributes})

    def _usd(self, symbol: str) -> float | None:
        try:
            return self._market.token_usd(symbol, self._clock.minute - 1)
        except ConfigError:
            return None


def _pool_object(slug: str, view: PoolView) -> dict[str, Any]:
    pool, sides = view.pool, (("base_token", view.base), ("quote_token", view.quote))
    tokens = {name: {"data": {"id": f"{slug}_{side.token.address.lower()}", "type": "token"}} for name, side in sides}
    known_as = pool.deployment.names.gecko
    dex = {"data": {"id": known_as if slug == "eth" else f"{known_as}_{slug}", "type": "dex"}}
    base = view.base
    # It knows a fee from the pool's key, not one that only the contract tells.
    fee = None if pool.fixed_fee_pips is None else f"{pool.fixed_fee_pips / 1e4:g}"
    return {
        "id": f"{slug}_{pool.address.lower()}",
        "type": "pool",
        "attributes": {
            **_prices(view),
            **_activity(view),
            "address": pool.address.lower(),
            "name": view.name if fee is None else f"{view.name} {fee}%",
            "pool_name": view.name,
            "pool_fee_percentage": fee,
            "pool_created_at": "2021-05-05T21:42:11Z",
            "fdv_usd": f"{base.reserve * base.usd * 50:.6f}",
            "market_cap_usd": None,
            "reserve_in_usd": f"{view.reserve_usd:.4f}",
            "locked_liquidity_percentage": "0.0",
        },
        "relationships": {**tokens, "dex": dex},
    }


def _prices(view: PoolView) -> dict[str, str]:
    base, quote, native = view.base.usd, view.quote.usd, view.native_usd
    return {
        "base_token_price_usd": f"{base:.12f}",
        "base_token_price_native_currency": f"{base / native:.18f}",
        "quote_token_price_usd": f"{quote:.12f}",
        "quote_token_price_native_currency": f"{quote / native:.18f}",
        "base_token_price_quote_token": f"{base / quote:.12f}",
        "quote_token_price_base_token": f"{quote / base:.18f}",
    }


def _activity(view: PoolView) -> dict[str, Any]:
    return {
        "price_change_percentage": {name: f"{change:.3f}" for name, change in view.changes_percent.items()},
        "transactions": {
            name: {"buys": w.buys, "sells": w.sells, "buyers": w.buys, "sellers": w.sells}
            for name, w in view.windows.items()
        },
        "volume_usd": {name: f"{w.usd:.10f}" for name, w in view.windows.items()},
    }
