// SPDX-License-Identifier: MIT
pragma solidity 0.8.28;

import {LBPairMath} from "./LBPairMath.sol";
import {LBPairTree} from "./LBPairTree.sol";

interface ILBPairLegacyToken {
    function balanceOf(address owner) external view returns (uint256);
}

/// @notice Stand-in for the LBPair of Liquidity Book 2.0 (traderjoe-xyz/joe-v2, ILBLegacyPair) with its ABI, events, errors
/// and arithmetic: fees lie outside the bins, per share, and are collected by themselves. Without flash loans, oracle and
/// collection of protocol fees.
contract LBPairLegacy {
    using LBPairTree for LBPairTree.Tree;

    error LBPair__InsufficientAmounts();
    error LBPair__WrongLengths();
    error LBPair__DistributionsOverflow();
    error LBPair__OnlyStrictlyIncreasingId();
    error LBPair__AddressZeroOrThis();
    error LBPair__CompositionFactorFlawed(uint256 id);
    error LBPair__InsufficientLiquidityMinted(uint256 id);
    error LBPair__InsufficientLiquidityBurned(uint256 id);
    error LBToken__SpenderNotApproved(address owner, address spender);
    error LBToken__LengthMismatch(uint256 accountsLength, uint256 idsLength);
    error LBToken__SelfApproval(address owner);
    error LBToken__BurnExceedsBalance(address from, uint256 id, uint256 amount);
    error LBToken__TransferExceedsBalance(address from, uint256 id, uint256 amount);
    error TreeMath__ErrorDepthSearch();

    event TransferSingle(address indexed sender, address indexed from, address indexed to, uint256 id, uint256 amount);
    event TransferBatch(
        address indexed sender, address indexed from, address indexed to, uint256[] ids, uint256[] amounts
    );
    event ApprovalForAll(address indexed account, address indexed sender, bool approved);
    event Swap(
        address indexed sender,
        address indexed recipient,
        uint256 indexed id,
        bool swapForY,
        uint256 amountIn,
        uint256 amountOut,
        uint256 volatilityAccumulated,
        uint256 fees
    );
    event CompositionFee(
        address indexed sender, address indexed recipient, uint256 indexed id, uint256 feesX, uint256 feesY
    );
    event DepositedToBin(
        address indexed sender, address indexed recipient, uint256 indexed id, uint256 amountX, uint256 amountY
    );
    event WithdrawnFromBin(
        address indexed sender, address indexed recipient, uint256 indexed id, uint256 amountX, uint256 amountY
    );
    event FeesCollected(address indexed sender, address indexed recipient, uint256 amountX, uint256 amountY);

    struct FeeParameters {
        uint16 binStep;
        uint16 baseFactor;
        uint16 filterPeriod;
        uint16 decayPeriod;
        uint16 reductionFactor;
        uint24 variableFeeControl;
        uint16 protocolShare;
        uint24 maxVolatilityAccumulated;
        uint24 volatilityAccumulated;
        uint24 volatilityReference;
        uint24 indexRef;
        uint40 time;
    }

    struct Bin {
        uint112 reserveX;
        uint112 reserveY;
        uint256 perShareX;
        uint256 perShareY;
    }

    /// @dev Pairs of amounts: [0] is X, [1] is Y.
    struct Minting {
        uint256[2] received;
        uint256[2] amount;
        uint256[2] added;
        uint256[2] fees;
        uint256[2] parts;
    }

    address public immutable factory;
    address public immutable tokenX;
    address public immutable tokenY;

    FeeParameters private _fees;
    uint24 private _activeId;
    uint256[2] private _reserves;
    uint256[2] private _feesTotal;
    uint256[2] private _feesProtocol;
    mapping(uint256 => Bin) private _bins;
    LBPairTree.Tree private _tree;
    mapping(address => uint256[2]) private _unclaimed;
    mapping(address => mapping(uint256 => uint256[2])) private _debts;
    mapping(uint256 => mapping(address => uint256)) private _balances;
    mapping(uint256 => uint256) private _supplies;
    mapping(address => mapping(address => bool)) private _approvals;

    /// @param preset the seven static fee parameters, in the order of feeParameters after the bin step.
    constructor(address tokenX_, address tokenY_, uint16 binStep, uint24 activeId, uint24[7] memory preset) {
        (factory, tokenX, tokenY, _activeId) = (msg.sender, tokenX_, tokenY_, activeId);
        _fees.binStep = binStep;
        _fees.baseFactor = uint16(preset[0]);
        _fees.filterPeriod = uint16(preset[1]);
        _fees.decayPeriod = uint16(preset[2]);
        _fees.reductionFactor = uint16(preset[3]);
        _fees.variableFeeControl = preset[4];
        _fees.protocolShare = uint16(preset[5]);
        _fees.maxVolatilityAccumulated = preset[6];
    }

    function name() external pure returns (string memory) {
        return "Liquidity Book Token";
    }

    function symbol() external pure returns (string memory) {
        return "LBT";
    }

    function feeParameters() external view returns (FeeParameters memory) {
        return _fees;
    }

    function getReservesAndId() external view returns (uint256, uint256, uint256) {
        return (_reserves[0], _reserves[1], _activeId);
    }

    function getGlobalFees() external view returns (uint128, uint128, uint128, uint128) {
        return (uint128(_feesTotal[0]), uint128(_feesTotal[1]), uint128(_feesProtocol[0]), uint128(_feesProtocol[1]));
    }

    function getBin(uint24 id) external view returns (uint256, uint256) {
        return (_bins[id].reserveX, _bins[id].reserveY);
    }

    function findFirstNonEmptyBinId(uint24 id, bool swapForY) public view returns (uint24) {
        (bool found, uint24 next) = swapForY ? _tree.below(id) : _tree.above(id);
        if (!found) revert TreeMath__ErrorDepthSearch();
        return next;
    }

    function pendingFees(address account, uint256[] calldata ids) external view returns (uint256 x, uint256 y) {
        if (account == address(this) || account == address(0)) return (0, 0);
        (x, y) = (_unclaimed[account][0], _unclaimed[account][1]);
        for (uint256 i = 0; i < ids.length; ++i) {
            if (i != 0 && ids[i - 1] >= ids[i]) revert LBPair__OnlyStrictlyIncreasingId();
            uint256[2] memory owed = _owed(account, ids[i], _balances[ids[i]][account]);
            x += owed[0];
            y += owed[1];
        }
    }

    function collectFees(address account, uint256[] calldata ids) external returns (uint256 x, uint256 y) {
        if (account == address(0) || account == address(this)) revert LBPair__AddressZeroOrThis();
        (x, y) = (_unclaimed[account][0], _unclaimed[account][1]);
        delete _unclaimed[account];
        for (uint256 i = 0; i < ids.length; ++i) {
            uint256 balance = _balances[ids[i]][account];
            uint256[2] memory owed = _owed(account, ids[i], balance);
            _debts[account][ids[i]] = _accrued(ids[i], balance);
            x += owed[0];
            y += owed[1];
        }
        _feesTotal[0] -= x;
        _feesTotal[1] -= y;
        _send(x, y, account);
        emit FeesCollected(msg.sender, account, x, y);
    }

    function swap(bool swapForY, address to) external returns (uint256 amountXOut, uint256 amountYOut) {
        uint256 side = swapForY ? 0 : 1;
        uint256 left = _balance(side) - _reserves[side] - _feesTotal[side];
        if (left == 0) revert LBPair__InsufficientAmounts();
        FeeParameters memory f = _withReferences(_activeId);
        uint256 out;
        uint24 id = _activeId;
        while (true) {
            Bin storage bin = _bins[id];
            if ((swapForY ? bin.reserveY : bin.reserveX) != 0) {
                _accumulate(f, id);
                (uint256 taken, uint256 paid) = _swapInBin(f, id, swapForY, left, to);
                left -= taken;
                out += paid;
            }
            if (left == 0) break;
            id = findFirstNonEmptyBinId(id, swapForY);
        }
        _fees = f;
        _activeId = id;
        (amountXOut, amountYOut) = swapForY ? (uint256(0), out) : (out, uint256(0));
        _send(amountXOut, amountYOut, to);
    }

    function mint(uint256[] calldata ids, uint256[] calldata partsX, uint256[] calldata partsY, address to)
        external
        returns (uint256, uint256, uint256[] memory shares)
    {
        if (ids.length == 0 || ids.length != partsX.length || ids.length != partsY.length) {
            revert LBPair__WrongLengths();
        }
        Minting memory m;
        for (uint256 side = 0; side < 2; ++side) {
            m.received[side] = _balance(side) - _reserves[side] - _feesTotal[side];
        }
        shares = new uint256[](ids.length);
        for (uint256 i = 0; i < ids.length; ++i) {
            uint24 id = LBPairMath.to24(ids[i]);
            m.parts[0] += partsX[i];
            m.parts[1] += partsY[i];
            m.amount[0] = m.received[0] * partsX[i] / LBPairMath.PRECISION;
            m.amount[1] = m.received[1] * partsY[i] / LBPairMath.PRECISION;
            shares[i] = _deposit(m, id, to);
        }
        if (m.parts[0] > LBPairMath.PRECISION || m.parts[1] > LBPairMath.PRECISION) {
            revert LBPair__DistributionsOverflow();
        }
        uint256[2] memory back;
        for (uint256 side = 0; side < 2; ++side) {
            _reserves[side] += m.added[side];
            back[side] = m.received[side] - m.added[side] - m.fees[side];
        }
        _send(back[0], back[1], to);
        return (m.added[0], m.added[1], shares);
    }

    /// @dev Burns what was sent to the pair.
    function burn(uint256[] calldata ids, uint256[] calldata amounts, address to)
        external
        returns (uint256 amountX, uint256 amountY)
    {
        if (ids.length == 0 || ids.length != amounts.length) revert LBPair__WrongLengths();
        for (uint256 i = 0; i < ids.length; ++i) {
            (uint256 x, uint256 y) = _withdraw(LBPairMath.to24(ids[i]), amounts[i], to);
            amountX += x;
            amountY += y;
        }
        _reserves[0] -= amountX;
        _reserves[1] -= amountY;
        _send(amountX, amountY, to);
    }

    function totalSupply(uint256 id) external view returns (uint256) {
        return _supplies[id];
    }

    function balanceOf(address account, uint256 id) external view returns (uint256) {
        return _balances[id][account];
    }

    function balanceOfBatch(address[] calldata accounts, uint256[] calldata ids)
        external
        view
        returns (uint256[] memory balances)
    {
        if (accounts.length != ids.length) revert LBToken__LengthMismatch(accounts.length, ids.length);
        balances = new uint256[](ids.length);
        for (uint256 i = 0; i < ids.length; ++i) {
            balances[i] = _balances[ids[i]][accounts[i]];
        }
    }

    function isApprovedForAll(address owner, address spender) external view returns (bool) {
        return owner == spender || _approvals[owner][spender];
    }

    function setApprovalForAll(address spender, bool approved) external {
        if (msg.sender == spender) revert LBToken__SelfApproval(msg.sender);
        _approvals[msg.sender][spender] = approved;
        emit ApprovalForAll(msg.sender, spender, approved);
    }

    function safeBatchTransferFrom(address from, address to, uint256[] calldata ids, uint256[] calldata amounts)
        external
    {
        if (from != msg.sender && !_approvals[from][msg.sender]) revert LBToken__SpenderNotApproved(from, msg.sender);
        if (ids.length != amounts.length) revert LBToken__LengthMismatch(ids.length, amounts.length);
        for (uint256 i = 0; i < ids.length; ++i) {
            uint256 balance = _balances[ids[i]][from];
            if (balance < amounts[i]) revert LBToken__TransferExceedsBalance(from, ids[i], amounts[i]);
            _cacheFees(from, ids[i], balance, balance - amounts[i]);
            _balances[ids[i]][from] = balance - amounts[i];
            balance = _balances[ids[i]][to];
            _cacheFees(to, ids[i], balance, balance + amounts[i]);
            _balances[ids[i]][to] = balance + amounts[i];
        }
        emit TransferBatch(msg.sender, from, to, ids, amounts);
    }

    function _swapInBin(FeeParameters memory f, uint24 id, bool swapForY, uint256 left, address to)
        private
        returns (uint256 taken, uint256 paid)
    {
        uint256 feePart;
        (taken, paid, feePart) = LBPairMath.swapInBin(
            swapForY ? _bins[id].reserveY : _bins[id].reserveX,
            LBPairMath.priceOf(id, f.binStep),
            swapForY,
            _fee(f),
            left
        );
        _addFees(f, id, swapForY ? 0 : 1, feePart);
        _moveReserves(id, swapForY, taken - feePart, paid);
        emit Swap(msg.sender, to, id, swapForY, taken - feePart, paid, f.volatilityAccumulated, feePart);
    }

    function _moveReserves(uint24 id, bool swapForY, uint256 into, uint256 out) private {
        Bin storage bin = _bins[id];
        if (swapForY) {
            bin.reserveX += uint112(into);
            bin.reserveY -= uint112(out);
        } else {
            bin.reserveY += uint112(into);
            bin.reserveX -= uint112(out);
        }
        uint256 side = swapForY ? 0 : 1;
        _reserves[side] += into;
        _reserves[1 - side] -= out;
    }

    function _deposit(Minting memory m, uint24 id, address to) private returns (uint256 shares) {
        Bin storage bin = _bins[id];
        uint256 price = LBPairMath.priceOf(id, _fees.binStep);
        if (bin.reserveX == 0 && bin.reserveY == 0) _tree.add(id);
        if (id == _activeId) {
            if (bin.reserveX != 0 || bin.reserveY != 0) _takeCompositionFees(m, id, price, to);
        } else if ((id > _activeId ? m.amount[1] : m.amount[0]) != 0) {
            revert LBPair__CompositionFactorFlawed(id);
        }
        shares = _liquidity(price, m.amount);
        if (shares == 0) revert LBPair__InsufficientLiquidityMinted(id);
        bin.reserveX += uint112(m.amount[0]);
        bin.reserveY += uint112(m.amount[1]);
        m.added[0] += m.amount[0];
        m.added[1] += m.amount[1];
        uint256 balance = _balances[id][to];
        _cacheFees(to, id, balance, balance + shares);
        _balances[id][to] = balance + shares;
        _supplies[id] += shares;
        emit TransferSingle(msg.sender, address(0), to, id, shares);
        emit DepositedToBin(msg.sender, to, id, m.amount[0], m.amount[1]);
    }

    function _takeCompositionFees(Minting memory m, uint24 id, uint256 price, address to) private {
        FeeParameters memory f = _withReferences(id);
        _accumulate(f, id);
        uint256 ours = _liquidity(price, m.amount);
        uint256[2] memory reserves = [uint256(_bins[id].reserveX), uint256(_bins[id].reserveY)];
        uint256 supply = _supplies[id] + ours;
        uint256 fee = _fee(f);
        for (uint256 side = 0; side < 2; ++side) {
            uint256 back = LBPairMath.mulDiv(ours, reserves[side] + m.amount[side], supply);
            reserves[side] = m.amount[side] > back ? m.amount[side] - back : 0;
        }
        uint256 squared = LBPairMath.PRECISION * LBPairMath.PRECISION;
        for (uint256 side = 0; side < 2; ++side) {
            if (reserves[side] == 0) continue;
            uint256 feePart = (reserves[side] * fee * (fee + LBPairMath.PRECISION) + squared - 1) / squared;
            m.amount[side] -= feePart;
            m.fees[side] += feePart;
            _addFees(f, id, side, feePart);
        }
        if (m.fees[0] > 0 || m.fees[1] > 0) emit CompositionFee(msg.sender, to, id, m.fees[0], m.fees[1]);
    }

    function _withdraw(uint24 id, uint256 shares, address to) private returns (uint256 x, uint256 y) {
        if (shares == 0) revert LBPair__InsufficientLiquidityBurned(id);
        Bin storage bin = _bins[id];
        uint256 supply = _supplies[id];
        if (id <= _activeId) y = LBPairMath.mulDiv(shares, bin.reserveY, supply);
        if (id >= _activeId) x = LBPairMath.mulDiv(shares, bin.reserveX, supply);
        bin.reserveX -= uint112(x);
        bin.reserveY -= uint112(y);
        if (bin.reserveX == 0 && bin.reserveY == 0) _tree.remove(id);
        uint256 balance = _balances[id][address(this)];
        if (balance < shares) revert LBToken__BurnExceedsBalance(address(this), id, shares);
        _balances[id][address(this)] = balance - shares;
        _supplies[id] = supply - shares;
        emit TransferSingle(msg.sender, address(this), address(0), id, shares);
        emit WithdrawnFromBin(msg.sender, to, id, x, y);
    }

    function _withReferences(uint24 activeId) private view returns (FeeParameters memory f) {
        f = _fees;
        uint256 passed = block.timestamp - f.time;
        if (passed >= f.filterPeriod || f.time == 0) {
            f.indexRef = activeId;
            f.volatilityReference = passed < f.decayPeriod
                ? uint24(uint256(f.reductionFactor) * f.volatilityAccumulated / LBPairMath.BASIS_POINTS)
                : 0;
        }
        f.time = uint40(block.timestamp);
        _accumulate(f, activeId);
    }

    function _accumulate(FeeParameters memory f, uint24 id) private pure {
        uint256 distance = id > f.indexRef ? id - f.indexRef : f.indexRef - id;
        uint256 sum = f.volatilityReference + distance * LBPairMath.BASIS_POINTS;
        f.volatilityAccumulated = sum > f.maxVolatilityAccumulated ? f.maxVolatilityAccumulated : uint24(sum);
    }

    function _fee(FeeParameters memory f) private pure returns (uint256) {
        return LBPairMath.totalFee(f.baseFactor, f.binStep, f.variableFeeControl, f.volatilityAccumulated);
    }

    function _addFees(FeeParameters memory f, uint24 id, uint256 side, uint256 fees) private {
        uint256 protocol = fees * f.protocolShare / LBPairMath.BASIS_POINTS;
        _feesTotal[side] += fees;
        _feesProtocol[side] += protocol;
        uint256 perShare = ((fees - protocol) << 128) / _supplies[id];
        if (side == 0) _bins[id].perShareX += perShare;
        else _bins[id].perShareY += perShare;
    }

    function _accrued(uint256 id, uint256 balance) private view returns (uint256[2] memory amounts) {
        amounts[0] = LBPairMath.mulDiv(_bins[id].perShareX, balance, LBPairMath.SCALE);
        amounts[1] = LBPairMath.mulDiv(_bins[id].perShareY, balance, LBPairMath.SCALE);
    }

    function _owed(address account, uint256 id, uint256 balance) private view returns (uint256[2] memory amounts) {
        if (balance == 0) return amounts;
        amounts = _accrued(id, balance);
        amounts[0] -= _debts[account][id][0];
        amounts[1] -= _debts[account][id][1];
    }

    function _cacheFees(address account, uint256 id, uint256 before, uint256 afterwards) private {
        if (account == address(0) || account == address(this)) return;
        uint256[2] memory owed = _owed(account, id, before);
        _debts[account][id] = _accrued(id, afterwards);
        _unclaimed[account][0] += owed[0];
        _unclaimed[account][1] += owed[1];
    }

    function _liquidity(uint256 price, uint256[2] memory amounts) private pure returns (uint256) {
        return LBPairMath.mulDiv(price, amounts[0], LBPairMath.SCALE) + amounts[1];
    }

    function _balance(uint256 side) private view returns (uint256) {
        return ILBPairLegacyToken(side == 0 ? tokenX : tokenY).balanceOf(address(this));
    }

    function _send(uint256 x, uint256 y, address to) private {
        if (x > 0) _transfer(tokenX, to, x);
        if (y > 0) _transfer(tokenY, to, y);
    }

    function _transfer(address token, address to, uint256 amount) private {
        (bool ok, bytes memory answer) = token.call(abi.encodeWithSignature("transfer(address,uint256)", to, amount));
        require(ok && (answer.length == 0 || abi.decode(answer, (bool))), "LBPair: transfer failed");
    }
}
