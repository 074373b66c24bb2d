"""A trader who sees the mempool puts each swap, mint and burn between two of his trades: what he takes is bounded."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from alm_core.execution.guard import token_usd as token_usd_of
from alm_core.model.config import LimitsConfig
from alm_core.model.transactions import Action, IntentState
from alm_core.portfolio.limits import outflow_usd
from alm_localnet import Localnet
from alm_localnet.contract_state import TRADE_BATCH
from alm_localnet.pools import LocalPool
from alm_localnet.rpc import RpcClient
from alm_localnet.traders import Trade, trades_calldata
from alm_tests.chaos.scene import Scene

pytestmark = pytest.mark.chain
CHAIN = 8453
SWAP_TOPIC = "0xc42079f94a6350d7e6235f29174924f928cc2ac818eb64fed8004e115fbcca67"
STEPS = 14
FURTHEST_FRAC = 0.05
GAS = 8_000_000
LIMITS = LimitsConfig(receipt_timeout_s=20.0)


class Sandwicher(threading.Thread):
    """Mines the chain's blocks. Whatever the victim swaps or mints stands in a block between two trades of his.

    He tries out by ``eth_simulateV1`` how far he can push the price before the victim's transaction would revert, and
    goes there: worse for the victim he cannot make it. Afterwards he trades the price back.
    """

    def __init__(self, scene: Scene) -> None:
        super().__init__(daemon=True)
        self.squeezed: dict[str, float] = {}
        """Victim's transactions, and by what part he could push the square-root price before each."""
        self.failure: Exception | None = None
        (self._chain,) = [one for one in scene.localnet.chains if one.preset.chain_id == CHAIN]
        self._pools = {pool.address.lower(): pool for pool in self._chain.pools}
        self._victim = scene.wallet
        self._watched = RpcClient(self._chain.rpc.url, "mempool")
        self._done = threading.Event()

    def run(self) -> None:
        try:
            while not self._done.is_set():
                for tx in self._pending():
                    self._squeeze(tx)
                    self._watched.call("evm_mine")
                self._done.wait(0.005)
        except Exception as failure:  # the test looks at it: a thread has nobody to raise to
            self.failure = failure

    def __enter__(self) -> "Sandwicher":
        self._watched.call("evm_setAutomine", False)
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self.join()
        self._watched.call("evm_setAutomine", True)
        self._watched.close()
        if self.failure:
            raise self.failure

    def _pending(self) -> list[dict[str, Any]]:
        found: dict[str, Any] = self._watched.call("txpool_content")["pending"]
        return [
            tx
            for sender, by_nonce in found.items()
            if sender.lower() == self._victim.lower()
            for tx in by_nonce.values()
        ]

    def _squeeze(self, tx: dict[str, Any]) -> None:
        """Put the transaction between two trades in the pool that it swaps in, or whose liquidity it changes."""
        logs = self._simulated([tx])[0].get("logs", [])
        touched = [log for log in logs if log["address"].lower() in self._pools]
        if not touched:
            return
        pool = self._pools[touched[0]["address"].lower()]
        price_x96 = self._price_x96(pool)
        swapped = [int(log["data"][2:66], 16) < 2**255 for log in touched if log["topics"][0] == SWAP_TOPIC]
        # A swap is squeezed the way it goes itself; of a mint or a burn it does not matter to us which way.
        tried = {falls: self._furthest(tx, pool, price_x96, falls) for falls in swapped[:1] or (True, False)}
        falls = max(tried, key=lambda one: tried[one])
        if tried[falls] > 0.0:
            # The node orders by the most a transaction would pay for gas.
            self._send(_pushed(pool, price_x96, tried[falls], falls=falls), 2 * int(tx["maxFeePerGas"], 16))
            self._send(_back(pool, price_x96), self._base_fee_wei() * 6 // 5)
            self.squeezed[tx["hash"]] = tried[falls]

    def _furthest(self, tx: dict[str, Any], pool: LocalPool, price_x96: int, falls: bool) -> float:
        low, high = 0.0, FURTHEST_FRAC
        for _ in range(STEPS):
            middle = (low + high) / 2
            pushing, victim = self._simulated([self._call(_pushed(pool, price_x96, middle, falls=falls)), tx])
            works = pushing["status"] == victim["status"] == "0x1"
            low, high = (middle, high) if works else (low, middle)
        return low

    def _simulated(self, txs: list[dict[str, Any]]) -> list[dict[str, Any]]:
        calls = [{name: tx[name] for name in ("from", "to", "input", "gas") if name in tx} for tx in txs]
        blocks = self._watched.call("eth_simulateV1", {"blockStateCalls": [{"calls": calls}]}, "latest")
        return blocks[0]["calls"]

    def _price_x96(self, pool: LocalPool) -> int:
        slot0 = self._watched.call("eth_call", {"to": pool.address, "data": "0x3850c7bd"}, "latest")
        return int(slot0[2:66], 16)

    def _call(self, trade: Trade) -> dict[str, Any]:
        data = "0x" + trades_calldata([trade]).hex()
        return {"from": self._chain.operator, "to": TRADE_BATCH, "input": data, "gas": hex(GAS)}

    def _base_fee_wei(self) -> int:
        return int(self._watched.call("eth_getBlockByNumber", "latest", False)["baseFeePerGas"], 16)

    def _send(self, trade: Trade, max_fee_wei: int) -> None:
        fees = {"maxFeePerGas": hex(max_fee_wei), "maxPriorityFeePerGas": "0x0"}
        self._watched.call("eth_sendTransaction", self._call(trade) | fees)


def _pushed(pool: LocalPool, price_x96: int, frac: float, *, falls: bool) -> Trade:
    """A trade that moves the square-root price by a part."""
    wanted = int(price_x96 * (1 - frac if falls else 1 + frac))
    return Trade(pool=pool, zero_for_one=falls, amount_in=0, lowest_x96=wanted - 1, highest_x96=wanted + 1)


def _back(pool: LocalPool, price_x96: int) -> Trade:
    return Trade(pool=pool, zero_for_one=True, amount_in=0, lowest_x96=price_x96 - 1, highest_x96=price_x96 + 1)


@pytest.fixture
def scene(localnet: Localnet, tmp_path: Path) -> Iterator[Scene]:
    opened = Scene(localnet, tmp_path / "journal.db", limits=LIMITS)
    yield opened
    opened.close()


@dataclass
class Outcome:
    """What a full rebalance left, at the independent price before it."""

    nav_usd: float
    swapped_usd: float
    moved_usd: float


def rebalanced(scene: Scene) -> Outcome:
    """Close what is held, swap to another ratio and open again; all of the capital moves."""
    snapshot = scene.snapshot(scene.localnet.now)
    plan = scene.plan(snapshot, shift=0.03)
    report = scene.executor().execute(plan, snapshot)
    assert report.halted is None, report.halted
    done = [tx.action for tx in report.transactions if tx.state is IntentState.FINAL_OK]
    assert {Action.SWAP, Action.OPEN} <= set(done)
    token_usd = token_usd_of(scene.pools, plan.price, snapshot.quote_usd)
    swaps = [intent.tx for intent in scene.intents() if intent.tx.action is Action.SWAP]
    swapped = float(sum(outflow_usd(tx, token_usd) or 0 for tx in swaps))
    after = replace(scene.hold(scene.snapshot(scene.localnet.now)), price=plan.price)
    return Outcome(nav_usd=after.nav_usd or 0.0, swapped_usd=swapped, moved_usd=plan.nav_usd or 0.0)


def test_a_sandwich_takes_no_more_than_the_limits_allow(scene: Scene) -> None:
    rpc = scene.localnet.rpc(CHAIN)
    clean = rpc.call("evm_snapshot")
    undisturbed = rebalanced(scene)
    rpc.call("evm_revert", clean)
    squeezed_scene = Scene(scene.localnet, scene.journal_file.with_name("squeezed.db"), limits=LIMITS)
    with Sandwicher(squeezed_scene) as trader:
        squeezed = rebalanced(squeezed_scene)
    swap = [tx for tx in (i for i in squeezed_scene.intents()) if tx.tx.action is Action.SWAP]
    mints = [tx for tx in (i for i in squeezed_scene.intents()) if tx.tx.action is Action.OPEN]
    squeezed_scene.close()
    assert swap[0].tx_hash in trader.squeezed
    assert any(mint.tx_hash in trader.squeezed for mint in mints)
    taken = undisturbed.nav_usd - squeezed.nav_usd
    # What minima of mints let through is of second order: amounts at a price that comes back.
    bound = LIMITS.swap_slippage_frac * squeezed.swapped_usd
    print(
        f"a sandwich took {taken:.2f} USD of {squeezed.moved_usd:.0f} moved and {squeezed.swapped_usd:.0f} swapped; "
        f"bound {bound:.2f}; prices pushed by {', '.join(f'{frac:.3%}' for frac in trader.squeezed.values())}"
    )
    assert 0.0 < taken <= bound
