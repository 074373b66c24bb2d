// SPDX-License-Identifier: MIT
pragma solidity 0.8.28;

interface IPool {
    function token0() external view returns (address);
    function token1() external view returns (address);
    function slot0() external view returns (uint160, int24, uint16, uint16, uint16, uint8, bool);
    function swap(address recipient, bool zeroForOne, int256 amount, uint160 limit, bytes calldata data)
        external
        returns (int256, int256);
    function mint(address owner, int24 lower, int24 upper, uint128 liquidity, bytes calldata data)
        external
        returns (uint256, uint256);
}

/// @notice The rest of the market: trades on many Uniswap V3 pools in one transaction and provides the background
/// liquidity. Pays from its own balance; only its owner can make it pay.
contract Trader {
    /// @dev amountIn 0: arbitrage, which trades only while the price is outside [lowest, highest] and stops at the
    /// nearer bound. Otherwise a trade of amountIn that stops when it would leave the band.
    struct Trade {
        address pool;
        bool zeroForOne;
        uint256 amountIn;
        uint160 lowest;
        uint160 highest;
    }

    struct Range {
        address pool;
        int24 lower;
        int24 upper;
        uint128 liquidity;
    }

    address public immutable owner;

    constructor() {
        owner = msg.sender;
    }

    function trade(Trade[] calldata trades) external {
        for (uint256 i = 0; i < trades.length; ++i) {
            _trade(trades[i]);
        }
    }

    function provide(Range[] calldata ranges) external {
        for (uint256 i = 0; i < ranges.length; ++i) {
            Range calldata r = ranges[i];
            IPool(r.pool).mint(address(this), r.lower, r.upper, r.liquidity, _tokens(r.pool));
        }
    }

    function uniswapV3SwapCallback(int256 amount0, int256 amount1, bytes calldata data) external {
        (address token0, address token1) = abi.decode(data, (address, address));
        if (amount0 > 0) _pay(token0, uint256(amount0));
        if (amount1 > 0) _pay(token1, uint256(amount1));
    }

    function uniswapV3MintCallback(uint256 amount0, uint256 amount1, bytes calldata data) external {
        (address token0, address token1) = abi.decode(data, (address, address));
        if (amount0 > 0) _pay(token0, amount0);
        if (amount1 > 0) _pay(token1, amount1);
    }

    function _trade(Trade calldata t) private {
        (uint160 price,,,,,,) = IPool(t.pool).slot0();
        bool zeroForOne = t.amountIn == 0 ? price > t.highest : t.zeroForOne;
        uint160 limit = t.amountIn == 0
            ? (zeroForOne ? t.highest : t.lowest)
            : (zeroForOne ? t.lowest : t.highest);
        if (zeroForOne ? price <= limit : price >= limit) return;
        int256 amount = t.amountIn == 0 ? type(int256).max : int256(t.amountIn);
        IPool(t.pool).swap(address(this), zeroForOne, amount, limit, _tokens(t.pool));
    }

    function _tokens(address pool) private view returns (bytes memory) {
        return abi.encode(IPool(pool).token0(), IPool(pool).token1());
    }

    function _pay(address token, uint256 amount) private {
        require(tx.origin == owner, "Trader: not the owner");
        (bool ok, bytes memory answer) = token.call(abi.encodeWithSignature("transfer(address,uint256)", msg.sender, amount));
        require(ok && (answer.length == 0 || abi.decode(answer, (bool))), "Trader: transfer failed");
    }
}
