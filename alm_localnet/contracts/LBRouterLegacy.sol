// SPDX-License-Identifier: MIT
pragma solidity 0.8.28;

import {LBFactoryLegacy} from "./LBFactoryLegacy.sol";
import {LBPairLegacy} from "./LBPairLegacy.sol";

/// @notice Stand-in for the LBRouter of Liquidity Book 2.0 (traderjoe-xyz/joe-v2, ILBLegacyRouter): adding and removing
/// liquidity with its ABI, its checks in its order, and its errors. Without swaps, native coin and sweeping.
contract LBRouterLegacy {
    error LBRouter__PairNotCreated(address tokenX, address tokenY, uint256 binStep);
    error LBRouter__IdOverflows(int256 id);
    error LBRouter__LengthsMismatch();
    error LBRouter__WrongTokenOrder();
    error LBRouter__IdSlippageCaught(uint256 activeIdDesired, uint256 idSlippage, uint256 activeId);
    error LBRouter__AmountSlippageCaught(uint256 amountXMin, uint256 amountX, uint256 amountYMin, uint256 amountY);
    error LBRouter__IdDesiredOverflows(uint256 idDesired, uint256 idSlippage);
    error LBRouter__DeadlineExceeded(uint256 deadline, uint256 currentTimestamp);

    struct LiquidityParameters {
        address tokenX;
        address tokenY;
        uint256 binStep;
        uint256 amountX;
        uint256 amountY;
        uint256 amountXMin;
        uint256 amountYMin;
        uint256 activeIdDesired;
        uint256 idSlippage;
        int256[] deltaIds;
        uint256[] distributionX;
        uint256[] distributionY;
        address to;
        uint256 deadline;
    }

    LBFactoryLegacy public immutable factory;
    address public immutable wavax;

    constructor(LBFactoryLegacy factory_, address wavax_) {
        (factory, wavax) = (factory_, wavax_);
    }

    function addLiquidity(LiquidityParameters calldata liq)
        external
        returns (uint256[] memory depositIds, uint256[] memory liquidityMinted)
    {
        LBPairLegacy pair = _pair(liq.tokenX, liq.tokenY, liq.binStep);
        if (liq.tokenX != pair.tokenX()) revert LBRouter__WrongTokenOrder();
        _take(liq.tokenX, address(pair), liq.amountX);
        _take(liq.tokenY, address(pair), liq.amountY);
        _refuseLate(liq.deadline);
        depositIds = _ids(liq, pair);
        uint256 x;
        uint256 y;
        (x, y, liquidityMinted) = pair.mint(depositIds, liq.distributionX, liq.distributionY, liq.to);
        if (x < liq.amountXMin || y < liq.amountYMin) {
            revert LBRouter__AmountSlippageCaught(liq.amountXMin, x, liq.amountYMin, y);
        }
    }

    function removeLiquidity(
        address tokenX,
        address tokenY,
        uint16 binStep,
        uint256 amountXMin,
        uint256 amountYMin,
        uint256[] calldata ids,
        uint256[] calldata amounts,
        address to,
        uint256 deadline
    ) external returns (uint256 amountX, uint256 amountY) {
        _refuseLate(deadline);
        LBPairLegacy pair = _pair(tokenX, tokenY, binStep);
        bool turned = tokenX != pair.tokenX();
        if (turned) (amountXMin, amountYMin) = (amountYMin, amountXMin);
        pair.safeBatchTransferFrom(msg.sender, address(pair), ids, amounts);
        (amountX, amountY) = pair.burn(ids, amounts, to);
        if (amountX < amountXMin || amountY < amountYMin) {
            revert LBRouter__AmountSlippageCaught(amountXMin, amountX, amountYMin, amountY);
        }
        if (turned) (amountX, amountY) = (amountY, amountX);
    }

    function _ids(LiquidityParameters calldata liq, LBPairLegacy pair) private view returns (uint256[] memory ids) {
        uint256 count = liq.deltaIds.length;
        if (count != liq.distributionX.length && count != liq.distributionY.length) revert LBRouter__LengthsMismatch();
        if (liq.activeIdDesired > type(uint24).max || liq.idSlippage > type(uint24).max) {
            revert LBRouter__IdDesiredOverflows(liq.activeIdDesired, liq.idSlippage);
        }
        (,, uint256 activeId) = pair.getReservesAndId();
        if (liq.activeIdDesired + liq.idSlippage < activeId || activeId + liq.idSlippage < liq.activeIdDesired) {
            revert LBRouter__IdSlippageCaught(liq.activeIdDesired, liq.idSlippage, activeId);
        }
        ids = new uint256[](count);
        for (uint256 i = 0; i < count; ++i) {
            int256 id = int256(activeId) + liq.deltaIds[i];
            if (id < 0 || uint256(id) > type(uint24).max) revert LBRouter__IdOverflows(id);
            ids[i] = uint256(id);
        }
    }

    function _pair(address tokenX, address tokenY, uint256 binStep) private view returns (LBPairLegacy pair) {
        pair = LBPairLegacy(factory.getLBPairInformation(tokenX, tokenY, binStep).LBPair);
        if (address(pair) == address(0)) revert LBRouter__PairNotCreated(tokenX, tokenY, binStep);
    }

    function _refuseLate(uint256 deadline) private view {
        if (block.timestamp > deadline) revert LBRouter__DeadlineExceeded(deadline, block.timestamp);
    }

    function _take(address token, address to, uint256 amount) private {
        if (amount == 0) return;
        bytes memory data = abi.encodeWithSignature("transferFrom(address,address,uint256)", msg.sender, to, amount);
        (bool ok, bytes memory answer) = token.call(data);
        require(ok && (answer.length == 0 || abi.decode(answer, (bool))), "LBRouter: transfer failed");
    }
}
