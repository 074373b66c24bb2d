// SPDX-License-Identifier: MIT
pragma solidity 0.8.28;

import {ConcentratedPool} from "./ConcentratedPool.sol";
import {PoolMath} from "./PoolMath.sol";

interface ISlipstreamFactory {
    function owner() external view returns (address);
    function gaugeFactory() external view returns (address);
    function getSwapFee(address pool) external view returns (uint24);
    function getUnstakedFee(address pool) external view returns (uint24);
}

interface ISlipstreamCaller {
    function uniswapV3SwapCallback(int256 amount0, int256 amount1, bytes calldata data) external;
    function uniswapV3MintCallback(uint256 amount0, uint256 amount1, bytes calldata data) external;
}

/// @notice ABI of Aerodrome's CLPool (velodrome-finance/slipstream): the fee is asked of the factory for every swap; a
/// position may be staked, then the gauge gets its fees and emissions accrue to it, and with a gauge unstaked positions
/// give up a part of theirs. It is an implementation for minimal proxies, as the real one is. Left out: flash loans and
/// snapshotCumulativesInside; the gauge may also be set by the factory's owner.
contract SlipstreamPool is ConcentratedPool {
    event Swap(
        address indexed sender,
        address indexed recipient,
        int256 amount0,
        int256 amount1,
        uint160 sqrtPriceX96,
        uint128 liquidity,
        int24 tick
    );
    event CollectFees(address indexed recipient, uint128 amount0, uint128 amount1);

    struct GaugeFees {
        uint128 token0;
        uint128 token1;
    }

    struct TickView {
        uint128 liquidityGross;
        int128 liquidityNet;
        int128 stakedLiquidityNet;
        uint256 feeGrowthOutside0X128;
        uint256 feeGrowthOutside1X128;
        uint256 rewardGrowthOutsideX128;
        int56 tickCumulativeOutside;
        uint160 secondsPerLiquidityOutsideX128;
        uint32 secondsOutside;
        bool initialized;
    }

    address public factoryRegistry;
    address public gauge;
    address public nft;
    uint128 public stakedLiquidity;
    uint32 public lastUpdated;
    uint256 public rewardGrowthGlobalX128;
    uint256 public rewardRate;
    uint256 public rewardReserve;
    uint256 public periodFinish;
    uint256 public rollover;
    GaugeFees public gaugeFees;
    mapping(int24 => int128) private _stakedNet;
    mapping(int24 => uint256) private _rewardOutsideX128;

    modifier onlyGauge() {
        require(msg.sender == gauge);
        _;
    }

    modifier onlyNftManager() {
        require(msg.sender == nft, "NNFT");
        _;
    }

    function initialize(
        address factory_,
        address token0_,
        address token1_,
        int24 tickSpacing_,
        address factoryRegistry_,
        uint160 sqrtPriceX96
    ) external {
        require(factory == address(0) && factory_ != address(0));
        factoryRegistry = factoryRegistry_;
        _setUp(factory_, token0_, token1_, tickSpacing_);
        _initialize(sqrtPriceX96);
    }

    function setGaugeAndPositionManager(address gauge_, address nft_) external lock {
        require(gauge == address(0));
        ISlipstreamFactory f = ISlipstreamFactory(factory);
        require(msg.sender == f.gaugeFactory() || msg.sender == f.owner());
        (gauge, nft) = (gauge_, nft_);
    }

    function fee() public view returns (uint24) {
        return ISlipstreamFactory(factory).getSwapFee(address(this));
    }

    function unstakedFee() public view returns (uint24) {
        return ISlipstreamFactory(factory).getUnstakedFee(address(this));
    }

    function mint(address recipient, int24 tickLower, int24 tickUpper, uint128 amount, bytes calldata data)
        external
        lock
        returns (uint256 amount0, uint256 amount1)
    {
        bytes32 key = _key(recipient, tickLower, tickUpper);
        (amount0, amount1) = _mintTo(key, !_isGauge(recipient), tickLower, tickUpper, amount, data);
        emit Mint(msg.sender, recipient, tickLower, tickUpper, amount, amount0, amount1);
    }

    function burn(int24 tickLower, int24 tickUpper, uint128 amount) external lock returns (uint256, uint256) {
        return _burn(tickLower, tickUpper, amount, msg.sender);
    }

    function burn(int24 tickLower, int24 tickUpper, uint128 amount, address owner)
        external
        lock
        onlyNftManager
        returns (uint256, uint256)
    {
        return _burn(tickLower, tickUpper, amount, owner);
    }

    function collect(
        address recipient,
        int24 tickLower,
        int24 tickUpper,
        uint128 amount0Requested,
        uint128 amount1Requested
    ) external lock returns (uint128, uint128) {
        return _collect(recipient, tickLower, tickUpper, amount0Requested, amount1Requested, msg.sender);
    }

    function collect(
        address recipient,
        int24 tickLower,
        int24 tickUpper,
        uint128 amount0Requested,
        uint128 amount1Requested,
        address owner
    ) external lock onlyNftManager returns (uint128, uint128) {
        return _collect(recipient, tickLower, tickUpper, amount0Requested, amount1Requested, owner);
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

    // The gauge.

    function stake(int128 stakedLiquidityDelta, int24 tickLower, int24 tickUpper, bool positionUpdate)
        external
        lock
        onlyGauge
    {
        int24 tick = _state.tick;
        if (tick >= tickLower && tick < tickUpper) {
            _updateRewards();
            stakedLiquidity = _plus(stakedLiquidity, stakedLiquidityDelta);
        }
        if (positionUpdate) {
            // The liquidity stays in the pool; it changes from the manager's account to the gauge's.
            bytes32 given = _key(nft, tickLower, tickUpper);
            bytes32 taken = _key(gauge, tickLower, tickUpper);
            _credit(_positions[given], Change(given, true, tickLower, tickUpper, -stakedLiquidityDelta), tick);
            _credit(_positions[taken], Change(taken, false, tickLower, tickUpper, stakedLiquidityDelta), tick);
        }
        if (_ticks[tickLower].initialized) _stakedNet[tickLower] += stakedLiquidityDelta;
        if (_ticks[tickUpper].initialized) _stakedNet[tickUpper] -= stakedLiquidityDelta;
    }

    function updateRewardsGrowthGlobal() external lock onlyGauge {
        _updateRewards();
    }

    function syncReward(uint256 rewardRate_, uint256 rewardReserve_, uint256 periodFinish_) external lock onlyGauge {
        (rewardRate, rewardReserve, periodFinish) = (rewardRate_, rewardReserve_, periodFinish_);
        delete rollover;
    }

    function getRewardGrowthInside(int24 tickLower, int24 tickUpper, uint256 global) external view returns (uint256) {
        _checkTicks(tickLower, tickUpper);
        if (global == 0) global = rewardGrowthGlobalX128;
        int24 tick = _state.tick;
        unchecked {
            uint256 lower = _rewardOutsideX128[tickLower];
            uint256 upper = _rewardOutsideX128[tickUpper];
            uint256 below = tick >= tickLower ? lower : global - lower;
            uint256 above = tick < tickUpper ? upper : global - upper;
            return global - below - above;
        }
    }

    function collectFees() external lock onlyGauge returns (uint128 amount0, uint128 amount1) {
        GaugeFees memory owed = gaugeFees;
        // One unit stays, as in the real one.
        amount0 = owed.token0 > 0 ? owed.token0 - 1 : 0;
        amount1 = owed.token1 > 0 ? owed.token1 - 1 : 0;
        gaugeFees = GaugeFees(owed.token0 - amount0, owed.token1 - amount1);
        if (amount0 > 0) _pay(token0, gauge, amount0);
        if (amount1 > 0) _pay(token1, gauge, amount1);
        emit CollectFees(gauge, amount0, amount1);
    }

    // Reads.

    function slot0() external view returns (uint160, int24, uint16, uint16, uint16, bool) {
        State memory s = _state;
        return (
            s.price,
            s.tick,
            s.observationIndex,
            s.observationCardinality,
            s.observationCardinalityNext,
            s.unlocked
        );
    }

    function feeGrowthGlobal0X128() external view returns (uint256) {
        return _growth0X128;
    }

    function feeGrowthGlobal1X128() external view returns (uint256) {
        return _growth1X128;
    }

    function ticks(int24 tick) external view returns (TickView memory v) {
        Tick memory t = _ticks[tick];
        (v.liquidityGross, v.liquidityNet, v.stakedLiquidityNet) = (t.gross, t.net, _stakedNet[tick]);
        (v.feeGrowthOutside0X128, v.feeGrowthOutside1X128) = (t.feeGrowthOutside0X128, t.feeGrowthOutside1X128);
        v.rewardGrowthOutsideX128 = _rewardOutsideX128[tick];
        v.tickCumulativeOutside = t.tickCumulativeOutside;
        v.secondsPerLiquidityOutsideX128 = t.secondsPerLiquidityOutsideX128;
        (v.secondsOutside, v.initialized) = (t.secondsOutside, t.initialized);
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

    // What differs from Uniswap V3.

    function _key(address owner, int24 lower, int24 upper) private pure returns (bytes32) {
        return keccak256(abi.encodePacked(owner, lower, upper));
    }

    function _isGauge(address owner) private view returns (bool) {
        return owner == gauge;
    }

    function _burn(int24 lower, int24 upper, uint128 amount, address owner)
        private
        returns (uint256 amount0, uint256 amount1)
    {
        (amount0, amount1) = _burnFrom(_key(owner, lower, upper), !_isGauge(owner), lower, upper, amount);
        if (!_ticks[lower].initialized) delete _stakedNet[lower];
        if (!_ticks[upper].initialized) delete _stakedNet[upper];
        if (!_ticks[lower].initialized) delete _rewardOutsideX128[lower];
        if (!_ticks[upper].initialized) delete _rewardOutsideX128[upper];
        emit Burn(owner, lower, upper, amount, amount0, amount1);
    }

    function _collect(address recipient, int24 lower, int24 upper, uint128 most0, uint128 most1, address owner)
        private
        returns (uint128 amount0, uint128 amount1)
    {
        (amount0, amount1) = _collectFrom(_key(owner, lower, upper), recipient, most0, most1);
        emit Collect(owner, recipient, lower, upper, amount0, amount1);
    }

    /// Rewards run per staked liquidity until the reserve is spent; what runs while nobody is staked is announced
    /// again.
    function _updateRewards() private {
        uint256 last = lastUpdated;
        if (block.timestamp == last) return;
        if (rewardReserve > 0) {
            uint256 reward = rewardRate * (block.timestamp - last);
            if (reward > rewardReserve) reward = rewardReserve;
            rewardReserve -= reward;
            if (stakedLiquidity == 0) {
                rollover += reward;
            } else {
                unchecked {
                    rewardGrowthGlobalX128 += PoolMath.mulDiv(reward, PoolMath.Q128, stakedLiquidity);
                }
            }
        }
        lastUpdated = uint32(block.timestamp);
    }

    function _swapFee(bool) internal view override returns (uint24) {
        return fee();
    }

    /// Staked liquidity's part goes to the gauge, and of the rest the unstaked fee.
    function _share(uint256 feeAmount, bool, uint128 inRange)
        internal
        view
        override
        returns (uint256 growthX128, uint256 taken)
    {
        uint128 staked = stakedLiquidity;
        if (inRange == 0) return (0, 0);
        if (inRange == staked) return (0, feeAmount);
        if (staked > 0) taken = PoolMath.mulDivUp(feeAmount, staked, inRange);
        taken += PoolMath.mulDivUp(feeAmount - taken, unstakedFee(), 1e6);
        growthX128 = PoolMath.mulDiv(feeAmount - taken, PoolMath.Q128, inRange - staked);
    }

    function _swapped(address recipient, Swapping memory s, int256 amount0, int256 amount1) internal override {
        if (s.zeroForOne) gaugeFees.token0 += uint128(s.taken);
        else gaugeFees.token1 += uint128(s.taken);
        emit Swap(msg.sender, recipient, amount0, amount1, s.price, s.liquidity, s.tick);
    }

    function _crossed(int24 tick, bool zeroForOne) internal override {
        _updateRewards();
        unchecked {
            _rewardOutsideX128[tick] = rewardGrowthGlobalX128 - _rewardOutsideX128[tick];
        }
        int128 net = _stakedNet[tick];
        if (net != 0) stakedLiquidity = _plus(stakedLiquidity, zeroForOne ? -net : net);
    }

    function _askForSwap(int256 amount0, int256 amount1, bytes calldata data) internal override {
        ISlipstreamCaller(msg.sender).uniswapV3SwapCallback(amount0, amount1, data);
    }

    function _askForMint(uint256 amount0, uint256 amount1, bytes calldata data) internal override {
        ISlipstreamCaller(msg.sender).uniswapV3MintCallback(amount0, amount1, data);
    }
}
