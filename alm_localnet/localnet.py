"""The embedded world as one object: start it, move its time, point the product at it."""

import contextlib
import tempfile
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any

from alm_core.model.epochs import floor_to_epoch
from alm_core.model.errors import InvalidInput
from alm_localnet.anvil import AnvilNode
from alm_localnet.bridges import Bridges
from alm_localnet.clock import VirtualClock
from alm_localnet.config import LocalnetConfig
from alm_localnet.contract_state import ContractStates
from alm_localnet.contracts import Bytecode
from alm_localnet.deploy import DeployedChain, deploy_chain
from alm_localnet.market.venues import Venue
from alm_localnet.market.world import Market
from alm_localnet.node import install_node_modules
from alm_localnet.presets import chain_presets
from alm_localnet.registry_file import write_registry
from alm_localnet.rpc import RpcClient
from alm_localnet.servers.binance import Binance
from alm_localnet.servers.bitget import Bitget
from alm_localnet.servers.bybit import Bybit
from alm_localnet.servers.dexscreener import DexScreener
from alm_localnet.servers.faults import Faults
from alm_localnet.servers.gate import Gate
from alm_localnet.servers.geckoterminal import GeckoTerminal
from alm_localnet.servers.http import StandIn, StandInServer
from alm_localnet.servers.lifi import LiFi
from alm_localnet.servers.mexc import Mexc
from alm_localnet.servers.okx import Okx
from alm_localnet.servers.pool_view import GeckoNetwork
from alm_localnet.traders import Traders
from alm_localnet.volumes import VolumeBook
from alm_localnet.wallets import Wallets, create_wallets, fund_wallets

EXCHANGES = {"binance": Binance, "bybit": Bybit, "okx": Okx, "mexc": Mexc, "gate": Gate, "bitget": Bitget}
GENESIS_LEAD = timedelta(hours=1)
"""Blocks of the deployment, stamped with passing real time, must fit before the first played minute."""
DEFAULT_SPAN = timedelta(hours=8)


