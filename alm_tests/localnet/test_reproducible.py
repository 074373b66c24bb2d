"""The same seed and start give the same world: candles, pools and blocks, minute by minute and to the last bit."""

import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from alm_localnet import Localnet, LocalnetConfig
from alm_localnet.contracts import calldata
from alm_localnet.deploy import DeployedChain
from alm_localnet.market.venues import SHARES
from alm_localnet.pool_price import price_call
from alm_localnet.servers.http import Request
from alm_localnet.wallets import create_wallets
from alm_tests.chain.conftest import START_AT

pytestmark = pytest.mark.chain

STATE = ("liquidity()", "feeGrowthGlobal0X128()", "feeGrowthGlobal1X128()", "observations(uint256)")
MINUTES = 30


def pool_states(chain: DeployedChain, first_block: int, last_block: int) -> list[Any]:
    """State of every pool at every block: its price, and of Uniswap V3 the newest price observations too."""
    calls = list[tuple[str, tuple[Any, ...]]]()
    for pool in chain.pools:
        reads = [price_call(pool)]
        if pool.deployment.family == "uniswap_v3":
            reads += [(pool.address, calldata(one, *([3] if "observations" in one else []))) for one in STATE]
        for to, data in reads:
            blocks = range(first_block, last_block + 1)
            calls += [("eth_call", ({"to": to, "data": "0x" + data.hex()}, hex(block))) for block in blocks]
    return chain.rpc.call_many(calls)


def candles(localnet: Localnet) -> Iterator[str]:
    end = localnet.clock.minute * 60_000
    ids = {"okx": "ETH-USDT", "gate": "ETH_USDT"}
    queries: dict[str, tuple[str, dict[str, Any]]] = {
        "binance": ("/api/v3/klines", {"interval": "1m", "startTime": end - 7_200_000}),
        "bybit": ("/v5/market/kline", {"interval": "1", "category": "spot", "start": end - 7_200_000}),
        "okx": ("/api/v5/market/candles", {"bar": "1m"}),
        "mexc": ("/api/v3/klines", {"interval": "1m"}),
        "gate": ("/api/v4/spot/candlesticks", {"interval": "1m"}),
        "bitget": ("/api/v2/spot/market/candles", {"granularity": "1min"}),
    }
    for name in SHARES:
        path, query = queries[name]
        market = {"instId": ids.get(name), "currency_pair": ids.get(name), "symbol": "ETHUSDT"}
        asked = {key: str(value) for key, value in (query | market).items() if value is not None}
        answer = localnet.servers[name].service.answer(Request(path=path, query=asked, fault=None))
        assert answer.status == 200
        yield str(answer.body)


def world(seed: int, idle_s: float, state_dir: Path | None = None) -> dict[str, Any]:
    """Play half an hour and tell everything; ``idle_s`` is how long its callers dawdle."""
    config = LocalnetConfig(start_at=START_AT, seed=seed, warm_up_minutes=2, state_dir=state_dir)
    with Localnet(config=config) as localnet:
        told: dict[str, Any] = {"blocks": [], "receipts": [], "pools": []}
        before = [int(chain.rpc.call("eth_blockNumber"), 16) for chain in localnet.chains]
        for _ in range(2):
            localnet.advance_to(localnet.now + timedelta(minutes=MINUTES // 2))
            time.sleep(idle_s)
            for chain in localnet.chains:
                chain.rpc.transact(chain.operator, chain.operator, b"")
        for chain, first in zip(localnet.chains, before, strict=True):
            last = int(chain.rpc.call("eth_blockNumber"), 16)
            assert last == first + MINUTES + 2
            blocks = [chain.rpc.call("eth_getBlockByNumber", hex(number), False) for number in range(last + 1)]
            names = ("timestamp", "baseFeePerGas", "gasUsed")
            told["blocks"].append([{name: block[name] for name in names} for block in blocks])
            # Every trade and transfer of the market; before it wallets are funded, whose addresses are new each time.
            told["receipts"].append([block["receiptsRoot"] for block in blocks[first + 1 :]])
            told["pools"].append(pool_states(chain, first, last))
        told["candles"] = list(candles(localnet))
        return told


def test_two_worlds_of_one_seed_are_equal_at_every_minute(tmp_path: Path) -> None:
    # The first deploys its contracts, the second loads them.
    first, second = (world(7, idle_s, tmp_path) for idle_s in (0.0, 2.2))
    assert first["blocks"] == second["blocks"]
    assert first["receipts"] == second["receipts"]
    assert first["pools"] == second["pools"]
    assert first["candles"] == second["candles"]


def test_another_seed_is_another_world() -> None:
    first, second = world(7, idle_s=0.0), world(8, idle_s=0.0)
    assert all(a != b for a, b in zip(first["pools"], second["pools"], strict=True))
    assert all(a != b for a, b in zip(first["candles"], second["candles"], strict=True))


def test_wallets_cost_the_same_calldata_in_every_world(tmp_path: Path) -> None:
    pairs = [f"PAIR-{number}" for number in range(40)]
    addresses = create_wallets(tmp_path, pairs).addresses
    assert sorted(addresses) == sorted(pairs)
    assert not any(0 in bytes.fromhex(address[2:]) for address in addresses.values())
