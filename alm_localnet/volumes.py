"""Traded volume of every pool by minute: read from swap events, and synthesised from the market before the start."""

import copy
import threading
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from alm_localnet.deploy import DeployedChain
from alm_localnet.market.bars import MINUTES_PER_DAY, FloatArray, IntArray
from alm_localnet.market.world import Market
from alm_localnet.pools import LocalPool
from alm_localnet.shared_liquidity import SharedLiquidity
from alm_localnet.traders import expected_volume_usd

_TYPICAL_TRADE_USD = 4_000.0
_Log = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What a pool traded in the last minutes. ``synthetic_usd`` is the part from before the world began."""

    usd: float
    buys: int
    sells: int
    synthetic_usd: float


class _PoolMinutes:
    """Columns of one pool from a day before the start onwards."""

    def __init__(self, first_minute: int, synthetic_usd: FloatArray) -> None:
        self.first_minute = first_minute
        self.synthetic = len(synthetic_usd)
        self.usd: FloatArray = synthetic_usd
        self.buys: IntArray = np.ceil(synthetic_usd / _TYPICAL_TRADE_USD / 2).astype(np.int64)
        self.sells: IntArray = self.buys.copy()

    def add(self, minute: int, usd: float, is_buy: bool) -> None:
        row = minute - self.first_minute
        short = row + 1 - len(self.usd)
        if short > 0:
            more = max(short, MINUTES_PER_DAY)
            self.usd = np.concatenate([self.usd, np.zeros(more)])
            self.buys = np.concatenate([self.buys, np.zeros(more, dtype=np.int64)])
            self.sells = np.concatenate([self.sells, np.zeros(more, dtype=np.int64)])
        self.usd[row] += usd
        (self.buys if is_buy else self.sells)[row] += 1


class VolumeBook:
    """Volumes of all pools of one chain, and the liquidity of those that share a contract.

    Parameters
    ----------
    chain
        Whose events are read.
    market
        USD prices, and the activity that minutes before ``first_minute`` are synthesised from.
    first_minute
        First minute that is played on chain.
    """

    def __init__(self, chain: DeployedChain, market: Market, first_minute: int) -> None:
        self._chain = chain
        self._market = market
        by_dex = [[p for p in chain.pools if p.deployment.dex == deployed.dex] for deployed in chain.deployments]
        self._groups = [pools for pools in by_dex if pools]
        self._minutes = {pool.address: self._synthetic(pool, first_minute) for pool in chain.pools}
        self._next_block = int(chain.rpc.call("eth_blockNumber"), 16) + 1
        self._shared = SharedLiquidity(chain)
        self._lock = threading.Lock()

    def read_events(self) -> None:
        """Add the swap events of all blocks since the last call, whoever traded."""
        with self._lock:
            head = int(self._chain.rpc.call("eth_blockNumber"), 16)
            if head < self._next_block:
                return
            blocks = {"fromBlock": hex(self._next_block), "toBlock": hex(head)}
            queries = [{**blocks, **_filter(pools)} for pools in self._groups]
            answers = self._chain.rpc.call_many([("eth_getLogs", (query,)) for query in queries])
            for pools, logs in zip(self._groups, answers, strict=True):
                for log in logs:
                    self._add(log, pools)
            self._shared.read_events(head)
            self._next_block = head + 1

    def window(self, address: str, last_minute: int, minutes: int) -> Window:
        """Sum of the ``minutes`` minutes before ``last_minute``."""
        with self._lock:
            columns = self._minutes[self._chain.pool(address).address]
            end = max(last_minute - columns.first_minute, 0)
            chosen = slice(max(end - minutes, 0), end)
            return Window(
                usd=float(columns.usd[chosen].sum()),
                buys=int(columns.buys[chosen].sum()),
                sells=int(columns.sells[chosen].sum()),
                synthetic_usd=float(columns.usd[chosen.start : min(chosen.stop, columns.synthetic)].sum()),
            )

    def shared_amounts(self, pool: LocalPool, price: float) -> tuple[float, float]:
        """Raw base and quote behind the liquidity of a pool that shares its contract, at a price."""
        with self._lock:
            return self._shared.amounts(pool, price)

    def saved(self) -> object:
        """State to give to :meth:`restore`."""
        with self._lock:
            return self._next_block, copy.deepcopy(self._minutes), self._shared.saved()

    def restore(self, state: object) -> None:
        """Go back to a saved state; the chain must have been reverted to the same moment."""
        with self._lock:
            next_block, minutes, shared = cast("tuple[int, dict[str, _PoolMinutes], object]", state)
            self._next_block, self._minutes = next_block, copy.deepcopy(minutes)
            self._shared.restore(shared)

    def _add(self, log: _Log, pools: list[LocalPool]) -> None:
        for pool in pools:
            amounts = pool.dex.swapped_amounts(pool.address, log)
            if amounts is None:
                continue
            # A block stamped with the end of a minute belongs to that minute.
            minute = (int(log["blockTimestamp"], 16) - 1) // 60
            quote_amount = amounts[1] if pool.base_is_token0 else amounts[0]
            usd = abs(quote_amount) / 10**pool.quote.decimals * self._market.token_usd(pool.pair.quote, minute)
            self._minutes[pool.address].add(minute, usd, quote_amount > 0)
            return

    def _synthetic(self, pool: LocalPool, first_minute: int) -> _PoolMinutes:
        start = first_minute - MINUTES_PER_DAY
        bars = self._market.bars(pool.pair.pair_id, start, first_minute)
        return _PoolMinutes(start, expected_volume_usd(pool, bars))


def _filter(pools: list[LocalPool]) -> dict[str, Any]:
    """Logs of the swaps of pools of one DEX."""
    one = pools[0]
    return dict(one.dex.log_filter(one.deployment.contracts, [pool.address for pool in pools]))
