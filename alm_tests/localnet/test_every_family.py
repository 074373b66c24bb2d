"""Every DEX family in one world: contracts in their places, prices, volumes, reserves and the registry agree."""

import json
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from alm_localnet import Localnet, LocalnetConfig
from alm_localnet.contracts import calldata
from alm_localnet.deploy import DeployedChain
from alm_localnet.dexes import local_dexes
from alm_localnet.pairs import WETH_USDC
from alm_localnet.pool_price import price_call, price_from
from alm_localnet.pools import LocalPool
from alm_localnet.presets import PoolPreset, chain_presets
from alm_localnet.worlds import every_family
from alm_resources.dex import adapters
from alm_resources.registry import load_registry
from alm_tests.chain.conftest import START_AT

pytestmark = pytest.mark.chain

QUARTER = timedelta(minutes=15)
V3_SWAP = "0xc42079f94a6350d7e6235f29174924f928cc2ac818eb64fed8004e115fbcca67"
SWAPS = {
    "uniswap_v3": V3_SWAP,
    "pancake_v3": "0x19b47279256b2a23a1665c810c8d55a1758940ee09377d4f8d26497a3577dc83",
    "pangolin_v3": V3_SWAP,
    "algebra_v1": V3_SWAP,
    "camelot_v3": V3_SWAP,
    "algebra_integral": V3_SWAP,
    "slipstream": V3_SWAP,
    "ramses_v3": V3_SWAP,
    "uniswap_v4": "0x40e9cecb9f5f1f1c5b9c97dec2917b7ee92e57ba5563708daca94dd84ad7112f",
    "infinity": "0x04206ad2b7c0f463bff3dd4f33c5735b0f2957a351e4f79763a4fa9e775dd237",
    "liquidity_book": "0xad7d6f97abf51ce18e17a38f4d70e975be9c0708474987bb3e26ad21bd93ca70",
    "liquidity_book_v20": "0xc528cda9e500228b16ce84fadae290d9a49aecb17483110004c5af0a07f6fd73",
}
"""First topic of each family's swap event, as explorers show it."""


INFINITY_CORE = "0x7adE70000000000000000000000000000000C04E"
"""Here the local vault of Infinity keeps the tokens of all its pools."""


def get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.loads(answer.read())


def pools_of(localnet: Localnet) -> Iterator[tuple[DeployedChain, LocalPool]]:
    for chain in localnet.chains:
        for pool in chain.pools:
            yield chain, pool


def read(chain: DeployedChain, to: str, data: bytes) -> str:
    return str(chain.rpc.call("eth_call", {"to": to, "data": "0x" + data.hex()}, "latest"))


def price_of(chain: DeployedChain, pool: LocalPool) -> float:
    return price_from(pool, read(chain, *price_call(pool)))


def gap_allowed(pool: LocalPool) -> float:
    """The band of arbitrage, and where prices come in bins the width of one."""
    return pool.fee_frac * 1.01 + (pool.preset.bin_step or 0) / 1e4


def figures(localnet: Localnet, chain: DeployedChain, pool: LocalPool) -> dict[str, Any]:
    service = f"{localnet.servers['geckoterminal'].url}/api/v2/networks/{chain.preset.gecko_network}/pools"
    return get(f"{service}/{pool.address}")["data"]


def test_every_dex_of_the_registry_that_has_a_local_family_is_there() -> None:
    config, presets = every_family(), chain_presets()
    placed = {(chain, tier.dex) for chain in config.chains for _, tier in config.tiers_on(presets[chain])}
    known = {
        (chain, dex)
        for (dex, chain), contracts in load_registry(None).dexes.items()
        if contracts.family in local_dexes()
    }
    assert known <= placed
    assert {dex for _, dex in placed} == {dex for _, dex in known}


