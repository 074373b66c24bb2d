// SPDX-License-Identifier: MIT
pragma solidity 0.8.28;

/// @notice Arithmetic of concentrated liquidity, rounding as the whitepaper of Uniswap V3 and its contracts do.
library PoolMath {
    int24 internal constant MAX_TICK = 887272;
    uint160 internal constant MIN_SQRT_PRICE = 4295128739;
    uint160 internal constant MAX_SQRT_PRICE = 1461446703485210103287273052203988822378723970342;
    uint256 internal constant Q96 = 1 << 96;
    uint256 internal constant Q128 = 1 << 128;
    uint256 private constant MILLION = 1e6;

    /// floor(a * b / d) over 512 bits: the remainder is taken off, then what is left divides exactly, which is a
    /// multiplication by the inverse of d modulo 2**256.
    function mulDiv(uint256 a, uint256 b, uint256 d) internal pure returns (uint256) {
        unchecked {
            uint256 low = a * b;
            uint256 modulo = mulmod(a, b, type(uint256).max);
            uint256 high = modulo - low - (modulo < low ? 1 : 0);
            if (high == 0) {
                require(d > 0);
                return low / d;
            }
            require(d > high);
            uint256 rest = mulmod(a, b, d);
            if (rest > low) --high;
            low -= rest;
            uint256 twos = d & (0 - d);
            d /= twos;
            low = low / twos | high * ((0 - twos) / twos + 1);
            uint256 inverse = (3 * d) ^ 2;
            for (uint256 bits = 4; bits < 256; bits *= 2) inverse *= 2 - d * inverse;
            return low * inverse;
        }
    }

    function mulDivUp(uint256 a, uint256 b, uint256 d) internal pure returns (uint256 result) {
        result = mulDiv(a, b, d);
        if (mulmod(a, b, d) > 0) ++result;
    }

    function divUp(uint256 a, uint256 b) internal pure returns (uint256) {
        return a / b + (a % b > 0 ? 1 : 0);
    }

    /// sqrt(1.0001**tick) * 2**96, rounded up.
    function sqrtPriceAtTick(int24 tick) internal pure returns (uint160) {
        uint256 rest = uint256(int256(tick < 0 ? -tick : tick));
        require(rest <= uint256(int256(MAX_TICK)), "T");
        unchecked {
            uint256 ratio = rest & 0x1 != 0 ? 0xfffcb933bd6fad37aa2d162d1a594001 : Q128;
            if (rest & 0x2 != 0) ratio = ratio * 0xfff97272373d413259a46990580e213a >> 128;
            if (rest & 0x4 != 0) ratio = ratio * 0xfff2e50f5f656932ef12357cf3c7fdcc >> 128;
            if (rest & 0x8 != 0) ratio = ratio * 0xffe5caca7e10e4e61c3624eaa0941cd0 >> 128;
            if (rest & 0x10 != 0) ratio = ratio * 0xffcb9843d60f6159c9db58835c926644 >> 128;
            if (rest & 0x20 != 0) ratio = ratio * 0xff973b41fa98c081472e6896dfb254c0 >> 128;
            if (rest & 0x40 != 0) ratio = ratio * 0xff2ea16466c96a3843ec78b326b52861 >> 128;
            if (rest & 0x80 != 0) ratio = ratio * 0xfe5dee046a99a2a811c461f1969c3053 >> 128;
            if (rest & 0x100 != 0) ratio = ratio * 0xfcbe86c7900a88aedcffc83b479aa3a4 >> 128;
            if (rest & 0x200 != 0) ratio = ratio * 0xf987a7253ac413176f2b074cf7815e54 >> 128;
            if (rest & 0x400 != 0) ratio = ratio * 0xf3392b0822b70005940c7a398e4b70f3 >> 128;
            if (rest & 0x800 != 0) ratio = ratio * 0xe7159475a2c29b7443b29c7fa6e889d9 >> 128;
            if (rest & 0x1000 != 0) ratio = ratio * 0xd097f3bdfd2022b8845ad8f792aa5825 >> 128;
            if (rest & 0x2000 != 0) ratio = ratio * 0xa9f746462d870fdf8a65dc1f90e061e5 >> 128;
            if (rest & 0x4000 != 0) ratio = ratio * 0x70d869a156d2a1b890bb3df62baf32f7 >> 128;
            if (rest & 0x8000 != 0) ratio = ratio * 0x31be135f97d08fd981231505542fcfa6 >> 128;
            if (rest & 0x10000 != 0) ratio = ratio * 0x9aa508b5b7a84e1c677de54f3e99bc9 >> 128;
            if (rest & 0x20000 != 0) ratio = ratio * 0x5d6af8dedb81196699c329225ee604 >> 128;
            if (rest & 0x40000 != 0) ratio = ratio * 0x2216e584f5fa1ea926041bedfe98 >> 128;
            if (rest & 0x80000 != 0) ratio = ratio * 0x48a170391f7dc42444e8fa2 >> 128;
            if (tick > 0) ratio = type(uint256).max / ratio;
            return uint160((ratio >> 32) + (ratio % (1 << 32) == 0 ? 0 : 1));
        }
    }

    /// The greatest tick whose price is not above this one: from a logarithm with 14 binary digits after the point
    /// there are at most two candidates.
    function tickAtSqrtPrice(uint160 sqrtPrice) internal pure returns (int24) {
        require(sqrtPrice >= MIN_SQRT_PRICE && sqrtPrice < MAX_SQRT_PRICE, "R");
        unchecked {
            uint256 ratio = uint256(sqrtPrice) << 32;
            uint256 top = highestBit(ratio);
            uint256 r = top >= 128 ? ratio >> (top - 127) : ratio << (127 - top);
            int256 log2 = (int256(top) - 128) << 64;
            for (uint256 digit = 63; digit > 49; --digit) {
                r = r * r >> 127;
                uint256 carry = r >> 128;
                log2 |= int256(carry << digit);
                r >>= carry;
            }
            int256 log = log2 * 255738958999603826347141; // to the base of the square root of 1.0001
            int24 low = int24((log - 3402992956809132418596140100660247210) >> 128);
            int24 high = int24((log + 291339464771989622907027621153398088495) >> 128);
            return low != high && sqrtPriceAtTick(high) <= sqrtPrice ? high : low;
        }
    }

    function highestBit(uint256 x) internal pure returns (uint256 bit) {
        for (uint256 half = 128; half > 0; half >>= 1) {
            if (x >> half > 0) {
                x >>= half;
                bit += half;
            }
        }
    }

    /// L * (1/sqrt(a) - 1/sqrt(b)) between two prices in any order.
    function amount0Delta(uint160 a, uint160 b, uint128 liquidity, bool up) internal pure returns (uint256) {
        if (a > b) (a, b) = (b, a);
        require(a > 0);
        uint256 scaled = uint256(liquidity) << 96;
        return up ? divUp(mulDivUp(scaled, b - a, b), a) : mulDiv(scaled, b - a, b) / a;
    }

    /// L * (sqrt(b) - sqrt(a)) between two prices in any order.
    function amount1Delta(uint160 a, uint160 b, uint128 liquidity, bool up) internal pure returns (uint256) {
        if (a > b) (a, b) = (b, a);
        return up ? mulDivUp(liquidity, b - a, Q96) : mulDiv(liquidity, b - a, Q96);
    }

    /// Price after `amount` of a token went in, or after it went out; never past what the amount pays for.
    function nextPrice(uint160 price, uint128 liquidity, uint256 amount, bool isToken0, bool goesIn)
        internal
        pure
        returns (uint160)
    {
        require(price > 0 && liquidity > 0);
        if (isToken0) return _nextPriceFrom0(price, liquidity, amount, goesIn);
        if (goesIn) return _toPrice(price + mulDiv(amount, Q96, liquidity));
        uint256 change = mulDivUp(amount, Q96, liquidity);
        require(price > change);
        return uint160(price - change);
    }

    struct Step {
        uint160 price;
        uint256 amountIn;
        uint256 amountOut;
        uint256 fee;
    }

    /// One swap without a change of liquidity, to `target` or as far as `remaining` goes (negative: wanted out).
    function step(uint160 price, uint160 target, uint128 liquidity, int256 remaining, uint24 feePips)
        internal
        pure
        returns (Step memory s)
    {
        bool down = price >= target;
        bool exactIn = remaining >= 0;
        uint256 wanted = exactIn ? mulDiv(uint256(remaining), MILLION - feePips, MILLION) : uint256(-remaining);
        uint256 most = down == exactIn
            ? amount0Delta(target, price, liquidity, exactIn)
            : amount1Delta(target, price, liquidity, exactIn);
        s.price = wanted >= most ? target : nextPrice(price, liquidity, wanted, down == exactIn, exactIn);
        bool reached = s.price == target;
        s.amountIn = reached && exactIn
            ? most
            : down ? amount0Delta(s.price, price, liquidity, true) : amount1Delta(price, s.price, liquidity, true);
        s.amountOut = reached && !exactIn
            ? most
            : down ? amount1Delta(s.price, price, liquidity, false) : amount0Delta(price, s.price, liquidity, false);
        if (!exactIn && s.amountOut > wanted) s.amountOut = wanted;
        s.fee = exactIn && !reached
            ? uint256(remaining) - s.amountIn
            : mulDivUp(s.amountIn, feePips, MILLION - feePips);
    }

    function _nextPriceFrom0(uint160 price, uint128 liquidity, uint256 amount, bool goesIn)
        private
        pure
        returns (uint160)
    {
        if (amount == 0) return price;
        uint256 scaled = uint256(liquidity) << 96;
        unchecked {
            uint256 product = amount * price;
            bool fits = product / amount == price;
            if (goesIn) {
                uint256 sum = scaled + product;
                if (fits && sum >= scaled) return uint160(mulDivUp(scaled, price, sum));
                return uint160(divUp(scaled, scaled / price + amount));
            }
            require(fits && scaled > product);
            return _toPrice(mulDivUp(scaled, price, scaled - product));
        }
    }

    function _toPrice(uint256 value) private pure returns (uint160) {
        require(value <= type(uint160).max);
        return uint160(value);
    }
}
