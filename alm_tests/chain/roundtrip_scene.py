"""A wallet of its own on a localnet, and ``alm dex roundtrip`` over a registry file that names its key."""

import json
import secrets
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
from click.testing import CliRunner, Result
from eth_account import Account

from alm_cli.main import alm
from alm_core.execution.erc20 import uint_from_result
from alm_core.model.chains import ChainRules
from alm_core.model.pools import Pool
from alm_localnet import Localnet
from alm_localnet.contracts import calldata
from alm_localnet.deploy import DeployedChain, fund
from alm_resources.chains import Web3Chain
from alm_resources.dex import adapters
from alm_resources.journal import SqlJournal
from alm_resources.registry import load_registry
from alm_resources.roundtrip import Options, PoolLine, RoundTrip
from alm_resources.roundtrip.mark import MarkFile
from alm_resources.roundtrip.pool_wallet import PoolWallet
from alm_resources.signer import vault_from_environment

KEY_ENV = "ROUNDTRIP_TEST_KEY"
FIELDS = ["chain", "dex", "family", "pool", "ok", "opened", "fees", "closed", "gas", "dust", "error"]


@dataclass
class Traveller:
    """A fresh key with an overlay of a localnet's registry."""

    localnet: Localnet
    folder: Path
    key: str = field(default_factory=lambda: secrets.token_hex(32), repr=False)

    def __post_init__(self) -> None:
        self.wallet = str(Account.from_key(self.key).address)
        self.home = self.folder / "home"
        self.home.mkdir()
        self.file = self.write(self.localnet.registry_file.read_text())

    def write(self, registry: str, name: str = "overlay.toml") -> Path:
        """Write a registry with our wallet in it."""
        file = self.folder / name
        file.write_text(f'{registry}\n[wallet]\nkey_env = "{KEY_ENV}"\n')
        return file

    def fund(self, pool: Pool, units0: float, units1: float) -> None:
        """Give gas money, and this many units of the pool's tokens."""
        chain = self.chain(pool.chain_id)
        chain.rpc.call("anvil_setBalance", self.wallet, hex(10**19))
        for token, units in ((pool.token0, units0), (pool.token1, units1)):
            if units:
                fund(chain, token.symbol, self.wallet, int(units * 10**token.decimals))

    def fund_all(self) -> None:
        """Give plenty of every token on every chain."""
        for chain in self.localnet.chains:
            chain.rpc.call("anvil_setBalance", self.wallet, hex(10**19))
            for symbol, token in chain.preset.tokens.items():
                fund(chain, symbol, self.wallet, 10**token.decimals * (1 if symbol in ("WETH", "WBTC") else 1000))

    def run(self, *arguments: str, file: Path | None = None, wait_s: float = 0.0) -> Result:
        """Run the command; the key is in its environment only."""
        words = ["dex", "roundtrip", "--registry", str(file or self.file), "--wait", str(wait_s), *arguments]
        result = CliRunner().invoke(alm, words, env={KEY_ENV: self.key}, catch_exceptions=False)
        assert self.key not in result.output
        return result

    def lines(self, *arguments: str, **how: Any) -> list[dict[str, Any]]:
        """Run with ``--json`` in our home, and return the lines."""
        result = self.run("--json", "--home", str(self.home), *arguments, **how)
        found = [json.loads(line) for line in result.stdout.splitlines()]
        assert all(list(line) == FIELDS for line in found)
        assert result.exit_code == (0 if all(line["ok"] for line in found) else 1)
        return found

    def trip(
        self,
        pool: Pool,
        tell: Callable[[str], None] = lambda _: None,
        *,
        rpc: Sequence[str] | None = None,
        options: Options | None = None,
    ) -> tuple[PoolLine, RoundTrip]:
        """Make one round trip in this process, the parts built as the command builds them."""
        registry = load_registry(self.file)
        config = registry.chain(pool.chain_id)
        chain = Web3Chain(_Access(pool.chain_id, rpc or config.rpc, config.multicall3))
        journal = SqlJournal(f"sqlite:///{self.home / 'journal.db'}")
        try:
            options = options or Options(wait_s=0.0, receipt_timeout_s=5.0)
            wallet = PoolWallet(
                registry=registry,
                pool=pool,
                chain=chain,
                vault=vault_from_environment(KEY_ENV, {KEY_ENV: self.key}),
                journal=journal,
                adapters=adapters((), journal.read_positions),
                options=options,
            )
            trip = RoundTrip(wallet, options, MarkFile(self.home, pool), tell)
            return trip.run(), trip
        finally:
            journal.close()
            chain.close()

    def pools(self) -> tuple[Pool, ...]:
        registry = load_registry(self.file)
        return tuple(pool for found in registry.pools.values() for pool in found)

    def pool(self, dex: str, pair: str) -> Pool:
        """The first pool of a DEX and a pair."""
        return next(pool for pool in load_registry(self.file).pools_of(pair) if pool.dex == dex)

    def chain(self, chain_id: int) -> DeployedChain:
        return next(chain for chain in self.localnet.chains if chain.preset.chain_id == chain_id)

    def balances(self, pool: Pool) -> tuple[int, int]:
        """What the contracts say the wallet has."""
        amounts = [self._word(pool, token.address, "balanceOf(address)", self.wallet) for token in _tokens(pool)]
        return amounts[0], amounts[1]

    def native(self, pool: Pool) -> int:
        return int(self.chain(pool.chain_id).rpc.call("eth_getBalance", self.wallet, "latest"), 16)

    def allowances(self, pool: Pool) -> int:
        """What the position manager and Permit2 may still take."""
        spenders = [pool.position_manager, *(address for role, address in pool.contracts if role == "permit2")]
        return sum(
            self._word(pool, token.address, "allowance(address,address)", self.wallet, spender)
            for token in _tokens(pool)
            for spender in spenders
        )

    def nfts(self, pool: Pool) -> int:
        """Positions that the manager says the wallet owns."""
        return self._word(pool, pool.position_manager, "balanceOf(address)", self.wallet)

    def nonce(self, pool: Pool) -> int:
        return int(self.chain(pool.chain_id).rpc.call("eth_getTransactionCount", self.wallet, "latest"), 16)

    def assert_key_is_nowhere(self) -> None:
        """The key is in no file of the home, in no spelling."""
        spellings = (self.key, self.key.upper(), str(int(self.key, 16)))
        raw = bytes.fromhex(self.key)
        for file in self.home.rglob("*"):
            content = file.read_bytes() if file.is_file() else b""
            assert raw not in content, file
            assert not any(spelling.encode() in content for spelling in spellings), file

    def _word(self, pool: Pool, to: str, signature: str, *arguments: str) -> int:
        call = {"to": to, "data": "0x" + calldata(signature, *arguments).hex()}
        answer = self.chain(pool.chain_id).rpc.call("eth_call", call, "latest")
        return uint_from_result(bytes.fromhex(answer[2:]))


@dataclass(frozen=True)
class _Access:
    chain_id: int
    rpc: Sequence[str]
    multicall3: str
    rules: ChainRules = field(default_factory=ChainRules)
    private_rpc: Sequence[str] = ()


def _tokens(pool: Pool) -> tuple[Any, Any]:
    return pool.token0, pool.token1


class DyingNode:
    """A proxy of a node that hangs up for good right after it has passed on a number of transactions."""

    def __init__(self, url: str, lives_for: int) -> None:
        self.sent = 0
        self.lives_for = lives_for
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                dead = proxy.sent >= proxy.lives_for
                proxy.sent += b"eth_sendRawTransaction" in body
                if dead:
                    self.close_connection = True
                    return
                answer = requests.post(url, data=body, headers={"Content-Type": "application/json"}, timeout=30).content
                if proxy.sent >= proxy.lives_for:
                    self.close_connection = True
                    return
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                del format, args

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Attempts to close follow each other at once."""
    monkeypatch.setattr("alm_resources.roundtrip.trip._PAUSE_S", 0.0)
