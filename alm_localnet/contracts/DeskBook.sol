// SPDX-License-Identifier: MIT
pragma solidity 0.8.28;

import {LBPair} from "./LBPair.sol";
import {LBPairLegacy} from "./LBPairLegacy.sol";
import {LBPairMath} from "./LBPairMath.sol";

/// @notice The rest of the market in Liquidity Book pairs of every version: trades and provides background liquidity. Pays from
/// its own balance, and only in transactions of its owner.
contract DeskBook {
    uint256 private constant MOST_BINS = 120;
    uint256 private constant NO_LIMIT = 1 << 159;

    address public immutable owner;

    struct Book {
        address pair;
        address tokenX;
        address tokenY;
        uint256 binStep;
        uint24 activeId;
        bool legacy;
        bool xIsToken0;
    }

    constructor() {
        owner = msg.sender;
    }

    /// @dev amountIn 0: brings the price into the bin that holds the nearer bound, if it is outside of the band.
    /// Otherwise a swap that ends in the last bin of the band.
    function trade(bytes32 pool, bool zeroForOne, uint256 amountIn, uint160 lowest, uint160 highest) external {
        require(tx.origin == owner, "DeskBook: not the owner");
        Book memory book = _book(pool);
        if (amountIn == 0) {
            (uint256 low, uint256 high) = _edges(book, book.activeId);
            if (low > _limit(highest)) zeroForOne = true;
            else if (high <= _limit(lowest)) zeroForOne = false;
            else return;
        }
        uint256 limit = amountIn == 0 ? _limit(zeroForOne ? highest : lowest) : _limit(zeroForOne ? lowest : highest);
        bool forY = zeroForOne == book.xIsToken0;
        uint256 most = _amountInto(book, forY, zeroForOne, limit, amountIn == 0);
        uint256 amount = amountIn == 0 || amountIn > most ? most : amountIn;
        if (amount == 0 || _isTooLittle(book, forY, amount)) return;
        _transfer(forY ? book.tokenX : book.tokenY, book.pair, amount);
        if (book.legacy) LBPairLegacy(book.pair).swap(forY, address(this));
        else LBPair(book.pair).swap(forY, address(this));
    }

    /// @dev Gives every bin of the range what a V3 position of that liquidity has in it; of wide ranges only the 120 bins
    /// nearest to the price, which is what one transaction can hold.
    function provide(bytes32 pool, int24 lower, int24 upper, uint128 liquidity) external {
        require(tx.origin == owner, "DeskBook: not the owner");
        Book memory book = _book(pool);
        (uint24 first, uint24 last) = _nearest(book, lower, upper);
        uint256 count = uint256(last) - first + 1;
        uint256[] memory ids = new uint256[](count);
        uint256[] memory x = new uint256[](count);
        uint256[] memory y = new uint256[](count);
        uint256 sumX;
        uint256 sumY;
        for (uint256 i = 0; i < count; ++i) {
            ids[i] = first + i;
            (x[i], y[i]) = _amounts(book, uint24(ids[i]), liquidity);
            sumX += x[i];
            sumY += y[i];
        }
        for (uint256 i = 0; i < count; ++i) {
            x[i] = sumX == 0 ? 0 : x[i] * 1e18 / sumX;
            y[i] = sumY == 0 ? 0 : y[i] * 1e18 / sumY;
        }
        _transfer(book.tokenX, book.pair, sumX);
        _transfer(book.tokenY, book.pair, sumY);
        _mint(book, ids, x, y);
    }

    /// @dev A pair of 2.1 and 2.2 refuses to swap for nothing.
    function _isTooLittle(Book memory book, bool forY, uint256 amount) private view returns (bool) {
        if (book.legacy) return false;
        (, uint128 out,) = LBPair(book.pair).getSwapOut(uint128(amount), forY);
        return out == 0;
    }

    function _mint(Book memory book, uint256[] memory ids, uint256[] memory x, uint256[] memory y) private {
        if (book.legacy) {
            LBPairLegacy(book.pair).mint(ids, x, y, address(this));
            return;
        }
        bytes32[] memory configs = new bytes32[](ids.length);
        for (uint256 i = 0; i < ids.length; ++i) {
            configs[i] = bytes32((x[i] << 88) | (y[i] << 24) | ids[i]);
        }
        LBPair(book.pair).mint(address(this), configs, address(this));
    }

    function _book(bytes32 pool) private view returns (Book memory book) {
        book.pair = address(uint160(uint256(pool)));
        (bool modern,) = book.pair.staticcall(abi.encodeWithSignature("getActiveId()"));
        book.legacy = !modern;
        if (modern) {
            LBPair pair = LBPair(book.pair);
            (book.tokenX, book.tokenY) = (pair.getTokenX(), pair.getTokenY());
            (book.binStep, book.activeId) = (pair.getBinStep(), pair.getActiveId());
        } else {
            LBPairLegacy pair = LBPairLegacy(book.pair);
            (book.tokenX, book.tokenY) = (pair.tokenX(), pair.tokenY());
            (,, uint256 id) = pair.getReservesAndId();
            (book.binStep, book.activeId) = (pair.feeParameters().binStep, uint24(id));
        }
        book.xIsToken0 = book.tokenX < book.tokenY;
    }

    /// @return low and high, prices of token1 per token0 (128.128) between which the bin has the price.
    function _edges(Book memory book, uint24 id) private pure returns (uint256 low, uint256 high) {
        uint256 price = LBPairMath.priceOf(id, book.binStep);
        if (!book.xIsToken0) price = type(uint256).max / price;
        low = LBPairMath.mulDiv(price, 20_000, 20_000 + book.binStep);
        high = LBPairMath.mulDiv(price, 20_000 + book.binStep, 20_000);
    }

    function _limit(uint160 sqrtPrice) private pure returns (uint256) {
        if (sqrtPrice >= NO_LIMIT) return type(uint256).max;
        return LBPairMath.mulDiv(sqrtPrice, sqrtPrice, 1 << 64);
    }

    /// @dev What brings the price to the last bin on the way that is not beyond the limit: into its middle, or through it.
    function _amountInto(Book memory book, bool forY, bool down, uint256 limit, bool middle)
        private
        view
        returns (uint256)
    {
        uint256 sum;
        uint256 reserve;
        uint24 id = book.activeId;
        (bool found, uint24 next) = (true, id);
        while (found) {
            (uint256 low, uint256 high) = _edges(book, next);
            if (down ? high <= limit : low > limit) break;
            id = next;
            sum += reserve;
            (uint256 x, uint256 y) = _reserves(book, id);
            reserve = forY ? y : x;
            (found, next) = _next(book, forY, id);
        }
        sum += middle ? (reserve + 1) / 2 : reserve;
        if (sum == 0) return 0;
        if (book.legacy) return _legacyAmountIn(book, sum, forY);
        (uint128 amount,,) = LBPair(book.pair).getSwapIn(uint128(sum), forY);
        return amount;
    }

    function _reserves(Book memory book, uint24 id) private view returns (uint256, uint256) {
        if (book.legacy) return LBPairLegacy(book.pair).getBin(id);
        return LBPair(book.pair).getBin(id);
    }

    function _next(Book memory book, bool forY, uint24 id) private view returns (bool, uint24) {
        if (!book.legacy) {
            uint24 next = LBPair(book.pair).getNextNonEmptyBin(forY, id);
            return (next != 0 && next != type(uint24).max, next);
        }
        try LBPairLegacy(book.pair).findFirstNonEmptyBinId(id, forY) returns (uint24 next) {
            return (true, next);
        } catch {
            return (false, 0);
        }
    }

    /// @dev Pairs of 2.0 leave this to their router.
    function _legacyAmountIn(Book memory book, uint256 out, bool forY) private view returns (uint256 sum) {
        LBPairLegacy.FeeParameters memory f = LBPairLegacy(book.pair).feeParameters();
        uint256 passed = block.timestamp - f.time;
        if (passed >= f.filterPeriod || f.time == 0) {
            f.indexRef = book.activeId;
            f.volatilityReference = passed < f.decayPeriod
                ? uint24(uint256(f.reductionFactor) * f.volatilityAccumulated / 10_000)
                : 0;
        }
        uint24 id = book.activeId;
        while (true) {
            (uint256 x, uint256 y) = _reserves(book, id);
            uint256 part = forY ? y : x;
            if (part > out) part = out;
            if (part > 0) {
                uint256 steps = id > f.indexRef ? id - f.indexRef : f.indexRef - id;
                uint256 level = f.volatilityReference + steps * 10_000;
                if (level > f.maxVolatilityAccumulated) level = f.maxVolatilityAccumulated;
                uint256 price = LBPairMath.priceOf(id, f.binStep);
                uint256 net = forY
                    ? LBPairMath.mulDivUp(part, LBPairMath.SCALE, price)
                    : LBPairMath.mulDivUp(part, price, LBPairMath.SCALE);
                uint256 fee = LBPairMath.totalFee(f.baseFactor, f.binStep, f.variableFeeControl, level);
                sum += net + LBPairMath.feeOn(net, fee);
                out -= part;
            }
            if (out == 0) return sum;
            (, id) = _next(book, forY, id);
        }
    }

    function _nearest(Book memory book, int24 lower, int24 upper) private pure returns (uint24 first, uint24 last) {
        int256 step = LBPairMath.log2(LBPairMath.base(book.binStep));
        int256 tick = LBPairMath.log2(LBPairMath.base(1));
        int256 from = _ceil(int256(lower) * tick, step);
        int256 to = _ceil(int256(upper) * tick, step) - 1;
        if (!book.xIsToken0) (from, to) = (-to, -from);
        int256 active = int256(uint256(book.activeId)) - LBPairMath.ID_SHIFT;
        int256 half = int256(MOST_BINS / 2);
        if (to - from >= int256(MOST_BINS)) {
            int256 middle = active < from + half ? from + half : (active > to - half ? to - half : active);
            (from, to) = (middle - half, middle + half - 1);
        }
        require(from <= to, "DeskBook: empty range");
        return (uint24(uint256(from + LBPairMath.ID_SHIFT)), uint24(uint256(to + LBPairMath.ID_SHIFT)));
    }

    function _ceil(int256 a, int256 b) private pure returns (int256 c) {
        c = a / b;
        if (a % b != 0 && a > 0) c += 1;
    }

    /// @dev L / sqrt(P) and L sqrt(P), each times the width of a bin in terms of the root, half of each in the active bin.
    function _amounts(Book memory book, uint24 id, uint256 liquidity) private pure returns (uint256 x, uint256 y) {
        uint256 root = LBPairMath.sqrt(LBPairMath.priceOf(id, book.binStep));
        uint256 worth = liquidity * book.binStep;
        if (id >= book.activeId) x = LBPairMath.mulDiv(worth, 1 << 64, root) / 20_000 + 1;
        if (id <= book.activeId) y = LBPairMath.mulDiv(worth, root, 1 << 64) / 20_000 + 1;
        if (id == book.activeId) (x, y) = (x / 2 + 1, y / 2 + 1);
    }

    function _transfer(address token, address to, uint256 amount) private {
        if (amount == 0) return;
        (bool ok, bytes memory answer) = token.call(abi.encodeWithSignature("transfer(address,uint256)", to, amount));
        require(ok && (answer.length == 0 || abi.decode(answer, (bool))), "DeskBook: transfer failed");
    }
}
