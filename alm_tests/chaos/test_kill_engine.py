"""kill -9 at every boundary of one transaction against a real node: exactly one effect, contiguous nonces."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from alm_core.execution.allow_list import AllowList
from alm_core.execution.calldata import SWAP_SELECTORS
from alm_core.execution.engine import TransactionEngine
from alm_core.execution.erc20 import TRANSFER_TOPIC, address_word
from alm_core.model.chains import ChainRules
from alm_core.model.transactions import Action, BalanceBound, Intent, IntentState, UnsignedTransaction
from alm_localnet.anvil import AnvilNode
from alm_localnet.config import MULTICALL3
from alm_localnet.node import install_node_modules
from alm_localnet.wallets import create_wallets
from alm_resources.chains import Web3Chain
from alm_resources.journal import SqlJournal
from alm_resources.signer import KeystoreSigner
from alm_tests.chaos.killing import kill_myself, run_killed
from alm_tests.core.execution.fakes import AllowAll, Crashing, CrashPoint, transfer_intent

CHAIN_ID = 8453
VENUE = "0x4444444444444444444444444444444444444444"
# On any call: storage[0] += 1, then Transfer(caller, 0xdead, 1). The number in storage is the number of effects.
VENUE_CODE = "0x6000546001016000556001600052" + "61dead" + "33" + "7f" + TRANSFER_TOPIC[2:] + "60206000" + "a3" + "00"


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What Web3Chain needs to know."""

    chain_id: int
    rpc: tuple[str, ...]
    multicall3: str = MULTICALL3
    rules: ChainRules = field(default_factory=ChainRules)
    private_rpc: tuple[str, ...] = ()


@dataclass
class Bench:
    """A node with the counting venue, and one journal and key on disk."""

    node: AnvilNode
    folder: Path
    wallet: str

    def effects(self) -> int:
        return int(self.node.rpc.call("eth_getStorageAt", VENUE, "0x0", "latest"), 16)

    def nonce(self) -> int:
        return int(self.node.rpc.call("eth_getTransactionCount", self.wallet, "latest"), 16)

    def intent(self, number: int) -> Intent:
        planned = transfer_intent(number)
        words = "".join(("00" * 32, "00" * 32, "00" * 32, address_word(self.wallet), "00" * 32))
        tx = UnsignedTransaction(
            chain_id=CHAIN_ID,
            sender=self.wallet,
            to=VENUE,
            data="0x4666fc80" + words,
            value_wei=0,
            action=Action.SWAP,
            summary=f"effect {number}",
            bounds=(BalanceBound(token=VENUE, min_delta=-1, max_delta=-1),),
        )
        return replace(planned, tx=tx)

    def run(self, key: str, point: CrashPoint, verb: str = "run") -> None:
        """One process: everything is opened here and nowhere else."""
        journal = SqlJournal(f"sqlite:///{self.folder / 'journal.db'}")
        chain = Web3Chain(Access(chain_id=CHAIN_ID, rpc=(self.node.url,)))
        allowed = AllowList(selectors={(CHAIN_ID, VENUE): SWAP_SELECTORS})
        signer = KeystoreSigner(self.folder / "keystore" / "key.json", self.folder / "keystore.password", allowed)
        ports = [Crashing(port, point) for port in (journal, chain, signer, AllowAll())]
        getattr(TransactionEngine(*ports, receipt_timeout_s=10.0, fence=1), verb)(journal.read_intent(key))
        chain.close()
        journal.close()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    wallets = create_wallets(tmp_path, ["key"])  # light scrypt: every run decrypts it
    node = AnvilNode(install_node_modules().anvil(), CHAIN_ID, 1_790_000_000, 10**9, tmp_path / "logs")
    node.wait_until_ready()
    wallet = wallets.addresses["key"]
    node.rpc.call("anvil_setBalance", wallet, hex(10**18))
    node.rpc.call("anvil_setCode", VENUE, VENUE_CODE)
    yield Bench(node, tmp_path, wallet)
    node.rpc.close()
    node.stop()


@pytest.mark.chain
@pytest.mark.parametrize("verb", ["run", "retire"])
def test_a_kill_at_every_boundary_leaves_exactly_one_effect(bench: Bench, verb: str) -> None:
    keys = _stored(bench, 60)
    boundaries = _boundaries(bench, keys.pop())
    assert boundaries >= 20
    effects = 1
    for at in range(1, boundaries + 1):
        key = keys.pop()
        assert run_killed(lambda key=key, at=at: bench.run(key, CrashPoint(at, crash=kill_myself)))
        # Killed again while recovering, at the same depth: recovery has to survive it as well.
        run_killed(lambda key=key, at=at: bench.run(key, CrashPoint(at // 2, crash=kill_myself), verb))
        assert not run_killed(lambda key=key: bench.run(key, CrashPoint(), verb))
        effects += _state(bench, key) is IntentState.FINAL_OK
        assert bench.effects() == effects == bench.nonce(), f"boundary {at}"
    if verb == "run":
        assert effects == 1 + boundaries
    _check_journal(bench, effects)


def _stored(bench: Bench, count: int) -> list[str]:
    keys = bench.folder / "keys"

    def work() -> None:
        journal = SqlJournal(f"sqlite:///{bench.folder / 'journal.db'}")
        stored = journal.add_intents([bench.intent(number) for number in range(count)])
        keys.write_text("\n".join(intent.key for intent in stored))
        journal.close()

    assert not run_killed(work)
    return keys.read_text().split()


def _boundaries(bench: Bench, key: str) -> int:
    counted = bench.folder / "boundaries"

    def work() -> None:
        point = CrashPoint()
        bench.run(key, point)
        counted.write_text(str(point.passed))

    assert not run_killed(work)
    return int(counted.read_text())


def _state(bench: Bench, key: str) -> IntentState:
    journal = SqlJournal(f"sqlite:///{bench.folder / 'journal.db'}")
    try:
        return journal.read_intent(key).state
    finally:
        journal.close()


def _check_journal(bench: Bench, effects: int) -> None:
    journal = SqlJournal(f"sqlite:///{bench.folder / 'journal.db'}")
    with journal.reading() as connection:
        nonces = connection.exec_driver_sql("SELECT nonce FROM intents WHERE nonce IS NOT NULL").scalars().all()
        in_flight = connection.exec_driver_sql(
            "SELECT count(*) FROM intents WHERE state IN ('RESERVED', 'SIGNED', 'BROADCAST', 'MINED')"
        ).scalar()
    assert sorted(nonces) == list(range(effects))
    assert in_flight == 0
    assert journal.read_ledger_sums(CHAIN_ID, bench.wallet)[VENUE] == -effects
    journal.close()
