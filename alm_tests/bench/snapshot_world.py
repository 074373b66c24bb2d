"""Forty-one pools on seven local chains: how long one snapshot of all takes, and how many calls."""

import contextlib
import http.client
import json
import threading
import time
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from alm_core.model.market import PoolState
from alm_core.model.pools import Pool
from alm_localnet import Localnet
from alm_localnet.worlds import forty_one_pools
from alm_resources.chains import chains_from
from alm_resources.dex.readers import pool_readers, read_pools
from alm_resources.dex.usd import MarketFigures, fetch_figures
from alm_resources.geckoterminal import GeckoTerminalClient
from alm_resources.registry import Registry, load_registry
from alm_tests.bench.figure import Figure, median, spread
from alm_tests.chain.conftest import START_AT

REPEATS = 7
POOLS = 41


class CountingProxy:
    """A proxy of one node on loopback that counts JSON-RPC calls: what the product's client really sends."""

    def __init__(self, target: str) -> None:
        self.methods: list[str] = []
        counted = self.methods
        host = urlsplit(target).netloc

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                asked: Any = json.loads(body)
                counted.extend(call["method"] for call in (asked if isinstance(asked, list) else [asked]))
                with contextlib.closing(http.client.HTTPConnection(host, timeout=30)) as node:
                    node.request("POST", "/", body, {"Content-Type": "application/json"})
                    answer = node.getresponse()
                    content = answer.read()
                self.send_response(answer.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - name of the overridden method
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotWorld:
    """A registry of 41 pools whose nodes and pool service count what they are asked."""

    localnet: Localnet
    registry: Registry
    proxies: tuple[CountingProxy, ...]

    @property
    def pools(self) -> tuple[Pool, ...]:
        """All pools of all pairs."""
        return tuple(pool for pair in self.localnet.config.pairs for pool in self.registry.pools_of(pair.pair_id))

    def rpc_calls(self) -> list[str]:
        """Methods of every JSON-RPC call so far."""
        return [method for proxy in self.proxies for method in proxy.methods]

    def http_calls(self) -> int:
        """Requests to the two pool services so far."""
        return sum(len(self.localnet.servers[name].requests) for name in ("geckoterminal", "dexscreener"))


@contextlib.contextmanager
def snapshot_world() -> Generator[SnapshotWorld]:
    """Start the 41 pools; the registry goes through the counting proxies."""
    with contextlib.ExitStack() as stack:
        config = replace(forty_one_pools(), start_at=START_AT)
        localnet = stack.enter_context(Localnet(config=config))
        text = localnet.registry_file.read_text(encoding="utf-8")
        proxies = list[CountingProxy]()
        for chain in localnet.chains:
            proxy = CountingProxy(chain.rpc.url)
            stack.callback(proxy.close)
            text = text.replace(f'"{chain.rpc.url}"', f'"{proxy.url}"')
            proxies.append(proxy)
        overlay = Path(localnet.home) / "counted.toml"
        overlay.write_text(text, encoding="utf-8")
        yield SnapshotWorld(localnet=localnet, registry=load_registry(overlay), proxies=tuple(proxies))


class Snapshot:
    """What a snapshot of all pools reads: their state at the head of each chain, and their figures.

    Clients are built once, as a process that runs epochs builds them.
    """

    def __init__(self, world: SnapshotWorld) -> None:
        self._pools, self._registry = world.pools, world.registry
        self._chains = chains_from(world.registry)
        self._source = GeckoTerminalClient.from_registry(world.registry)

    def read(self) -> tuple[tuple[PoolState, ...], MarketFigures]:
        """Read once; raises if a pool or a price is missing, so that nothing unread is ever measured."""
        natives = {chain_id: self._registry.chain(chain_id).wrapped_native for chain_id in self._registry.chains}
        with ThreadPoolExecutor(2) as workers:
            reading = workers.submit(read_pools, self._pools, self._chains, pool_readers())
            fetching = workers.submit(fetch_figures, self._pools, natives, self._source)
            read, figures = reading.result(), fetching.result()
        if read.problems or figures.problems or not len(read.states) == len(figures.markets) == POOLS:
            raise AssertionError(f"{len(read.states)} states: {read.problems}, {figures.problems}")
        return read.states, figures


def snapshots() -> Iterator[Figure]:
    """Wall time and calls of one snapshot of all pools."""
    walls, http_calls, rpc_calls, first = list[float](), list[int](), list[int](), ""
    with snapshot_world() as world:
        snapshot = Snapshot(world)
        for number in range(REPEATS + 1):
            rpc, asked, began = len(world.rpc_calls()), world.http_calls(), time.perf_counter()
            snapshot.read()
            wall = time.perf_counter() - began
            if number == 0:
                first = f"{wall:.3g} s and {len(world.rpc_calls()) - rpc} calls to nodes"
                continue
            walls.append(wall)
            rpc_calls.append(len(world.rpc_calls()) - rpc)
            http_calls.append(world.http_calls() - asked)
    note = f"{POOLS} pools of Uniswap V3 on {len(world.proxies)} local chains"
    yield Figure(
        name="snapshot_41_pools_seconds",
        value=median(walls),
        unit="s",
        note=f"wall, pool states and figures; {note}; stand-in GeckoTerminal without a rate limit; the first one, with "
        f"imports and new connections, took {first}; {spread(walls)}",
    )
    yield Figure(
        name="snapshot_http_calls",
        value=max(http_calls),
        unit="calls",
        note=f"requests that the stand-ins of the pool services received; {note}; largest of {len(http_calls)}",
    )
    yield Figure(
        name="snapshot_rpc_calls",
        value=max(rpc_calls),
        unit="calls",
        note=f"JSON-RPC calls, each of a batch counted, by a proxy before every node; {note}; largest of "
        f"{len(rpc_calls)}",
    )
