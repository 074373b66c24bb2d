"""Functions of the factory, the pool and the NonfungiblePositionManager (v3-core 1.0.1, v3-periphery 1.4.4)."""

from alm_resources.chains.calldata import ContractFunction

GET_POOL = ContractFunction("getPool", ("address", "address", "uint24"), ("address",))

# The protocol fee is uint8 at Uniswap and Pangolin, uint32 at PancakeSwap: the wider type reads both.
SLOT0 = ContractFunction("slot0", (), ("uint160", "int24", "uint16", "uint16", "uint16", "uint32", "bool"))
OBSERVE = ContractFunction("observe", ("uint32[]",), ("int56[]", "uint160[]"))
LIQUIDITY = ContractFunction("liquidity", (), ("uint128",))
FEE = ContractFunction("fee", (), ("uint24",))
TICK_SPACING = ContractFunction("tickSpacing", (), ("int24",))
TOKEN0 = ContractFunction("token0", (), ("address",))
TOKEN1 = ContractFunction("token1", (), ("address",))
FACTORY = ContractFunction("factory", (), ("address",))
FEE_GROWTH_GLOBAL0 = ContractFunction("feeGrowthGlobal0X128", (), ("uint256",))
FEE_GROWTH_GLOBAL1 = ContractFunction("feeGrowthGlobal1X128", (), ("uint256",))
TICKS = ContractFunction(
    "ticks", ("int24",), ("uint128", "int128", "uint256", "uint256", "int56", "uint160", "uint32", "bool")
)
PANGOLIN_OBSERVE = ContractFunction("observe", ("uint32[]",), ("int56[]", "uint160[]", "uint192[]"))
PANGOLIN_TICKS = ContractFunction("ticks", ("int24",), (*TICKS.outputs, "uint192"))
POOL_POSITIONS = ContractFunction("positions", ("bytes32",), ("uint128", "uint256", "uint256", "uint128", "uint128"))

BALANCE_OF = ContractFunction("balanceOf", ("address",), ("uint256",))
TOKEN_OF_OWNER_BY_INDEX = ContractFunction("tokenOfOwnerByIndex", ("address", "uint256"), ("uint256",))
POSITIONS = ContractFunction(
    "positions",
    ("uint256",),
    (
        *("uint96", "address", "address", "address", "uint24", "int24", "int24", "uint128"),
        *("uint256", "uint256", "uint128", "uint128"),
    ),
)
MINT = ContractFunction(
    "mint",
    ("(address,address,uint24,int24,int24,uint256,uint256,uint256,uint256,address,uint256)",),
    ("uint256", "uint128", "uint256", "uint256"),
)
INCREASE_LIQUIDITY = ContractFunction(
    "increaseLiquidity", ("(uint256,uint256,uint256,uint256,uint256,uint256)",), ("uint128", "uint256", "uint256")
)
DECREASE_LIQUIDITY = ContractFunction(
    "decreaseLiquidity", ("(uint256,uint128,uint256,uint256,uint256)",), ("uint256", "uint256")
)
COLLECT = ContractFunction("collect", ("(uint256,address,uint128,uint128)",), ("uint256", "uint256"))
BURN = ContractFunction("burn", ("uint256",))
MULTICALL = ContractFunction("multicall", ("bytes[]",), ("bytes[]",))
