"""Functions of Ramses V3 that Uniswap V3 does not have (``RamsesV3Factory``, ``RamsesV3Pool``, its manager)."""

from alm_resources.chains.calldata import ContractFunction

SLOT0 = ContractFunction("slot0", (), ("uint160", "int24", "uint16", "uint16", "uint16", "uint24", "bool"))
POOL_DEPLOYER = ContractFunction("ramsesV3PoolDeployer", (), ("address",))
DEPLOYER = ContractFunction("deployer", (), ("address",))

POSITIONS = ContractFunction(
    "positions",
    ("uint256",),
    (
        *("address", "address", "int24", "int24", "int24", "uint128"),
        *("uint256", "uint256", "uint128", "uint128"),
    ),
)
MINT = ContractFunction(
    "mint",
    ("(address,address,int24,int24,int24,uint256,uint256,uint256,uint256,address,uint256)",),
    ("uint256", "uint128", "uint256", "uint256"),
)
INVALID_TOKEN_ID = ContractFunction("InvalidTokenId", ("uint256",))
"""An error, with which ``positions()`` reverts."""
