"""What a sound pool of each V3-shaped family and the contracts around it answer, as tables for tests."""

from dataclasses import replace
from typing import Any

from eth_abi.abi import encode

from alm_core.math.tick import Q96
from alm_core.model.chain_ports import CallResult
from alm_core.model.pools import Pool
from alm_resources.chains.calldata import ContractFunction
from alm_resources.dex import adapters
from alm_resources.dex.erc20 import DECIMALS
from alm_resources.dex.uniswap_v3 import UniswapV3Adapter, abi
from alm_resources.dex.uniswap_v3.layout import Layout, Named
from alm_tests.resources.dex.fakes import make_pool

DEPLOYER = "0x" + "de" * 20
Table = dict[tuple[str, bytes], CallResult]

ADAPTERS = {name: adapter for name, adapter in adapters().items() if isinstance(adapter, UniswapV3Adapter)}
LAYOUTS = {name: adapter.layout for name, adapter in ADAPTERS.items()}
FAILED = CallResult(succeeded=False, data=b"")


def pool_of(family: str) -> Pool:
    """A pool as the registry would describe it."""
    layout = LAYOUTS[family]
    return replace(
        make_pool(),
        family=family,
        fee_pips=500 if layout.fee_in_key else None,
        contracts=(("deployer", DEPLOYER),) if family == "ramses_v3" else (),
    )


def answer(read: ContractFunction, *values: object) -> CallResult:
    return CallResult(succeeded=True, data=encode(read.outputs, values))


def named_answer(named: Named, **values: object) -> CallResult:
    """An answer by the layout's names; whatever it does not name is zero, or true."""
    words = [values.get(name, _nothing(kind)) for name, kind in zip(named.names, named.read.outputs, strict=True)]
    return answer(named.read, *words)


def sound(pool: Pool, **values: Any) -> Table:
    """Answers of a pool and of what is around it; ``values`` by the names of its layout."""
    layout = LAYOUTS[pool.family]
    known: dict[str, Any] = {"sqrt_price_x96": Q96, "tick": 0, "fee": 500, "fee_zto": 500, "fee_otz": 700, **values}
    own = {named.read: named_answer(named, **known) for named in (layout.slot, *layout.fee_reads)}
    own |= {
        abi.LIQUIDITY: answer(abi.LIQUIDITY, 10**18),
        abi.TICK_SPACING: answer(abi.TICK_SPACING, pool.tick_spacing),
        abi.TOKEN0: answer(abi.TOKEN0, pool.token0.address),
        abi.TOKEN1: answer(abi.TOKEN1, pool.token1.address),
        abi.FACTORY: answer(abi.FACTORY, pool.factory),
        layout.growths[0]: answer(layout.growths[0], known.get("growth0", 5)),
        layout.growths[1]: answer(layout.growths[1], known.get("growth1", 6)),
    }
    table = {(pool.address, read.selector): result for read, result in own.items()}
    if layout.observe:
        table[pool.address, layout.observe.selector] = known.get("observed", FAILED)
    find, arguments = layout.find_pool(pool)
    table[pool.factory, find.call(pool.factory, *arguments).data] = answer(find, pool.address)
    for proof in layout.proofs(pool):
        table[proof.target, proof.read.selector] = answer(proof.read, proof.expected)
    for token in (pool.token0, pool.token1):
        table[token.address, DECIMALS.selector] = answer(DECIMALS, token.decimals)
    return table


def answered(layout: Layout, pool: Pool, table: Table) -> list[CallResult]:
    """The table's answers to the calls of a pool; a call that it does not know fails the test."""
    calls = ADAPTERS[layout.family].pool_calls(pool)
    return [table.get((call.target, call.data)) or table[call.target, call.data[:4]] for call in calls]


def _nothing(kind: str) -> object:
    return {"bool": True, "address": "0x" + "00" * 20}.get(kind, 0)