class Localnet:
    """Local chains with real contracts, a market that trades on them, and the services the product asks.

    Parameters
    ----------
    home
        Folder for registry, keystore and logs; ``None`` takes a temporary one.
    config
        What to start.

    Examples
    --------
    >>> with Localnet() as localnet:  # doctest: +SKIP
    ...     localnet.advance_to(localnet.now + timedelta(minutes=15))
    ...     print(localnet.env()["ALM_REGISTRY"])
    """

    def __init__(self, home: Path | None = None, config: LocalnetConfig | None = None) -> None:
        self.config = config or LocalnetConfig()
        self.start_at = self.config.start_at or floor_to_epoch(datetime.now(UTC) - DEFAULT_SPAN)
        self.faults = Faults(lambda: self.clock.minute)
        self._stack = contextlib.ExitStack()
        self._home = home
        self._started = False

    def __enter__(self) -> "Localnet":
        try:
            self._start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop servers and nodes. Files in a home folder of the caller's stay."""
        self._stack.close()

    @property
    def now(self) -> datetime:
        """Virtual time: the end of the last played minute."""
        return self.clock.now

    def advance_to(self, moment: datetime) -> None:
        """Play every minute up to a moment: one block per chain and minute, with the trades of the market.

        What bridges owe arrives in its minute.

        Raises
        ------
        InvalidInput
            If the moment has no time zone, lies in the past, or is not covered by the tape.
        """
        if moment.tzinfo is None:
            raise InvalidInput(f"localnet: {moment.isoformat()} has no time zone")
        last = int(moment.timestamp()) // 60
        if last < self.clock.minute:
            raise InvalidInput(f"localnet: {moment.isoformat()} lies before {self.now.isoformat()}")
        self.bridges.deliver_due()
        while (due := self.bridges.next_due()) is not None and due <= last:
            self._play(self.clock.minute, due)
            self.bridges.deliver_due()
        self._play(self.clock.minute, last)

    def env(self) -> dict[str, str]:
        """Environment that points the product at this localnet."""
        return {
            "ALM_MODE": "demo",
            "ALM_REGISTRY": str(self.registry_file),
            "ALM_KEYSTORE_DIR": str(self.wallets.keystore_dir),
            "ALM_KEYSTORE_PASSWORD_FILE": str(self.wallets.password_file),
            "ALM_PAIRS": ",".join(pair.pair_id for pair in self.config.pairs),
        }

    def describe(self) -> dict[str, Any]:
        """What runs where, for people: no secrets."""
        return {
            "now": self.now.isoformat(),
            "start_at": self.start_at.isoformat(),
            "seed": self.config.seed,
            "market": f"tape {self.config.tape}" if self.config.tape else "generated",
            "volumes": "Swap events since the start; before it synthesised from the market path",
            "chains": {chain.preset.chain_id: chain.rpc.url for chain in self.chains},
            "servers": {name: server.url for name, server in self.servers.items()},
            "pools": [
                {
                    "chain": pool.chain_id,
                    "pair": pool.pair.pair_id,
                    "dex": pool.deployment.dex,
                    "fee_pips": pool.preset.fee_pips,
                    "address": pool.address,
                }
                for chain in self.chains
                for pool in chain.pools
            ],
            "wallets": self.wallets.addresses,
            "home": str(self.home),
        }

    def rpc(self, chain_id: int) -> RpcClient:
        """Raw JSON-RPC of a chain, for tests and traders."""
        return next(chain.rpc for chain in self.chains if chain.preset.chain_id == chain_id)

    @contextlib.contextmanager
    def restored(self) -> Generator["Localnet"]:
        """Undo on exit whatever happens to chains, volumes, bridges, clock and faults inside: isolation for tests."""
        minute = self.clock.minute
        snapshots = [chain.rpc.call("evm_snapshot") for chain in self.chains]
        volumes = [book.saved() for book in self.volumes.values()]
        bridges = self.bridges.saved()
        try:
            yield self
        finally:
            self.faults.clear()
            for chain, snapshot in zip(self.chains, snapshots, strict=True):
                chain.rpc.call("evm_revert", snapshot)
            for book, state in zip(self.volumes.values(), volumes, strict=True):
                book.restore(state)
            self.bridges.restore(bridges)
            self.clock.minute = minute

    def _start(self) -> None:
        self.home = self._home or Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="alm-localnet-")))
        self.home.mkdir(parents=True, exist_ok=True)
        self.market = Market(self.config, self.start_at)
        first = self.market.start_minute - self.config.warm_up_minutes
        self.clock = VirtualClock(first, self.config.server_lead_s)
        self.wallets: Wallets = create_wallets(self.home, [pair.pair_id for pair in self.config.pairs])
        self.chains = self._deploy(self._start_nodes(first), first)
        self._traders: list[Traders] = [Traders(chain, self.market) for chain in self.chains]
        self.volumes = {chain.preset.chain_id: VolumeBook(chain, self.market, first) for chain in self.chains}
        self._play(first, self.market.start_minute)
        by_id = {chain.preset.chain_id: chain for chain in self.chains}
        self.bridges = Bridges(by_id, self.market, self.clock, self.config.bridge_minutes)
        self.servers = self._serve()
        self.registry_file = self.home / "registry.toml"
        write_registry(self.registry_file, self.chains, self.config, self._service_urls())

    def _start_nodes(self, first: int) -> list[AnvilNode]:
        binary = install_node_modules(self.config.node_dir).anvil()
        genesis = first * 60 - int(GENESIS_LEAD.total_seconds())
        nodes = list[AnvilNode]()
        for chain_id in self.config.chains:
            base_fee = chain_presets()[chain_id].base_fee_wei
            node = AnvilNode(binary, chain_id, genesis, base_fee, self.home / "logs")
            self._stack.callback(node.stop)
            nodes.append(node)
        for node in nodes:
            node.wait_until_ready()
        return nodes

    def _deploy(self, nodes: list[AnvilNode], first: int) -> list[DeployedChain]:
        bytecode = Bytecode(install_node_modules(self.config.node_dir))
        states = ContractStates(bytecode, self.config.state_dir)

        def deploy(node: AnvilNode) -> DeployedChain:
            preset = chain_presets()[node.chain_id]
            chain = deploy_chain(node.rpc, preset, self.config, states, self.market, first - 1)
            fund_wallets(chain, self.wallets, self.config, self.market, first - 1)
            return chain

        with ThreadPoolExecutor(len(nodes)) as pool:
            return list(pool.map(deploy, nodes))

    def _play(self, first: int, last: int) -> None:
        if first >= last:
            return

        def play(traders: Traders) -> None:
            traders.play(first, last)

        with ThreadPoolExecutor(len(self._traders)) as pool:
            list(pool.map(play, self._traders))
        self.clock.minute = last

    def _serve(self) -> dict[str, StandInServer]:
        networks = [GeckoNetwork(chain=c, volumes=self.volumes[c.preset.chain_id]) for c in self.chains]
        services: dict[str, StandIn] = {
            **{name: kind(Venue(name, self.market, self.clock)) for name, kind in EXCHANGES.items()},
            "geckoterminal": GeckoTerminal(networks, self.market, self.clock, self.config.gecko_cache_s),
            "dexscreener": DexScreener(networks, self.market, self.clock),
            "lifi": LiFi(self.chains, self.market, self.clock, self.config, self.bridges),
        }
        servers = dict[str, StandInServer]()
        for name, service in services.items():
            servers[name] = StandInServer(name, self.faults.switches[name], service)
            self._stack.callback(servers[name].close)
        return servers

    def _service_urls(self) -> dict[str, str]:
        paths = {"geckoterminal": "/api/v2", "lifi": "/v1"}
        return {name: server.url + paths.get(name, "") for name, server in self.servers.items()}
