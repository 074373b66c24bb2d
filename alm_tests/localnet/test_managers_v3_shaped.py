"""Position managers and pools of ours refuse what the real ones refuse, and count positions in their order."""

from collections.abc import Generator

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from alm_localnet.contracts import calldata
from alm_localnet.dexes import LocalDex
from alm_localnet.dexes.dex import provide_data
from alm_tests.localnet.v3_stage import (
    ALL_OWED,
    CAMELOT,
    COLLECT,
    CONTRACTS,
    DECREASE,
    LATE,
    MINT_BY_FEE,
    PANCAKE,
    Q96,
    RAMSES,
    REVERTED,
    SLIPSTREAM,
    TOKENS,
    UNISWAP,
    V3_POSITION,
    Stage,
    manager_of,
)

KEYS: dict[LocalDex, dict[str, int]] = {
    PANCAKE: {"fee_pips": 10_000},
    SLIPSTREAM: {"tick_spacing": 2000},
    RAMSES: {"tick_spacing": 200},
    CAMELOT: {"tick_spacing": 10},
}
OWN: list[tuple[LocalDex, tuple[int, ...]]] = [
    (PANCAKE, (10_000,)),
    (SLIPSTREAM, (2000,)),
    (RAMSES, (200,)),
    (CAMELOT, ()),
]
POSITIONS: dict[LocalDex, str] = {
    PANCAKE: V3_POSITION,
    SLIPSTREAM: V3_POSITION.replace("uint24", "int24"),
    RAMSES: "address,address,int24,int24,int24,uint128,uint256,uint256,uint128,uint128",
    CAMELOT: "uint96,address,address,address,int24,int24,uint128,uint256,uint256,uint128,uint128",
}
LIQUIDITY_AT: dict[LocalDex, int] = {PANCAKE: 7, SLIPSTREAM: 7, RAMSES: 5, CAMELOT: 6}
UNKNOWN = 77
"""Neither a fee nor a tick spacing of any pool."""
PAY = "uniswapV3MintCallback(uint256,uint256,bytes)"
REFUSALS: dict[LocalDex, dict[str, str]] = {
    PANCAKE: {
        "too little in": "Price slippage check",
        "too little out": "Price slippage check",
        "late": "Transaction too old",
        "stranger": "Not approved",
        "full": "Not cleared",
        "burned": "Invalid token ID",
    },
    SLIPSTREAM: {
        "too little in": "Price slippage check",
        "too little out": "PS",
        "late": "execution reverted",
        "stranger": "execution reverted",
        "full": "NC",
        "burned": "ID",
    },
    RAMSES: {
        "too little in": "Slippage()",
        "too little out": "CheckSlippage()",
        "late": "Old()",
        "stranger": "ERC721InsufficientApproval(address,uint256)",
        "full": "NotCleared()",
        "burned": "InvalidTokenId(uint256)",
    },
}
REFUSALS[CAMELOT] = REFUSALS[PANCAKE]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Generator[Stage]:
    stage = Stage(tmp_path_factory.mktemp("v3_stage"))
    for dex, contracts in CONTRACTS.items():
        stage.install(dex, contracts)
    yield stage
    stage.stop()


def mint_data(dex: LocalDex, key: tuple[int, ...], owner: str, minimum: int = 0, deadline: int = LATE) -> bytes:
    types = {"pancake_v3": "uint24,", "slipstream": "int24,", "ramses_v3": "int24,", "camelot_v3": ""}[dex.family]
    tail = (0,) if dex is SLIPSTREAM else ()
    signature = f"mint((address,address,{types}int24,int24,uint256,uint256,uint256,uint256,address,uint256"
    params = (*TOKENS, *key, -6000, 6000, 10**15, 10**15, minimum, minimum, owner, deadline, *tail)
    return calldata(signature + (",uint160))" if tail else "))"), params)


def refused_with(text: str) -> str:
    """What the node says of a text, or of an error by its selector."""
    return keccak(text=text)[:4].hex() if "(" in text else text


