// SPDX-License-Identifier: MIT
pragma solidity 0.8.28;

import {ConcentratedPool} from "./ConcentratedPool.sol";
import {PoolMath} from "./PoolMath.sol";

interface IRamsesDeployer {
    function parameters() external view returns (address, address, address, uint24, int24);
}

interface IRamsesFactory {
    function poolFeeProtocol(address pool) external view returns (uint24);
    function feeCollector() external view returns (address);
}

interface IRamsesCaller {
    function uniswapV3SwapCallback(int256 amount0, int256 amount1, bytes calldata data) external;
    function uniswapV3MintCallback(uint256 amount0, uint256 amount1, bytes calldata data) external;
}

/// @notice ABI of RamsesV3Pool (Ramses V3, Pharaoh V3): positions carry an index, the fee changes at governance's word,
/// the protocol's part is in millionths, 24 bits wide, and refusals are errors, not texts. Left out: the account of
/// seconds in range per week on which gauges pay, gross fee growth, flash loans and snapshotCumulativesInside; Mint is
/// told without the index, as Uniswap V3 tells it.
contract RamsesV3Pool is ConcentratedPool {
    event Swap(
        address indexed sender,
        address indexed recipient,
        int256 amount0,
        int256 amount1,
        uint160 sqrtPriceX96,
        uint128 liquidity,
        int24 tick
    );
    event SetFeeProtocol(uint24 feeProtocolOld, uint24 feeProtocolNew);
    event CollectProtocol(address indexed sender, address indexed recipient, uint128 amount0, uint128 amount1);
    event FeeAdjustment(uint24 oldFee, uint24 newFee);

    error NOT_AUTHORIZED();
    error INVALID_FEE();

    struct ProtocolFees {
        uint128 token0;
        uint128 token1;
    }

    uint24 public fee;
    uint24 private _feeProtocol;
    ProtocolFees public protocolFees;

    constructor() {
        address factory_;
        address token0_;
        address token1_;
        int24 spacing;
        (factory_, token0_, token1_, fee, spacing) = IRamsesDeployer(msg.sender).parameters();
        _setUp(factory_, token0_, token1_, spacing);
    }

    function initialize(uint160 sqrtPriceX96) external {
        _initialize(sqrtPriceX96);
        _feeProtocol = IRamsesFactory(factory).poolFeeProtocol(address(this));
    }

    function mint(
        address recipient,
        uint256 index,
        int24 tickLower,
        int24 tickUpper,
        uint128 amount,
        bytes calldata data
    ) external lock returns (uint256 amount0, uint256 amount1) {
        bytes32 key = _key(recipient, index, tickLower, tickUpper);
        (amount0, amount1) = _mintTo(key, true, tickLower, tickUpper, amount, data);
        emit Mint(msg.sender, recipient, tickLower, tickUpper, amount, amount0, amount1);
    }

    function burn(uint256 index, int24 tickLower, int24 tickUpper, uint128 amount)
        external
        lock
        returns (uint256 amount0, uint256 amount1)
    {
        bytes32 key = _key(msg.sender, index, tickLower, tickUpper);
        (amount0, amount1) = _burnFrom(key, true, tickLower, tickUpper, amount);
        emit Burn(msg.sender, tickLower, tickUpper, amount, amount0, amount1);
    }

    function collect(
        address recipient,
        uint256 index,
        int24 tickLower,
        int24 tickUpper,
        uint128 amount0Requested,
        uint128 amount1Requested
    ) external lock returns (uint128 amount0, uint128 amount1) {
        bytes32 key = _key(msg.sender, index, tickLower, tickUpper);
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
        return _swap(recipient, zeroForOne, amountSpecified, sqrtPriceLimitX96, data);
    }

    function setFee(uint24 newFee) external lock {
        if (msg.sender != factory) revert NOT_AUTHORIZED();
        if (newFee > 1_000_000) revert INVALID_FEE();
        emit FeeAdjustment(fee, newFee);
        fee = newFee;
    }

    function setFeeProtocol() external lock {
        uint24 next = IRamsesFactory(factory).poolFeeProtocol(address(this));
        if (next != _feeProtocol) emit SetFeeProtocol(_feeProtocol, next);
        _feeProtocol = next;
    }

    function collectProtocol(address recipient, uint128 amount0Requested, uint128 amount1Requested)
        external
        lock
        returns (uint128 amount0, uint128 amount1)
    {
        if (msg.sender != IRamsesFactory(factory).feeCollector()) revert NOT_AUTHORIZED();
        ProtocolFees memory owed = protocolFees;
        // One unit stays, as in the real one.
        amount0 = amount0Requested < owed.token0 ? amount0Requested : owed.token0 > 0 ? owed.token0 - 1 : 0;
        amount1 = amount1Requested < owed.token1 ? amount1Requested : owed.token1 > 0 ? owed.token1 - 1 : 0;
        protocolFees = ProtocolFees(owed.token0 - amount0, owed.token1 - amount1);
        if (amount0 > 0) _pay(token0, recipient, amount0);
        if (amount1 > 0) _pay(token1, recipient, amount1);
        emit CollectProtocol(msg.sender, recipient, amount0, amount1);
    }

    function slot0() external view returns (uint160, int24, uint16, uint16, uint16, uint24, bool) {
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

    function _key(address owner, uint256 index, int24 lower, int24 upper) private pure returns (bytes32) {
        return keccak256(abi.encodePacked(owner, index, lower, upper));
    }

    function _swapFee(bool) internal view override returns (uint24) {
        return fee;
    }

    function _share(uint256 feeAmount, bool, uint128 inRange)
        internal
        view
        override
        returns (uint256 growthX128, uint256 taken)
    {
        taken = feeAmount * _feeProtocol / 1_000_000;
        if (inRange > 0) growthX128 = PoolMath.mulDiv(feeAmount - taken, PoolMath.Q128, inRange);
    }

    function _swapped(address recipient, Swapping memory s, int256 amount0, int256 amount1) internal override {
        if (s.zeroForOne) protocolFees.token0 += uint128(s.taken);
        else protocolFees.token1 += uint128(s.taken);
        emit Swap(msg.sender, recipient, amount0, amount1, s.price, s.liquidity, s.tick);
    }

    function _askForSwap(int256 amount0, int256 amount1, bytes calldata data) internal override {
        IRamsesCaller(msg.sender).uniswapV3SwapCallback(amount0, amount1, data);
    }

    function _askForMint(uint256 amount0, uint256 amount1, bytes calldata data) internal override {
        IRamsesCaller(msg.sender).uniswapV3MintCallback(amount0, amount1, data);
    }

    /// Errors named like the texts of Uniswap V3.
    function _check(bool holds, string memory reason) internal pure override {
        if (holds) return;
        bytes4 selector = bytes4(keccak256(abi.encodePacked(reason, "()")));
        assembly {
            mstore(0, selector)
            revert(0, 4)
        }
    }
}
