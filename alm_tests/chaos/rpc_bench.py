"""One real node behind proxies that enforce and break, a real journal, signer and engine, and payloads that count."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from alm_core.execution.allow_list import AllowList
from alm_core.execution.calldata import SWAP_SELECTORS
from alm_core.execution.engine import TransactionEngine
from alm_core.execution.erc20 import TRANSFER_TOPIC, address_word
from alm_core.model.chains import ChainRules
from alm_core.model.transactions import Action, BalanceBound, Intent, IntentState, UnsignedTransaction
from alm_localnet.anvil import AnvilNode
from alm_localnet.client_rules import GETH, ClientRules
from alm_localnet.config import MULTICALL3
from alm_localnet.contracts import Bytecode
from alm_localnet.mempool import Mempool
from alm_localnet.node import install_node_modules
from alm_localnet.rpc import RpcClient
from alm_localnet.rule_proxy import SEND, RuleProxy
from alm_localnet.wallets import create_wallets
from alm_resources.chains import Web3Chain
from alm_resources.journal import SqlJournal
from alm_resources.signer import KeystoreSigner
from alm_tests.core.execution.fakes import AllowAll, transfer_intent

CHAIN_ID = 8453
GWEI = 10**9
COIN = 10**18
VENUE = "0x4444444444444444444444444444444444444444"
# On any call: storage[0] += 1, then Transfer(caller, 0xdead, 1). The number in storage is the number of effects.
VENUE_CODE = "0x6000546001016000556001600052" + "61dead" + "33" + "7f" + TRANSFER_TOPIC[2:] + "60206000" + "a3" + "00"
RULES = ChainRules(bump_after_s=0.3, finality="finalized", final_depth=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What Web3Chain needs to know."""

    rpc: tuple[str, ...]
    rules: ChainRules
    private_rpc: tuple[str, ...] = ()
    chain_id: int = CHAIN_ID
    multicall3: str = MULTICALL3


@dataclass
class Bench:
    """What one scenario works with. ``proxy`` is the first public endpoint."""

    node: AnvilNode
    signer: KeystoreSigner
    journal: SqlJournal
    stack: ExitStack
    first_effects: int = 0
    first_nonce: int = 0
    proxies: list[RuleProxy] = field(default_factory=list)
    chain: Web3Chain = field(init=False)
    engine: TransactionEngine = field(init=False)

    @property
    def rpc(self) -> RpcClient:
        return self.node.rpc

    @property
    def proxy(self) -> RuleProxy:
        return self.proxies[0]

    def serve(
        self,
        client: ClientRules = GETH,
        *,
        endpoints: int = 1,
        private: Sequence[RuleProxy] = (),
        mempool: Mempool | None = None,
    ) -> Mempool:
        """Put a pool of a client and some public endpoints before the node."""
        pool = mempool or Mempool(self.rpc, client)
        self.proxies += [self.stack.enter_context(RuleProxy(pool)) for _ in range(endpoints)]
        for proxy in private:
            self.stack.enter_context(proxy)
        return pool

    def connect(
        self,
        *urls: str,
        rules: ChainRules = RULES,
        private: Sequence[RuleProxy] = (),
        timeout_s: float = 4.0,
        guard: object | None = None,
        answer_s: float = 0.3,
    ) -> TransactionEngine:
        """Build client and engine, as a process does at its start."""
        access = Access(
            rpc=urls or tuple(proxy.url for proxy in self.proxies),
            rules=rules,
            private_rpc=tuple(proxy.url for proxy in private),
        )
        self.chain = Web3Chain(access, timeout_s=(1.0, answer_s))
        self.stack.callback(self.chain.close)
        self.engine = TransactionEngine(
            self.journal, self.chain, self.signer, guard or AllowAll(), receipt_timeout_s=timeout_s, fence=1
        )
        return self.engine

    def plan(self, number: int = 1, **changes: Any) -> Intent:
        """Store an intent whose payload is counted by the venue."""
        wallet = self.signer.address
        words = "".join(("00" * 32, "00" * 32, "00" * 32, address_word(wallet), "00" * 32))
        tx = UnsignedTransaction(
            chain_id=CHAIN_ID,
            sender=wallet,
            to=VENUE,
            data="0x4666fc80" + words,
            value_wei=0,
            action=Action.SWAP,
            summary=f"effect {number}",
            bounds=(BalanceBound(token=VENUE, min_delta=-1, max_delta=-1),),
        )
        return self.journal.add_intents([replace(transfer_intent(number), tx=replace(tx, **changes))])[0]

    def state(self, intent: Intent) -> IntentState:
        return self.journal.read_intent(intent.key).state

    def effects(self) -> int:
        """How often the venue was called since the scenario began."""
        return int(self.rpc.call("eth_getStorageAt", VENUE, "0x0", "latest"), 16) - self.first_effects

    def nonces(self) -> int:
        """How many transactions of the wallet were mined since the scenario began."""
        return int(self.rpc.call("eth_getTransactionCount", self.signer.address, "latest"), 16) - self.first_nonce

    def native(self) -> int:
        return int(self.rpc.call("eth_getBalance", self.signer.address, "latest"), 16)

    def sends(self, *proxies: RuleProxy) -> list[int]:
        return [proxy.counts[SEND] for proxy in proxies or self.proxies]

    def assert_one_effect(self, intent: Intent) -> None:
        """Exactly one effect, one nonce, and books that say so to the wei."""
        assert (self.effects(), self.nonces()) == (1, 1)
        assert self.state(intent) is IntentState.FINAL_OK
        self.assert_books(effects=1)

    def assert_nothing(self, intent: Intent, state: IntentState) -> None:
        """No effect, no nonce, nothing booked."""
        assert (self.effects(), self.nonces()) == (0, 0)
        assert self.state(intent) is state
        self.assert_books(effects=0)

    def assert_books(self, *, effects: int) -> None:
        """The ledger says what the chain says."""
        sums = self.journal.read_ledger_sums(CHAIN_ID, self.signer.address)
        assert sums.get(VENUE, 0) == -effects == -self.effects()
        assert sum(delta for token, delta in sums.items() if token != VENUE) == self.native() - 10 * COIN

    @contextmanager
    def mining(self, mine: Callable[[], object] | None = None, every_s: float = 0.05) -> Iterator[None]:
        """Mine blocks meanwhile, as a chain does that nobody waits for."""
        done = threading.Event()
        client = RpcClient(self.node.url, "miner")

        def work() -> None:
            while not done.wait(every_s):
                if mine is not None:
                    mine()
                client.call("evm_mine")

        miner = threading.Thread(target=work, daemon=True)
        miner.start()
        try:
            yield
        finally:
            done.set()
            miner.join()
            client.close()


