// SPDX-License-Identifier: MIT
pragma solidity 0.8.28;

interface IDesk {
    function trade(bytes32 pool, bool zeroForOne, uint256 amountIn, uint160 lowest, uint160 highest) external;
    function provide(bytes32 pool, int24 lower, int24 upper, uint128 liquidity) external;
}

/// @notice Calls the desks of all DEX families in one transaction, so that a minute of the market is one block. It holds
/// nothing and may be called by anybody: a desk pays only in transactions of its owner.
contract TradeBatch {
    struct Trade {
        address desk;
        bytes32 pool;
        bool zeroForOne;
        uint256 amountIn;
        uint160 lowest;
        uint160 highest;
    }

    struct Range {
        address desk;
        bytes32 pool;
        int24 lower;
        int24 upper;
        uint128 liquidity;
    }

    function trade(Trade[] calldata trades) external {
        for (uint256 i = 0; i < trades.length; ++i) {
            Trade calldata t = trades[i];
            IDesk(t.desk).trade(t.pool, t.zeroForOne, t.amountIn, t.lowest, t.highest);
        }
    }

    function provide(Range[] calldata ranges) external {
        for (uint256 i = 0; i < ranges.length; ++i) {
            Range calldata r = ranges[i];
            IDesk(r.desk).provide(r.pool, r.lower, r.upper, r.liquidity);
        }
    }
}
