// SPDX-License-Identifier: MIT
pragma solidity 0.8.28;

import {EnumerableToken} from "./EnumerableToken.sol";
import {PositionManagerLike} from "./PositionManagerLike.sol";

interface ISlipstreamPool {
    function gauge() external view returns (address);
    function mint(address recipient, int24 lower, int24 upper, uint128 amount, bytes calldata data)
        external
        returns (uint256, uint256);
    function burn(int24 lower, int24 upper, uint128 amount) external returns (uint256, uint256);
    function burn(int24 lower, int24 upper, uint128 amount, address owner) external returns (uint256, uint256);
    function collect(address recipient, int24 lower, int24 upper, uint128 amount0, uint128 amount1)
        external
        returns (uint128, uint128);
    function collect(address recipient, int24 lower, int24 upper, uint128 amount0, uint128 amount1, address owner)
        external
        returns (uint128, uint128);
}

interface ICLFactory {
    function getPool(address tokenA, address tokenB, int24 tickSpacing) external view returns (address);
    function createPool(address tokenA, address tokenB, int24 tickSpacing, uint160 sqrtPriceX96)
        external
        returns (address);
}

/// @notice ABI of Aerodrome's NonfungiblePositionManager (velodrome-finance/slipstream): a tick spacing in place of the
/// fee, a price at the end of `mint` which creates the pool, and positions that their pool's gauge may own: their
/// liquidity is then the gauge's in the pool, and fees do not accrue to them.
contract SlipstreamPositionManager is PositionManagerLike {
    struct MintParams {
        address token0;
        address token1;
        int24 tickSpacing;
        int24 tickLower;
        int24 tickUpper;
        uint256 amount0Desired;
        uint256 amount1Desired;
        uint256 amount0Min;
        uint256 amount1Min;
        address recipient;
        uint256 deadline;
        uint160 sqrtPriceX96;
    }

    /// @dev As a return value it is encoded like the twelve values of the real one.
    struct PositionView {
        uint96 nonce;
        address operator;
        address token0;
        address token1;
        int24 tickSpacing;
        int24 tickLower;
        int24 tickUpper;
        uint128 liquidity;
        uint256 feeGrowthInside0LastX128;
        uint256 feeGrowthInside1LastX128;
        uint128 tokensOwed0;
        uint128 tokensOwed1;
    }

    event MetadataUpdate(uint256 tokenId);

    address public immutable factory;
    address public immutable tokenDescriptor;
    address public immutable owner;

    constructor(address factory_, address wrapped, address tokenDescriptor_)
        PositionManagerLike(wrapped)
        EnumerableToken("Slipstream Position NFT v1", "AERO-CL-POS")
    {
        (factory, tokenDescriptor, owner) = (factory_, tokenDescriptor_, msg.sender);
    }

    function mint(MintParams calldata p)
        external
        payable
        returns (uint256 tokenId, uint128 liquidity, uint256 amount0, uint256 amount1)
    {
        if (p.sqrtPriceX96 != 0) ICLFactory(factory).createPool(p.token0, p.token1, p.tickSpacing, p.sqrtPriceX96);
        Opening memory o;
        o.pool = PoolKey(p.token0, p.token1, p.tickSpacing);
        (o.tickLower, o.tickUpper, o.recipient, o.deadline) = (p.tickLower, p.tickUpper, p.recipient, p.deadline);
        o.amounts = [p.amount0Desired, p.amount1Desired, p.amount0Min, p.amount1Min];
        return _open(o);
    }

    function positions(uint256 tokenId) external view returns (PositionView memory v) {
        Position memory p = _stored(tokenId);
        PoolKey memory key = _poolKeys[p.pool];
        (v.operator, v.token0, v.token1, v.tickSpacing) = (_approved[tokenId], key.token0, key.token1, key.key);
        (v.tickLower, v.tickUpper, v.liquidity) = (p.tickLower, p.tickUpper, p.liquidity);
        v.feeGrowthInside0LastX128 = p.feeGrowthInside0LastX128;
        v.feeGrowthInside1LastX128 = p.feeGrowthInside1LastX128;
        (v.tokensOwed0, v.tokensOwed1) = (p.tokensOwed0, p.tokensOwed1);
    }

    function uniswapV3MintCallback(uint256 amount0Owed, uint256 amount1Owed, bytes calldata data) external {
        _payPool(amount0Owed, amount1Owed, data);
    }

    function _find(PoolKey memory key) internal view override returns (address) {
        return ICLFactory(factory).getPool(key.token0, key.token1, key.key);
    }

    /// Who owns the position in the pool: this contract, or the gauge that it was staked in.
    function _ownerInPool(Position memory p, uint256 tokenId) private view returns (address) {
        address gauge = ISlipstreamPool(p.pool).gauge();
        return gauge != address(0) && _owners[tokenId] == gauge ? gauge : address(this);
    }

    function _earns(Position memory p, uint256 tokenId) internal view override returns (bool) {
        return _ownerInPool(p, tokenId) == address(this);
    }

    function _checkIncrease(Position memory p, uint256 tokenId) internal view override {
        address held = _ownerInPool(p, tokenId);
        require(held == address(this) || held == msg.sender, "NG");
    }

    function _poolMint(Position memory p, uint256 tokenId, uint128 liquidity, bytes memory data)
        internal
        override
        returns (uint256, uint256)
    {
        address held = _ownerInPool(p, tokenId);
        return ISlipstreamPool(p.pool).mint(held, p.tickLower, p.tickUpper, liquidity, data);
    }

    function _poolBurn(Position memory p, uint256 tokenId, uint128 liquidity)
        internal
        override
        returns (uint256, uint256)
    {
        address held = _ownerInPool(p, tokenId);
        if (held == address(this)) return ISlipstreamPool(p.pool).burn(p.tickLower, p.tickUpper, liquidity);
        return ISlipstreamPool(p.pool).burn(p.tickLower, p.tickUpper, liquidity, held);
    }

    function _poolCollect(Position memory p, uint256 tokenId, address recipient, uint128 amount0, uint128 amount1)
        internal
        override
        returns (uint256, uint256)
    {
        ISlipstreamPool pool = ISlipstreamPool(p.pool);
        address held = _ownerInPool(p, tokenId);
        if (held == address(this)) return pool.collect(recipient, p.tickLower, p.tickUpper, amount0, amount1);
        return pool.collect(recipient, p.tickLower, p.tickUpper, amount0, amount1, held);
    }

    function _keyInPool(Position memory p, uint256 tokenId) internal view override returns (bytes32) {
        return keccak256(abi.encodePacked(_ownerInPool(p, tokenId), p.tickLower, p.tickUpper));
    }

    function _changed(uint256 tokenId) internal override {
        emit MetadataUpdate(tokenId);
    }

    function _refuse(Why why, uint256) internal pure override {
        if (why == Why.TooLittleIn) revert("Price slippage check");
        if (why == Why.TooLittleOut) revert("PS");
        if (why == Why.NoPosition) revert("ID");
        if (why == Why.NotCleared) revert("NC");
        revert(); // no leave, or too old
    }
}
