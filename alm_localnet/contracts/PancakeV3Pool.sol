// SPDX-License-Identifier: MIT
pragma solidity 0.8.28;

import {ConcentratedPool} from "./ConcentratedPool.sol";
import {PoolMath} from "./PoolMath.sol";

interface IPancakeDeployer {
    function parameters() external view returns (address, address, address, uint24, int24);
}

interface IPancakeCaller {
    function pancakeV3SwapCallback(int256 amount0, int256 amount1, bytes calldata data) external;
    function pancakeV3MintCallback(uint256 amount0, uint256 amount1, bytes calldata data) external;
}

interface IOwned {
    function owner() external view returns (address);
}

interface IPancakeLmPool {
    function accumulateReward(uint32 currTimestamp) external;
    function crossLmTick(int24 tick, bool zeroForOne) external;
}

/// @notice A pool with the ABI of PancakeV3Pool (pancake-v3-contracts, v3-core): the protocol takes about a third of
/// the fees from the start, slot0 packs both its parts into 32 bits, Swap tells what it took, and an lmPool hears of
/// swaps. Left out: flash loans and snapshotCumulativesInside.
contract PancakeV3Pool is ConcentratedPool {
    event Swap(
        address indexed sender,
        address indexed recipient,
        int256 amount0,
        int256 amount1,
        uint160 sqrtPriceX96,
        uint128 liquidity,
        int24 tick,
        uint128 protocolFeesToken0,
        uint128 protocolFeesToken1
    );
    event SetFeeProtocol(
        uint32 feeProtocol0Old, uint32 feeProtocol1Old, uint32 feeProtocol0New, uint32 feeProtocol1New
    );
    event CollectProtocol(address indexed sender, address indexed recipient, uint128 amount0, uint128 amount1);
    event SetLmPoolEvent(address addr);

    struct ProtocolFees {
        uint128 token0;
        uint128 token1;
    }

    uint24 public immutable fee;
    address public lmPool;
    ProtocolFees public protocolFees;
    uint32 private _feeProtocol;

    constructor() {
        (address factory_, address token0_, address token1_, uint24 fee_, int24 spacing) =
            IPancakeDeployer(msg.sender).parameters();
        fee = fee_;
        _setUp(factory_, token0_, token1_, spacing);
    }

    modifier onlyGovernance() {
        require(msg.sender == factory || msg.sender == IOwned(factory).owner());
        _;
    }

    function initialize(uint160 sqrtPriceX96) external {
        _initialize(sqrtPriceX96);
        uint32 each = fee == 100 ? 3300 : fee == 500 ? 3400 : 3200;
        _feeProtocol = each + (each << 16);
    }

    function mint(address recipient, int24 tickLower, int24 tickUpper, uint128 amount, bytes calldata data)
        external
        lock
        returns (uint256 amount0, uint256 amount1)
    {
        (amount0, amount1) = _mintTo(_key(recipient, tickLower, tickUpper), true, tickLower, tickUpper, amount, data);
        emit Mint(msg.sender, recipient, tickLower, tickUpper, amount, amount0, amount1);
    }

    function burn(int24 tickLower, int24 tickUpper, uint128 amount)
        external
        lock
        returns (uint256 amount0, uint256 amount1)
    {
        (amount0, amount1) = _burnFrom(_key(msg.sender, tickLower, tickUpper), true, tickLower, tickUpper, amount);
        emit Burn(msg.sender, tickLower, tickUpper, amount, amount0, amount1);
    }

    function collect(
        address recipient,
        int24 tickLower,
        int24 tickUpper,
        uint128 amount0Requested,
        uint128 amount1Requested
    ) external lock returns (uint128 amount0, uint128 amount1) {
        bytes32 key = _key(msg.sender, tickLower, tickUpper);
        (amount0, amount1) = _collectFrom(key, recipient, amount0Requested, amount1Requested);
        emit Collect(msg.sender, recipient, tickLower, tickUpper, amount0, amount1);
    }

    function swap(
        address recipient,
        bool zeroForOne,
        int256 amountSpecified,
        uint160 sqrtPriceLimitX96,
        bytes calldata data
    ) external returns (int256, int256) {
        if (lmPool != address(0)) IPancakeLmPool(lmPool).accumulateReward(uint32(block.timestamp));
        return _swap(recipient, zeroForOne, amountSpecified, sqrtPriceLimitX96, data);
    }

    function setFeeProtocol(uint32 feeProtocol0, uint32 feeProtocol1) external lock onlyGovernance {
        require(feeProtocol0 == 0 || (feeProtocol0 >= 1000 && feeProtocol0 <= 4000));
        require(feeProtocol1 == 0 || (feeProtocol1 >= 1000 && feeProtocol1 <= 4000));
        emit SetFeeProtocol(_feeProtocol % 65536, _feeProtocol >> 16, feeProtocol0, feeProtocol1);
        _feeProtocol = feeProtocol0 + (feeProtocol1 << 16);
    }

    function collectProtocol(address recipient, uint128 amount0Requested, uint128 amount1Requested)
        external
        lock
        onlyGovernance
        returns (uint128 amount0, uint128 amount1)
    {
        ProtocolFees memory owed = protocolFees;
        // One unit stays, as in the real one.
        amount0 = amount0Requested < owed.token0 ? amount0Requested : owed.token0 > 0 ? owed.token0 - 1 : 0;
        amount1 = amount1Requested < owed.token1 ? amount1Requested : owed.token1 > 0 ? owed.token1 - 1 : 0;
        protocolFees = ProtocolFees(owed.token0 - amount0, owed.token1 - amount1);
        if (amount0 > 0) _pay(token0, recipient, amount0);
        if (amount1 > 0) _pay(token1, recipient, amount1);
        emit CollectProtocol(msg.sender, recipient, amount0, amount1);
    }

    function setLmPool(address lmPool_) external onlyGovernance {
        lmPool = lmPool_;
        emit SetLmPoolEvent(lmPool_);
    }

    function slot0() external view returns (uint160, int24, uint16, uint16, uint16, uint32, bool) {
        State memory s = _state;
        return (
            s.price,
            s.tick,
            s.observationIndex,
            s.observationCardinality,
            s.observationCardinalityNext,
            _feeProtocol,
            s.unlocked
        );
    }

    function feeGrowthGlobal0X128() external view returns (uint256) {
        return _growth0X128;
    }

    function feeGrowthGlobal1X128() external view returns (uint256) {
        return _growth1X128;
    }

    function ticks(int24 tick) external view returns (Tick memory) {
        return _ticks[tick];
    }

    function tickBitmap(int16 word) external view returns (uint256) {
        return _bitmap[word];
    }

    function positions(bytes32 key) external view returns (PositionInfo memory) {
        return _positions[key];
    }

    function observations(uint256 index) external view returns (Observation memory) {
        return _observations[index];
    }

    function observe(uint32[] calldata secondsAgos) external view returns (int56[] memory, uint160[] memory) {
        return _observeAll(secondsAgos);
    }

    function _key(address owner, int24 lower, int24 upper) private pure returns (bytes32) {
        return keccak256(abi.encodePacked(owner, lower, upper));
    }

    function _swapFee(bool) internal view override returns (uint24) {
        return fee;
    }

    function _share(uint256 feeAmount, bool zeroForOne, uint128 inRange)
        internal
        view
        override
        returns (uint256 growthX128, uint256 taken)
    {
        taken = feeAmount * (zeroForOne ? _feeProtocol % 65536 : _feeProtocol >> 16) / 10_000;
        if (inRange > 0) growthX128 = PoolMath.mulDiv(feeAmount - taken, PoolMath.Q128, inRange);
    }

    function _swapped(address recipient, Swapping memory s, int256 amount0, int256 amount1) internal override {
        (uint128 taken0, uint128 taken1) = s.zeroForOne ? (uint128(s.taken), uint128(0)) : (0, uint128(s.taken));
        protocolFees.token0 += taken0;
        protocolFees.token1 += taken1;
        emit Swap(msg.sender, recipient, amount0, amount1, s.price, s.liquidity, s.tick, taken0, taken1);
    }

    function _crossed(int24 tick, bool zeroForOne) internal override {
        if (lmPool != address(0)) IPancakeLmPool(lmPool).crossLmTick(tick, zeroForOne);
    }

    function _askForSwap(int256 amount0, int256 amount1, bytes calldata data) internal override {
        IPancakeCaller(msg.sender).pancakeV3SwapCallback(amount0, amount1, data);
    }

    function _askForMint(uint256 amount0, uint256 amount1, bytes calldata data) internal override {
        IPancakeCaller(msg.sender).pancakeV3MintCallback(amount0, amount1, data);
    }
}