def test_contracts_and_pools_have_code_and_all_pools_stand_at_the_market_price(families: Localnet) -> None:
    families.advance_to(families.now + QUARTER)
    for chain, pool in pools_of(families):
        named = [pool.dex.desk, *pool.deployment.contracts.values(), *([] if pool.shared else [pool.address])]
        assert all(chain.rpc.call("eth_getCode", address, "latest") != "0x" for address in named)
        close = families.market.price(pool.pair.pair_id, families.clock.minute - 1)
        assert price_of(chain, pool) == pytest.approx(close, rel=gap_allowed(pool)), (
            pool.deployment.dex,
            pool.chain_id,
        )


def test_all_families_of_a_chain_trade_in_one_transaction_a_minute(families: Localnet) -> None:
    before = [int(chain.rpc.call("eth_blockNumber"), 16) for chain in families.chains]
    families.advance_to(families.now + QUARTER)
    for chain, first in zip(families.chains, before, strict=True):
        assert int(chain.rpc.call("eth_blockNumber"), 16) == first + 15
        blocks = [chain.rpc.call("eth_getBlockByNumber", hex(first + minute), False) for minute in range(1, 16)]
        assert [len(block["transactions"]) for block in blocks] == [1] * 15
        assert int(blocks[-1]["timestamp"], 16) == int(families.now.timestamp())


def test_volumes_are_the_sum_of_the_swap_events_of_each_family(families: Localnet) -> None:
    first = {chain.preset.chain_id: int(chain.rpc.call("eth_blockNumber"), 16) + 1 for chain in families.chains}
    families.advance_to(families.now + QUARTER)
    for chain, pool in pools_of(families):
        swaps = swaps_of(chain, pool, first[chain.preset.chain_id])
        usd = sum(abs(amount) for amount in swaps) / 10**pool.quote.decimals
        shown = figures(families, chain, pool)["attributes"]
        assert usd > 0
        assert float(shown["volume_usd"]["m15"]) == pytest.approx(usd, rel=0.001), (pool.deployment.dex, pool.chain_id)
        trades = shown["transactions"]["m15"]
        assert trades["buys"] + trades["sells"] == len(swaps)


def swaps_of(chain: DeployedChain, pool: LocalPool, first_block: int) -> list[int]:
    """Raw quote amounts of all swaps of a pool, from its events."""
    topics: list[Any] = [SWAPS[pool.deployment.family]]
    emitter = pool.deployment.contracts["pool_manager"] if pool.shared else pool.address
    topics += [pool.address] if pool.shared else []
    logs = chain.rpc.call("eth_getLogs", {"fromBlock": hex(first_block), "address": emitter, "topics": topics})
    quote = 1 if pool.base_is_token0 else 0
    return [swapped(pool.deployment.family, log["data"])[quote] for log in logs]


def swapped(family: str, data: str) -> tuple[int, int]:
    """Raw amounts of token0 and token1 in the data of a swap event; the sign is that of the event."""
    raw = bytes.fromhex(data[2:])
    words = [int.from_bytes(raw[at : at + 32], "big", signed=True) for at in range(0, len(raw), 32)]
    if family == "liquidity_book":
        # X in the lower half of a word, Y in the upper; what the protocol took is not in the amount that came in.
        (in0, in1), (out0, out1), (fee0, fee1) = ((word % 2**128, word >> 128) for word in (*words[1:3], words[5]))
        return in0 + fee0 - out0, in1 + fee1 - out1
    if family == "liquidity_book_v20":
        for_y, into, out, _, fees = words
        # Local pairs of this version have token1 as X.
        return (-out, into + fees) if for_y else (into + fees, -out)
    return words[0], words[1]


def held_usd(families: Localnet, chain: DeployedChain, holder: str, symbols: set[str]) -> float:
    """Value of all tokens of a contract, at the prices the services know."""
    usd, minute = 0.0, families.clock.minute - 1
    for symbol in sorted(symbols):
        token = chain.preset.tokens[symbol]
        raw = int(read(chain, token.address, calldata("balanceOf(address)", holder)), 16)
        usd += raw / 10**token.decimals * families.market.token_usd(symbol, minute)
    return usd


