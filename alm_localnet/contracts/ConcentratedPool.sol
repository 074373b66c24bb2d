// SPDX-License-Identifier: MIT
pragma solidity 0.8.28;

import {PoolMath} from "./PoolMath.sol";

/// @notice A pool of concentrated liquidity with the maths of Uniswap V3, to the unit; what differs from DEX to DEX
/// (names and layouts of views, callbacks, who gets a part of the fees, the key of a position) is left to its heirs.
/// Left out: flash loans, and the optimisations of the real ones.
abstract contract ConcentratedPool {
    struct State {
        uint160 price;
        int24 tick;
        uint16 observationIndex;
        uint16 observationCardinality;
        uint16 observationCardinalityNext;
        bool unlocked;
    }

    struct Tick {
        uint128 gross;
        int128 net;
        uint256 feeGrowthOutside0X128;
        uint256 feeGrowthOutside1X128;
        int56 tickCumulativeOutside;
        uint160 secondsPerLiquidityOutsideX128;
        uint32 secondsOutside;
        bool initialized;
    }

    struct PositionInfo {
        uint128 liquidity;
        uint256 feeGrowthInside0LastX128;
        uint256 feeGrowthInside1LastX128;
        uint128 tokensOwed0;
        uint128 tokensOwed1;
    }

    struct Observation {
        uint32 blockTimestamp;
        int56 tickCumulative;
        uint160 secondsPerLiquidityCumulativeX128;
        bool initialized;
    }

    /// @dev A swap under way; storage is written when it is over.
    struct Swapping {
        State start;
        bool zeroForOne;
        bool exactInput;
        uint160 limit;
        uint24 fee;
        int256 remaining;
        int256 calculated;
        uint160 price;
        int24 tick;
        uint128 liquidity;
        uint256 growthX128;
        uint256 taken;
    }

    event Initialize(uint160 price, int24 tick);
    event Mint(
        address sender,
        address indexed owner,
        int24 indexed tickLower,
        int24 indexed tickUpper,
        uint128 amount,
        uint256 amount0,
        uint256 amount1
    );
    event Burn(
        address indexed owner,
        int24 indexed tickLower,
        int24 indexed tickUpper,
        uint128 amount,
        uint256 amount0,
        uint256 amount1
    );
    event Collect(
        address indexed owner,
        address recipient,
        int24 indexed tickLower,
        int24 indexed tickUpper,
        uint128 amount0,
        uint128 amount1
    );
    event IncreaseObservationCardinalityNext(
        uint16 observationCardinalityNextOld, uint16 observationCardinalityNextNew
    );

    address public factory;
    address public token0;
    address public token1;
    int24 public tickSpacing;
    uint128 public maxLiquidityPerTick;
    uint128 public liquidity;
    State internal _state;
    uint256 internal _growth0X128;
    uint256 internal _growth1X128;
    mapping(int24 => Tick) internal _ticks;
    mapping(int16 => uint256) internal _bitmap;
    mapping(bytes32 => PositionInfo) internal _positions;
    Observation[65535] internal _observations;

    modifier lock() {
        _check(_state.unlocked, "LOK");
        _state.unlocked = false;
        _;
        _state.unlocked = true;
    }

    // What an heir decides.

    /// The fee of swaps in a direction, in millionths.
    function _swapFee(bool zeroForOne) internal view virtual returns (uint24);

    /// How much of a step's fee does not go to the positions in range, and what the rest adds to the fee growth.
    function _share(uint256 fee, bool zeroForOne, uint128 inRange)
        internal
        view
        virtual
        returns (uint256 growthX128, uint256 taken);

    /// Keep the account of what was taken of the fees of a swap, and tell of the swap.
    function _swapped(address recipient, Swapping memory s, int256 amount0, int256 amount1) internal virtual;

    function _askForSwap(int256 amount0, int256 amount1, bytes calldata data) internal virtual;

    function _askForMint(uint256 amount0, uint256 amount1, bytes calldata data) internal virtual;

    function _crossed(int24 tick, bool zeroForOne) internal virtual {}

    function _check(bool holds, string memory reason) internal pure virtual {
        require(holds, reason);
    }

    // Setting up.

    function _setUp(address factory_, address token0_, address token1_, int24 tickSpacing_) internal {
        (factory, token0, token1, tickSpacing) = (factory_, token0_, token1_, tickSpacing_);
        uint256 each = uint256(int256(PoolMath.MAX_TICK / tickSpacing_));
        maxLiquidityPerTick = uint128(type(uint128).max / (2 * each + 1));
    }

    function _initialize(uint160 price) internal {
        _check(_state.price == 0, "AI");
        int24 tick = PoolMath.tickAtSqrtPrice(price);
        _observations[0] = Observation(uint32(block.timestamp), 0, 0, true);
        _state = State(price, tick, 0, 1, 1, true);
        emit Initialize(price, tick);
    }

    // Positions.

    /// @dev What happens to a position. One that does not earn has no part in the fees: it is staked, and others
    /// account for it.
    struct Change {
        bytes32 key;
        bool earns;
        int24 lower;
        int24 upper;
        int128 delta;
    }

    /// Change the liquidity of a position: what the pool gets (positive) or owes for it.
    function _modify(Change memory c) internal returns (PositionInfo storage position, int256 amount0, int256 amount1) {
        _checkTicks(c.lower, c.upper);
        State memory s = _state;
        bool flippedLower = c.delta != 0 && _updateTick(c.lower, s, c.delta, false);
        bool flippedUpper = c.delta != 0 && _updateTick(c.upper, s, c.delta, true);
        position = _positions[c.key];
        _credit(position, c, s.tick);
        if (c.delta < 0 && flippedLower) delete _ticks[c.lower];
        if (c.delta < 0 && flippedUpper) delete _ticks[c.upper];
        if (c.delta != 0) (amount0, amount1) = _amounts(s, c.lower, c.upper, c.delta);
        if (c.delta != 0 && c.lower <= s.tick && s.tick < c.upper) {
            (_state.observationIndex, _state.observationCardinality) = _observe(s, liquidity);
            liquidity = _plus(liquidity, c.delta);
        }
    }

    function _mintTo(bytes32 key, bool earns, int24 lower, int24 upper, uint128 amount, bytes calldata data)
        internal
        returns (uint256 amount0, uint256 amount1)
    {
        require(amount > 0 && amount <= uint128(type(int128).max));
        (, int256 in0, int256 in1) = _modify(Change(key, earns, lower, upper, int128(amount)));
        (amount0, amount1) = (uint256(in0), uint256(in1));
        uint256 due0 = _balance(token0) + amount0;
        uint256 due1 = _balance(token1) + amount1;
        _askForMint(amount0, amount1, data);
        _check(due0 <= _balance(token0), "M0");
        _check(due1 <= _balance(token1), "M1");
    }

    function _burnFrom(bytes32 key, bool earns, int24 lower, int24 upper, uint128 amount)
        internal
        returns (uint256, uint256)
    {
        require(amount <= uint128(type(int128).max));
        (PositionInfo storage position, int256 out0, int256 out1) =
            _modify(Change(key, earns, lower, upper, -int128(amount)));
        unchecked {
            position.tokensOwed0 += uint128(uint256(-out0));
            position.tokensOwed1 += uint128(uint256(-out1));
        }
        return (uint256(-out0), uint256(-out1));
    }

    function _collectFrom(bytes32 key, address recipient, uint128 most0, uint128 most1)
        internal
        returns (uint128 amount0, uint128 amount1)
    {
        PositionInfo storage position = _positions[key];
        amount0 = most0 > position.tokensOwed0 ? position.tokensOwed0 : most0;
        amount1 = most1 > position.tokensOwed1 ? position.tokensOwed1 : most1;
        position.tokensOwed0 -= amount0;
        position.tokensOwed1 -= amount1;
        if (amount0 > 0) _pay(token0, recipient, amount0);
        if (amount1 > 0) _pay(token1, recipient, amount1);
    }

    function _credit(PositionInfo storage position, Change memory c, int24 tick) internal {
        uint128 held = position.liquidity;
        _check(c.delta != 0 || held > 0, "NP");
        (uint256 inside0, uint256 inside1) = _growthInside(c.lower, c.upper, tick);
        unchecked {
            if (c.earns) {
                position.tokensOwed0 +=
                    uint128(PoolMath.mulDiv(inside0 - position.feeGrowthInside0LastX128, held, PoolMath.Q128));
                position.tokensOwed1 +=
                    uint128(PoolMath.mulDiv(inside1 - position.feeGrowthInside1LastX128, held, PoolMath.Q128));
            }
        }
        if (c.delta != 0) position.liquidity = _plus(held, c.delta);
        position.feeGrowthInside0LastX128 = inside0;
        position.feeGrowthInside1LastX128 = inside1;
    }

    function _amounts(State memory s, int24 lower, int24 upper, int128 delta)
        private
        pure
        returns (int256 amount0, int256 amount1)
    {
        bool up = delta > 0;
        uint128 size = uint128(up ? delta : -delta);
        uint160 a = PoolMath.sqrtPriceAtTick(lower);
        uint160 b = PoolMath.sqrtPriceAtTick(upper);
        // By the tick, not the price: on a bound the price alone does not tell the side.
        if (s.tick < upper) amount0 = _signed(PoolMath.amount0Delta(s.tick < lower ? a : s.price, b, size, up), up);
        if (s.tick >= lower) amount1 = _signed(PoolMath.amount1Delta(a, s.tick < upper ? s.price : b, size, up), up);
    }

    function _signed(uint256 amount, bool positive) private pure returns (int256) {
        require(amount < 1 << 255);
        return positive ? int256(amount) : -int256(amount);
    }

    function _plus(uint128 a, int128 delta) internal pure returns (uint128) {
        unchecked {
            uint128 sum = a + uint128(delta);
            _check(delta < 0 ? sum < a : sum >= a, delta < 0 ? "LS" : "LA");
            return sum;
        }
    }

    // Ticks.

    function _checkTicks(int24 lower, int24 upper) internal pure {
        _check(lower < upper, "TLU");
        _check(lower >= -PoolMath.MAX_TICK, "TLM");
        _check(upper <= PoolMath.MAX_TICK, "TUM");
    }

    function _updateTick(int24 tick, State memory s, int128 delta, bool upper) private returns (bool flipped) {
        Tick storage t = _ticks[tick];
        uint128 before = t.gross;
        uint128 next = _plus(before, delta);
        _check(next <= maxLiquidityPerTick, "LO");
        flipped = (next == 0) != (before == 0);
        if (before == 0) {
            // By convention all growth before a tick was initialised happened below it.
            if (tick <= s.tick) {
                (t.feeGrowthOutside0X128, t.feeGrowthOutside1X128) = (_growth0X128, _growth1X128);
                (t.tickCumulativeOutside, t.secondsPerLiquidityOutsideX128) = _observed(0, s, liquidity);
                t.secondsOutside = uint32(block.timestamp);
            }
            t.initialized = true;
        }
        t.gross = next;
        t.net = upper ? t.net - delta : t.net + delta;
        if (flipped) {
            require(tick % tickSpacing == 0);
            int24 compressed = tick / tickSpacing;
            _bitmap[int16(compressed >> 8)] ^= 1 << uint256(uint8(uint24(compressed)));
        }
    }

    function _growthInside(int24 lower, int24 upper, int24 tick) internal view returns (uint256, uint256) {
        Tick storage l = _ticks[lower];
        Tick storage u = _ticks[upper];
        (uint256 g0, uint256 g1) = (_growth0X128, _growth1X128);
        unchecked {
            uint256 below0 = tick >= lower ? l.feeGrowthOutside0X128 : g0 - l.feeGrowthOutside0X128;
            uint256 below1 = tick >= lower ? l.feeGrowthOutside1X128 : g1 - l.feeGrowthOutside1X128;
            uint256 above0 = tick < upper ? u.feeGrowthOutside0X128 : g0 - u.feeGrowthOutside0X128;
            uint256 above1 = tick < upper ? u.feeGrowthOutside1X128 : g1 - u.feeGrowthOutside1X128;
            return (g0 - below0 - above0, g1 - below1 - above1);
        }
    }

    /// The next initialised tick in the same word of the bitmap, or the last tick of that word.
    function _nextTick(int24 tick, bool down) private view returns (int24 next, bool initialized) {
        int24 spacing = tickSpacing;
        int24 compressed = tick / spacing;
        if (tick < 0 && tick % spacing != 0) --compressed;
        if (!down) ++compressed;
        uint256 bit = uint8(uint24(compressed));
        uint256 word = _bitmap[int16(compressed >> 8)];
        if (down) {
            word &= type(uint256).max >> (255 - bit);
            uint256 found = word == 0 ? 0 : PoolMath.highestBit(word);
            return ((compressed - int24(uint24(bit - found))) * spacing, word != 0);
        }
        word &= type(uint256).max << bit;
        unchecked {
            uint256 found = word == 0 ? 255 : PoolMath.highestBit(word & (0 - word));
            return ((compressed + int24(uint24(found - bit))) * spacing, word != 0);
        }
    }

    function _cross(int24 tick, Swapping memory s) private {
        Tick storage t = _ticks[tick];
        (int56 cumulative, uint160 perLiquidity) = _observed(0, s.start, liquidity);
        int128 net = t.net;
        unchecked {
            t.feeGrowthOutside0X128 = (s.zeroForOne ? s.growthX128 : _growth0X128) - t.feeGrowthOutside0X128;
            t.feeGrowthOutside1X128 = (s.zeroForOne ? _growth1X128 : s.growthX128) - t.feeGrowthOutside1X128;
            t.tickCumulativeOutside = cumulative - t.tickCumulativeOutside;
            t.secondsPerLiquidityOutsideX128 = perLiquidity - t.secondsPerLiquidityOutsideX128;
            t.secondsOutside = uint32(block.timestamp) - t.secondsOutside;
        }
        _crossed(tick, s.zeroForOne);
        if (net != 0) s.liquidity = _plus(s.liquidity, s.zeroForOne ? -net : net);
    }

    // Swaps.

    function _swap(address recipient, bool zeroForOne, int256 amount, uint160 limit, bytes calldata data)
        internal
        returns (int256 amount0, int256 amount1)
    {
        _check(amount != 0, "AS");
        Swapping memory s;
        s.start = _state;
        _check(s.start.unlocked, "LOK");
        _check(
            zeroForOne
                ? limit < s.start.price && limit > PoolMath.MIN_SQRT_PRICE
                : limit > s.start.price && limit < PoolMath.MAX_SQRT_PRICE,
            "SPL"
        );
        _state.unlocked = false;
        (s.zeroForOne, s.exactInput, s.limit, s.remaining) = (zeroForOne, amount > 0, limit, amount);
        (s.price, s.tick, s.liquidity) = (s.start.price, s.start.tick, liquidity);
        s.growthX128 = zeroForOne ? _growth0X128 : _growth1X128;
        s.fee = _swapFee(zeroForOne);
        while (s.remaining != 0 && s.price != limit) _step(s);
        _store(s);
        (amount0, amount1) = zeroForOne == s.exactInput
            ? (amount - s.remaining, s.calculated)
            : (s.calculated, amount - s.remaining);
        _settle(recipient, zeroForOne, amount0, amount1, data);
        _swapped(recipient, s, amount0, amount1);
        _state.unlocked = true;
    }

    function _step(Swapping memory s) private {
        (int24 next, bool initialized) = _nextTick(s.tick, s.zeroForOne);
        if (next < -PoolMath.MAX_TICK) next = -PoolMath.MAX_TICK;
        if (next > PoolMath.MAX_TICK) next = PoolMath.MAX_TICK;
        uint160 nextPrice = PoolMath.sqrtPriceAtTick(next);
        bool beyond = s.zeroForOne ? nextPrice < s.limit : nextPrice > s.limit;
        PoolMath.Step memory done =
            PoolMath.step(s.price, beyond ? s.limit : nextPrice, s.liquidity, s.remaining, s.fee);
        if (s.exactInput) {
            s.remaining -= int256(done.amountIn + done.fee);
            s.calculated -= int256(done.amountOut);
        } else {
            s.remaining += int256(done.amountOut);
            s.calculated += int256(done.amountIn + done.fee);
        }
        (uint256 growthX128, uint256 taken) = _share(done.fee, s.zeroForOne, s.liquidity);
        s.taken += taken;
        unchecked {
            s.growthX128 += growthX128;
        }
        if (done.price == nextPrice) {
            if (initialized) _cross(next, s);
            s.tick = s.zeroForOne ? next - 1 : next;
        } else if (done.price != s.price) {
            s.tick = PoolMath.tickAtSqrtPrice(done.price);
        }
        s.price = done.price;
    }

    function _store(Swapping memory s) private {
        if (s.tick != s.start.tick) {
            (_state.observationIndex, _state.observationCardinality) = _observe(s.start, liquidity);
            _state.tick = s.tick;
        }
        _state.price = s.price;
        liquidity = s.liquidity;
        if (s.zeroForOne) _growth0X128 = s.growthX128;
        else _growth1X128 = s.growthX128;
    }

    function _settle(address recipient, bool zeroForOne, int256 amount0, int256 amount1, bytes calldata data) private {
        int256 out = zeroForOne ? amount1 : amount0;
        if (out < 0) _pay(zeroForOne ? token1 : token0, recipient, uint256(-out));
        address given = zeroForOne ? token0 : token1;
        uint256 before = _balance(given);
        _askForSwap(amount0, amount1, data);
        _check(before + uint256(zeroForOne ? amount0 : amount1) <= _balance(given), "IIA");
    }

    // Observations. Timestamps are compared as they are: they wrap in the year 2106.

    function increaseObservationCardinalityNext(uint16 next) public virtual lock {
        uint16 old = _state.observationCardinalityNext;
        if (next <= old) return;
        for (uint256 i = old; i < next; ++i) _observations[i].blockTimestamp = 1;
        _state.observationCardinalityNext = next;
        emit IncreaseObservationCardinalityNext(old, next);
    }

    function _observe(State memory s, uint128 inRange) private returns (uint16 index, uint16 cardinality) {
        Observation memory last = _observations[s.observationIndex];
        (index, cardinality) = (s.observationIndex, s.observationCardinality);
        if (last.blockTimestamp == uint32(block.timestamp)) return (index, cardinality);
        if (s.observationCardinalityNext > cardinality && index == cardinality - 1) {
            cardinality = s.observationCardinalityNext;
        }
        index = uint16((uint256(index) + 1) % cardinality);
        _observations[index] = _later(last, uint32(block.timestamp), s.tick, inRange);
    }

    function _later(Observation memory last, uint32 time, int24 tick, uint128 inRange)
        private
        pure
        returns (Observation memory)
    {
        unchecked {
            uint32 passed = time - last.blockTimestamp;
            return Observation(
                time,
                last.tickCumulative + int56(tick) * int56(uint56(passed)),
                last.secondsPerLiquidityCumulativeX128 + (uint160(passed) << 128) / (inRange > 0 ? inRange : 1),
                true
            );
        }
    }

    function _observed(uint32 ago, State memory s, uint128 inRange) internal view returns (int56, uint160) {
        Observation memory last = _observations[s.observationIndex];
        uint32 time = uint32(block.timestamp) - ago;
        if (last.blockTimestamp <= time) {
            if (last.blockTimestamp < time) last = _later(last, time, s.tick, inRange);
            return (last.tickCumulative, last.secondsPerLiquidityCumulativeX128);
        }
        (Observation memory a, Observation memory b) = _around(time, s);
        if (time == a.blockTimestamp) return (a.tickCumulative, a.secondsPerLiquidityCumulativeX128);
        if (time == b.blockTimestamp) return (b.tickCumulative, b.secondsPerLiquidityCumulativeX128);
        unchecked {
            uint32 whole = b.blockTimestamp - a.blockTimestamp;
            uint32 part = time - a.blockTimestamp;
            int56 slope = (b.tickCumulative - a.tickCumulative) / int56(uint56(whole));
            uint256 grown = b.secondsPerLiquidityCumulativeX128 - a.secondsPerLiquidityCumulativeX128;
            return (
                a.tickCumulative + slope * int56(uint56(part)),
                a.secondsPerLiquidityCumulativeX128 + uint160(grown * part / whole)
            );
        }
    }

    /// The neighbours in time of a moment before the last observation.
    function _around(uint32 time, State memory s) private view returns (Observation memory, Observation memory) {
        uint256 size = s.observationCardinality;
        uint256 first = (uint256(s.observationIndex) + 1) % size;
        if (!_observations[first].initialized) first = 0;
        _check(_observations[first].blockTimestamp <= time, "OLD");
        uint256 low = first;
        uint256 high = s.observationIndex < first ? s.observationIndex + size : s.observationIndex;
        while (high - low > 1) {
            uint256 middle = (low + high) / 2;
            if (_observations[middle % size].blockTimestamp <= time) low = middle;
            else high = middle;
        }
        return (_observations[low % size], _observations[high % size]);
    }

    function _observeAll(uint32[] calldata secondsAgos)
        internal
        view
        returns (int56[] memory cumulatives, uint160[] memory perLiquidity)
    {
        State memory s = _state;
        _check(s.observationCardinality > 0, "I");
        cumulatives = new int56[](secondsAgos.length);
        perLiquidity = new uint160[](secondsAgos.length);
        for (uint256 i = 0; i < secondsAgos.length; ++i) {
            (cumulatives[i], perLiquidity[i]) = _observed(secondsAgos[i], s, liquidity);
        }
    }

    // Tokens.

    function _balance(address token) private view returns (uint256) {
        (bool ok, bytes memory answer) =
            token.staticcall(abi.encodeWithSignature("balanceOf(address)", address(this)));
        require(ok && answer.length >= 32);
        return abi.decode(answer, (uint256));
    }

    function _pay(address token, address to, uint256 amount) internal {
        (bool ok, bytes memory answer) = token.call(abi.encodeWithSignature("transfer(address,uint256)", to, amount));
        _check(ok && (answer.length == 0 || abi.decode(answer, (bool))), "TF");
    }
}
