// SPDX-License-Identifier: MIT
pragma solidity 0.8.28;

import {EnumerableToken} from "./EnumerableToken.sol";
import {PositionManagerLike} from "./PositionManagerLike.sol";

interface IPancakePool {
    function initialize(uint160 sqrtPriceX96) external;
    function slot0() external view returns (uint160, int24, uint16, uint16, uint16, uint32, bool);
    function mint(address recipient, int24 lower, int24 upper, uint128 amount, bytes calldata data)
        external
        returns (uint256, uint256);
    function burn(int24 lower, int24 upper, uint128 amount) external returns (uint256, uint256);
    function collect(address recipient, int24 lower, int24 upper, uint128 amount0, uint128 amount1)
        external
        returns (uint128, uint128);
}

interface IPancakeFactory {
    function getPool(address tokenA, address tokenB, uint24 fee) external view returns (address);
    function createPool(address tokenA, address tokenB, uint24 fee) external returns (address);
}

/// @notice ABI of PancakeSwap's NonfungiblePositionManager (pancake-v3-contracts, v3-periphery). Pools are looked up,
/// not computed: their code is not the real one.
contract PancakePositionManager is PositionManagerLike {
    struct MintParams {
        address token0;
        address token1;
        uint24 fee;
        int24 tickLower;
        int24 tickUpper;
        uint256 amount0Desired;
        uint256 amount1Desired;
        uint256 amount0Min;
        uint256 amount1Min;
        address recipient;
        uint256 deadline;
    }

    /// @dev As a return value it is encoded like the twelve values of the real one.
    struct PositionView {
        uint96 nonce;
        address operator;
        address token0;
        address token1;
        uint24 fee;
        int24 tickLower;
        int24 tickUpper;
        uint128 liquidity;
        uint256 feeGrowthInside0LastX128;
        uint256 feeGrowthInside1LastX128;
        uint128 tokensOwed0;
        uint128 tokensOwed1;
    }

    address public immutable deployer;
    address public immutable factory;

    constructor(address deployer_, address factory_, address wrapped, address)
        PositionManagerLike(wrapped)
        EnumerableToken("Pancake V3 Positions NFT-V1", "PCS-V3-POS")
    {
        (deployer, factory) = (deployer_, factory_);
    }

    function mint(MintParams calldata p)
        external
        payable
        returns (uint256 tokenId, uint128 liquidity, uint256 amount0, uint256 amount1)
    {
        Opening memory o;
        o.pool = PoolKey(p.token0, p.token1, int24(p.fee));
        (o.tickLower, o.tickUpper, o.recipient, o.deadline) = (p.tickLower, p.tickUpper, p.recipient, p.deadline);
        o.amounts = [p.amount0Desired, p.amount1Desired, p.amount0Min, p.amount1Min];
        return _open(o);
    }

    function positions(uint256 tokenId) external view returns (PositionView memory v) {
        Position memory p = _stored(tokenId);
        PoolKey memory key = _poolKeys[p.pool];
        (v.operator, v.token0, v.token1, v.fee) = (_approved[tokenId], key.token0, key.token1, uint24(key.key));
        (v.tickLower, v.tickUpper, v.liquidity) = (p.tickLower, p.tickUpper, p.liquidity);
        v.feeGrowthInside0LastX128 = p.feeGrowthInside0LastX128;
        v.feeGrowthInside1LastX128 = p.feeGrowthInside1LastX128;
        (v.tokensOwed0, v.tokensOwed1) = (p.tokensOwed0, p.tokensOwed1);
    }

    function createAndInitializePoolIfNecessary(address token0, address token1, uint24 fee, uint160 sqrtPriceX96)
        external
        payable
        returns (address pool)
    {
        require(token0 < token1);
        pool = IPancakeFactory(factory).getPool(token0, token1, fee);
        if (pool == address(0)) pool = IPancakeFactory(factory).createPool(token0, token1, fee);
        (uint160 price,,,,,,) = IPancakePool(pool).slot0();
        if (price == 0) IPancakePool(pool).initialize(sqrtPriceX96);
    }

    function pancakeV3MintCallback(uint256 amount0Owed, uint256 amount1Owed, bytes calldata data) external {
        _payPool(amount0Owed, amount1Owed, data);
    }

    function _find(PoolKey memory key) internal view override returns (address) {
        return IPancakeFactory(factory).getPool(key.token0, key.token1, uint24(key.key));
    }

    function _poolMint(Position memory p, uint256, uint128 liquidity, bytes memory data)
        internal
        override
        returns (uint256, uint256)
    {
        return IPancakePool(p.pool).mint(address(this), p.tickLower, p.tickUpper, liquidity, data);
    }

    function _poolBurn(Position memory p, uint256, uint128 liquidity) internal override returns (uint256, uint256) {
        return IPancakePool(p.pool).burn(p.tickLower, p.tickUpper, liquidity);
    }

    function _poolCollect(Position memory p, uint256, address recipient, uint128 amount0, uint128 amount1)
        internal
        override
        returns (uint256, uint256)
    {
        return IPancakePool(p.pool).collect(recipient, p.tickLower, p.tickUpper, amount0, amount1);
    }

    function _keyInPool(Position memory p, uint256) internal view override returns (bytes32) {
        return keccak256(abi.encodePacked(address(this), p.tickLower, p.tickUpper));
    }
}
