"""Run by the Python of the peer's own environment, which has demeter and nothing of ours; prints one JSON object.

``python demeter_script.py MINUTES.csv DAYS hold|reset WIDTH_TICKS``
"""

import json
import logging
import sys
import time
from decimal import Decimal

import pandas as pd
from demeter import Actuator, MarketInfo, MarketTypeEnum, Strategy, TokenInfo
from demeter.uniswap import UniLpMarket, UniV3Pool
from demeter.uniswap.data import fillna
from demeter.uniswap.helper import _add_statistic_column

AMOUNTS = ("netAmount0", "netAmount1", "inAmount0", "inAmount1", "currentLiquidity")


class Recentred(Strategy):
    """Half in each token, placed around the current tick; again where the close has left the range."""

    def __init__(self, width_ticks: int, *, reset: bool) -> None:
        super().__init__()
        self.width_ticks, self.reset = width_ticks, reset
        self.rebalances = 0

    def on_bar(self, snapshot: object) -> None:
        market = self.broker.markets.default
        tick = int(market.market_status.data.closeTick)
        if not market.positions:
            self.place(market, tick)
            return
        held = next(iter(market.positions))
        if self.reset and not held.lower_tick <= tick < held.upper_tick:
            market.remove_all_liquidity()
            self.place(market, tick)
            self.rebalances += 1

    def place(self, market: UniLpMarket, tick: int) -> None:
        market.even_rebalance()
        market.add_liquidity_by_tick(tick - self.width_ticks, tick + self.width_ticks)


def minutes(path: str, days: int, pool: UniV3Pool) -> pd.DataFrame:
    """As ``load_uni_v3_data`` prepares the files of its downloader."""
    frame = pd.read_csv(path, converters=dict.fromkeys(AMOUNTS, Decimal))
    frame.index = pd.DatetimeIndex(pd.to_datetime(frame.pop("timestamp")))
    frame = frame.reindex(pd.date_range(frame.index[0].normalize(), periods=days * 1440, freq="1min"))
    frame = fillna(frame)
    _add_statistic_column(frame, pool)
    return frame


def main(path: str, days: int, mode: str, width_ticks: int) -> None:
    usdc, weth = TokenInfo("usdc", 6), TokenInfo("weth", 18)
    pool = UniV3Pool(usdc, weth, 0.05, usdc)
    market = UniLpMarket(MarketInfo("pool", MarketTypeEnum.uniswap_v3), pool)
    market.data = minutes(path, days, pool)
    actuator = Actuator()
    actuator.broker.add_market(market)
    actuator.broker.set_balance(usdc, 10_000)
    actuator.broker.set_balance(weth, 0)
    actuator.strategy = Recentred(width_ticks, reset=mode == "reset")
    actuator.set_price(market.get_price_from_data())
    before = time.process_time()
    actuator.run(print_result=False)
    spent = time.process_time() - before
    final = float(actuator._account_status_list[-1].net_value)
    print(json.dumps({"final": final, "rebalances": actuator.strategy.rebalances, "cpu_s": spent}))


if __name__ == "__main__":
    logging.disable(logging.INFO)
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
