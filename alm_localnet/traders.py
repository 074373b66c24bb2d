"""The traders: each minute, on each chain, one block with real swaps that bring every pool to the market.

Uninformed traders go both ways for the volume of the minute; arbitrageurs then close any gap wider than the pool's fee.
On a recorded tape the Uniswap V3 pools of its fee tier follow the recorded price and amounts instead.
"""

from dataclasses import dataclass

import numpy as np

from alm_localnet.contract_state import TRADE_BATCH
from alm_localnet.contracts import selector
from alm_localnet.deploy import DeployedChain
from alm_localnet.dexes.dex import pool_word
from alm_localnet.followers import follow_price
from alm_localnet.market.bars import MINUTES_PER_DAY, Bars
from alm_localnet.market.noise import uniforms
from alm_localnet.market.tape import TapePath
from alm_localnet.market.world import Market
from alm_localnet.pools import LocalPool

TAPE_FEE_PIPS = 500
FOLLOWING_MINUTES = 15
_TRADE = selector("trade((address,bytes32,bool,uint256,uint160,uint160)[])")
_WORD = 32


@dataclass(frozen=True, slots=True)
class Trade:
    """One entry of a batch for the desk of the pool's family; ``amount_in`` 0 is arbitrage into the band."""

    pool: LocalPool
    zero_for_one: bool
    amount_in: int
    lowest_x96: int
    highest_x96: int

    def encoded(self) -> bytes:
        """ABI words of the entry."""
        words = (int(self.zero_for_one), self.amount_in, self.lowest_x96, self.highest_x96)
        who = int(self.pool.dex.desk, 16).to_bytes(_WORD, "big") + pool_word(self.pool.address)
        return who + b"".join(word.to_bytes(_WORD, "big") for word in words)


def trades_calldata(trades: list[Trade]) -> bytes:
    """Calldata of ``TradeBatch.trade``."""
    head = (_WORD).to_bytes(_WORD, "big") + len(trades).to_bytes(_WORD, "big")
    return _TRADE + head + b"".join(trade.encoded() for trade in trades)


class Traders:
    """Plan and send the trades of one chain.

    Parameters
    ----------
    chain
        Where they trade.
    market
        What they believe.
    """

    def __init__(self, chain: DeployedChain, market: Market) -> None:
        self._chain = chain
        self._market = market

    def play(self, first: int, last: int) -> None:
        """Play minutes ``first <= minute < last``: one block each, stamped with the end of the minute.

        Before every quarter hour others move their bins to where the price is, a block each.
        """
        plans = [self._plan(pool, first, last) for pool in self._chain.pools]
        rpc, preset = self._chain.rpc, self._chain.preset
        head_s = int(rpc.call("eth_getBlockByNumber", "latest", False)["timestamp"], 16)
        for row, minute in enumerate(range(first, last)):
            if minute % FOLLOWING_MINUTES == 0:
                head_s += follow_price(self._chain, self._market, minute - 1)
            # Blocks of slow callers may have run past the minute's end; time on a chain never goes back.
            head_s = max((minute + 1) * 60, head_s + 1)
            rpc.call("evm_setNextBlockTimestamp", head_s)
            rpc.call("anvil_setNextBlockBaseFeePerGas", hex(self._market.base_fee_wei(preset, minute)))
            trades = [trade for plan in plans for trade in plan[row]]
            data = trades_calldata(trades)
            rpc.transact(self._chain.operator, TRADE_BATCH, data, tip_wei=preset.priority_fee_wei)

    def _plan(self, pool: LocalPool, first: int, last: int) -> list[list[Trade]]:
        bars = self._market.bars(pool.pair.pair_id, first, last)
        tape = self._market.tape
        recorded = (pool.deployment.family, pool.preset.fee_pips) == ("uniswap_v3", TAPE_FEE_PIPS)
        if tape and tape is self._market.path(pool.pair.pair_id) and recorded:
            return _tape_plan(pool, bars, tape)
        volume = expected_volume_usd(pool, bars) / self._market.token_usd(pool.pair.quote, first)
        return _noise_plan(pool, bars, volume, self._market.seed)


def expected_volume_usd(pool: LocalPool, bars: Bars) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    """Volume of uninformed traders in each minute, USD."""
    return bars.activity * pool.daily_volume_usd / MINUTES_PER_DAY


def _noise_plan(
    pool: LocalPool, bars: Bars, volume_quote: "np.ndarray[tuple[int], np.dtype[np.float64]]", seed: int
) -> list[list[Trade]]:
    order = uniforms(seed, f"order/{pool.chain_id}/{pool.address}", bars.minute)
    plan = list[list[Trade]]()
    for row in range(len(bars.minute)):
        price = float(bars.close[row])
        band = _band(pool, price * (1 - pool.fee_frac), price * (1 + pool.fee_frac))
        bought = float(volume_quote[row] * bars.buys_frac[row])
        sold = float(volume_quote[row] - bought) / price
        both = [_sell_quote(pool, bought, band), _sell_base(pool, sold, band)]
        arbitrage = Trade(pool, False, 0, *band)
        plan.append([*(both if order[row] < 0.5 else reversed(both)), arbitrage])
    return plan


def _tape_plan(pool: LocalPool, bars: Bars, tape: TapePath) -> list[list[Trade]]:
    flow = tape.flow_rows(int(bars.minute[0]), int(bars.minute[-1]) + 1)
    plan = list[list[Trade]]()
    for row in range(len(bars.minute)):
        close = float(bars.close[row])
        scale = pool.liquidity_at(close) / flow.liquidity[row]
        band = _band(pool, float(bars.low[row]) / 1.0001, float(bars.high[row]) * 1.0001)
        buy = _sell_quote(pool, float(flow.in_usdc[row] * scale) / 1e6, band)
        sell = _sell_base(pool, float(flow.in_weth[row] * scale) / 1e18, band)
        rose = close > float(bars.open[row])
        halves = [_half(sell), _half(buy)] if rose else [_half(buy), _half(sell)]
        target = pool.sqrt_price_x96(close)
        plan.append([*halves, *halves, Trade(pool, False, 0, target, target)])
    return plan


def _half(trade: Trade) -> Trade:
    return Trade(trade.pool, trade.zero_for_one, trade.amount_in // 2 + 1, trade.lowest_x96, trade.highest_x96)


def _band(pool: LocalPool, low: float, high: float) -> tuple[int, int]:
    bounds = sorted((pool.sqrt_price_x96(low), pool.sqrt_price_x96(high)))
    return bounds[0], bounds[1]


def _sell_quote(pool: LocalPool, amount: float, band: tuple[int, int]) -> Trade:
    raw = int(amount * 10**pool.quote.decimals) + 1
    return Trade(pool, not pool.base_is_token0, raw, *band)


def _sell_base(pool: LocalPool, amount: float, band: tuple[int, int]) -> Trade:
    raw = int(amount * 10**pool.base.decimals) + 1
    return Trade(pool, pool.base_is_token0, raw, *band)
