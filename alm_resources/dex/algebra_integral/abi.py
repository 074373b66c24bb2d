"""Functions of Algebra Integral that neither Uniswap V3 nor Algebra v1 has (integral-core and periphery 1.2)."""

from alm_resources.chains.calldata import ContractFunction

CUSTOM_POOL_BY_PAIR = ContractFunction("customPoolByPair", ("address", "address", "address"), ("address",))
"""``deployer, tokenA, tokenB``."""

GLOBAL_STATE = ContractFunction("globalState", (), ("uint160", "int24", "uint16", "uint8", "uint16", "bool"))
FEE = ContractFunction("fee", (), ("uint16",))
PLUGIN = ContractFunction("plugin", (), ("address",))
"""Of a pool; the zero address where it has none."""
GET_TIMEPOINTS = ContractFunction("getTimepoints", ("uint32[]",), ("int56[]", "uint88[]"))
"""Of a plugin that keeps an oracle (``IVolatilityOracle`` of integral-base-plugin 1.2): tick cumulatives first."""
TICKS = ContractFunction("ticks", ("int24",), ("uint256", "int128", "int24", "int24", "uint256", "uint256"))
POOL_POSITIONS = ContractFunction("positions", ("bytes32",), ("uint256", "uint256", "uint256", "uint128", "uint128"))

POSITIONS = ContractFunction(
    "positions",
    ("uint256",),
    (
        *("uint88", "address", "address", "address", "address", "int24", "int24", "uint128"),
        *("uint256", "uint256", "uint128", "uint128"),
    ),
)
MINT = ContractFunction(
    "mint",
    ("(address,address,address,int24,int24,uint256,uint256,uint256,uint256,address,uint256)",),
    ("uint256", "uint128", "uint256", "uint256"),
)
