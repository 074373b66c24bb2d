"""Functions of Slipstream that Uniswap V3 does not have (``CLFactory``, ``CLPool``, its position manager)."""

from alm_resources.chains.calldata import ContractFunction

GET_POOL = ContractFunction("getPool", ("address", "address", "int24"), ("address",))

SLOT0 = ContractFunction("slot0", (), ("uint160", "int24", "uint16", "uint16", "uint16", "bool"))
UNSTAKED_FEE = ContractFunction("unstakedFee", (), ("uint24",))
TICKS = ContractFunction(
    "ticks",
    ("int24",),
    (
        *("uint128", "int128", "int128", "uint256", "uint256", "uint256"),
        *("int56", "uint160", "uint32", "bool"),
    ),
)

POSITIONS = ContractFunction(
    "positions",
    ("uint256",),
    (
        *("uint96", "address", "address", "address", "int24", "int24", "int24", "uint128"),
        *("uint256", "uint256", "uint128", "uint128"),
    ),
)
MINT = ContractFunction(
    "mint",
    ("(address,address,int24,int24,int24,uint256,uint256,uint256,uint256,address,uint256,uint160)",),
    ("uint256", "uint128", "uint256", "uint256"),
)
