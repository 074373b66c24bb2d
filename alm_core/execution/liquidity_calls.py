"""Calls that open, change and close positions, by DEX family: selectors, and the words that hold who is paid."""

from alm_core.model.errors import InvalidInput

MINT_SELECTOR = "0x88316456"
"""``mint`` by fee: Uniswap V3, PancakeSwap V3, Pangolin V3."""
MINT_ALGEBRA_SELECTOR = "0x9cc1a283"
"""``mint`` without a key: Algebra V1."""
MINT_INTEGRAL_SELECTOR = "0xfe3f3be7"
"""``mint`` with a deployer: Algebra Integral."""
MINT_SLIPSTREAM_SELECTOR = "0xb5007d1f"
"""``mint`` by tick spacing with a price: Slipstream."""
MINT_RAMSES_SELECTOR = "0x6d70c415"
"""``mint`` by tick spacing: Ramses V3."""
INCREASE_LIQUIDITY_SELECTOR = "0x219f5d17"
COLLECT_SELECTOR = "0xfc6f7865"
DECREASE_LIQUIDITY_SELECTOR = "0x0c49ccbe"
BURN_SELECTOR = "0x42966c68"
MULTICALL_SELECTOR = "0xac9650d8"
MODIFY_LIQUIDITIES_SELECTOR = "0xdd46508f"
"""``modifyLiquidities(bytes,uint256)``: Uniswap V4, PancakeSwap Infinity."""
ADD_LIQUIDITY_SELECTOR = "0xa3c7271a"
"""``addLiquidity`` of the Liquidity Book router 2.1 and 2.2."""
ADD_LIQUIDITY_V20_SELECTOR = "0xe324a3e4"
"""``addLiquidity`` of the Liquidity Book router 2.0: without ``refundTo``."""
REMOVE_LIQUIDITY_SELECTOR = "0xc22159b6"
"""``removeLiquidity`` of both Liquidity Book routers."""
COLLECT_FEES_SELECTOR = "0x225b20b9"
"""``collectFees(address,uint256[])`` of a Liquidity Book pair 2.0."""
APPROVE_FOR_ALL_SELECTOR = "0xe584b654"
"""``approveForAll(address,bool)`` of a Liquidity Book pair 2.1 and 2.2."""
SET_APPROVAL_FOR_ALL_SELECTOR = "0xa22cb465"
"""``setApprovalForAll(address,bool)`` of a Liquidity Book pair 2.0."""
PERMIT2_APPROVE_SELECTOR = "0x87517c45"
"""``approve(address token,address spender,uint160,uint48)`` of Permit2."""

_CHANGES = frozenset(
    {
        INCREASE_LIQUIDITY_SELECTOR,
        COLLECT_SELECTOR,
        DECREASE_LIQUIDITY_SELECTOR,
        BURN_SELECTOR,
        MULTICALL_SELECTOR,
    }
)
POSITION_MANAGER_SELECTORS = _CHANGES | {MINT_SELECTOR}

MANAGER_SELECTORS = {
    **dict.fromkeys(("uniswap_v3", "pancake_v3", "pangolin_v3"), POSITION_MANAGER_SELECTORS),
    **dict.fromkeys(("algebra_v1", "camelot_v3"), _CHANGES | {MINT_ALGEBRA_SELECTOR}),
    "algebra_integral": _CHANGES | {MINT_INTEGRAL_SELECTOR},
    "slipstream": _CHANGES | {MINT_SLIPSTREAM_SELECTOR},
    "ramses_v3": _CHANGES | {MINT_RAMSES_SELECTOR},
    **dict.fromkeys(("uniswap_v4", "infinity"), frozenset({MODIFY_LIQUIDITIES_SELECTOR})),
    "liquidity_book": frozenset({ADD_LIQUIDITY_SELECTOR, REMOVE_LIQUIDITY_SELECTOR}),
    "liquidity_book_v20": frozenset({ADD_LIQUIDITY_V20_SELECTOR, REMOVE_LIQUIDITY_SELECTOR}),
}
"""What a plan may call at the contract that changes positions, by family."""

POOL_SELECTORS = {
    "liquidity_book": frozenset({APPROVE_FOR_ALL_SELECTOR}),
    "liquidity_book_v20": frozenset({SET_APPROVAL_FOR_ALL_SELECTOR, COLLECT_FEES_SELECTOR}),
}
"""What a plan may call at the pool itself, by family; nothing elsewhere."""

PERMITTED_FAMILIES = frozenset({"uniswap_v4", "infinity"})
"""Families whose manager pulls tokens through Permit2."""

RECIPIENT_WORDS = {
    MINT_SELECTOR: (9,),
    MINT_ALGEBRA_SELECTOR: (8,),
    MINT_INTEGRAL_SELECTOR: (9,),
    MINT_SLIPSTREAM_SELECTOR: (9,),
    MINT_RAMSES_SELECTOR: (9,),
    COLLECT_SELECTOR: (1,),
    REMOVE_LIQUIDITY_SELECTOR: (7,),
    COLLECT_FEES_SELECTOR: (0,),
}
"""Words that hold recipients, where all arguments are in place."""
STRUCT_RECIPIENT_WORDS = {ADD_LIQUIDITY_SELECTOR: (12, 13), ADD_LIQUIDITY_V20_SELECTOR: (12,)}
"""The same inside the one struct that the first word points to."""
SPENDER_WORDS = {
    APPROVE_FOR_ALL_SELECTOR: (0,),
    SET_APPROVAL_FOR_ALL_SELECTOR: (0,),
    PERMIT2_APPROVE_SELECTOR: (1,),
}
"""Words that hold who may spend."""
PAYS_NOBODY = frozenset({DECREASE_LIQUIDITY_SELECTOR, BURN_SELECTOR})


def manager_selectors(family: str) -> frozenset[str]:
    """Return what plans may call at the contract that changes positions.

    Raises
    ------
    InvalidInput
        If the family has no adapter: nothing is allowed then.
    """
    if family not in MANAGER_SELECTORS:
        raise InvalidInput(f"DEX family {family!r} has no calls; known are {sorted(MANAGER_SELECTORS)}")
    return MANAGER_SELECTORS[family]
