// SPDX-License-Identifier: MIT
pragma solidity 0.8.28;

/// @notice Arithmetic of Liquidity Book as the real libraries round it: prices of bins as 128.128 numbers
/// (Uint128x128Math.pow and log2, PriceHelper), shares and amounts of a bin (BinHelper), fees (FeeHelper).
library LBPairMath {
    error BinHelper__CompositionFactorFlawed(uint24 id);
    error BinHelper__LiquidityOverflow();
    error BinHelper__MaxLiquidityPerBinExceeded();
    error Uint128x128Math__LogUnderflow();
    error Uint128x128Math__PowUnderflow(uint256 x, int256 y);
    error Uint256x256Math__MulDivOverflow();
    error SafeCast__Exceeds128Bits();
    error SafeCast__Exceeds24Bits();

    uint256 internal constant SCALE = 1 << 128;
    uint256 internal constant PRECISION = 1e18;
    uint256 internal constant BASIS_POINTS = 10_000;
    int256 internal constant ID_SHIFT = 1 << 23;
    uint256 internal constant MAX_LIQUIDITY_PER_BIN =
        65251743116719673010965625540244653191619923014385985379600384103134737;

    // Two amounts in one word: X in the lower half, Y in the upper.

    function pack(uint256 x, uint256 y) internal pure returns (bytes32) {
        return bytes32(uint256(to128(x)) | (uint256(to128(y)) << 128));
    }

    function unpack(bytes32 amounts) internal pure returns (uint256 x, uint256 y) {
        return (uint128(uint256(amounts)), uint256(amounts) >> 128);
    }

    function plus(bytes32 a, bytes32 b) internal pure returns (bytes32) {
        (uint256 ax, uint256 ay) = unpack(a);
        (uint256 bx, uint256 by) = unpack(b);
        return pack(ax + bx, ay + by);
    }

    function minus(bytes32 a, bytes32 b) internal pure returns (bytes32) {
        (uint256 ax, uint256 ay) = unpack(a);
        (uint256 bx, uint256 by) = unpack(b);
        return pack(ax - bx, ay - by);
    }

    function partOf(bytes32 amounts, uint256 basisPoints) internal pure returns (bytes32) {
        (uint256 x, uint256 y) = unpack(amounts);
        return pack(x * basisPoints / BASIS_POINTS, y * basisPoints / BASIS_POINTS);
    }

    function to128(uint256 value) internal pure returns (uint128) {
        if (value > type(uint128).max) revert SafeCast__Exceeds128Bits();
        return uint128(value);
    }

    function to24(uint256 value) internal pure returns (uint24) {
        if (value > type(uint24).max) revert SafeCast__Exceeds24Bits();
        return uint24(value);
    }

    // Products of 512 bits.

    function mulDiv(uint256 x, uint256 y, uint256 d) internal pure returns (uint256 result) {
        unchecked {
            uint256 low = x * y;
            uint256 high;
            assembly {
                let mm := mulmod(x, y, not(0))
                high := sub(sub(mm, low), lt(mm, low))
            }
            if (high == 0) return low / d;
            if (high >= d) revert Uint256x256Math__MulDivOverflow();
            uint256 remainder = mulmod(x, y, d);
            if (remainder > low) high -= 1;
            low -= remainder;
            uint256 twos = d & (~d + 1);
            d /= twos;
            low /= twos;
            low |= high * ((0 - twos) / twos + 1);
            // Newton's iteration for the inverse modulo 2^256: right bits double from 4 on.
            uint256 inverse = (3 * d) ^ 2;
            for (uint256 i = 0; i < 6; ++i) {
                inverse *= 2 - d * inverse;
            }
            return low * inverse;
        }
    }

    function mulDivUp(uint256 x, uint256 y, uint256 d) internal pure returns (uint256 result) {
        result = mulDiv(x, y, d);
        if (mulmod(x, y, d) != 0) result += 1;
    }

    function sqrt(uint256 x) internal pure returns (uint256 root) {
        if (x == 0) return 0;
        unchecked {
            root = 1 << ((mostSignificantBit(x) >> 1) + 1);
            while (true) {
                uint256 next = (root + x / root) >> 1;
                if (next >= root) return root;
                root = next;
            }
        }
    }

    function mostSignificantBit(uint256 x) internal pure returns (uint256 bit) {
        unchecked {
            for (uint256 step = 128; step > 0; step >>= 1) {
                if (x >> step != 0) {
                    x >>= step;
                    bit += step;
                }
            }
        }
    }

    // Prices.

    function base(uint256 binStep) internal pure returns (uint256) {
        return SCALE + (binStep << 128) / BASIS_POINTS;
    }

    function priceOf(uint24 id, uint256 binStep) internal pure returns (uint256) {
        return pow(base(binStep), int256(uint256(id)) - ID_SHIFT);
    }

    function pow(uint256 x, int256 y) internal pure returns (uint256 result) {
        if (y == 0) return SCALE;
        unchecked {
            bool invert = y < 0;
            uint256 exponent = invert ? uint256(-y) : uint256(y);
            if (exponent < 0x200000) {
                result = SCALE;
                uint256 squared = x;
                if (x > type(uint128).max) {
                    squared = type(uint256).max / x;
                    invert = !invert;
                }
                for (; exponent != 0; exponent >>= 1) {
                    if (exponent & 1 != 0) result = (result * squared) >> 128;
                    squared = (squared * squared) >> 128;
                }
            }
            if (result == 0) revert Uint128x128Math__PowUnderflow(x, y);
            return invert ? type(uint256).max / result : result;
        }
    }

    function log2(uint256 x) internal pure returns (int256 result) {
        if (x == 1) return -128;
        if (x == 0) revert Uint128x128Math__LogUnderflow();
        unchecked {
            uint256 one = 1 << 127;
            x >>= 1;
            int256 sign = x >= one ? int256(1) : int256(-1);
            if (sign < 0) x = (one * one) / x;
            uint256 n = mostSignificantBit(x >> 127);
            result = int256(n) << 127;
            uint256 y = x >> n;
            if (y != one) {
                for (int256 delta = int256(1 << 126); delta > 0; delta >>= 1) {
                    y = (y * y) >> 127;
                    if (y >= 1 << 128) {
                        result += delta;
                        y >>= 1;
                    }
                }
            }
            return (result * sign) << 1;
        }
    }

    function idOf(uint256 price, uint256 binStep) internal pure returns (uint24) {
        unchecked {
            return to24(uint256(ID_SHIFT + log2(price) / log2(base(binStep))));
        }
    }

    // Shares.

    function liquidity(uint256 x, uint256 y, uint256 price) internal pure returns (uint256 sum) {
        unchecked {
            sum = price * x;
            if (x != 0 && sum / x != price) revert BinHelper__LiquidityOverflow();
            y <<= 128;
            sum += y;
            if (sum < y) revert BinHelper__LiquidityOverflow();
        }
    }

    function liquidity(bytes32 amounts, uint256 price) internal pure returns (uint256) {
        (uint256 x, uint256 y) = unpack(amounts);
        return liquidity(x, y, price);
    }

    function sharesFor(bytes32 reserves, bytes32 amounts, uint256 price, uint256 supply)
        internal
        pure
        returns (uint256 shares, bytes32 effective)
    {
        uint256 ours = liquidity(amounts, price);
        if (ours == 0) return (0, 0);
        uint256 all = liquidity(reserves, price);
        if (all == 0 || supply == 0) return (sqrt(ours), amounts);
        shares = mulDiv(ours, supply, all);
        effective = _withoutExcess(amounts, ours, mulDivUp(shares, all, supply), price);
        if (liquidity(plus(reserves, effective), price) > MAX_LIQUIDITY_PER_BIN) {
            revert BinHelper__MaxLiquidityPerBinExceeded();
        }
    }

    function amountsFor(bytes32 reserves, uint256 shares, uint256 supply) internal pure returns (bytes32) {
        (uint256 x, uint256 y) = unpack(reserves);
        return pack(x > 0 ? mulDiv(shares, x, supply) : 0, y > 0 ? mulDiv(shares, y, supply) : 0);
    }

    function compositionFees(bytes32 reserves, bytes32 amounts, uint256 supply, uint256 shares, uint256 fee)
        internal
        pure
        returns (bytes32)
    {
        if (shares == 0) return 0;
        (uint256 x, uint256 y) = unpack(amounts);
        (uint256 backX, uint256 backY) = unpack(amountsFor(plus(reserves, amounts), shares, supply + shares));
        if (backX > x) return pack(0, compositionFee(y - backY, fee));
        if (backY > y) return pack(compositionFee(x - backX, fee), 0);
        return 0;
    }

    function _withoutExcess(bytes32 amounts, uint256 ours, uint256 effective, uint256 price)
        private
        pure
        returns (bytes32)
    {
        (uint256 x, uint256 y) = unpack(amounts);
        if (ours > effective) {
            uint256 excess = ours - effective;
            if (excess >= SCALE) {
                uint256 lessY = excess >> 128;
                if (lessY > y) lessY = y;
                y -= lessY;
                excess -= lessY << 128;
            }
            if (excess >= price) {
                uint256 lessX = excess / price;
                x -= lessX > x ? x : lessX;
            }
        }
        return pack(x, y);
    }

    // Fees, of 1e18.

    function compositionFee(uint256 amount, uint256 fee) internal pure returns (uint256) {
        return amount * fee * (fee + PRECISION) / (PRECISION * PRECISION);
    }

    function feeFrom(uint256 amountWithFee, uint256 fee) internal pure returns (uint256) {
        return (amountWithFee * fee + PRECISION - 1) / PRECISION;
    }

    function feeOn(uint256 amount, uint256 fee) internal pure returns (uint256) {
        return (amount * fee + PRECISION - fee - 1) / (PRECISION - fee);
    }

    function totalFee(uint256 baseFactor, uint256 binStep, uint256 control, uint256 accumulator)
        internal
        pure
        returns (uint256)
    {
        uint256 variable_ = (accumulator * binStep) ** 2 * control;
        return baseFactor * binStep * 1e10 + (variable_ + 99) / 100;
    }

    // What a swap in one bin takes, pays and costs; `amountIn` and `taken` include the fee.

    function swapInBin(uint256 reserveOut, uint256 price, bool forY, uint256 fee, uint256 amountIn)
        internal
        pure
        returns (uint256 taken, uint256 paid, uint256 feePart)
    {
        uint256 most = forY ? mulDivUp(reserveOut, SCALE, price) : mulDivUp(reserveOut, price, SCALE);
        feePart = feeOn(most, fee);
        if (amountIn >= most + feePart) return (most + feePart, reserveOut, feePart);
        feePart = feeFrom(amountIn, fee);
        uint256 net = amountIn - feePart;
        paid = forY ? mulDiv(net, price, SCALE) : mulDiv(net, SCALE, price);
        if (paid > reserveOut) paid = reserveOut;
        taken = amountIn;
    }
}
