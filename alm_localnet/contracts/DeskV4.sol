// SPDX-License-Identifier: MIT
pragma solidity 0.8.28;

interface IPriceView {
    function getSlot0(bytes32 id) external view returns (uint160, int24, uint24, uint24);
}

/// @dev The accounting of Uniswap V4's PoolManager and of Infinity's Vault: what is owed is settled before the lock ends.
interface IBank {
    function sync(address currency) external;
    function settle() external payable returns (uint256);
    function take(address currency, address to, uint256 amount) external;
}

/// @notice The rest of the market in pools that live inside one contract, Uniswap V4 and PancakeSwap Infinity: trades in
/// them and provides their background liquidity. Pays from its own balance, and only in transactions of the account that
/// deployed it, so that anybody may batch its calls. A pool has to be registered: nobody on chain knows a key by its id.
contract DeskV4 {
    /// @param pools Contract with `swap` and `modifyLiquidity`.
    /// @param bank Contract that locks and holds the tokens.
    /// @param price Contract with `getSlot0`.
    /// @param enter, swap, modify Selectors; they differ with the key.
    /// @param key The encoded key: static words, of which the first two are the currencies.
    struct Market {
        address pools;
        address bank;
        address price;
        bytes4 enter;
        bytes4 swap;
        bytes4 modify;
        bytes key;
    }

    address public immutable owner;
    mapping(bytes32 id => Market) private _markets;

    constructor() {
        owner = msg.sender;
    }

    function register(Market calldata market) external {
        require(msg.sender == owner, "Desk: not the owner");
        _markets[keccak256(market.key)] = market;
    }

    /// @param amountIn 0: arbitrage, which trades only while the price is outside [lowest, highest] and stops at the
    /// nearer bound. Otherwise a trade of amountIn that stops when it would leave the band.
    function trade(bytes32 pool, bool zeroForOne, uint256 amountIn, uint160 lowest, uint160 highest) external {
        Market storage market = _market(pool);
        (uint160 price,,,) = IPriceView(market.price).getSlot0(pool);
        if (amountIn == 0) zeroForOne = price > highest;
        uint160 limit = zeroForOne == (amountIn == 0) ? highest : lowest;
        if (zeroForOne ? price <= limit : price >= limit) return;
        // A negative amount is what goes in.
        int256 amount = amountIn == 0 ? -int256(type(int128).max) : -int256(amountIn);
        uint256 hookData = market.key.length + 4 * 32;
        _enter(
            pool,
            bytes.concat(market.swap, market.key, abi.encode(zeroForOne, amount, _reachable(limit), hookData, uint256(0)))
        );
    }

    function provide(bytes32 pool, int24 lower, int24 upper, uint128 liquidity) external {
        Market storage market = _market(pool);
        uint256 hookData = market.key.length + 5 * 32;
        _enter(
            pool,
            bytes.concat(
                market.modify,
                market.key,
                abi.encode(lower, upper, int256(uint256(liquidity)), bytes32(0), hookData, uint256(0))
            )
        );
    }

    function unlockCallback(bytes calldata data) external returns (bytes memory) {
        return _run(data);
    }

    function lockAcquired(bytes calldata data) external returns (bytes memory) {
        return _run(data);
    }

    function _enter(bytes32 pool, bytes memory change) private {
        Market storage market = _market(pool);
        _call(market.bank, abi.encodeWithSelector(market.enter, abi.encode(pool, change)));
    }

    function _run(bytes calldata data) private returns (bytes memory) {
        (bytes32 pool, bytes memory change) = abi.decode(data, (bytes32, bytes));
        Market storage market = _market(pool);
        require(msg.sender == market.bank, "Desk: not its bank");
        // Both answers begin with what the caller gets (positive) or owes: int128 of currency0 above that of currency1.
        int256 delta = abi.decode(_call(market.pools, change), (int256));
        (address currency0, address currency1) = abi.decode(market.key, (address, address));
        _settle(market.bank, currency0, int128(delta >> 128));
        _settle(market.bank, currency1, int128(delta));
        return "";
    }

    function _settle(address bank, address currency, int128 delta) private {
        if (delta > 0) IBank(bank).take(currency, address(this), uint128(delta));
        if (delta >= 0) return;
        require(tx.origin == owner, "Desk: not the owner");
        IBank(bank).sync(currency);
        bytes memory answer = _call(currency, abi.encodeWithSignature("transfer(address,uint256)", bank, uint128(-delta)));
        require(answer.length == 0 || abi.decode(answer, (bool)), "Desk: transfer failed");
        IBank(bank).settle();
    }

    function _market(bytes32 pool) private view returns (Market storage market) {
        market = _markets[pool];
        require(market.pools != address(0), "Desk: no pool");
    }

    function _call(address to, bytes memory data) private returns (bytes memory) {
        (bool ok, bytes memory answer) = to.call(data);
        if (!ok) {
            assembly {
                revert(add(answer, 32), mload(answer))
            }
        }
        return answer;
    }

    /// A pool takes no limit at or beyond the ends of its price range (TickMath.MIN_SQRT_PRICE, MAX_SQRT_PRICE).
    function _reachable(uint160 limit) private pure returns (uint160) {
        if (limit <= 4295128739) return 4295128740;
        if (limit >= 1461446703485210103287273052203988822378723970342) {
            return 1461446703485210103287273052203988822378723970341;
        }
        return limit;
    }
}
