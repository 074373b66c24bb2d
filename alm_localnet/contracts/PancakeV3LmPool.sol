// SPDX-License-Identifier: MIT
pragma solidity 0.8.28;

import {PoolMath} from "./PoolMath.sol";

interface IFarmedPool {
    function slot0() external view returns (uint160, int24, uint16, uint16, uint16, uint32, bool);
    function maxLiquidityPerTick() external view returns (uint128);
}

interface IPeriods {
    function getLatestPeriodInfo(address pool) external view returns (uint256 cakePerSecond, uint256 endTime);
}

interface ILmPoolParameters {
    function parameters() external view returns (address pool, address masterChef);
}

/// @notice Stand-in for PancakeV3LmPool (pancake-v3-contracts, v3-lm-pool, the version that knows growth below zero): who
/// of the staked liquidity was in range, for how long, at what rate. ABI, rights and arithmetic of the real one.
contract PancakeV3LmPool {
    struct Tick {
        uint128 liquidityGross;
        int128 liquidityNet;
        uint256 rewardGrowthOutsideX128;
    }

    uint256 public constant REWARD_PRECISION = 1e12;

    address public immutable pool;
    address public immutable masterChef;
    uint256 public rewardGrowthGlobalX128;
    mapping(int24 => Tick) public lmTicks;
    uint128 public lmLiquidity;
    uint32 public lastRewardTimestamp;
    mapping(int24 => mapping(int24 => uint256)) public negativeRewardGrowthInsideInitValue;

    constructor() {
        (pool, masterChef) = ILmPoolParameters(msg.sender).parameters();
        lastRewardTimestamp = uint32(block.timestamp);
    }

    function accumulateReward(uint32 currTimestamp) external {
        require(msg.sender == pool || msg.sender == masterChef, "Not pool or MC");
        uint32 last = lastRewardTimestamp;
        if (currTimestamp <= last) return;
        if (lmLiquidity != 0) {
            (uint256 perSecond, uint256 endTime) = IPeriods(masterChef).getLatestPeriodInfo(pool);
            uint32 end = uint32(endTime);
            uint32 until = end > currTimestamp ? currTimestamp : end;
            if (until > last) {
                uint256 rateX128 = PoolMath.mulDiv(perSecond, PoolMath.Q128, REWARD_PRECISION);
                unchecked {
                    rewardGrowthGlobalX128 += PoolMath.mulDiv(until - last, rateX128, lmLiquidity);
                }
            }
        }
        lastRewardTimestamp = currTimestamp;
    }

    function crossLmTick(int24 tick, bool zeroForOne) external {
        require(msg.sender == pool, "Not pool");
        Tick storage t = lmTicks[tick];
        if (t.liquidityGross == 0) return;
        unchecked {
            t.rewardGrowthOutsideX128 = rewardGrowthGlobalX128 - t.rewardGrowthOutsideX128;
        }
        lmLiquidity = _plus(lmLiquidity, zeroForOne ? -t.liquidityNet : t.liquidityNet);
    }

    function updatePosition(int24 tickLower, int24 tickUpper, int128 liquidityDelta) external {
        require(msg.sender == masterChef, "Not MC");
        (, int24 tick,,,,,) = IFarmedPool(pool).slot0();
        bool flippedLower;
        bool flippedUpper;
        if (liquidityDelta != 0) {
            flippedLower = _update(tickLower, tick, liquidityDelta, false);
            flippedUpper = _update(tickUpper, tick, liquidityDelta, true);
        }
        if (tick >= tickLower && tick < tickUpper) lmLiquidity = _plus(lmLiquidity, liquidityDelta);
        if (liquidityDelta < 0) {
            if (flippedLower) delete lmTicks[tickLower];
            if (flippedUpper) delete lmTicks[tickUpper];
        }
        if (liquidityDelta < 0 && (flippedLower || flippedUpper)) {
            negativeRewardGrowthInsideInitValue[tickLower][tickUpper] = 0;
            return;
        }
        (uint256 inside, bool negative) = _inside(tickLower, tickUpper);
        if (!negative) return;
        uint256 zero = negativeRewardGrowthInsideInitValue[tickLower][tickUpper];
        if (zero == 0 || zero > inside) negativeRewardGrowthInsideInitValue[tickLower][tickUpper] = inside;
    }

    function getRewardGrowthInside(int24 tickLower, int24 tickUpper) external view returns (uint256 inside) {
        (inside,) = _inside(tickLower, tickUpper);
        unchecked {
            inside -= negativeRewardGrowthInsideInitValue[tickLower][tickUpper];
        }
    }

    function _inside(int24 tickLower, int24 tickUpper) private view returns (uint256 inside, bool negative) {
        (, int24 tick,,,,,) = IFarmedPool(pool).slot0();
        uint256 all = rewardGrowthGlobalX128;
        uint256 below = lmTicks[tickLower].rewardGrowthOutsideX128;
        uint256 above = lmTicks[tickUpper].rewardGrowthOutsideX128;
        unchecked {
            if (tick < tickLower) below = all - below;
            if (tick >= tickUpper) above = all - above;
            return (all - below - above, below + above > all);
        }
    }

    function _update(int24 tick, int24 current, int128 delta, bool upper) private returns (bool) {
        Tick storage t = lmTicks[tick];
        uint128 before = t.liquidityGross;
        uint128 next = _plus(before, delta);
        require(next <= IFarmedPool(pool).maxLiquidityPerTick(), "LO");
        if (before == 0 && tick <= current) t.rewardGrowthOutsideX128 = rewardGrowthGlobalX128;
        t.liquidityGross = next;
        t.liquidityNet = upper ? t.liquidityNet - delta : t.liquidityNet + delta;
        return (next == 0) != (before == 0);
    }

    function _plus(uint128 a, int128 delta) private pure returns (uint128) {
        return delta < 0 ? a - uint128(-delta) : a + uint128(delta);
    }
}
