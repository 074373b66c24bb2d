// SPDX-License-Identifier: MIT
pragma solidity 0.8.28;

import {
    Deltas, IInfinityVault, InfinityKey, ModifyLiquidityParams, PositionState, Tokens
} from "./InfinityTypes.sol";
import {PoolMath} from "./PoolMath.sol";
import {PositionToken} from "./PositionToken.sol";

interface IPermit2 {
    function transferFrom(address from, address to, uint160 amount, address token) external;
}

interface ICLPoolManager {
    function getSlot0(bytes32 id) external view returns (uint160, int24, uint24, uint24);
    function getPosition(bytes32 id, address who, int24 lower, int24 upper, bytes32 salt)
        external
        view
        returns (PositionState memory);
    function modifyLiquidity(InfinityKey calldata key, ModifyLiquidityParams calldata params, bytes calldata hookData)
        external
        returns (int256 delta, int256 feeDelta);
}

/// @notice Stand-in for CLPositionManager of PancakeSwap Infinity: its ABI, actions, events and refusals, over the vault
/// and the pool manager beside it. Left out: subscribers, permits by signature, native currency, `multicall`,
/// `modifyLiquiditiesWithoutLock`, and the actions CLOSE_CURRENCY, CLEAR_OR_TAKE, WRAP, UNWRAP.
contract InfinityPositionManager is PositionToken {
    using Deltas for int256;

    event MintPosition(uint256 indexed tokenId);
    event ModifyLiquidity(uint256 indexed tokenId, int256 liquidityChange, int256 feesAccrued);

    error ContractLocked();
    error DeadlinePassed(uint256 deadline);
    error DeltaNotNegative(address currency);
    error DeltaNotPositive(address currency);
    error InputLengthMismatch();
    error InvalidTokenID();
    error MaximumAmountExceeded(uint128 maximumAmount, uint128 amountRequested);
    error MinimumAmountInsufficient(uint128 minimumAmount, uint128 amountReceived);
    error NotApproved(address caller);
    error NotVault();
    error SafeCastOverflow();
    error UnsupportedAction(uint256 action);
    error VaultMustBeUnlocked();

    uint256 private constant _CONTRACT_BALANCE = 1 << 255;

    IInfinityVault public immutable vault;
    ICLPoolManager public immutable clPoolManager;
    IPermit2 public immutable permit2;
    uint256 public nextTokenId = 1;
    address public msgSender;
    mapping(uint256 tokenId => uint256) public positionInfo;
    mapping(bytes25 poolId => InfinityKey) public poolKeys;

    constructor(IInfinityVault vault_, ICLPoolManager clPoolManager_, IPermit2 permit2_)
        PositionToken("Pancakeswap Infinity Positions NFT", "PCS-INFINITY-POSM")
    {
        (vault, clPoolManager, permit2) = (vault_, clPoolManager_, permit2_);
    }

    function modifyLiquidities(bytes calldata payload, uint256 deadline) external payable {
        if (msgSender != address(0)) revert ContractLocked();
        if (block.timestamp > deadline) revert DeadlinePassed(deadline);
        msgSender = msg.sender;
        vault.lock(payload);
        msgSender = address(0);
    }

    function lockAcquired(bytes calldata data) external returns (bytes memory) {
        if (msg.sender != address(vault)) revert NotVault();
        (bytes memory actions, bytes[] memory params) = abi.decode(data, (bytes, bytes[]));
        if (actions.length != params.length) revert InputLengthMismatch();
        for (uint256 i = 0; i < params.length; ++i) {
            _act(uint8(actions[i]), params[i]);
        }
        return "";
    }

    function getPoolAndPositionInfo(uint256 tokenId) public view returns (InfinityKey memory key, uint256 info) {
        info = positionInfo[tokenId];
        key = poolKeys[bytes25(bytes32(info))];
    }

    function getPositionLiquidity(uint256 tokenId) external view returns (uint128) {
        return _state(tokenId).liquidity;
    }

    function positions(uint256 tokenId)
        external
        view
        returns (
            InfinityKey memory poolKey,
            int24 tickLower,
            int24 tickUpper,
            uint128 liquidity,
            uint256 feeGrowthInside0LastX128,
            uint256 feeGrowthInside1LastX128,
            address subscriber
        )
    {
        uint256 info;
        (poolKey, info) = getPoolAndPositionInfo(tokenId);
        if (info == 0) revert InvalidTokenID();
        (tickLower, tickUpper) = _ticks(info);
        PositionState memory state = _state(tokenId);
        (liquidity, feeGrowthInside0LastX128) = (state.liquidity, state.feeGrowthInside0LastX128);
        feeGrowthInside1LastX128 = state.feeGrowthInside1LastX128;
        subscriber = address(0);
    }

    function transferFrom(address from, address to, uint256 id) public override {
        if (vault.getLocker() != address(0)) revert VaultMustBeUnlocked();
        super.transferFrom(from, to, id);
    }

    function _act(uint256 action, bytes memory p) private {
        if (action < 0x06) return _change(action, p);
        if (action == 0x0b) {
            (address currency, uint256 amount, bool byUser) = abi.decode(p, (address, uint256, bool));
            return _settle(currency, byUser ? msgSender : address(this), _amountToSettle(currency, amount));
        }
        if (action == 0x0d) {
            (address currency0, address currency1) = abi.decode(p, (address, address));
            _settle(currency0, msgSender, _debt(currency0));
            return _settle(currency1, msgSender, _debt(currency1));
        }
        if (action == 0x0e) {
            (address currency, address to, uint256 amount) = abi.decode(p, (address, address, uint256));
            return _take(currency, to, amount == 0 ? _credit(currency) : amount);
        }
        if (action == 0x11) {
            (address currency0, address currency1, address to) = abi.decode(p, (address, address, address));
            _take(currency0, to, _credit(currency0));
            return _take(currency1, to, _credit(currency1));
        }
        if (action == 0x14) {
            (address currency, address to) = abi.decode(p, (address, address));
            uint256 held = Tokens.balance(currency);
            if (held > 0) Tokens.send(currency, _recipient(to), held);
            return;
        }
        revert UnsupportedAction(action);
    }

    function _change(uint256 action, bytes memory p) private {
        if (action == 0x00 || action == 0x01) {
            (uint256 tokenId, uint256 liquidity, uint128 amount0, uint128 amount1, bytes memory hookData) =
                abi.decode(p, (uint256, uint256, uint128, uint128, bytes));
            _onlyIfApproved(tokenId);
            int256 change = action == 0 ? _int(liquidity) : -_int(liquidity);
            int256 principal = _modify(tokenId, change, hookData);
            return action == 0 ? _checkMost(principal, amount0, amount1) : _checkLeast(principal, amount0, amount1);
        }
        if (action == 0x03) {
            (uint256 tokenId, uint128 amount0, uint128 amount1, bytes memory hookData) =
                abi.decode(p, (uint256, uint128, uint128, bytes));
            return _burnPosition(tokenId, amount0, amount1, hookData);
        }
        if (action == 0x04) {
            (uint256 tokenId, uint128 amount0, uint128 amount1, bytes memory hookData) =
                abi.decode(p, (uint256, uint128, uint128, bytes));
            _onlyIfApproved(tokenId);
            (InfinityKey memory key, uint256 info) = getPoolAndPositionInfo(tokenId);
            (int24 from, int24 to) = _ticks(info);
            return _checkMost(_modify(tokenId, _int(_affordable(key, from, to)), hookData), amount0, amount1);
        }
        if (action == 0x02) {
            (
                InfinityKey memory key,
                int24 from,
                int24 to,
                uint256 liquidity,
                uint128 amount0,
                uint128 amount1,
                address owner,
                bytes memory hookData
            ) = abi.decode(p, (InfinityKey, int24, int24, uint256, uint128, uint128, address, bytes));
            uint256 tokenId = _open(key, from, to, owner);
            return _minted(tokenId, liquidity, amount0, amount1, hookData);
        }
        (
            InfinityKey memory fromDeltas,
            int24 lower,
            int24 upper,
            uint128 most0,
            uint128 most1,
            address holder,
            bytes memory data
        ) = abi.decode(p, (InfinityKey, int24, int24, uint128, uint128, address, bytes));
        uint256 affordable = _affordable(fromDeltas, lower, upper);
        _minted(_open(fromDeltas, lower, upper, holder), affordable, most0, most1, data);
    }

    function _open(InfinityKey memory key, int24 lower, int24 upper, address owner) private returns (uint256 tokenId) {
        tokenId = nextTokenId++;
        _mint(_recipient(owner), tokenId);
        bytes25 id = bytes25(keccak256(abi.encode(key)));
        positionInfo[tokenId] = uint256(bytes32(id)) | uint256(uint24(upper)) << 32 | uint256(uint24(lower)) << 8;
        if (poolKeys[id].parameters == bytes32(0)) poolKeys[id] = key;
    }

    function _minted(uint256 tokenId, uint256 liquidity, uint128 most0, uint128 most1, bytes memory hookData) private {
        _checkMost(_modify(tokenId, _int(liquidity), hookData), most0, most1);
        emit MintPosition(tokenId);
    }

    function _burnPosition(uint256 tokenId, uint128 least0, uint128 least1, bytes memory hookData) private {
        _onlyIfApproved(tokenId);
        (InfinityKey memory key, uint256 info) = getPoolAndPositionInfo(tokenId);
        int256 liquidity = int256(uint256(_state(tokenId).liquidity));
        positionInfo[tokenId] = 0;
        _burn(tokenId);
        if (liquidity != 0) _checkLeast(_modify(key, info, tokenId, -liquidity, hookData), least0, least1);
    }

    function _modify(uint256 tokenId, int256 change, bytes memory hookData) private returns (int256) {
        (InfinityKey memory key, uint256 info) = getPoolAndPositionInfo(tokenId);
        return _modify(key, info, tokenId, change, hookData);
    }

    /// Returns what was paid (negative) or received without the fees.
    function _modify(InfinityKey memory key, uint256 info, uint256 tokenId, int256 change, bytes memory hookData)
        private
        returns (int256)
    {
        (int24 lower, int24 upper) = _ticks(info);
        (int256 delta, int256 fees) =
            clPoolManager.modifyLiquidity(key, ModifyLiquidityParams(lower, upper, change, bytes32(tokenId)), hookData);
        emit ModifyLiquidity(tokenId, change, fees);
        int256 amount0 = int256(delta.amount0()) - fees.amount0();
        int256 amount1 = int256(delta.amount1()) - fees.amount1();
        return amount0 << 128 | int256(uint256(uint128(int128(amount1))));
    }

    /// As LiquidityAmounts.getLiquidityForAmounts of what was paid in, at the price of now.
    function _affordable(InfinityKey memory key, int24 lower, int24 upper) private view returns (uint256) {
        (uint160 price,,,) = clPoolManager.getSlot0(keccak256(abi.encode(key)));
        (uint160 a, uint160 b) = (PoolMath.sqrtPriceAtTick(lower), PoolMath.sqrtPriceAtTick(upper));
        (uint256 amount0, uint256 amount1) = (_credit(key.currency0), _credit(key.currency1));
        if (price <= a) return _small(_liquidity0(a, b, amount0));
        if (price >= b) return _small(PoolMath.mulDiv(amount1, 1 << 96, b - a));
        uint256 of0 = _small(_liquidity0(price, b, amount0));
        uint256 of1 = _small(PoolMath.mulDiv(amount1, 1 << 96, price - a));
        return of0 < of1 ? of0 : of1;
    }

    function _liquidity0(uint160 a, uint160 b, uint256 amount) private pure returns (uint256) {
        return PoolMath.mulDiv(amount, PoolMath.mulDiv(a, b, 1 << 96), b - a);
    }

    function _settle(address currency, address payer, uint256 amount) private {
        if (amount == 0) return;
        vault.sync(currency);
        if (payer == address(this)) Tokens.send(currency, address(vault), amount);
        else permit2.transferFrom(payer, address(vault), uint160(amount), currency);
        vault.settle();
    }

    function _take(address currency, address to, uint256 amount) private {
        if (amount != 0) vault.take(currency, _recipient(to), amount);
    }

    function _amountToSettle(address currency, uint256 amount) private view returns (uint256) {
        if (amount == _CONTRACT_BALANCE) return Tokens.balance(currency);
        return amount == 0 ? _debt(currency) : amount;
    }

    function _debt(address currency) private view returns (uint256) {
        int256 delta = vault.currencyDelta(address(this), currency);
        if (delta > 0) revert DeltaNotNegative(currency);
        return uint256(-delta);
    }

    function _credit(address currency) private view returns (uint256) {
        int256 delta = vault.currencyDelta(address(this), currency);
        if (delta < 0) revert DeltaNotPositive(currency);
        return uint256(delta);
    }

    /// 1 stands for the caller, 2 for this contract.
    function _recipient(address to) private view returns (address) {
        if (to == address(1)) return msgSender;
        return to == address(2) ? address(this) : to;
    }

    function _onlyIfApproved(uint256 tokenId) private view {
        if (!_isApprovedOrOwner(msgSender, tokenId)) revert NotApproved(msgSender);
    }

    function _checkMost(int256 principal, uint128 most0, uint128 most1) private pure {
        _most(principal.amount0(), most0);
        _most(principal.amount1(), most1);
    }

    function _most(int256 amount, uint128 most) private pure {
        if (amount < 0 && uint256(-amount) > most) revert MaximumAmountExceeded(most, uint128(uint256(-amount)));
    }

    function _checkLeast(int256 principal, uint128 least0, uint128 least1) private pure {
        _least(principal.amount0(), least0);
        _least(principal.amount1(), least1);
    }

    function _least(int128 amount, uint128 least) private pure {
        if (amount < 0) revert SafeCastOverflow();
        if (uint128(amount) < least) revert MinimumAmountInsufficient(least, uint128(amount));
    }

    function _state(uint256 tokenId) private view returns (PositionState memory) {
        (InfinityKey memory key, uint256 info) = getPoolAndPositionInfo(tokenId);
        (int24 lower, int24 upper) = _ticks(info);
        return clPoolManager.getPosition(
            keccak256(abi.encode(key)), address(this), lower, upper, bytes32(tokenId)
        );
    }

    function _ticks(uint256 info) private pure returns (int24 lower, int24 upper) {
        (lower, upper) = (int24(uint24(info >> 8)), int24(uint24(info >> 32)));
    }

    function _small(uint256 value) private pure returns (uint256) {
        if (value > type(uint128).max) revert SafeCastOverflow();
        return value;
    }

    function _int(uint256 value) private pure returns (int256) {
        if (value > uint256(type(int256).max)) revert SafeCastOverflow();
        return int256(value);
    }
}
