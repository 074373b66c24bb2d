// SPDX-License-Identifier: MIT
pragma solidity 0.8.28;

import {ICore, Deltas, Tokens} from "./InfinityTypes.sol";

interface ILockCallback {
    function lockAcquired(bytes calldata data) external returns (bytes memory);
}

/// @notice Stand-in for the Vault of PancakeSwap Infinity with its ABI for locking, settling and taking, as far as
/// concentrated pools need it. What every settler owes is accounted here; tokens pass on to Uniswap V4's pool manager,
/// inside whose own lock everything runs. Left out: native currency, claims (`mint`, `burn`), `clear`, hook deltas,
/// reserves per app.
contract InfinityVault {
    using Deltas for int256;

    event AppRegistered(address indexed app);

    error AppUnregistered();
    error CurrencyNotSettled();
    error LockerAlreadySet(address locker);
    error NoLocker();
    error OwnableUnauthorizedAccount(address account);
    error SettleNonNativeCurrencyWithValue();

    ICore public immutable core;
    address public immutable owner;
    address public getLocker;
    uint256 public getUnsettledDeltasCount;
    mapping(address app => bool) public isAppRegistered;
    mapping(address settler => mapping(address currency => int256)) public currencyDelta;
    address private _synced;
    uint256 private _reserve;

    modifier isLocked() {
        if (getLocker == address(0)) revert NoLocker();
        _;
    }

    modifier onlyRegisteredApp() {
        if (!isAppRegistered[msg.sender]) revert AppUnregistered();
        _;
    }

    constructor(ICore core_) {
        core = core_;
        owner = msg.sender;
    }

    function registerApp(address app) external {
        if (msg.sender != owner) revert OwnableUnauthorizedAccount(msg.sender);
        isAppRegistered[app] = true;
        emit AppRegistered(app);
    }

    function lock(bytes calldata data) external returns (bytes memory result) {
        if (getLocker != address(0)) revert LockerAlreadySet(getLocker);
        getLocker = msg.sender;
        result = abi.decode(core.unlock(data), (bytes));
        getLocker = address(0);
    }

    function unlockCallback(bytes calldata data) external returns (bytes memory) {
        require(msg.sender == address(core), "Vault: not the core");
        bytes memory result = ILockCallback(getLocker).lockAcquired(data);
        if (getUnsettledDeltasCount != 0) revert CurrencyNotSettled();
        return abi.encode(result);
    }

    /// @dev Not in the real ABI: a change of a pool, made in the name of the vault, which then owes it to the core.
    function forward(bytes calldata change) external isLocked onlyRegisteredApp returns (bytes memory) {
        (bool ok, bytes memory answer) = address(core).call(change);
        if (!ok) {
            assembly {
                revert(add(answer, 32), mload(answer))
            }
        }
        return answer;
    }

    function accountAppBalanceDelta(address currency0, address currency1, int256 delta, address settler)
        external
        isLocked
        onlyRegisteredApp
    {
        _account(settler, currency0, delta.amount0());
        _account(settler, currency1, delta.amount1());
    }

    function take(address currency, address to, uint256 amount) external isLocked {
        _account(msg.sender, currency, -int256(amount));
        core.take(currency, address(this), amount);
        Tokens.send(currency, to, amount);
    }

    function sync(address currency) external {
        _synced = currency;
        _reserve = Tokens.balance(currency);
    }

    function settle() external payable returns (uint256) {
        return settleFor(msg.sender);
    }

    function settleFor(address recipient) public payable isLocked returns (uint256 paid) {
        if (msg.value > 0) revert SettleNonNativeCurrencyWithValue();
        address currency = _synced;
        if (currency == address(0)) return 0;
        paid = Tokens.balance(currency) - _reserve;
        _synced = address(0);
        core.sync(currency);
        Tokens.send(currency, address(core), paid);
        core.settle();
        _account(recipient, currency, int256(paid));
    }

    function getVaultReserve() external view returns (address, uint256) {
        return (_synced, _synced == address(0) ? 0 : _reserve);
    }

    function _account(address settler, address currency, int256 delta) private {
        if (delta == 0) return;
        int256 before = currencyDelta[settler][currency];
        currencyDelta[settler][currency] = before + delta;
        if (before == 0) ++getUnsettledDeltasCount;
        if (before + delta == 0) --getUnsettledDeltasCount;
    }
}
