"""Functions of CLPoolManager and CLPositionManager (infinity-core, infinity-periphery) beside those Uniswap V4 has."""

from alm_resources.chains.calldata import ContractFunction

CL_POOL_MANAGER = ContractFunction("clPoolManager", (), ("address",))
VAULT = ContractFunction("vault", (), ("address",))
GET_POOL_TICK_INFO = ContractFunction(
    "getPoolTickInfo", ("bytes32", "int24"), ("uint128", "int128", "uint256", "uint256")
)
GET_POSITION = ContractFunction(
    "getPosition", ("bytes32", "address", "int24", "int24", "bytes32"), ("uint128", "uint256", "uint256")
)
