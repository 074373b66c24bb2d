"""Functions that `alm registry` asks of contracts of every family. Only reads that tell what a contract is.

Signatures: v3-core 1.0.1 and v3-periphery 1.4.4, PancakeSwap V3, Algebra v1 and Integral, Slipstream, Ramses V3,
v4-core 1.0.2 and v4-periphery 1.0.3, PancakeSwap Infinity, LFJ joe-v2 (v2.0 to v2.2).
"""

from alm_resources.chains import ContractFunction

_ADDRESS = ("address",)

SYMBOL = ContractFunction("symbol", (), ("string",))
SYMBOL_BYTES32 = ContractFunction("symbol", (), ("bytes32",))
DECIMALS = ContractFunction("decimals", (), ("uint8",))
GET_CHAIN_ID = ContractFunction("getChainId", (), ("uint256",))

FACTORY = ContractFunction("factory", (), _ADDRESS)
WETH9 = ContractFunction("WETH9", (), _ADDRESS)
WRAPPED_NATIVE = ContractFunction("WNativeToken", (), _ADDRESS)
DEPLOYER = ContractFunction("deployer", (), _ADDRESS)
POOL_DEPLOYER = ContractFunction("poolDeployer", (), _ADDRESS)
RAMSES_POOL_DEPLOYER = ContractFunction("ramsesV3PoolDeployer", (), _ADDRESS)

TOKEN0 = ContractFunction("token0", (), _ADDRESS)
TOKEN1 = ContractFunction("token1", (), _ADDRESS)
FEE = ContractFunction("fee", (), ("uint24",))
TICK_SPACING = ContractFunction("tickSpacing", (), ("int24",))
LIQUIDITY = ContractFunction("liquidity", (), ("uint128",))
GET_POOL_BY_FEE = ContractFunction("getPool", ("address", "address", "uint24"), _ADDRESS)
GET_POOL_BY_SPACING = ContractFunction("getPool", ("address", "address", "int24"), _ADDRESS)
POOL_BY_PAIR = ContractFunction("poolByPair", ("address", "address"), _ADDRESS)
CUSTOM_POOL_BY_PAIR = ContractFunction("customPoolByPair", ("address", "address", "address"), _ADDRESS)

POOL_MANAGER = ContractFunction("poolManager", (), _ADDRESS)
CL_POOL_MANAGER = ContractFunction("clPoolManager", (), _ADDRESS)
PERMIT2 = ContractFunction("permit2", (), _ADDRESS)
VAULT = ContractFunction("vault", (), _ADDRESS)
GET_SLOT0 = ContractFunction("getSlot0", ("bytes32",), ("uint160", "int24", "uint24", "uint24"))
POOL_KEYS = ContractFunction("poolKeys", ("bytes25",), ("address", "address", "uint24", "int24", "address"))
POOL_ID_TO_KEY = ContractFunction(
    "poolIdToPoolKey", ("bytes32",), ("address", "address", "address", "address", "uint24", "bytes32")
)

LB_ROUTER_FACTORY = ContractFunction("getFactory", (), _ADDRESS)
GET_TOKEN_X = ContractFunction("getTokenX", (), _ADDRESS)
GET_TOKEN_Y = ContractFunction("getTokenY", (), _ADDRESS)
GET_BIN_STEP = ContractFunction("getBinStep", (), ("uint16",))
GET_RESERVES = ContractFunction("getReserves", (), ("uint128", "uint128"))
GET_LB_PAIR = ContractFunction(
    "getLBPairInformation", ("address", "address", "uint256"), ("uint16", "address", "bool", "bool")
)
# Liquidity Book v2.0 names them so; its fee parameters begin with the bin step.
TOKEN_X = ContractFunction("tokenX", (), _ADDRESS)
TOKEN_Y = ContractFunction("tokenY", (), _ADDRESS)
FEE_PARAMETERS = ContractFunction("feeParameters", (), ("uint16",))
RESERVES_AND_ID = ContractFunction("getReservesAndId", (), ("uint256", "uint256", "uint256"))
