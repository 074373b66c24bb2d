"""Functions of Algebra v1 that Uniswap V3 does not have (v1-core 1.0.0, periphery 1.0.0; Camelot's pools)."""

from alm_resources.chains.calldata import ContractFunction

POOL_BY_PAIR = ContractFunction("poolByPair", ("address", "address"), ("address",))

GLOBAL_STATE = ContractFunction("globalState", (), ("uint160", "int24", "uint16", "uint16", "uint8", "uint8", "bool"))
DIRECTIONAL_GLOBAL_STATE = ContractFunction(
    "globalState", (), ("uint160", "int24", "uint16", "uint16", "uint16", "uint8", "uint8", "bool")
)
"""Camelot: ``feeZto`` and ``feeOtz`` instead of ``fee``, so that what follows comes one word later."""
TOTAL_FEE_GROWTH0 = ContractFunction("totalFeeGrowth0Token", (), ("uint256",))
TOTAL_FEE_GROWTH1 = ContractFunction("totalFeeGrowth1Token", (), ("uint256",))
GET_TIMEPOINTS = ContractFunction("getTimepoints", ("uint32[]",), ("int56[]", "uint160[]", "uint112[]", "uint256[]"))
POOL_POSITIONS = ContractFunction(
    "positions", ("bytes32",), ("uint128", "uint32", "uint256", "uint256", "uint128", "uint128")
)

POSITIONS = ContractFunction(
    "positions",
    ("uint256",),
    (
        *("uint96", "address", "address", "address", "int24", "int24", "uint128"),
        *("uint256", "uint256", "uint128", "uint128"),
    ),
)
MINT = ContractFunction(
    "mint",
    ("(address,address,int24,int24,uint256,uint256,uint256,uint256,address,uint256)",),
    ("uint256", "uint128", "uint256", "uint256"),
)
