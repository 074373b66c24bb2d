// SPDX-License-Identifier: MIT
pragma solidity 0.8.28;

interface ITradedPool {
    function token0() external view returns (address);
    function token1() external view returns (address);
    function swap(address recipient, bool zeroForOne, int256 amount, uint160 limit, bytes calldata data)
        external
        returns (int256, int256);
    function mint(address owner, int24 lower, int24 upper, uint128 liquidity, bytes calldata data)
        external
        returns (uint256, uint256);
}

/// @notice The rest of the market in pools of Uniswap V3's shape: trades in them and provides their background
/// liquidity. Pays from its own balance, and only in transactions of the account that deployed it, so that anybody may
/// batch its calls. Pools of other families differ in the name of the callback or in `mint`: see the heirs.
contract DeskV3 {
    address public immutable owner;

    constructor() {
        owner = msg.sender;
    }

    /// @param pool Address of the pool as a word.
    /// @param amountIn 0: arbitrage, which trades only while the price is outside [lowest, highest] and stops at the
    /// nearer bound. Otherwise a trade of amountIn that stops when it would leave the band.
    function trade(bytes32 pool, bool zeroForOne, uint256 amountIn, uint160 lowest, uint160 highest) external {
        address market = _address(pool);
        uint160 price = _price(market);
        if (amountIn == 0) zeroForOne = price > highest;
        uint160 limit = zeroForOne == (amountIn == 0) ? highest : lowest;
        if (zeroForOne ? price <= limit : price >= limit) return;
        int256 amount = amountIn == 0 ? type(int256).max : int256(amountIn);
        ITradedPool(market).swap(address(this), zeroForOne, amount, _reachable(limit), _tokens(market));
    }

    function provide(bytes32 pool, int24 lower, int24 upper, uint128 liquidity) external {
        _mint(_address(pool), lower, upper, liquidity);
    }

    function uniswapV3SwapCallback(int256 amount0, int256 amount1, bytes calldata data) external {
        _paySwap(amount0, amount1, data);
    }

    function uniswapV3MintCallback(uint256 amount0, uint256 amount1, bytes calldata data) external {
        _payMint(amount0, amount1, data);
    }

    function pancakeV3SwapCallback(int256 amount0, int256 amount1, bytes calldata data) external {
        _paySwap(amount0, amount1, data);
    }

    function pancakeV3MintCallback(uint256 amount0, uint256 amount1, bytes calldata data) external {
        _payMint(amount0, amount1, data);
    }

    function elixirSwapCallback(int256 amount0, int256 amount1, bytes calldata data) external {
        _paySwap(amount0, amount1, data);
    }

    function elixirMintCallback(uint256 amount0, uint256 amount1, bytes calldata data) external {
        _payMint(amount0, amount1, data);
    }

    function _mint(address pool, int24 lower, int24 upper, uint128 liquidity) internal virtual {
        ITradedPool(pool).mint(address(this), lower, upper, liquidity, _tokens(pool));
    }

    /// The price is the first word everywhere; what follows it differs from family to family.
    function _price(address pool) internal view virtual returns (uint160) {
        return _firstWord(pool, "slot0()");
    }

    function _firstWord(address pool, string memory signature) internal view returns (uint160) {
        (bool ok, bytes memory answer) = pool.staticcall(abi.encodeWithSignature(signature));
        require(ok && answer.length >= 32, "Desk: no pool");
        return abi.decode(answer, (uint160));
    }

    function _tokens(address pool) internal view returns (bytes memory) {
        return abi.encode(ITradedPool(pool).token0(), ITradedPool(pool).token1());
    }

    function _paySwap(int256 amount0, int256 amount1, bytes calldata data) internal {
        _payMint(amount0 > 0 ? uint256(amount0) : 0, amount1 > 0 ? uint256(amount1) : 0, data);
    }

    function _payMint(uint256 amount0, uint256 amount1, bytes calldata data) internal {
        (address token0, address token1) = abi.decode(data, (address, address));
        if (amount0 > 0) _pay(token0, amount0);
        if (amount1 > 0) _pay(token1, amount1);
    }

    function _pay(address token, uint256 amount) private {
        require(tx.origin == owner, "Desk: not the owner");
        (bool ok, bytes memory answer) =
            token.call(abi.encodeWithSignature("transfer(address,uint256)", msg.sender, amount));
        require(ok && (answer.length == 0 || abi.decode(answer, (bool))), "Desk: transfer failed");
    }

    /// A pool takes no limit at or beyond the ends of its price range (TickMath.MIN_SQRT_RATIO, MAX_SQRT_RATIO).
    function _reachable(uint160 limit) private pure returns (uint160) {
        if (limit <= 4295128739) return 4295128740;
        if (limit >= 1461446703485210103287273052203988822378723970342) {
            return 1461446703485210103287273052203988822378723970341;
        }
        return limit;
    }

    function _address(bytes32 pool) private pure returns (address) {
        return address(uint160(uint256(pool)));
    }
}
