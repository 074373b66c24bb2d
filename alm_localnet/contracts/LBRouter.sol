// SPDX-License-Identifier: MIT
pragma solidity 0.8.28;

import {LBFactory} from "./LBFactory.sol";
import {LBPair} from "./LBPair.sol";
import {LBPairMath} from "./LBPairMath.sol";

/// @notice Stand-in for the LBRouter of Liquidity Book 2.1 and 2.2 (traderjoe-xyz/joe-v2): adding and removing liquidity with
/// its ABI, its checks in its order, and its errors. Without swaps, native coin and sweeping.
contract LBRouter {
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
        address refundTo;
        uint256 deadline;
    }

    LBFactory private immutable _factory;
    address private immutable _legacyFactory;
    address private immutable _wnative;

    constructor(LBFactory factory, address legacyFactory, address wnative) {
        (_factory, _legacyFactory, _wnative) = (factory, legacyFactory, wnative);
    }

    function getFactory() external view returns (LBFactory) {
        return _factory;
    }

    function getLegacyFactory() external view returns (address) {
        return _legacyFactory;
    }

    function getWNATIVE() external view returns (address) {
        return _wnative;
    }

    function addLiquidity(LiquidityParameters calldata liq)
        external
        returns (
            uint256 amountXAdded,
            uint256 amountYAdded,
            uint256 amountXLeft,
            uint256 amountYLeft,
            uint256[] memory depositIds,
            uint256[] memory liquidityMinted
        )
    {
        LBPair pair = _pair(liq.tokenX, liq.tokenY, liq.binStep);
        if (liq.tokenX != pair.getTokenX()) revert LBRouter__WrongTokenOrder();
        _take(liq.tokenX, address(pair), liq.amountX);
        _take(liq.tokenY, address(pair), liq.amountY);
        _refuseLate(liq.deadline);
        bytes32[] memory configs;
        (depositIds, configs) = _configs(liq, pair.getActiveId());
        bytes32 received;
        bytes32 left;
        (received, left, liquidityMinted) = pair.mint(liq.to, configs, liq.refundTo);
        (amountXAdded, amountYAdded) = LBPairMath.unpack(LBPairMath.minus(received, left));
        if (amountXAdded < liq.amountXMin || amountYAdded < liq.amountYMin) {
            revert LBRouter__AmountSlippageCaught(liq.amountXMin, amountXAdded, liq.amountYMin, amountYAdded);
        }
        (amountXLeft, amountYLeft) = LBPairMath.unpack(left);
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
        LBPair pair = _pair(tokenX, tokenY, binStep);
        bool turned = tokenX != pair.getTokenX();
        if (turned) (amountXMin, amountYMin) = (amountYMin, amountXMin);
        bytes32[] memory burned = pair.burn(msg.sender, to, ids, amounts);
        for (uint256 i = 0; i < burned.length; ++i) {
            (uint256 x, uint256 y) = LBPairMath.unpack(burned[i]);
            amountX += x;
            amountY += y;
        }
        if (amountX < amountXMin || amountY < amountYMin) {
            revert LBRouter__AmountSlippageCaught(amountXMin, amountX, amountYMin, amountY);
        }
        if (turned) (amountX, amountY) = (amountY, amountX);
    }

    function _configs(LiquidityParameters calldata liq, uint256 activeId)
        private
        pure
        returns (uint256[] memory ids, bytes32[] memory configs)
    {
        uint256 count = liq.deltaIds.length;
        if (count != liq.distributionX.length || count != liq.distributionY.length) revert LBRouter__LengthsMismatch();
        if (liq.activeIdDesired > type(uint24).max || liq.idSlippage > type(uint24).max) {
            revert LBRouter__IdDesiredOverflows(liq.activeIdDesired, liq.idSlippage);
        }
        if (liq.activeIdDesired + liq.idSlippage < activeId || activeId + liq.idSlippage < liq.activeIdDesired) {
            revert LBRouter__IdSlippageCaught(liq.activeIdDesired, liq.idSlippage, activeId);
        }
        (ids, configs) = (new uint256[](count), new bytes32[](count));
        for (uint256 i = 0; i < count; ++i) {
            int256 id = int256(activeId) + liq.deltaIds[i];
            if (id < 0 || uint256(id) > type(uint24).max) revert LBRouter__IdOverflows(id);
            ids[i] = uint256(id);
            uint256 parts = (uint256(uint64(liq.distributionX[i])) << 88) | (uint256(uint64(liq.distributionY[i])) << 24);
            configs[i] = bytes32(parts | uint256(id));
        }
    }

    function _pair(address tokenX, address tokenY, uint256 binStep) private view returns (LBPair pair) {
        pair = LBPair(_factory.getLBPairInformation(tokenX, tokenY, binStep).LBPair);
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
