// SPDX-License-Identifier: MIT
pragma solidity 0.8.28;

import {EnumerableToken} from "./EnumerableToken.sol";
import {PositionManagerLike} from "./PositionManagerLike.sol";

interface IIndexedPool {
    function slot0() external view returns (uint160, int24, uint16, uint16, uint16, uint24, bool);
    function initialize(uint160 sqrtPriceX96) external;
    function mint(address recipient, uint256 index, int24 lower, int24 upper, uint128 amount, bytes calldata data)
        external
        returns (uint256, uint256);
    function burn(uint256 index, int24 lower, int24 upper, uint128 amount) external returns (uint256, uint256);
    function collect(
        address recipient,
        uint256 index,
        int24 lower,
        int24 upper,
        uint128 amount0,
        uint128 amount1
    ) external returns (uint128, uint128);
}

interface IDeployerOfPools {
    function RamsesV3Factory() external view returns (address);
}

interface IFactoryOfPools {
    function getPool(address tokenA, address tokenB, int24 tickSpacing) external view returns (address);
    function createPool(address tokenA, address tokenB, int24 tickSpacing, uint160 sqrtPriceX96)
        external
        returns (address);
}

/// @notice ABI of RamsesV3PositionManager (Ramses V3, Pharaoh V3): it knows the deployer of pools, not the factory; a
/// position has its id as index in the pool; ten values without nonce and operator; errors in place of texts; only
/// who may use a position may add to it. Left out: claiming of rewards.
contract RamsesPositionManager is PositionManagerLike {
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
    }

    /// @dev As a return value it is encoded like the ten values of the real one.
    struct PositionView {
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

    error InvalidTokenId(uint256 tokenId);
    error CheckSlippage();
    error Slippage();
    error NotCleared();
    error Old();
    error ERC721NonexistentToken(uint256 tokenId);
    error ERC721InsufficientApproval(address operator, uint256 tokenId);
    error ERC721OutOfBoundsIndex(address owner, uint256 index);

    bytes32 private constant POOL_INIT_CODE_HASH = 0x892f127ed4b26ca352056c8fb54585a3268f76f97fdd84d5836ef4bda8d8c685;

    address public immutable deployer;

    constructor(address deployer_, address wrapped, address, address)
        PositionManagerLike(wrapped)
        EnumerableToken("Ramses V3 Non Fungible Position", "RAM-V3-NFP")
    {
        deployer = deployer_;
    }

    function mint(MintParams calldata p)
        external
        payable
        returns (uint256 tokenId, uint128 liquidity, uint256 amount0, uint256 amount1)
    {
        Opening memory o;
        o.pool = PoolKey(p.token0, p.token1, p.tickSpacing);
        (o.tickLower, o.tickUpper, o.recipient, o.deadline) = (p.tickLower, p.tickUpper, p.recipient, p.deadline);
        o.amounts = [p.amount0Desired, p.amount1Desired, p.amount0Min, p.amount1Min];
        return _open(o);
    }

    function positions(uint256 tokenId) external view returns (PositionView memory v) {
        Position memory p = _stored(tokenId);
        PoolKey memory key = _poolKeys[p.pool];
        (v.token0, v.token1, v.tickSpacing) = (key.token0, key.token1, key.key);
        (v.tickLower, v.tickUpper, v.liquidity) = (p.tickLower, p.tickUpper, p.liquidity);
        v.feeGrowthInside0LastX128 = p.feeGrowthInside0LastX128;
        v.feeGrowthInside1LastX128 = p.feeGrowthInside1LastX128;
        (v.tokensOwed0, v.tokensOwed1) = (p.tokensOwed0, p.tokensOwed1);
    }

    function createAndInitializePoolIfNecessary(
        address token0,
        address token1,
        int24 tickSpacing,
        uint160 sqrtPriceX96
    ) external payable returns (address pool) {
        require(token0 < token1);
        IFactoryOfPools factory = IFactoryOfPools(IDeployerOfPools(deployer).RamsesV3Factory());
        pool = factory.getPool(token0, token1, tickSpacing);
        if (pool == address(0)) return factory.createPool(token0, token1, tickSpacing, sqrtPriceX96);
        (uint160 price,,,,,,) = IIndexedPool(pool).slot0();
        if (price == 0) IIndexedPool(pool).initialize(sqrtPriceX96);
    }

    function uniswapV3MintCallback(uint256 amount0Owed, uint256 amount1Owed, bytes calldata data) external {
        _payPool(amount0Owed, amount1Owed, data);
    }

    function _find(PoolKey memory key) internal view override returns (address) {
        require(key.token0 < key.token1, "!TokenOrder");
        bytes32 salt = keccak256(abi.encode(key.token0, key.token1, key.key));
        bytes32 hash = keccak256(abi.encodePacked(hex"ff", deployer, salt, POOL_INIT_CODE_HASH));
        return address(uint160(uint256(hash)));
    }

    function _checkIncrease(Position memory, uint256 tokenId) internal view override {
        if (!_mayUse(msg.sender, tokenId)) _refuse(Why.NotApproved, tokenId);
    }

    function _poolMint(Position memory p, uint256 tokenId, uint128 liquidity, bytes memory data)
        internal
        override
        returns (uint256, uint256)
    {
        return IIndexedPool(p.pool).mint(address(this), tokenId, p.tickLower, p.tickUpper, liquidity, data);
    }

    function _poolBurn(Position memory p, uint256 tokenId, uint128 liquidity)
        internal
        override
        returns (uint256, uint256)
    {
        return IIndexedPool(p.pool).burn(tokenId, p.tickLower, p.tickUpper, liquidity);
    }

    function _poolCollect(Position memory p, uint256 tokenId, address recipient, uint128 amount0, uint128 amount1)
        internal
        override
        returns (uint256, uint256)
    {
        return IIndexedPool(p.pool).collect(recipient, tokenId, p.tickLower, p.tickUpper, amount0, amount1);
    }

    function _keyInPool(Position memory p, uint256 tokenId) internal view override returns (bytes32) {
        return keccak256(abi.encodePacked(address(this), tokenId, p.tickLower, p.tickUpper));
    }

    function _refuse(Why why, uint256 tokenId) internal view override {
        if (why == Why.TooLittleIn) revert Slippage();
        if (why == Why.TooLittleOut) revert CheckSlippage();
        if (why == Why.TooOld) revert Old();
        if (why == Why.NotApproved) revert ERC721InsufficientApproval(msg.sender, tokenId);
        if (why == Why.NotCleared) revert NotCleared();
        revert InvalidTokenId(tokenId);
    }

    function _noToken(uint256 tokenId, string memory) internal pure override {
        revert ERC721NonexistentToken(tokenId);
    }

    function _notAllowed(address operator, uint256 tokenId) internal pure override {
        revert ERC721InsufficientApproval(operator, tokenId);
    }

    function _outOfBounds(address owner, uint256 index) internal pure override {
        revert ERC721OutOfBoundsIndex(owner, index);
    }
}
