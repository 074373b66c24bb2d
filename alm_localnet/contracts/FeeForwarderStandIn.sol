// SPDX-License-Identifier: MIT
pragma solidity 0.8.28;

/// @notice Stand-in for Li.Fi's FeeForwarder: one function with its ABI, by which the diamond pays the service's fee out
/// of what was sent. It passes tokens on from the caller to the recipients and keeps nothing.
contract FeeForwarderStandIn {
    struct FeeDistribution {
        address recipient;
        uint256 amount;
    }

    error TransferFailed();

    function forwardERC20Fees(address token, FeeDistribution[] calldata distributions) external {
        for (uint256 index = 0; index < distributions.length; index++) {
            (bool ok, bytes memory answer) = token.call(
                abi.encodeWithSignature(
                    "transferFrom(address,address,uint256)",
                    msg.sender,
                    distributions[index].recipient,
                    distributions[index].amount
                )
            );
            if (!ok || (answer.length != 0 && !abi.decode(answer, (bool)))) revert TransferFailed();
        }
    }
}
