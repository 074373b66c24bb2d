// SPDX-License-Identifier: MIT
pragma solidity 0.8.28;

import {LiFiTypes} from "./LiFiTypes.sol";

interface IERC20 {
    function balanceOf(address) external view returns (uint256);

    function allowance(address, address) external view returns (uint256);
}

/// @notice Stand-in for the Li.Fi diamond with the ABI of two of its facets (lifinance/contracts): GenericSwapFacetV3's
/// swapTokensSingleV3ERC20ToERC20 (0x4666fc80) and AcrossFacetV4's startBridgeTokensViaAcrossV4 (0xa1f1ce43) and
/// swapAndStartBridgeTokensViaAcrossV4 (0x1794958f). ERC-20 only; it is one contract, no proxy with facets.
contract LiFiDiamondStandIn {
    event LiFiGenericSwapCompleted(
        bytes32 indexed transactionId,
        string integrator,
        string referrer,
        address receiver,
        address fromAssetId,
        address toAssetId,
        uint256 fromAmount,
        uint256 toAmount
    );
    event LiFiTransferStarted(LiFiTypes.BridgeData bridgeData);

    error InvalidReceiver();
    error InvalidAmount();
    error InformationMismatch();
    error ContractCallNotAllowed();
    error CumulativeSlippageTooHigh(uint256 minAmount, uint256 receivedAmount);
    error TransferFailed();

    bytes4 private constant DEPOSIT = 0xad5425c6;
    mapping(address => bool) public isContractAllowed;
    address public immutable owner;
    address public immutable SPOKEPOOL;

    constructor(address spokePool) {
        owner = msg.sender;
        SPOKEPOOL = spokePool;
    }

    function allow(address exchange) external {
        require(msg.sender == owner, "not the owner");
        isContractAllowed[exchange] = true;
    }

    function swapTokensSingleV3ERC20ToERC20(
        bytes32 transactionId,
        string calldata integrator,
        string calldata referrer,
        address payable receiver,
        uint256 minAmountOut,
        LiFiTypes.SwapData calldata swap
    ) external {
        if (receiver == address(0)) revert InvalidReceiver();
        _deposit(swap.sendingAssetId, swap.fromAmount);
        uint256 received = _swap(swap);
        if (received < minAmountOut) revert CumulativeSlippageTooHigh(minAmountOut, received);
        _call(swap.receivingAssetId, abi.encodeWithSignature("transfer(address,uint256)", receiver, received));
        emit LiFiGenericSwapCompleted(
            transactionId,
            integrator,
            referrer,
            receiver,
            swap.sendingAssetId,
            swap.receivingAssetId,
            swap.fromAmount,
            received
        );
    }

    function startBridgeTokensViaAcrossV4(
        LiFiTypes.BridgeData memory bridgeData,
        LiFiTypes.AcrossV4Data memory acrossData
    ) external {
        _validate(bridgeData, false);
        _deposit(bridgeData.sendingAssetId, bridgeData.minAmount);
        _startBridge(bridgeData, acrossData);
    }

    function swapAndStartBridgeTokensViaAcrossV4(
        LiFiTypes.BridgeData memory bridgeData,
        LiFiTypes.SwapData[] calldata swaps,
        LiFiTypes.AcrossV4Data memory acrossData
    ) external {
        _validate(bridgeData, true);
        address last = swaps[swaps.length - 1].receivingAssetId;
        uint256 before = IERC20(last).balanceOf(address(this));
        for (uint256 index = 0; index < swaps.length; index++) {
            if (swaps[index].requiresDeposit) _deposit(swaps[index].sendingAssetId, swaps[index].fromAmount);
            _swap(swaps[index]);
        }
        uint256 left = IERC20(last).balanceOf(address(this)) - before;
        if (left < bridgeData.minAmount) revert CumulativeSlippageTooHigh(bridgeData.minAmount, left);
        bridgeData.minAmount = left;
        acrossData.outputAmount = (left * acrossData.outputAmountMultiplier) / 1e18;
        _startBridge(bridgeData, acrossData);
    }

    function _validate(LiFiTypes.BridgeData memory bridgeData, bool withSwaps) private pure {
        if (bridgeData.receiver == address(0)) revert InvalidReceiver();
        if (bridgeData.minAmount == 0) revert InvalidAmount();
        if (bridgeData.hasSourceSwaps != withSwaps) revert InformationMismatch();
    }

    function _startBridge(
        LiFiTypes.BridgeData memory bridgeData,
        LiFiTypes.AcrossV4Data memory acrossData
    ) private {
        if ((acrossData.message.length > 0) != bridgeData.hasDestinationCall) revert InformationMismatch();
        bytes32 receiver = bytes32(uint256(uint160(bridgeData.receiver)));
        if (!bridgeData.hasDestinationCall && receiver != acrossData.receiverAddress) revert InvalidReceiver();
        _approve(bridgeData.sendingAssetId, SPOKEPOOL, bridgeData.minAmount);
        LiFiTypes.Deposit memory made = LiFiTypes.Deposit({
            depositor: acrossData.refundAddress,
            recipient: acrossData.receiverAddress,
            inputToken: acrossData.sendingAssetId,
            outputToken: acrossData.receivingAssetId,
            inputAmount: bridgeData.minAmount,
            outputAmount: acrossData.outputAmount,
            destinationChainId: bridgeData.destinationChainId,
            exclusiveRelayer: acrossData.exclusiveRelayer,
            quoteTimestamp: acrossData.quoteTimestamp,
            fillDeadline: acrossData.fillDeadline,
            exclusivityParameter: acrossData.exclusivityDeadline,
            message: acrossData.message
        });
        (bool ok, bytes memory reason) = SPOKEPOOL.call(
            bytes.concat(DEPOSIT, LiFiTypes.withoutOffset(abi.encode(made)))
        );
        if (!ok) _revert(reason);
        emit LiFiTransferStarted(bridgeData);
    }

    function _deposit(address token, uint256 amount) private {
        _call(
            token,
            abi.encodeWithSignature("transferFrom(address,address,uint256)", msg.sender, address(this), amount)
        );
    }

    function _swap(LiFiTypes.SwapData calldata swap) private returns (uint256) {
        if (!isContractAllowed[swap.callTo] || !isContractAllowed[swap.approveTo]) revert ContractCallNotAllowed();
        _approve(swap.sendingAssetId, swap.approveTo, swap.fromAmount);
        uint256 before = IERC20(swap.receivingAssetId).balanceOf(address(this));
        (bool ok, bytes memory reason) = swap.callTo.call(swap.callData);
        if (!ok) _revert(reason);
        uint256 afterwards = IERC20(swap.receivingAssetId).balanceOf(address(this));
        return afterwards > before ? afterwards - before : 0;
    }

    /// As LibAsset.maxApproveERC20: without limit, and only where too little is left.
    function _approve(address token, address spender, uint256 amount) private {
        if (IERC20(token).allowance(address(this), spender) >= amount) return;
        _call(token, abi.encodeWithSignature("approve(address,uint256)", spender, 0));
        _call(token, abi.encodeWithSignature("approve(address,uint256)", spender, type(uint256).max));
    }

    function _call(address token, bytes memory data) private {
        (bool ok, bytes memory answer) = token.call(data);
        if (!ok || (answer.length != 0 && !abi.decode(answer, (bool)))) revert TransferFailed();
    }

    function _revert(bytes memory reason) private pure {
        assembly {
            revert(add(reason, 32), mload(reason))
        }
    }
}
