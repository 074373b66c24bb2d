"""Stand-in for GeckoTerminal v2: pools and token prices, from the chain's state and its Swap events."""

import hashlib
from dataclasses import dataclass
from typing import Any

from alm_core.model.errors import InvalidInput
from alm_localnet.clock import VirtualClock
from alm_localnet.config import ChainPreset
from alm_localnet.contracts import calldata
from alm_localnet.deploy import DeployedChain
from alm_localnet.market.world import Market
from alm_localnet.pools import LocalPool
from alm_localnet.servers.http import Answer, Request
from alm_localnet.volumes import VolumeBook

MULTI_CAP = 30
WINDOWS = {"m5": 5, "m15": 15, "m30": 30, "h1": 60, "h6": 360, "h24": 1440}


@dataclass(frozen=True, slots=True, kw_only=True)
class GeckoNetwork:
    """One chain with its volumes."""

    chain: DeployedChain
    volumes: VolumeBook

    @property
    def preset(self) -> ChainPreset:
        """Preset of the chain."""
        return self.chain.preset


class GeckoTerminal:
    """Answers like ``https://api.geckoterminal.com/api/v2``."""

    def __init__(self, networks: list[GeckoNetwork], market: Market, clock: VirtualClock) -> None:
        self._networks = {network.preset.gecko_network: network for network in networks}
        self._market = market
        self._clock = clock

    def answer(self, request: Request) -> Answer:
        """Answer one request."""
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

    @staticmethod
    def refuse(status: int) -> Any:
        """Body of an error answer; the real one also throttles with a bare word."""
        if status == 429:
            message = "You've exceeded the Rate Limit. Please visit https://www.coingecko.com/en/api/pricing"
            return {"status": {"error_code": 429, "error_message": message}}
        return {"errors": [{"status": str(status), "title": "Internal Server Error"}]}

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
        if request.fault and request.fault.kind == "empty":
            return []
        network.volumes.read_events()
        wanted = [address.lower() for address in addresses]
        pools = [pool for pool in network.chain.pools if pool.address.lower() in wanted]
        objects = [self._pool_object(network, pool) for pool in pools]
        if request.fault and request.fault.kind == "null_fee":
            for entry in objects:
                entry["attributes"]["pool_fee_percentage"] = None
        return objects

    def _pool_object(self, network: GeckoNetwork, pool: LocalPool) -> dict[str, Any]:
        slug = network.preset.gecko_network
        state = network.chain.rpc.call_many(
            [
                _read(pool.address, calldata("slot0()")),
                _read(pool.base.address, calldata("balanceOf(address)", pool.address)),
                _read(pool.quote.address, calldata("balanceOf(address)", pool.address)),
            ]
        )
        price = pool.price(int(state[0][2:66], 16))
        base = int(state[1], 16) / 10**pool.base.decimals
        quote = int(state[2], 16) / 10**pool.quote.decimals
        quote_usd = self._market.token_usd(pool.pair.quote, self._clock.minute - 1)
        token = {
            side: f"{slug}_{entry.address.lower()}" for side, entry in (("base", pool.base), ("quote", pool.quote))
        }
        return {
            "id": f"{slug}_{pool.address.lower()}",
            "type": "pool",
            "attributes": {
                **self._prices(network.preset, price, quote_usd),
                **self._activity(network, pool),
                "address": pool.address.lower(),
                "name": f"{pool.pair.base} / {pool.pair.quote} {pool.preset.fee_pips / 1e4:g}%",
                "pool_name": f"{pool.pair.base} / {pool.pair.quote}",
                "pool_fee_percentage": f"{pool.preset.fee_pips / 1e4:g}",
                "pool_created_at": "2021-05-05T21:42:11Z",
                "fdv_usd": f"{base * price * quote_usd * 50:.6f}",
                "market_cap_usd": None,
                "reserve_in_usd": f"{(base * price + quote) * quote_usd:.4f}",
                "locked_liquidity_percentage": "0.0",
            },
            "relationships": {
                "base_token": {"data": {"id": token["base"], "type": "token"}},
                "quote_token": {"data": {"id": token["quote"], "type": "token"}},
                "dex": {"data": {"id": "uniswap_v3" if slug == "eth" else f"uniswap_v3_{slug}", "type": "dex"}},
            },
        }

    def _prices(self, preset: ChainPreset, price: float, quote_usd: float) -> dict[str, str]:
        native = self._market.native_usd(preset, self._clock.minute - 1)
        return {
            "base_token_price_usd": f"{price * quote_usd:.12f}",
            "base_token_price_native_currency": f"{price * quote_usd / native:.18f}",
            "quote_token_price_usd": f"{quote_usd:.12f}",
            "quote_token_price_native_currency": f"{quote_usd / native:.18f}",
            "base_token_price_quote_token": f"{price:.12f}",
            "quote_token_price_base_token": f"{1 / price:.18f}",
        }

    def _activity(self, network: GeckoNetwork, pool: LocalPool) -> dict[str, Any]:
        now = self._clock.minute
        windows = {name: network.volumes.window(pool.address, now, length) for name, length in WINDOWS.items()}
        close = self._market.price(pool.pair.pair_id, now - 1)
        changes = {
            name: f"{(close / self._market.price(pool.pair.pair_id, now - 1 - length) - 1) * 100:.3f}"
            for name, length in WINDOWS.items()
        }
        return {
            "price_change_percentage": changes,
            "transactions": {
                name: {"buys": w.buys, "sells": w.sells, "buyers": w.buys, "sellers": w.sells}
                for name, w in windows.items()
            },
            "volume_usd": {name: f"{w.usd:.10f}" for name, w in windows.items()},
        }

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
        except InvalidInput:
            return None


def _read(address: str, data: bytes) -> tuple[str, tuple[Any, ...]]:
    return ("eth_call", ({"to": address, "data": "0x" + data.hex()}, "latest"))
