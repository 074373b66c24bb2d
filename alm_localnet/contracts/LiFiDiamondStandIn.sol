// SPDX-License-Identifier: MIT
pragma solidity 0.8.28;

interface IERC20 {
    function balanceOf(address) external view returns (uint256);
}

/// @notice Stand-in for the Li.Fi diamond: one function and one event with the ABI of its GenericSwapFacetV3
/// (selector 0x4666fc80). Pulls the sold token, calls the exchange, pays the receiver what arrived.
contract LiFiDiamondStandIn {
    struct SwapData {
        address callTo;
        address approveTo;
        address sendingAssetId;
        address receivingAssetId;
        uint256 fromAmount;
        bytes callData;
        bool requiresDeposit;
    }

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

    error InvalidReceiver();
    error ContractCallNotAllowed();
    error CumulativeSlippageTooHigh(uint256 minAmount, uint256 receivedAmount);
    error TransferFailed();

    mapping(address => bool) public isContractAllowed;
    address public immutable owner;

    constructor() {
        owner = msg.sender;
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
        SwapData calldata swap
    ) external {
        if (receiver == address(0)) revert InvalidReceiver();
        if (!isContractAllowed[swap.callTo] || !isContractAllowed[swap.approveTo]) revert ContractCallNotAllowed();
        _call(
            swap.sendingAssetId,
            abi.encodeWithSignature("transferFrom(address,address,uint256)", msg.sender, address(this), swap.fromAmount)
        );
        _call(swap.sendingAssetId, abi.encodeWithSignature("approve(address,uint256)", swap.approveTo, swap.fromAmount));
        uint256 before = IERC20(swap.receivingAssetId).balanceOf(address(this));
        (bool ok, bytes memory reason) = swap.callTo.call(swap.callData);
        if (!ok) {
            assembly {
                revert(add(reason, 32), mload(reason))
            }
        }
        uint256 received = IERC20(swap.receivingAssetId).balanceOf(address(this)) - before;
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

    function _call(address token, bytes memory data) private {
        (bool ok, bytes memory answer) = token.call(data);
        if (!ok || (answer.length != 0 && !abi.decode(answer, (bool)))) revert TransferFailed();
    }
}