@contextmanager
def node_in(folder: Path) -> Iterator[tuple[AnvilNode, Path]]:
    """A node with the counting venue, and a folder with the keystore of a funded wallet."""
    wallets = create_wallets(folder, ["key"])
    node = AnvilNode(install_node_modules().anvil(), CHAIN_ID, 1_790_000_000, GWEI, folder / "logs")
    node.wait_until_ready()
    node.rpc.call("anvil_setBalance", wallets.addresses["key"], hex(10 * COIN))
    node.rpc.call("anvil_setCode", VENUE, VENUE_CODE)
    node.rpc.call("anvil_setCode", MULTICALL3, Bytecode(install_node_modules()).runtime("Multicall3"))
    node.rpc.call("anvil_mine", "0x5")
    yield node, folder
    node.stop()


@pytest.fixture(scope="module")
def node_and_keys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[AnvilNode, Path]]:
    """One node for all scenarios of a file."""
    with node_in(tmp_path_factory.mktemp("rpc")) as found:
        yield found


@pytest.fixture
def bench(node_and_keys: tuple[AnvilNode, Path], tmp_path: Path) -> Iterator[Bench]:
    """A scenario on the node, which is given back as it was."""
    node, folder = node_and_keys
    snapshot = node.rpc.call("evm_snapshot")
    # A revert gives anvil its blocks back and not the base fee that comes next.
    node.rpc.call("anvil_setNextBlockBaseFeePerGas", hex(GWEI))
    node.rpc.call("evm_mine")
    allowed = AllowList(selectors={(CHAIN_ID, VENUE): SWAP_SELECTORS})
    signer = KeystoreSigner(folder / "keystore" / "key.json", folder / "keystore.password", allowed)
    with ExitStack() as stack:
        journal = SqlJournal(f"sqlite:///{tmp_path / 'journal.db'}")
        stack.callback(journal.close)
        bench = Bench(node, signer, journal, stack)
        bench.first_effects, bench.first_nonce = bench.effects(), bench.nonces()
        yield bench
    node.rpc.call("anvil_dropAllTransactions")
    node.rpc.call("evm_setAutomine", True)
    node.rpc.call("evm_revert", snapshot)
    node.rpc.call("anvil_dropAllTransactions")
