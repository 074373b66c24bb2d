// SPDX-License-Identifier: MIT
pragma solidity 0.8.28;

import {EnumerableToken} from "./EnumerableToken.sol";
import {PoolMath} from "./PoolMath.sol";

interface IPositions {
    function positions(bytes32 key) external view returns (uint128, uint256, uint256, uint128, uint128);
}

interface IWrapped {
    function deposit() external payable;
    function withdraw(uint256 amount) external;
    function balanceOf(address owner) external view returns (uint256);
}

/// @notice What position managers of Uniswap V3's shape have in common: the struct layouts of changes, events,
/// bookkeeping and refusals of NonfungiblePositionManager. How a position is opened and read, and how its pool is found
/// and called, is left to the heirs. Left out: permits and token URIs.
abstract contract PositionManagerLike is EnumerableToken {
    /// @dev `key` is the fee or the tick spacing, whatever the pool is known by.
    struct PoolKey {
        address token0;
        address token1;
        int24 key;
    }

    struct Position {
        address pool;
        int24 tickLower;
        int24 tickUpper;
        uint128 liquidity;
        uint256 feeGrowthInside0LastX128;
        uint256 feeGrowthInside1LastX128;
        uint128 tokensOwed0;
        uint128 tokensOwed1;
    }

    struct IncreaseLiquidityParams {
        uint256 tokenId;
        uint256 amount0Desired;
        uint256 amount1Desired;
        uint256 amount0Min;
        uint256 amount1Min;
        uint256 deadline;
    }

    struct DecreaseLiquidityParams {
        uint256 tokenId;
        uint128 liquidity;
        uint256 amount0Min;
        uint256 amount1Min;
        uint256 deadline;
    }

    struct CollectParams {
        uint256 tokenId;
        address recipient;
        uint128 amount0Max;
        uint128 amount1Max;
    }

    struct Opening {
        PoolKey pool;
        int24 tickLower;
        int24 tickUpper;
        uint256[4] amounts; // desired 0 and 1, least 0 and 1
        address recipient;
        uint256 deadline;
    }

    enum Why {
        TooLittleIn,
        TooLittleOut,
        TooOld,
        NotApproved,
        NoPosition,
        NotCleared
    }

    event IncreaseLiquidity(uint256 indexed tokenId, uint128 liquidity, uint256 amount0, uint256 amount1);
    event DecreaseLiquidity(uint256 indexed tokenId, uint128 liquidity, uint256 amount0, uint256 amount1);
    event Collect(uint256 indexed tokenId, address recipient, uint256 amount0, uint256 amount1);

    address public immutable WETH9;
    mapping(address => PoolKey) internal _poolKeys;
    mapping(uint256 => Position) internal _positions;
    uint256 private _nextId = 1;

    constructor(address wrapped) {
        WETH9 = wrapped;
    }

    receive() external payable {
        require(msg.sender == WETH9, "Not WETH9");
    }

    modifier before(uint256 deadline) {
        if (block.timestamp > deadline) _refuse(Why.TooOld, 0);
        _;
    }

    modifier authorized(uint256 tokenId) {
        if (!_mayUse(msg.sender, tokenId)) _refuse(Why.NotApproved, tokenId);
        _;
    }

    // What an heir decides.

    function _find(PoolKey memory key) internal view virtual returns (address pool);

    function _poolMint(Position memory p, uint256 tokenId, uint128 liquidity, bytes memory data)
        internal
        virtual
        returns (uint256 amount0, uint256 amount1);

    function _poolBurn(Position memory p, uint256 tokenId, uint128 liquidity)
        internal
        virtual
        returns (uint256 amount0, uint256 amount1);

    function _poolCollect(Position memory p, uint256 tokenId, address recipient, uint128 amount0, uint128 amount1)
        internal
        virtual
        returns (uint256, uint256);

    /// Key of the position in the pool.
    function _keyInPool(Position memory p, uint256 tokenId) internal view virtual returns (bytes32);

    /// Fee growth inside of a position's range, as of its last change in the pool.
    function _growthInPool(address pool, bytes32 key) internal view virtual returns (uint256, uint256) {
        (, uint256 inside0, uint256 inside1,,) = IPositions(pool).positions(key);
        return (inside0, inside1);
    }

    /// Whether fees accrue to the position; not while it is staked.
    function _earns(Position memory, uint256) internal view virtual returns (bool) {
        return true;
    }

    function _checkIncrease(Position memory p, uint256 tokenId) internal view virtual {}

    function _changed(uint256 tokenId) internal virtual {}

    function _tellIncrease(address, uint256 tokenId, uint128 liquidity, uint256 amount0, uint256 amount1)
        internal
        virtual
    {
        emit IncreaseLiquidity(tokenId, liquidity, amount0, amount1);
    }

    /// The price is the first word everywhere; what follows it differs from family to family.
    function _price(address pool) internal view virtual returns (uint160) {
        return _firstWord(pool, "slot0()");
    }

    function _refuse(Why why, uint256) internal view virtual {
        if (why == Why.TooOld) revert("Transaction too old");
        if (why == Why.NotApproved) revert("Not approved");
        if (why == Why.NoPosition) revert("Invalid token ID");
        if (why == Why.NotCleared) revert("Not cleared");
        revert("Price slippage check");
    }

    // Positions.

    function _stored(uint256 tokenId) internal view returns (Position memory p) {
        p = _positions[tokenId];
        if (p.pool == address(0)) _refuse(Why.NoPosition, tokenId);
    }

    function _open(Opening memory o)
        internal
        before(o.deadline)
        returns (uint256 tokenId, uint128 liquidity, uint256 amount0, uint256 amount1)
    {
        tokenId = _nextId++;
        Position memory p;
        (p.tickLower, p.tickUpper) = (o.tickLower, o.tickUpper);
        require(o.pool.token0 < o.pool.token1);
        p.pool = _find(o.pool);
        if (_poolKeys[p.pool].token0 == address(0)) _poolKeys[p.pool] = o.pool;
        (liquidity, amount0, amount1) = _add(p, tokenId, o.amounts);
        _move(address(0), o.recipient, tokenId);
        p.liquidity = liquidity;
        (p.feeGrowthInside0LastX128, p.feeGrowthInside1LastX128) =
            _growthInPool(p.pool, _keyInPool(p, tokenId));
        _positions[tokenId] = p;
        _tellIncrease(p.pool, tokenId, liquidity, amount0, amount1);
    }

    function increaseLiquidity(IncreaseLiquidityParams calldata params)
        external
        payable
        before(params.deadline)
        returns (uint128 liquidity, uint256 amount0, uint256 amount1)
    {
        Position memory p = _positions[params.tokenId];
        require(p.pool != address(0));
        _checkIncrease(p, params.tokenId);
        uint256[4] memory amounts =
            [params.amount0Desired, params.amount1Desired, params.amount0Min, params.amount1Min];
        (liquidity, amount0, amount1) = _add(p, params.tokenId, amounts);
        _accrue(p, params.tokenId);
        p.liquidity += liquidity;
        _positions[params.tokenId] = p;
        _changed(params.tokenId);
        _tellIncrease(p.pool, params.tokenId, liquidity, amount0, amount1);
    }

    function decreaseLiquidity(DecreaseLiquidityParams calldata params)
        external
        payable
        authorized(params.tokenId)
        before(params.deadline)
        returns (uint256 amount0, uint256 amount1)
    {
        require(params.liquidity > 0);
        Position memory p = _positions[params.tokenId];
        require(p.liquidity >= params.liquidity);
        (amount0, amount1) = _poolBurn(p, params.tokenId, params.liquidity);
        if (amount0 < params.amount0Min || amount1 < params.amount1Min) _refuse(Why.TooLittleOut, params.tokenId);
        _accrue(p, params.tokenId);
        unchecked {
            p.tokensOwed0 += uint128(amount0);
            p.tokensOwed1 += uint128(amount1);
        }
        p.liquidity -= params.liquidity;
        _positions[params.tokenId] = p;
        _changed(params.tokenId);
        emit DecreaseLiquidity(params.tokenId, params.liquidity, amount0, amount1);
    }

    function collect(CollectParams calldata params)
        external
        payable
        authorized(params.tokenId)
        returns (uint256 amount0, uint256 amount1)
    {
        require(params.amount0Max > 0 || params.amount1Max > 0);
        Position memory p = _positions[params.tokenId];
        if (p.liquidity > 0) {
            _poolBurn(p, params.tokenId, 0);
            _accrue(p, params.tokenId);
        }
        uint128 most0 = params.amount0Max > p.tokensOwed0 ? p.tokensOwed0 : params.amount0Max;
        uint128 most1 = params.amount1Max > p.tokensOwed1 ? p.tokensOwed1 : params.amount1Max;
        address recipient = params.recipient == address(0) ? address(this) : params.recipient;
        (amount0, amount1) = _poolCollect(p, params.tokenId, recipient, most0, most1);
        // The pool may pay a unit less than is owed here; it is written off, so that the token can be burned.
        p.tokensOwed0 -= most0;
        p.tokensOwed1 -= most1;
        _positions[params.tokenId] = p;
        _changed(params.tokenId);
        emit Collect(params.tokenId, recipient, most0, most1);
    }

    function burn(uint256 tokenId) external payable authorized(tokenId) {
        Position storage p = _positions[tokenId];
        if (p.liquidity > 0 || p.tokensOwed0 > 0 || p.tokensOwed1 > 0) _refuse(Why.NotCleared, tokenId);
        delete _positions[tokenId];
        _move(_owners[tokenId], address(0), tokenId);
    }

    /// Take what the position earned since the last time, up to what the pool knows now.
    function _accrue(Position memory p, uint256 tokenId) private view {
        (uint256 inside0, uint256 inside1) = _growthInPool(p.pool, _keyInPool(p, tokenId));
        unchecked {
            if (_earns(p, tokenId)) {
                p.tokensOwed0 +=
                    uint128(PoolMath.mulDiv(inside0 - p.feeGrowthInside0LastX128, p.liquidity, PoolMath.Q128));
                p.tokensOwed1 +=
                    uint128(PoolMath.mulDiv(inside1 - p.feeGrowthInside1LastX128, p.liquidity, PoolMath.Q128));
            }
        }
        (p.feeGrowthInside0LastX128, p.feeGrowthInside1LastX128) = (inside0, inside1);
    }

    function _add(Position memory p, uint256 tokenId, uint256[4] memory amounts)
        private
        returns (uint128 liquidity, uint256 amount0, uint256 amount1)
    {
        liquidity = _liquidityFor(p, amounts[0], amounts[1]);
        bytes memory data = abi.encode(_poolKeys[p.pool], msg.sender);
        (amount0, amount1) = _poolMint(p, tokenId, liquidity, data);
        if (amount0 < amounts[2] || amount1 < amounts[3]) _refuse(Why.TooLittleIn, tokenId);
    }

    /// LiquidityAmounts.getLiquidityForAmounts.
    function _liquidityFor(Position memory p, uint256 amount0, uint256 amount1) private view returns (uint128) {
        uint160 price = _price(p.pool);
        uint160 a = PoolMath.sqrtPriceAtTick(p.tickLower);
        uint160 b = PoolMath.sqrtPriceAtTick(p.tickUpper);
        if (a > b) (a, b) = (b, a);
        if (price <= a) return _from0(a, b, amount0);
        if (price >= b) return _from1(a, b, amount1);
        uint128 least0 = _from0(price, b, amount0);
        uint128 least1 = _from1(a, price, amount1);
        return least0 < least1 ? least0 : least1;
    }

    function _from0(uint160 a, uint160 b, uint256 amount) private pure returns (uint128) {
        return _small(PoolMath.mulDiv(amount, PoolMath.mulDiv(a, b, PoolMath.Q96), b - a));
    }

    function _from1(uint160 a, uint160 b, uint256 amount) private pure returns (uint128) {
        return _small(PoolMath.mulDiv(amount, PoolMath.Q96, b - a));
    }

    function _small(uint256 value) private pure returns (uint128) {
        require(value <= type(uint128).max);
        return uint128(value);
    }

    function _firstWord(address pool, string memory signature) internal view returns (uint160) {
        (bool ok, bytes memory answer) = pool.staticcall(abi.encodeWithSignature(signature));
        require(ok && answer.length >= 32);
        return abi.decode(answer, (uint160));
    }

    // Payments.

    function _payPool(uint256 amount0, uint256 amount1, bytes calldata data) internal {
        (PoolKey memory key, address payer) = abi.decode(data, (PoolKey, address));
        require(msg.sender == _find(key));
        if (amount0 > 0) _pay(key.token0, payer, amount0);
        if (amount1 > 0) _pay(key.token1, payer, amount1);
    }

    function _pay(address token, address payer, uint256 amount) private {
        if (token == WETH9 && address(this).balance >= amount) {
            IWrapped(WETH9).deposit{value: amount}();
            _call(token, abi.encodeWithSignature("transfer(address,uint256)", msg.sender, amount), "ST");
        } else {
            bytes memory data =
                abi.encodeWithSignature("transferFrom(address,address,uint256)", payer, msg.sender, amount);
            _call(token, data, "STF");
        }
    }

    function _call(address token, bytes memory data, string memory reason) private {
        (bool ok, bytes memory answer) = token.call(data);
        require(ok && (answer.length == 0 || abi.decode(answer, (bool))), reason);
    }

    function multicall(bytes[] calldata data) external payable returns (bytes[] memory results) {
        results = new bytes[](data.length);
        for (uint256 i = 0; i < data.length; ++i) {
            (bool ok, bytes memory result) = address(this).delegatecall(data[i]);
            if (!ok) {
                assembly {
                    revert(add(result, 32), mload(result))
                }
            }
            results[i] = result;
        }
    }

    function refundETH() public payable {
        _send(msg.sender, address(this).balance);
    }

    function unwrapWETH9(uint256 amountMinimum, address recipient) public payable {
        uint256 amount = IWrapped(WETH9).balanceOf(address(this));
        require(amount >= amountMinimum, "Insufficient WETH9");
        IWrapped(WETH9).withdraw(amount);
        _send(recipient, amount);
    }

    function sweepToken(address token, uint256 amountMinimum, address recipient) external payable {
        uint256 amount = IWrapped(token).balanceOf(address(this));
        require(amount >= amountMinimum, "Insufficient token");
        if (amount > 0) _call(token, abi.encodeWithSignature("transfer(address,uint256)", recipient, amount), "ST");
    }

    function _send(address to, uint256 amount) private {
        (bool ok,) = to.call{value: amount}("");
        require(ok, "STE");
    }
}
