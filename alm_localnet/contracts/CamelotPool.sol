// SPDX-License-Identifier: MIT
pragma solidity 0.8.28;

import {ConcentratedPool} from "./ConcentratedPool.sol";
import {PoolMath} from "./PoolMath.sol";

interface ICamelotDeployer {
    function parameters() external view returns (address, address, address, address);
}

interface ICamelotFactory {
    function owner() external view returns (address);
    function vaultAddress() external view returns (address);
}

interface IAlgebraCaller {
    function algebraSwapCallback(int256 amount0, int256 amount1, bytes calldata data) external;
    function algebraMintCallback(uint256 amount0, uint256 amount1, bytes calldata data) external;
}

/// @notice ABI of Camelot's AlgebraPool (Algebra 1.9): Algebra's names, a fee for each direction in globalState, a tick
/// spacing that may be set, here only at first. Fees stand until the factory's owner sets them: the real ones follow
/// the volatility, which this pool keeps no account of. The community's part is paid to the vault with every swap. Of a
/// timepoint only what a mean tick needs is kept. Left out: flash loans, swaps of tokens with a fee, incentives, the
/// cooldown.
contract CamelotPool is ConcentratedPool {
    event Swap(
        address indexed sender,
        address indexed recipient,
        int256 amount0,
        int256 amount1,
        uint160 price,
        uint128 liquidity,
        int24 tick
    );
    event Fee(uint16 feeZto, uint16 feeOtz);
    event CommunityFee(uint8 communityFee0New, uint8 communityFee1New);
    event TickSpacing(int24 newTickSpacing);

    struct PositionView {
        uint128 liquidity;
        uint32 lastLiquidityAddTimestamp;
        uint256 innerFeeGrowth0Token;
        uint256 innerFeeGrowth1Token;
        uint128 fees0;
        uint128 fees1;
    }

    address public dataStorageOperator;
    uint16 private _feeZto = 100;
    uint16 private _feeOtz = 100;
    uint8 private _communityFee0;
    uint8 private _communityFee1;
    mapping(bytes32 => uint32) private _lastAdded;

    modifier onlyOwner() {
        require(msg.sender == ICamelotFactory(factory).owner());
        _;
    }

    constructor() {
        (address dataStorage, address factory_, address token0_, address token1_) =
            ICamelotDeployer(msg.sender).parameters();
        dataStorageOperator = dataStorage;
        _setUp(factory_, token0_, token1_, 60);
    }

    function initialize(uint160 initialPrice) external {
        _initialize(initialPrice);
        increaseObservationCardinalityNext(type(uint8).max);
    }

    /// @return amount0 What was paid of token0.
    /// @return amount1 What was paid of token1.
    /// @return liquidityActual The liquidity asked for: payments are checked, there is nothing to scale down.
    function mint(
        address sender,
        address recipient,
        int24 bottomTick,
        int24 topTick,
        uint128 amount,
        bytes calldata data
    ) external lock returns (uint256 amount0, uint256 amount1, uint128 liquidityActual) {
        bytes32 key = _key(recipient, bottomTick, topTick);
        (amount0, amount1) = _mintTo(key, true, bottomTick, topTick, amount, data);
        _lastAdded[key] = uint32(block.timestamp);
        liquidityActual = amount;
        emit Mint(sender, recipient, bottomTick, topTick, amount, amount0, amount1);
    }

    function burn(int24 bottomTick, int24 topTick, uint128 amount)
        external
        lock
        returns (uint256 amount0, uint256 amount1)
    {
        (amount0, amount1) = _burnFrom(_key(msg.sender, bottomTick, topTick), true, bottomTick, topTick, amount);
        emit Burn(msg.sender, bottomTick, topTick, amount, amount0, amount1);
    }

    function collect(
        address recipient,
        int24 bottomTick,
        int24 topTick,
        uint128 amount0Requested,
        uint128 amount1Requested
    ) external lock returns (uint128 amount0, uint128 amount1) {
        bytes32 key = _key(msg.sender, bottomTick, topTick);
        (amount0, amount1) = _collectFrom(key, recipient, amount0Requested, amount1Requested);
        emit Collect(msg.sender, recipient, bottomTick, topTick, amount0, amount1);
    }

    function swap(
        address recipient,
        bool zeroToOne,
        int256 amountRequired,
        uint160 limitSqrtPrice,
        bytes calldata data
    ) external returns (int256, int256) {
        return _swap(recipient, zeroToOne, amountRequired, limitSqrtPrice, data);
    }

    function setFees(uint16 feeZto, uint16 feeOtz) external lock onlyOwner {
        (_feeZto, _feeOtz) = (feeZto, feeOtz);
        emit Fee(feeZto, feeOtz);
    }

    function setCommunityFee(uint8 communityFee0, uint8 communityFee1) external lock onlyOwner {
        require(communityFee0 <= 250 && communityFee1 <= 250);
        (_communityFee0, _communityFee1) = (communityFee0, communityFee1);
        emit CommunityFee(communityFee0, communityFee1);
    }

    function setTickSpacing(int24 newTickSpacing) external onlyOwner {
        require(newTickSpacing > 0 && newTickSpacing <= 500 && tickSpacing != newTickSpacing);
        // The bitmap counts in tick spacings: here it is only possible before the pool is initialised.
        require(_state.price == 0);
        _setUp(factory, token0, token1, newTickSpacing);
        emit TickSpacing(newTickSpacing);
    }

    function globalState()
        external
        view
        returns (
            uint160 price,
            int24 tick,
            uint16 feeZto,
            uint16 feeOtz,
            uint16 timepointIndex,
            uint8 communityFeeToken0,
            uint8 communityFeeToken1,
            bool unlocked
        )
    {
        State memory s = _state;
        (price, tick, timepointIndex, unlocked) = (s.price, s.tick, s.observationIndex, s.unlocked);
        (feeZto, feeOtz) = (_feeZto, _feeOtz);
        (communityFeeToken0, communityFeeToken1) = (_communityFee0, _communityFee1);
    }

    function totalFeeGrowth0Token() external view returns (uint256) {
        return _growth0X128;
    }

    function totalFeeGrowth1Token() external view returns (uint256) {
        return _growth1X128;
    }

    function ticks(int24 tick) external view returns (Tick memory) {
        return _ticks[tick];
    }

    function positions(bytes32 key) external view returns (PositionView memory) {
        PositionInfo memory p = _positions[key];
        return PositionView(
            p.liquidity,
            _lastAdded[key],
            p.feeGrowthInside0LastX128,
            p.feeGrowthInside1LastX128,
            p.tokensOwed0,
            p.tokensOwed1
        );
    }

    function timepoints(uint256 index)
        external
        view
        returns (
            bool initialized,
            uint32 blockTimestamp,
            int56 tickCumulative,
            uint160 secondsPerLiquidityCumulative,
            uint88 volatilityCumulative,
            int24 averageTick,
            uint144 volumePerLiquidityCumulative
        )
    {
        Observation memory o = _observations[index];
        (initialized, blockTimestamp, tickCumulative) = (o.initialized, o.blockTimestamp, o.tickCumulative);
        secondsPerLiquidityCumulative = o.secondsPerLiquidityCumulativeX128;
    }

    function getTimepoints(uint32[] calldata secondsAgos)
        external
        view
        returns (
            int56[] memory tickCumulatives,
            uint160[] memory secondsPerLiquidityCumulatives,
            uint112[] memory volatilityCumulatives,
            uint256[] memory volumePerAvgLiquiditys
        )
    {
        (tickCumulatives, secondsPerLiquidityCumulatives) = _observeAll(secondsAgos);
        volatilityCumulatives = new uint112[](secondsAgos.length);
        volumePerAvgLiquiditys = new uint256[](secondsAgos.length);
    }

    /// Owner and ticks side by side, not hashed.
    function _key(address owner, int24 lower, int24 upper) private pure returns (bytes32) {
        return bytes32((uint256(uint160(owner)) << 24 | uint24(lower)) << 24 | uint24(upper));
    }

    function _swapFee(bool zeroForOne) internal view override returns (uint24) {
        return zeroForOne ? _feeZto : _feeOtz;
    }

    function _share(uint256 feeAmount, bool zeroForOne, uint128 inRange)
        internal
        view
        override
        returns (uint256 growthX128, uint256 taken)
    {
        taken = feeAmount * (zeroForOne ? _communityFee0 : _communityFee1) / 1000;
        if (inRange > 0) growthX128 = PoolMath.mulDiv(feeAmount - taken, PoolMath.Q128, inRange);
    }

    function _swapped(address recipient, Swapping memory s, int256 amount0, int256 amount1) internal override {
        if (s.taken > 0) _pay(s.zeroForOne ? token0 : token1, ICamelotFactory(factory).vaultAddress(), s.taken);
        emit Swap(msg.sender, recipient, amount0, amount1, s.price, s.liquidity, s.tick);
    }

    function _askForSwap(int256 amount0, int256 amount1, bytes calldata data) internal override {
        IAlgebraCaller(msg.sender).algebraSwapCallback(amount0, amount1, data);
    }

    function _askForMint(uint256 amount0, uint256 amount1, bytes calldata data) internal override {
        IAlgebraCaller(msg.sender).algebraMintCallback(amount0, amount1, data);
    }
}
