// SPDX-License-Identifier: MIT
pragma solidity 0.8.28;

/// @notice Structs of the calldata and events of Li.Fi's diamond and of the Across V4 spoke pool, field for field.
library LiFiTypes {
    /// LibSwap.SwapData
    struct SwapData {
        address callTo;
        address approveTo;
        address sendingAssetId;
        address receivingAssetId;
        uint256 fromAmount;
        bytes callData;
        bool requiresDeposit;
    }

    /// ILiFi.BridgeData
    struct BridgeData {
        bytes32 transactionId;
        string bridge;
        string integrator;
        address referrer;
        address sendingAssetId;
        address receiver;
        uint256 minAmount;
        uint256 destinationChainId;
        bool hasSourceSwaps;
        bool hasDestinationCall;
    }

    /// AcrossFacetV4.AcrossV4Data
    struct AcrossV4Data {
        bytes32 receiverAddress;
        bytes32 refundAddress;
        bytes32 sendingAssetId;
        bytes32 receivingAssetId;
        uint256 outputAmount;
        uint128 outputAmountMultiplier;
        bytes32 exclusiveRelayer;
        uint32 quoteTimestamp;
        uint32 fillDeadline;
        uint32 exclusivityDeadline;
        bytes message;
    }

    /// Arguments of the spoke pool's deposit. Twelve are too many for the stack: they are handled as one struct, whose
    /// encoding is that of the arguments behind a leading offset.
    struct Deposit {
        bytes32 depositor;
        bytes32 recipient;
        bytes32 inputToken;
        bytes32 outputToken;
        uint256 inputAmount;
        uint256 outputAmount;
        uint256 destinationChainId;
        bytes32 exclusiveRelayer;
        uint32 quoteTimestamp;
        uint32 fillDeadline;
        uint32 exclusivityParameter;
        bytes message;
    }

    /// Not indexed words of FundsDeposited.
    struct Deposited {
        bytes32 inputToken;
        bytes32 outputToken;
        uint256 inputAmount;
        uint256 outputAmount;
        uint32 quoteTimestamp;
        uint32 fillDeadline;
        uint32 exclusivityDeadline;
        bytes32 recipient;
        bytes32 exclusiveRelayer;
        bytes message;
    }

    /// Encode a struct as arguments: without the offset that stands before a dynamic struct.
    function withoutOffset(bytes memory encoded) internal pure returns (bytes memory arguments) {
        assembly {
            arguments := add(encoded, 32)
            mstore(arguments, sub(mload(encoded), 32))
        }
    }
}