def test_reserves_are_what_the_contracts_hold(families: Localnet) -> None:
    shown: dict[tuple[int, str], float] = {}
    symbols: dict[tuple[int, str], set[str]] = {}
    for chain, pool in pools_of(families):
        contracts = pool.deployment.contracts
        key = (pool.chain_id, contracts.get("pool_manager", pool.address))
        if "vault" in contracts:
            key = (pool.chain_id, INFINITY_CORE)
        reserve = float(figures(families, chain, pool)["attributes"]["reserve_in_usd"])
        assert reserve > pool.tvl_usd * 0.9
        shown[key] = shown.get(key, 0.0) + reserve
        symbols.setdefault(key, set()).update((pool.pair.base, pool.pair.quote))
    for (chain_id, holder), reserve in shown.items():
        chain = next(chain for chain in families.chains if chain.preset.chain_id == chain_id)
        held = held_usd(families, chain, holder, symbols[chain_id, holder])
        # Pools stand up to their fee off the market. Where one contract holds all of them, their reserves are what
        # it has without fees that nobody has collected.
        assert reserve == pytest.approx(held, rel=0.001), (chain_id, holder)


def test_services_name_pools_and_exchanges_as_the_real_ones_do(families: Localnet) -> None:
    for chain, pool in pools_of(families):
        shown = figures(families, chain, pool)
        assert shown["attributes"]["address"] == pool.address.lower()
        assert len(pool.address) == (66 if pool.shared else 42)
        fee = shown["attributes"]["pool_fee_percentage"]
        assert fee == (None if pool.fixed_fee_pips is None else f"{pool.fixed_fee_pips / 1e4:g}")
        slug = chain.preset.dexscreener_chain
        pairs = get(f"{families.servers['dexscreener'].url}/latest/dex/pairs/{slug}/{pool.address}")["pairs"]
        assert [pair["pairAddress"] for pair in pairs] == [pool.address]
        assert (pairs[0]["dexId"], pairs[0]["labels"][0]) == (
            pool.deployment.names.dexscreener,
            pool.deployment.names.label,
        )


def test_every_family_has_an_adapter_and_every_listed_pool_may_be_traded(families: Localnet) -> None:
    registry = load_registry(families.registry_file)
    traded = {pool.pool_id for pair in registry.pairs for pool in registry.pools_of(pair.pair_id)}
    assert traded == {pool.pool_id for pool in registry.listed}
    assert {pool.family for pool in registry.listed} == local_dexes().keys() == adapters().keys()
    assert len(registry.listed) == sum(len(chain.pools) for chain in families.chains)


def test_seven_chains_stand_within_fifteen_seconds_once_contracts_are_kept(families: Localnet, tmp_path: Path) -> None:
    began = time.perf_counter()
    with Localnet(tmp_path, replace(families.config, warm_up_minutes=10)) as again:
        assert len(again.chains) == 7
    assert time.perf_counter() - began < 15


def test_bins_follow_a_price_that_leaves_all_of_them() -> None:
    narrow = replace(
        WETH_USDC,
        pools=tuple(
            PoolPreset(
                dex=dex,
                fee_pips=1000,
                bin_step=10,
                tvl_usd=1e5,
                daily_volume_usd=1e5,
                chains=(43114,),
                ranges=((0.002, 1.0),),
            )
            for dex in ("joe-v2", "joe-v2.2")
        ),
    )
    config = LocalnetConfig(start_at=START_AT, chains=(43114,), pairs=(narrow,), warm_up_minutes=2)
    with Localnet(config=config) as localnet:
        (chain,) = localnet.chains
        opened = localnet.market.price("WETH-USDC", localnet.clock.minute - 3)
        beyond = 0
        for _ in range(8):
            before = localnet.market.price("WETH-USDC", localnet.clock.minute - 1)
            localnet.advance_to(localnet.now + QUARTER)
            close = localnet.market.price("WETH-USDC", localnet.clock.minute - 1)
            beyond += abs(close / opened - 1) > 0.004
            for pool in chain.pools:
                # Within the quarter hour the price may leave the bins that were filled before it; nothing stops then.
                assert abs(price_of(chain, pool) / close - 1) < gap_allowed(pool) + abs(close / before - 1)
        assert beyond
