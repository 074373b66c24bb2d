// SPDX-License-Identifier: MIT
pragma solidity 0.8.28;

/// @dev Key of a pool of PancakeSwap Infinity; its hash is the pool's id. `parameters` of a concentrated pool: 16 bits of
/// hook permissions, 24 bits of tick spacing above them, nothing else.
struct InfinityKey {
    address currency0;
    address currency1;
    address hooks;
    address poolManager;
    uint24 fee;
    bytes32 parameters;
}

struct ModifyLiquidityParams {
    int24 tickLower;
    int24 tickUpper;
    int256 liquidityDelta;
    bytes32 salt;
}

struct SwapParams {
    bool zeroForOne;
    int256 amountSpecified;
    uint160 sqrtPriceLimitX96;
}

struct TickInfo {
    uint128 liquidityGross;
    int128 liquidityNet;
    uint256 feeGrowthOutside0X128;
    uint256 feeGrowthOutside1X128;
}

struct PositionState {
    uint128 liquidity;
    uint256 feeGrowthInside0LastX128;
    uint256 feeGrowthInside1LastX128;
}

/// @dev Key of a pool of Uniswap V4, whose pool manager does the arithmetic.
struct CoreKey {
    address currency0;
    address currency1;
    uint24 fee;
    int24 tickSpacing;
    address hooks;
}

interface ICore {
    function unlock(bytes calldata data) external returns (bytes memory);
    function initialize(CoreKey calldata key, uint160 sqrtPriceX96) external returns (int24);
    function modifyLiquidity(CoreKey calldata key, ModifyLiquidityParams calldata params, bytes calldata hookData)
        external
        returns (int256 callerDelta, int256 feesAccrued);
    function swap(CoreKey calldata key, SwapParams calldata params, bytes calldata hookData)
        external
        returns (int256 delta);
    function setProtocolFee(CoreKey calldata key, uint24 fee) external;
    function sync(address currency) external;
    function settle() external payable returns (uint256);
    function take(address currency, address to, uint256 amount) external;
}

interface IInfinityVault {
    function lock(bytes calldata data) external returns (bytes memory);
    function getLocker() external view returns (address);
    function currencyDelta(address settler, address currency) external view returns (int256);
    function accountAppBalanceDelta(address currency0, address currency1, int256 delta, address settler) external;
    function forward(bytes calldata change) external returns (bytes memory);
    function sync(address currency) external;
    function settle() external payable returns (uint256);
    function take(address currency, address to, uint256 amount) external;
}

/// @dev What a caller gets (positive) or owes, packed as both families do: currency0 in the upper half.
library Deltas {
    function amount0(int256 delta) internal pure returns (int128) {
        return int128(delta >> 128);
    }

    function amount1(int256 delta) internal pure returns (int128) {
        return int128(delta);
    }
}

/// @dev ERC-20 calls of tokens that may return nothing.
library Tokens {
    function send(address token, address to, uint256 amount) internal {
        (bool ok, bytes memory answer) = token.call(abi.encodeWithSignature("transfer(address,uint256)", to, amount));
        require(ok && (answer.length == 0 || abi.decode(answer, (bool))), "transfer failed");
    }

    function balance(address token) internal view returns (uint256) {
        (bool ok, bytes memory answer) =
            token.staticcall(abi.encodeWithSignature("balanceOf(address)", address(this)));
        require(ok && answer.length >= 32, "no token");
        return abi.decode(answer, (uint256));
    }
}
