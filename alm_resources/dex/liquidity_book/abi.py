"""Functions of factory, pair and router (traderjoe-xyz/joe-v2: ILBPair, ILBRouter, ILBFactory, ILBLegacy*).

2.1 and 2.2 differ only in hooks, which 2.1 has not. 2.0 names nearly everything differently.
"""

from dataclasses import dataclass

from alm_resources.chains.calldata import ContractFunction

_ADDRESS = ("address",)
_LISTS = "int256[],uint256[],uint256[]"
_AMOUNTS = ",".join(("uint256",) * 7)

GET_LB_PAIR = ContractFunction(
    "getLBPairInformation", ("address", "address", "uint256"), ("uint16", "address", "bool", "bool")
)
BALANCE_OF_BATCH = ContractFunction("balanceOfBatch", ("address[]", "uint256[]"), ("uint256[]",))
TOTAL_SUPPLY = ContractFunction("totalSupply", ("uint256",), ("uint256",))
IS_APPROVED_FOR_ALL = ContractFunction("isApprovedForAll", ("address", "address"), ("bool",))
NEXT_ID = ContractFunction("next", (), ("uint24",))
"""Answer of either generation's ``next_bin``."""
GET_BIN = ContractFunction("getBin", ("uint24",), ("uint256", "uint256"))
"""uint128 in 2.1 and 2.2: the same words."""
REMOVE_LIQUIDITY = ContractFunction(
    "removeLiquidity",
    ("address", "address", "uint16", "uint256", "uint256", "uint256[]", "uint256[]", "address", "uint256"),
    ("uint256", "uint256"),
)

GET_ACTIVE_ID = ContractFunction("getActiveId", (), ("uint24",))
GET_BIN_STEP = ContractFunction("getBinStep", (), ("uint16",))
GET_STATIC_FEES = ContractFunction(
    "getStaticFeeParameters", (), ("uint16", "uint16", "uint16", "uint16", "uint24", "uint16", "uint24")
)
GET_VARIABLE_FEES = ContractFunction("getVariableFeeParameters", (), ("uint24", "uint24", "uint24", "uint40"))
GET_HOOKS = ContractFunction("getLBHooksParameters", (), ("bytes32",))

FEE_PARAMETERS = ContractFunction(
    "feeParameters",
    (),
    (
        *("uint16", "uint16", "uint16", "uint16", "uint16", "uint24", "uint16", "uint24"),
        *("uint24", "uint24", "uint24", "uint40"),
    ),
)
GET_RESERVES_AND_ID = ContractFunction("getReservesAndId", (), ("uint256", "uint256", "uint256"))
PENDING_FEES = ContractFunction("pendingFees", ("address", "uint256[]"), ("uint256", "uint256"))
COLLECT_FEES = ContractFunction("collectFees", ("address", "uint256[]"), ("uint256", "uint256"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """What differs between the generations.

    Parameters
    ----------
    family
        Name in the registry.
    token_x, token_y, factory
        Getters of the pair.
    router_factory
        Getter of the router.
    pair_reads
        Reads of the pair from which fees, active id and bin step follow.
    next_bin
        Finds the nearest bin above or below that is not empty.
    approve_for_all
        Makes the router an operator of all bins.
    add_liquidity
        2.0 has no ``refundTo``: what is left over goes to whom the shares go.
    fees_apart
        Whether fees lie beside the bins and are collected by themselves.
    """

    family: str
    token_x: ContractFunction
    token_y: ContractFunction
    factory: ContractFunction
    router_factory: ContractFunction
    pair_reads: tuple[ContractFunction, ...]
    next_bin: ContractFunction
    approve_for_all: ContractFunction
    add_liquidity: ContractFunction
    fees_apart: bool


V21 = Layout(
    family="liquidity_book",
    token_x=ContractFunction("getTokenX", (), _ADDRESS),
    token_y=ContractFunction("getTokenY", (), _ADDRESS),
    factory=ContractFunction("getFactory", (), _ADDRESS),
    router_factory=ContractFunction("getFactory", (), _ADDRESS),
    pair_reads=(GET_BIN_STEP, GET_ACTIVE_ID, GET_STATIC_FEES, GET_VARIABLE_FEES),
    next_bin=ContractFunction("getNextNonEmptyBin", ("bool", "uint24"), ("uint24",)),
    approve_for_all=ContractFunction("approveForAll", ("address", "bool")),
    add_liquidity=ContractFunction(
        "addLiquidity",
        (f"(address,address,{_AMOUNTS},{_LISTS},address,address,uint256)",),
        ("uint256", "uint256", "uint256", "uint256", "uint256[]", "uint256[]"),
    ),
    fees_apart=False,
)
V20 = Layout(
    family="liquidity_book_v20",
    token_x=ContractFunction("tokenX", (), _ADDRESS),
    token_y=ContractFunction("tokenY", (), _ADDRESS),
    factory=ContractFunction("factory", (), _ADDRESS),
    router_factory=ContractFunction("factory", (), _ADDRESS),
    pair_reads=(FEE_PARAMETERS, GET_RESERVES_AND_ID),
    next_bin=ContractFunction("findFirstNonEmptyBinId", ("uint24", "bool"), ("uint24",)),
    approve_for_all=ContractFunction("setApprovalForAll", ("address", "bool")),
    add_liquidity=ContractFunction(
        "addLiquidity",
        (f"(address,address,{_AMOUNTS},{_LISTS},address,uint256)",),
        ("uint256[]", "uint256[]"),
    ),
    fees_apart=True,
)