@pytest.mark.parametrize(("dex", "key"), OWN, ids=[dex.family for dex, _ in OWN])
def test_a_position_manager_refuses_what_the_real_one_refuses(
    stage: Stage, dex: LocalDex, key: tuple[int, ...]
) -> None:
    manager, wallet = manager_of(dex), stage.wallet
    pool = stage.pool(dex, CONTRACTS[dex], Q96, **KEYS[dex])
    stage.provide(dex, pool, -6_000, 6_000, 10**12)
    expected = {name: refused_with(text) for name, text in REFUSALS[dex].items()}
    receipt = stage.rpc.transact(wallet, manager, mint_data(dex, key, wallet))
    named = (log["topics"] for log in receipt["logs"] if log["address"] == manager.lower())
    token_id = int(next(topics[3] for topics in named if len(topics) == 4), 16)
    liquidity = stage.read(manager, "positions(uint256)", POSITIONS[dex], token_id)[LIQUIDITY_AT[dex]]

    def decrease(part: int, minimum: int = 0, deadline: int = LATE) -> bytes:
        return calldata(DECREASE, (token_id, part, minimum, minimum, deadline))

    burn = calldata("burn(uint256)", token_id)
    collect = calldata(COLLECT, (token_id, wallet, *ALL_OWED))
    assert expected["too little in"] in stage.refusal(wallet, manager, mint_data(dex, key, wallet, minimum=10**16))
    assert expected["late"] in stage.refusal(wallet, manager, mint_data(dex, key, wallet, deadline=1))
    assert expected["late"] in stage.refusal(wallet, manager, decrease(1, deadline=1))
    assert expected["too little out"] in stage.refusal(wallet, manager, decrease(liquidity, minimum=10**16))
    assert REVERTED in stage.refusal(wallet, manager, decrease(liquidity + 1))
    assert REVERTED in stage.refusal(wallet, manager, mint_data(dex, tuple(UNKNOWN for _ in key), wallet)) or not key
    for data in (decrease(1), collect, burn):
        assert expected["stranger"] in stage.refusal(stage.stranger, manager, data)
    assert expected["full"] in stage.refusal(wallet, manager, burn)
    stage.rpc.transact(wallet, manager, calldata("multicall(bytes[])", [decrease(liquidity), collect, burn]))
    assert expected["burned"] in stage.refusal(wallet, manager, calldata("positions(uint256)", token_id))
    assert "not refused" not in stage.refusal(wallet, manager, collect)


@pytest.mark.parametrize("dex", [PANCAKE, SLIPSTREAM, RAMSES, CAMELOT], ids=lambda dex: dex.family)
def test_a_pool_takes_no_ticks_off_its_spacing_and_no_empty_range(stage: Stage, dex: LocalDex) -> None:
    pool = stage.pool(dex, CONTRACTS[dex], Q96, **KEYS[dex])
    for ticks in ((-2000, 2007), (-2007, 2000), (2000, 2000), (2000, -2000), (-890_000, 2000), (-2000, 890_000)):
        assert REVERTED in stage.refusal(stage.trader, dex.desk, provide_data(pool, *ticks, 10**12))
    stage.provide(dex, pool, -2000, 2000, 10**12)
    most = 2**127
    assert REVERTED in stage.refusal(stage.trader, dex.desk, provide_data(pool, -2000, 2000, most))


def held(stage: Stage, dex: LocalDex, owner: str) -> list[int]:
    """Ids of positions of an owner, in the order in which the manager counts them."""
    (count,) = stage.read(manager_of(dex), "balanceOf(address)", "uint256", owner)
    index = "tokenOfOwnerByIndex(address,uint256)"
    return [stage.read(manager_of(dex), index, "uint256", owner, place)[0] for place in range(count)]


def test_positions_are_counted_in_uniswaps_order_whatever_is_moved_and_burned(stage: Stage) -> None:
    orders: list[list[list[int]]] = []
    for dex in (UNISWAP, PANCAKE):
        pool = stage.pool(dex, CONTRACTS[dex], Q96, fee_pips=500)
        stage.provide(dex, pool, -6_000, 6_000, 10**12)
        manager = manager_of(dex)
        (supply,) = stage.read(manager, "totalSupply()", "uint256")
        params = (*TOKENS, 500, -6_000, 6_000, 10**15, 10**15, 0, 0, stage.stranger, LATE)
        for _ in range(6):
            stage.rpc.transact(stage.wallet, manager, calldata(MINT_BY_FEE, params))
        ids = held(stage, dex, stage.stranger)
        for place in (1, 4, 0):
            data = calldata("safeTransferFrom(address,address,uint256)", stage.stranger, stage.trader, ids[place])
            assert REVERTED in stage.refusal(stage.wallet, manager, data)
            stage.rpc.transact(stage.stranger, manager, data)
        liquidity = stage.read(manager, "positions(uint256)", V3_POSITION, ids[4])[7]
        close = [
            calldata(DECREASE, (ids[4], liquidity, 0, 0, LATE)),
            calldata(COLLECT, (ids[4], stage.trader, *ALL_OWED)),
            calldata("burn(uint256)", ids[4]),
        ]
        stage.rpc.transact(stage.trader, manager, calldata("multicall(bytes[])", close))
        owners = (stage.stranger, stage.trader)
        orders.append([[ids.index(found) for found in held(stage, dex, owner)] for owner in owners])
        assert stage.read(manager, "totalSupply()", "uint256") == (supply + 5,)
    assert orders[0] == orders[1] == [[3, 5, 2], [1, 0]]


def test_nobody_else_makes_a_desk_pay(stage: Stage) -> None:
    pool = stage.pool(RAMSES, CONTRACTS[RAMSES], Q96, tick_spacing=100)
    pay = calldata(PAY, 10**18, 0, encode(["address", "address"], TOKENS))
    for data in (provide_data(pool, -6_000, 6_000, 10**12), pay):
        assert "Desk: not the owner" in stage.refusal(stage.stranger, RAMSES.desk, data)
