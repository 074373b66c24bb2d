// SPDX-License-Identifier: MIT
pragma solidity 0.8.28;

import {
    CoreKey,
    Deltas,
    ICore,
    IInfinityVault,
    InfinityKey,
    ModifyLiquidityParams,
    PositionState,
    SwapParams,
    TickInfo
} from "./InfinityTypes.sol";

interface ICoreView {
    function getSlot0(bytes32 id) external view returns (uint160, int24, uint24, uint24);
    function getLiquidity(bytes32 id) external view returns (uint128);
    function getFeeGrowthGlobals(bytes32 id) external view returns (uint256, uint256);
    function getTickBitmap(bytes32 id, int16 word) external view returns (uint256);
    function getTickInfo(bytes32 id, int24 tick) external view returns (uint128, int128, uint256, uint256);
    function getPositionInfo(bytes32 id, address owner, int24 lower, int24 upper, bytes32 salt)
        external
        view
        returns (uint128, uint256, uint256);
}

/// @notice Stand-in for CLPoolManager of PancakeSwap Infinity: its ABI, ids and events, over the pool manager of Uniswap
/// V4, which both have in common for liquidity, swaps and fees. A position belongs to the caller and its salt, as in the
/// real one. Left out: hooks (every pool with one is refused), dynamic fees, pausing, `donate`. The fee of the protocol is
/// capped at 0.1 %, the core's cap, not at 0.4 %.
contract InfinityPoolManager {
    using Deltas for int256;

    event Initialize(
        bytes32 indexed id,
        address indexed currency0,
        address indexed currency1,
        address hooks,
        uint24 fee,
        bytes32 parameters,
        uint160 sqrtPriceX96,
        int24 tick
    );
    event ModifyLiquidity(
        bytes32 indexed id,
        address indexed sender,
        int24 tickLower,
        int24 tickUpper,
        int256 liquidityDelta,
        bytes32 salt
    );
    event Swap(
        bytes32 indexed id,
        address indexed sender,
        int128 amount0,
        int128 amount1,
        uint160 sqrtPriceX96,
        uint128 liquidity,
        int24 tick,
        uint24 fee,
        uint16 protocolFee
    );
    event ProtocolFeeControllerUpdated(address indexed protocolFeeController);
    event ProtocolFeeUpdated(bytes32 indexed id, uint24 protocolFee);

    error CurrenciesInitializedOutOfOrder(address currency0, address currency1);
    error HookConfigValidationError();
    error InvalidCaller();
    error LPFeeTooLarge(uint24 fee);
    error PoolManagerMismatch();
    error PoolNotInitialized();
    error TickSpacingTooLarge(int24 tickSpacing);
    error TickSpacingTooSmall(int24 tickSpacing);
    error UnusedBitsNonZero();

    IInfinityVault public immutable vault;
    ICore public immutable core;
    ICoreView public immutable coreView;
    address public immutable owner;
    address public protocolFeeController;
    mapping(bytes32 id => InfinityKey) public poolIdToPoolKey;

    constructor(IInfinityVault vault_, ICore core_, ICoreView coreView_) {
        (vault, core, coreView, owner) = (vault_, core_, coreView_, msg.sender);
    }

    function initialize(InfinityKey calldata key, uint160 sqrtPriceX96) external returns (int24 tick) {
        if (key.poolManager != address(this)) revert PoolManagerMismatch();
        int24 spacing = _spacing(key.parameters);
        if (spacing > type(int16).max) revert TickSpacingTooLarge(spacing);
        if (spacing < 1) revert TickSpacingTooSmall(spacing);
        if (key.currency0 >= key.currency1) revert CurrenciesInitializedOutOfOrder(key.currency0, key.currency1);
        if (uint256(key.parameters) >> 40 != 0) revert UnusedBitsNonZero();
        if (key.hooks != address(0) || uint16(uint256(key.parameters)) != 0) revert HookConfigValidationError();
        if (key.fee > 1_000_000) revert LPFeeTooLarge(key.fee);
        tick = core.initialize(_coreKey(key), sqrtPriceX96);
        bytes32 id = keccak256(abi.encode(key));
        poolIdToPoolKey[id] = key;
        emit Initialize(
            id, key.currency0, key.currency1, key.hooks, key.fee, key.parameters, sqrtPriceX96, tick
        );
    }

    function modifyLiquidity(InfinityKey calldata key, ModifyLiquidityParams calldata params, bytes calldata hookData)
        external
        returns (int256 delta, int256 feeDelta)
    {
        bytes32 id = _idOf(key);
        ModifyLiquidityParams memory change = params;
        change.salt = _coreSalt(msg.sender, params.salt);
        bytes memory call = abi.encodeCall(ICore.modifyLiquidity, (_coreKey(key), change, hookData));
        (delta, feeDelta) = abi.decode(vault.forward(call), (int256, int256));
        emit ModifyLiquidity(id, msg.sender, params.tickLower, params.tickUpper, params.liquidityDelta, params.salt);
        vault.accountAppBalanceDelta(key.currency0, key.currency1, delta, msg.sender);
    }

    function swap(InfinityKey calldata key, SwapParams calldata params, bytes calldata hookData)
        external
        returns (int256 delta)
    {
        bytes32 id = _idOf(key);
        bytes memory call = abi.encodeCall(ICore.swap, (_coreKey(key), params, hookData));
        delta = abi.decode(vault.forward(call), (int256));
        _tell(id, delta, params.zeroForOne);
        vault.accountAppBalanceDelta(key.currency0, key.currency1, delta, msg.sender);
    }

    function setProtocolFeeController(address controller) external {
        require(msg.sender == owner, "Ownable: caller is not the owner");
        protocolFeeController = controller;
        emit ProtocolFeeControllerUpdated(controller);
    }

    function setProtocolFee(InfinityKey calldata key, uint24 newProtocolFee) external {
        if (msg.sender != protocolFeeController) revert InvalidCaller();
        bytes32 id = _idOf(key);
        core.setProtocolFee(_coreKey(key), newProtocolFee);
        emit ProtocolFeeUpdated(id, newProtocolFee);
    }

    function getSlot0(bytes32 id) public view returns (uint160, int24, uint24, uint24) {
        return coreView.getSlot0(_coreId(id));
    }

    function getLiquidity(bytes32 id) public view returns (uint128) {
        return coreView.getLiquidity(_coreId(id));
    }

    function getLiquidity(bytes32 id, address who, int24 tickLower, int24 tickUpper, bytes32 salt)
        external
        view
        returns (uint128)
    {
        return getPosition(id, who, tickLower, tickUpper, salt).liquidity;
    }

    function getPosition(bytes32 id, address who, int24 tickLower, int24 tickUpper, bytes32 salt)
        public
        view
        returns (PositionState memory p)
    {
        (p.liquidity, p.feeGrowthInside0LastX128, p.feeGrowthInside1LastX128) =
            coreView.getPositionInfo(_coreId(id), address(vault), tickLower, tickUpper, _coreSalt(who, salt));
    }

    function getPoolTickInfo(bytes32 id, int24 tick) external view returns (TickInfo memory t) {
        (t.liquidityGross, t.liquidityNet, t.feeGrowthOutside0X128, t.feeGrowthOutside1X128) =
            coreView.getTickInfo(_coreId(id), tick);
    }

    function getPoolBitmapInfo(bytes32 id, int16 word) external view returns (uint256) {
        return coreView.getTickBitmap(_coreId(id), word);
    }

    function getFeeGrowthGlobals(bytes32 id) external view returns (uint256, uint256) {
        return coreView.getFeeGrowthGlobals(_coreId(id));
    }

    function _tell(bytes32 id, int256 delta, bool zeroForOne) private {
        (uint160 price, int24 tick, uint24 packed, uint24 lpFee) = getSlot0(id);
        uint24 protocol = zeroForOne ? packed & 0xfff : packed >> 12;
        uint24 fee = uint24(protocol + lpFee - uint256(protocol) * lpFee / 1_000_000);
        emit Swap(
            id, msg.sender, delta.amount0(), delta.amount1(), price, getLiquidity(id), tick, fee, uint16(protocol)
        );
    }

    function _idOf(InfinityKey calldata key) private view returns (bytes32 id) {
        id = keccak256(abi.encode(key));
        if (poolIdToPoolKey[id].poolManager == address(0)) revert PoolNotInitialized();
    }

    function _coreId(bytes32 id) private view returns (bytes32) {
        InfinityKey memory key = poolIdToPoolKey[id];
        return keccak256(abi.encode(_coreKey(key)));
    }

    /// All positions belong to the vault in the core; the salt keeps those of different callers apart.
    function _coreSalt(address who, bytes32 salt) private pure returns (bytes32) {
        return keccak256(abi.encode(who, salt));
    }

    function _coreKey(InfinityKey memory key) private pure returns (CoreKey memory) {
        return CoreKey(key.currency0, key.currency1, key.fee, _spacing(key.parameters), address(0));
    }

    function _spacing(bytes32 parameters) private pure returns (int24) {
        return int24(uint24(uint256(parameters) >> 16));
    }
}
