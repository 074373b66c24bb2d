// SPDX-License-Identifier: MIT
pragma solidity 0.8.28;

import {LBPairMath} from "./LBPairMath.sol";
import {LBPairTree} from "./LBPairTree.sol";

interface ILBPairToken {
    function balanceOf(address owner) external view returns (uint256);
}

/// @notice Stand-in for the LBPair of Liquidity Book 2.1 and 2.2 (traderjoe-xyz/joe-v2) with its ABI, events, errors and
/// arithmetic. Fees stay in the bins. Without flash loans, hooks, collection of protocol fees, and with an oracle that was never
/// activated, which answers zeros as the real one does. 2.1 has no getLBHooksParameters.
contract LBPair {
    using LBPairMath for bytes32;
    using LBPairTree for LBPairTree.Tree;

    error LBPair__EmptyMarketConfigs();
    error LBPair__InsufficientAmountIn();
    error LBPair__InsufficientAmountOut();
    error LBPair__InvalidInput();
    error LBPair__OutOfLiquidity();
    error LBPair__ZeroAmount(uint24 id);
    error LBPair__ZeroAmountsOut(uint24 id);
    error LBPair__ZeroShares(uint24 id);
    error LBToken__AddressThisOrZero();
    error LBToken__InvalidLength();
    error LBToken__SelfApproval(address owner);
    error LBToken__SpenderNotApproved(address from, address spender);
    error LBToken__TransferExceedsBalance(address from, uint256 id, uint256 amount);
    error LBToken__BurnExceedsBalance(address from, uint256 id, uint256 amount);
    error LiquidityConfigurations__InvalidConfig();

    event TransferBatch(
        address indexed sender, address indexed from, address indexed to, uint256[] ids, uint256[] amounts
    );
    event ApprovalForAll(address indexed account, address indexed sender, bool approved);
    event DepositedToBins(address indexed sender, address indexed to, uint256[] ids, bytes32[] amounts);
    event WithdrawnFromBins(address indexed sender, address indexed to, uint256[] ids, bytes32[] amounts);
    event CompositionFees(address indexed sender, uint24 id, bytes32 totalFees, bytes32 protocolFees);
    event Swap(
        address indexed sender,
        address indexed to,
        uint24 id,
        bytes32 amountsIn,
        bytes32 amountsOut,
        uint24 volatilityAccumulator,
        bytes32 totalFees,
        bytes32 protocolFees
    );

    struct FeeState {
        uint16 baseFactor;
        uint16 filterPeriod;
        uint16 decayPeriod;
        uint16 reductionFactor;
        uint24 variableFeeControl;
        uint16 protocolShare;
        uint24 maxVolatilityAccumulator;
        uint24 volatilityAccumulator;
        uint24 volatilityReference;
        uint24 idReference;
        uint40 timeOfLastUpdate;
    }

    struct Minted {
        uint256[] ids;
        bytes32[] amounts;
        uint256[] shares;
    }

    address private immutable _factory;
    address private immutable _tokenX;
    address private immutable _tokenY;
    uint16 private immutable _binStep;
    bool private immutable _hasHooks;

    FeeState private _fees;
    uint24 private _activeId;
    bytes32 private _reserves;
    bytes32 private _protocolFees;
    mapping(uint256 => bytes32) private _bins;
    LBPairTree.Tree private _tree;
    mapping(address => mapping(uint256 => uint256)) private _balances;
    mapping(uint256 => uint256) private _supplies;
    mapping(address => mapping(address => bool)) private _approvals;

    /// @param preset the seven static fee parameters, in the order of getStaticFeeParameters.
    constructor(address tokenX, address tokenY, uint16 binStep, uint24 activeId, uint24[7] memory preset, bool hasHooks) {
        _factory = msg.sender;
        (_tokenX, _tokenY, _binStep, _hasHooks) = (tokenX, tokenY, binStep, hasHooks);
        _activeId = activeId;
        _fees.baseFactor = uint16(preset[0]);
        _fees.filterPeriod = uint16(preset[1]);
        _fees.decayPeriod = uint16(preset[2]);
        _fees.reductionFactor = uint16(preset[3]);
        _fees.variableFeeControl = preset[4];
        _fees.protocolShare = uint16(preset[5]);
        _fees.maxVolatilityAccumulator = preset[6];
        _fees.idReference = activeId;
    }

    function name() external pure returns (string memory) {
        return "Liquidity Book Token";
    }

    function symbol() external pure returns (string memory) {
        return "LBT";
    }

    function getFactory() external view returns (address) {
        return _factory;
    }

    function getTokenX() external view returns (address) {
        return _tokenX;
    }

    function getTokenY() external view returns (address) {
        return _tokenY;
    }

    function getBinStep() external view returns (uint16) {
        return _binStep;
    }

    function getActiveId() external view returns (uint24) {
        return _activeId;
    }

    function getLBHooksParameters() external view returns (bytes32) {
        require(_hasHooks);
        return 0;
    }

    function getReserves() external view returns (uint128, uint128) {
        return _halves(_reserves.minus(_protocolFees));
    }

    function getProtocolFees() external view returns (uint128, uint128) {
        return _halves(_protocolFees);
    }

    function getBin(uint24 id) external view returns (uint128, uint128) {
        return _halves(_bins[id]);
    }

    function getNextNonEmptyBin(bool swapForY, uint24 id) public view returns (uint24) {
        (bool found, uint24 next) = swapForY ? _tree.below(id) : _tree.above(id);
        return found ? next : (swapForY ? type(uint24).max : 0);
    }

    function getStaticFeeParameters()
        external
        view
        returns (uint16, uint16, uint16, uint16, uint24, uint16, uint24)
    {
        FeeState memory f = _fees;
        return (
            f.baseFactor,
            f.filterPeriod,
            f.decayPeriod,
            f.reductionFactor,
            f.variableFeeControl,
            f.protocolShare,
            f.maxVolatilityAccumulator
        );
    }

    function getVariableFeeParameters() external view returns (uint24, uint24, uint24, uint40) {
        FeeState memory f = _fees;
        return (f.volatilityAccumulator, f.volatilityReference, f.idReference, f.timeOfLastUpdate);
    }

    function getOracleParameters() external pure returns (uint8, uint16, uint16, uint40, uint40) {
        return (120, 0, 0, 0, 0);
    }

    function getOracleSampleAt(uint40) external pure returns (uint64, uint64, uint64) {
        return (0, 0, 0);
    }

    function getPriceFromId(uint24 id) external view returns (uint256) {
        return LBPairMath.priceOf(id, _binStep);
    }

    function getIdFromPrice(uint256 price) external view returns (uint24) {
        return LBPairMath.idOf(price, _binStep);
    }

    function getSwapIn(uint128 amountOut, bool swapForY)
        external
        view
        returns (uint128 amountIn, uint128 amountOutLeft, uint128 fee)
    {
        amountOutLeft = amountOut;
        FeeState memory f = _withReferences();
        uint24 id = _activeId;
        while (true) {
            uint256 reserve = _side(_bins[id], !swapForY);
            if (reserve > 0) {
                uint256 price = LBPairMath.priceOf(id, _binStep);
                uint256 part = reserve > amountOutLeft ? amountOutLeft : reserve;
                _accumulate(f, id);
                uint256 net = swapForY
                    ? LBPairMath.mulDivUp(part, LBPairMath.SCALE, price)
                    : LBPairMath.mulDivUp(part, price, LBPairMath.SCALE);
                uint256 feePart = LBPairMath.feeOn(net, _fee(f));
                amountIn += LBPairMath.to128(net + feePart);
                amountOutLeft -= uint128(part);
                fee += uint128(feePart);
            }
            if (amountOutLeft == 0) break;
            uint24 next = getNextNonEmptyBin(swapForY, id);
            if (next == 0 || next == type(uint24).max) break;
            id = next;
        }
    }

    function getSwapOut(uint128 amountIn, bool swapForY)
        external
        view
        returns (uint128 amountInLeft, uint128 amountOut, uint128 fee)
    {
        amountInLeft = amountIn;
        FeeState memory f = _withReferences();
        uint24 id = _activeId;
        while (true) {
            uint256 reserve = _side(_bins[id], !swapForY);
            if (reserve > 0) {
                _accumulate(f, id);
                (uint256 taken, uint256 paid, uint256 feePart) = LBPairMath.swapInBin(
                    reserve, LBPairMath.priceOf(id, _binStep), swapForY, _fee(f), amountInLeft
                );
                amountInLeft -= uint128(taken);
                amountOut += uint128(paid);
                fee += uint128(feePart);
            }
            if (amountInLeft == 0) break;
            uint24 next = getNextNonEmptyBin(swapForY, id);
            if (next == 0 || next == type(uint24).max) break;
            id = next;
        }
    }

    function swap(bool swapForY, address to) external returns (bytes32 amountsOut) {
        (uint256 reserveX, uint256 reserveY) = _reserves.unpack();
        uint256 left = swapForY
            ? ILBPairToken(_tokenX).balanceOf(address(this)) - reserveX
            : ILBPairToken(_tokenY).balanceOf(address(this)) - reserveY;
        if (left == 0) revert LBPair__InsufficientAmountIn();
        _reserves = _reserves.plus(swapForY ? LBPairMath.pack(left, 0) : LBPairMath.pack(0, left));
        FeeState memory f = _withReferences();
        uint24 id = _activeId;
        while (true) {
            if (_side(_bins[id], !swapForY) > 0) {
                _accumulate(f, id);
                (uint256 taken, bytes32 paid) = _swapInBin(f, id, swapForY, left, to);
                left -= taken;
                amountsOut = amountsOut.plus(paid);
            }
            if (left == 0) break;
            uint24 next = getNextNonEmptyBin(swapForY, id);
            if (next == 0 || next == type(uint24).max) revert LBPair__OutOfLiquidity();
            id = next;
        }
        if (amountsOut == 0) revert LBPair__InsufficientAmountOut();
        _reserves = _reserves.minus(amountsOut);
        _fees = f;
        _activeId = id;
        _send(amountsOut, to);
    }

    function mint(address to, bytes32[] calldata liquidityConfigs, address refundTo)
        external
        returns (bytes32 received, bytes32 left, uint256[] memory shares)
    {
        _notThisOrZero(to);
        if (liquidityConfigs.length == 0) revert LBPair__EmptyMarketConfigs();
        received = LBPairMath.pack(
            ILBPairToken(_tokenX).balanceOf(address(this)), ILBPairToken(_tokenY).balanceOf(address(this))
        ).minus(_reserves);
        Minted memory minted;
        (minted, left) = _mintBins(liquidityConfigs, received, to);
        shares = minted.shares;
        _reserves = _reserves.plus(received.minus(left));
        emit TransferBatch(msg.sender, address(0), to, minted.ids, shares);
        emit DepositedToBins(msg.sender, to, minted.ids, minted.amounts);
        _send(left, refundTo);
    }

    function burn(address from, address to, uint256[] calldata ids, uint256[] calldata amountsToBurn)
        external
        returns (bytes32[] memory amounts)
    {
        _onlyApproved(from);
        if (ids.length == 0 || ids.length != amountsToBurn.length) revert LBPair__InvalidInput();
        amounts = new bytes32[](ids.length);
        bytes32 sum;
        for (uint256 i = 0; i < ids.length; ++i) {
            amounts[i] = _withdraw(from, LBPairMath.to24(ids[i]), amountsToBurn[i]);
            sum = sum.plus(amounts[i]);
        }
        _reserves = _reserves.minus(sum);
        emit TransferBatch(msg.sender, from, address(0), ids, amountsToBurn);
        emit WithdrawnFromBins(msg.sender, to, ids, amounts);
        _send(sum, to);
    }

    function totalSupply(uint256 id) external view returns (uint256) {
        return _supplies[id];
    }

    function balanceOf(address account, uint256 id) external view returns (uint256) {
        return _balances[account][id];
    }

    function balanceOfBatch(address[] calldata accounts, uint256[] calldata ids)
        external
        view
        returns (uint256[] memory balances)
    {
        if (accounts.length != ids.length) revert LBToken__InvalidLength();
        balances = new uint256[](ids.length);
        for (uint256 i = 0; i < ids.length; ++i) {
            balances[i] = _balances[accounts[i]][ids[i]];
        }
    }

    function isApprovedForAll(address owner, address spender) external view returns (bool) {
        return owner == spender || _approvals[owner][spender];
    }

    function approveForAll(address spender, bool approved) external {
        if (msg.sender == spender) revert LBToken__SelfApproval(msg.sender);
        _approvals[msg.sender][spender] = approved;
        emit ApprovalForAll(msg.sender, spender, approved);
    }

    function batchTransferFrom(address from, address to, uint256[] calldata ids, uint256[] calldata amounts) external {
        _onlyApproved(from);
        _notThisOrZero(to);
        if (ids.length != amounts.length) revert LBToken__InvalidLength();
        for (uint256 i = 0; i < ids.length; ++i) {
            if (_balances[from][ids[i]] < amounts[i]) revert LBToken__TransferExceedsBalance(from, ids[i], amounts[i]);
            _balances[from][ids[i]] -= amounts[i];
            _balances[to][ids[i]] += amounts[i];
        }
        emit TransferBatch(msg.sender, from, to, ids, amounts);
    }

    function _mintBins(bytes32[] calldata configs, bytes32 received, address to)
        private
        returns (Minted memory minted, bytes32 left)
    {
        uint256 count = configs.length;
        minted = Minted(new uint256[](count), new bytes32[](count), new uint256[](count));
        left = received;
        for (uint256 i = 0; i < count; ++i) {
            (bytes32 most, uint24 id) = _amountsAndId(configs[i], received);
            bytes32 taken;
            uint256 shares;
            (shares, taken, minted.amounts[i]) = _deposit(id, most);
            left = left.minus(taken);
            minted.ids[i] = id;
            minted.shares[i] = shares;
            _supplies[id] += shares;
            _balances[to][id] += shares;
        }
    }

    function _swapInBin(FeeState memory f, uint24 id, bool swapForY, uint256 left, address to)
        private
        returns (uint256 taken, bytes32 out)
    {
        uint256 paid;
        uint256 feePart;
        (taken, paid, feePart) = LBPairMath.swapInBin(
            _side(_bins[id], !swapForY), LBPairMath.priceOf(id, _binStep), swapForY, _fee(f), left
        );
        if (taken == 0) return (0, 0);
        out = _oneSided(paid, !swapForY);
        _bookSwap(f, id, _oneSided(taken, swapForY), out, _oneSided(feePart, swapForY), to);
    }

    function _bookSwap(FeeState memory f, uint24 id, bytes32 into, bytes32 out, bytes32 fees, address to) private {
        bytes32 protocol = fees.partOf(f.protocolShare);
        if (protocol != 0) {
            _protocolFees = _protocolFees.plus(protocol);
            into = into.minus(protocol);
        }
        bytes32 reserves = _bins[id].plus(into).minus(out);
        if (reserves.liquidity(LBPairMath.priceOf(id, _binStep)) > LBPairMath.MAX_LIQUIDITY_PER_BIN) {
            revert LBPairMath.BinHelper__MaxLiquidityPerBinExceeded();
        }
        _bins[id] = reserves;
        emit Swap(msg.sender, to, id, into, out, f.volatilityAccumulator, fees, protocol);
    }

    function _deposit(uint24 id, bytes32 most) private returns (uint256 shares, bytes32 taken, bytes32 into) {
        bytes32 reserves = _bins[id];
        uint256 price = LBPairMath.priceOf(id, _binStep);
        uint256 supply = _supplies[id];
        (shares, taken) = LBPairMath.sharesFor(reserves, most, price, supply);
        into = taken;
        if (id == _activeId) {
            FeeState memory f = _withReferences();
            _accumulate(f, id);
            bytes32 fees = LBPairMath.compositionFees(reserves, taken, supply, shares, _fee(f));
            if (fees != 0) {
                bytes32 protocol = fees.partOf(f.protocolShare);
                into = into.minus(protocol);
                _protocolFees = _protocolFees.plus(protocol);
                uint256 ours = taken.minus(fees).liquidity(price);
                shares = LBPairMath.mulDiv(ours, supply, reserves.plus(fees.minus(protocol)).liquidity(price));
                _fees = f;
                emit CompositionFees(msg.sender, id, fees, protocol);
            }
        } else {
            (uint256 x, uint256 y) = taken.unpack();
            if ((id < _activeId && x > 0) || (id > _activeId && y > 0)) {
                revert LBPairMath.BinHelper__CompositionFactorFlawed(id);
            }
        }
        if (shares == 0 || into == 0) revert LBPair__ZeroShares(id);
        if (supply == 0) _tree.add(id);
        _bins[id] = reserves.plus(into);
    }

    function _withdraw(address from, uint24 id, uint256 shares) private returns (bytes32 amounts) {
        if (shares == 0) revert LBPair__ZeroAmount(id);
        uint256 balance = _balances[from][id];
        if (balance < shares) revert LBToken__BurnExceedsBalance(from, id, shares);
        uint256 supply = _supplies[id];
        _balances[from][id] = balance - shares;
        _supplies[id] = supply - shares;
        amounts = _bins[id].amountsFor(shares, supply);
        if (amounts == 0) revert LBPair__ZeroAmountsOut(id);
        _bins[id] = _bins[id].minus(amounts);
        if (supply == shares) _tree.remove(id);
    }

    function _withReferences() private view returns (FeeState memory f) {
        f = _fees;
        uint256 passed = block.timestamp - f.timeOfLastUpdate;
        if (passed >= f.filterPeriod) {
            f.idReference = _activeId;
            f.volatilityReference = passed < f.decayPeriod
                ? uint24(uint256(f.volatilityAccumulator) * f.reductionFactor / LBPairMath.BASIS_POINTS)
                : 0;
        }
        f.timeOfLastUpdate = uint40(block.timestamp);
    }

    function _accumulate(FeeState memory f, uint24 id) private pure {
        uint256 distance = id > f.idReference ? id - f.idReference : f.idReference - id;
        uint256 sum = f.volatilityReference + distance * LBPairMath.BASIS_POINTS;
        f.volatilityAccumulator = sum > f.maxVolatilityAccumulator ? f.maxVolatilityAccumulator : uint24(sum);
    }

    function _fee(FeeState memory f) private view returns (uint256) {
        return LBPairMath.totalFee(f.baseFactor, _binStep, f.variableFeeControl, f.volatilityAccumulator);
    }

    function _amountsAndId(bytes32 config, bytes32 received) private pure returns (bytes32, uint24) {
        uint256 word = uint256(config);
        uint256 partX = uint64(word >> 88);
        uint256 partY = uint64(word >> 24);
        if (word > type(uint152).max || partX > LBPairMath.PRECISION || partY > LBPairMath.PRECISION) {
            revert LiquidityConfigurations__InvalidConfig();
        }
        (uint256 x, uint256 y) = received.unpack();
        return (LBPairMath.pack(x * partX / LBPairMath.PRECISION, y * partY / LBPairMath.PRECISION), uint24(word));
    }

    function _oneSided(uint256 amount, bool isX) private pure returns (bytes32) {
        return isX ? LBPairMath.pack(amount, 0) : LBPairMath.pack(0, amount);
    }

    function _side(bytes32 amounts, bool isX) private pure returns (uint256) {
        (uint256 x, uint256 y) = amounts.unpack();
        return isX ? x : y;
    }

    function _halves(bytes32 amounts) private pure returns (uint128, uint128) {
        (uint256 x, uint256 y) = amounts.unpack();
        return (uint128(x), uint128(y));
    }

    function _onlyApproved(address from) private view {
        if (from != msg.sender && !_approvals[from][msg.sender]) revert LBToken__SpenderNotApproved(from, msg.sender);
    }

    function _notThisOrZero(address account) private view {
        if (account == address(0) || account == address(this)) revert LBToken__AddressThisOrZero();
    }

    function _send(bytes32 amounts, address to) private {
        (uint256 x, uint256 y) = amounts.unpack();
        if (x > 0) _transfer(_tokenX, to, x);
        if (y > 0) _transfer(_tokenY, to, y);
    }

    function _transfer(address token, address to, uint256 amount) private {
        (bool ok, bytes memory answer) = token.call(abi.encodeWithSignature("transfer(address,uint256)", to, amount));
        require(ok && (answer.length == 0 || abi.decode(answer, (bool))), "LBPair: transfer failed");
    }
}
