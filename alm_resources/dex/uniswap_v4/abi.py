"""Functions of StateView and PositionManager (v4-periphery 1.0.3); those that Infinity has under the same name too."""

from alm_resources.chains.calldata import ContractFunction

GET_SLOT0 = ContractFunction("getSlot0", ("bytes32",), ("uint160", "int24", "uint24", "uint24"))
GET_LIQUIDITY = ContractFunction("getLiquidity", ("bytes32",), ("uint128",))
GET_FEE_GROWTH_GLOBALS = ContractFunction("getFeeGrowthGlobals", ("bytes32",), ("uint256", "uint256"))
GET_TICK_INFO = ContractFunction("getTickInfo", ("bytes32", "int24"), ("uint128", "int128", "uint256", "uint256"))
GET_POSITION_INFO = ContractFunction(
    "getPositionInfo", ("bytes32", "address", "int24", "int24", "bytes32"), ("uint128", "uint256", "uint256")
)

POOL_MANAGER = ContractFunction("poolManager", (), ("address",))
PERMIT2 = ContractFunction("permit2", (), ("address",))
BALANCE_OF = ContractFunction("balanceOf", ("address",), ("uint256",))
OWNER_OF = ContractFunction("ownerOf", ("uint256",), ("address",))
MODIFY_LIQUIDITIES = ContractFunction("modifyLiquidities", ("bytes", "uint256"))
