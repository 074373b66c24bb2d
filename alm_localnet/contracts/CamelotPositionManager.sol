// SPDX-License-Identifier: MIT
pragma solidity 0.8.28;

import {EnumerableToken} from "./EnumerableToken.sol";
import {PositionManagerLike} from "./PositionManagerLike.sol";

interface ICamelotPool {
    function mint(address sender, address recipient, int24 lower, int24 upper, uint128 amount, bytes calldata data)
        external
        returns (uint256, uint256, uint128);
    function burn(int24 lower, int24 upper, uint128 amount) external returns (uint256, uint256);
    function collect(address recipient, int24 lower, int24 upper, uint128 amount0, uint128 amount1)
        external
        returns (uint128, uint128);
    function initialize(uint160 price) external;
}

interface IAlgebraFactoryOfPools {
    function poolByPair(address tokenA, address tokenB) external view returns (address);
    function createPool(address tokenA, address tokenB) external returns (address);
}

/// @notice ABI of Algebra's NonfungiblePositionManager as Camelot runs it: no fee in the key, eleven values, the names
/// of the native coin. The bytecode of Algebra 1.0 cannot read Camelot's globalState. Pools are looked up, not
/// computed: their code is not the real one.
contract CamelotPositionManager is PositionManagerLike {
    struct MintParams {
        address token0;
        address token1;
        int24 tickLower;
        int24 tickUpper;
        uint256 amount0Desired;
        uint256 amount1Desired;
        uint256 amount0Min;
        uint256 amount1Min;
        address recipient;
        uint256 deadline;
    }

    /// @dev As a return value it is encoded like the eleven values of the real one.
    struct PositionView {
        uint96 nonce;
        address operator;
        address token0;
        address token1;
        int24 tickLower;
        int24 tickUpper;
        uint128 liquidity;
        uint256 feeGrowthInside0LastX128;
        uint256 feeGrowthInside1LastX128;
        uint128 tokensOwed0;
        uint128 tokensOwed1;
    }

    event IncreaseLiquidity(
        uint256 indexed tokenId,
        uint128 liquidity,
        uint128 actualLiquidity,
        uint256 amount0,
        uint256 amount1,
        address pool
    );

    address public immutable factory;
    address public immutable poolDeployer;

    constructor(address factory_, address wrapped, address, address poolDeployer_)
        PositionManagerLike(wrapped)
        EnumerableToken("Algebra Positions NFT-V1", "ALGB-POS")
    {
        (factory, poolDeployer) = (factory_, poolDeployer_);
    }

    function mint(MintParams calldata p)
        external
        payable
        returns (uint256 tokenId, uint128 liquidity, uint256 amount0, uint256 amount1)
    {
        Opening memory o;
        o.pool = PoolKey(p.token0, p.token1, 0);
        (o.tickLower, o.tickUpper, o.recipient, o.deadline) = (p.tickLower, p.tickUpper, p.recipient, p.deadline);
        o.amounts = [p.amount0Desired, p.amount1Desired, p.amount0Min, p.amount1Min];
        return _open(o);
    }

    function positions(uint256 tokenId) external view returns (PositionView memory v) {
        Position memory p = _stored(tokenId);
        PoolKey memory key = _poolKeys[p.pool];
        (v.operator, v.token0, v.token1) = (_approved[tokenId], key.token0, key.token1);
        (v.tickLower, v.tickUpper, v.liquidity) = (p.tickLower, p.tickUpper, p.liquidity);
        v.feeGrowthInside0LastX128 = p.feeGrowthInside0LastX128;
        v.feeGrowthInside1LastX128 = p.feeGrowthInside1LastX128;
        (v.tokensOwed0, v.tokensOwed1) = (p.tokensOwed0, p.tokensOwed1);
    }

    function createAndInitializePoolIfNecessary(address token0, address token1, uint160 sqrtPriceX96)
        external
        payable
        returns (address pool)
    {
        require(token0 < token1);
        pool = IAlgebraFactoryOfPools(factory).poolByPair(token0, token1);
        if (pool == address(0)) pool = IAlgebraFactoryOfPools(factory).createPool(token0, token1);
        if (_price(pool) == 0) ICamelotPool(pool).initialize(sqrtPriceX96);
    }

    function WNativeToken() external view returns (address) {
        return WETH9;
    }

    function refundNativeToken() external payable {
        refundETH();
    }

    function unwrapWNativeToken(uint256 amountMinimum, address recipient) external payable {
        unwrapWETH9(amountMinimum, recipient);
    }

    function algebraMintCallback(uint256 amount0Owed, uint256 amount1Owed, bytes calldata data) external {
        _payPool(amount0Owed, amount1Owed, data);
    }

    function _find(PoolKey memory key) internal view override returns (address) {
        return IAlgebraFactoryOfPools(factory).poolByPair(key.token0, key.token1);
    }

    function _price(address pool) internal view override returns (uint160) {
        return _firstWord(pool, "globalState()");
    }

    function _poolMint(Position memory p, uint256, uint128 liquidity, bytes memory data)
        internal
        override
        returns (uint256 amount0, uint256 amount1)
    {
        (amount0, amount1,) =
            ICamelotPool(p.pool).mint(msg.sender, address(this), p.tickLower, p.tickUpper, liquidity, data);
    }

    function _poolBurn(Position memory p, uint256, uint128 liquidity) internal override returns (uint256, uint256) {
        return ICamelotPool(p.pool).burn(p.tickLower, p.tickUpper, liquidity);
    }

    function _poolCollect(Position memory p, uint256, address recipient, uint128 amount0, uint128 amount1)
        internal
        override
        returns (uint256, uint256)
    {
        return ICamelotPool(p.pool).collect(recipient, p.tickLower, p.tickUpper, amount0, amount1);
    }

    function _keyInPool(Position memory p, uint256) internal view override returns (bytes32) {
        uint256 packed = (uint256(uint160(address(this))) << 24 | uint24(p.tickLower)) << 24 | uint24(p.tickUpper);
        return bytes32(packed);
    }

    /// Algebra's positions have one value more in the pool than what the base reads.
    function _growthInPool(address pool, bytes32 key) internal view override returns (uint256, uint256) {
        (,, uint256 inside0, uint256 inside1,,) = ICamelotPositions(pool).positions(key);
        return (inside0, inside1);
    }

    function _tellIncrease(address pool, uint256 tokenId, uint128 liquidity, uint256 amount0, uint256 amount1)
        internal
        override
    {
        emit IncreaseLiquidity(tokenId, liquidity, liquidity, amount0, amount1, pool);
    }
}

interface ICamelotPositions {
    function positions(bytes32 key) external view returns (uint128, uint32, uint256, uint256, uint128, uint128);
}
