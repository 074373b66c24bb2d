// SPDX-License-Identifier: MIT
pragma solidity 0.8.28;

import {LiFiTypes} from "./LiFiTypes.sol";

/// @notice Stand-in for the source side of Across' SpokePool (across-protocol/contracts, `deposit` with bytes32 addresses,
/// selector 0xad5425c6): takes the tokens, checks the times as the real one does and emits its FundsDeposited. What
/// arrives elsewhere is the localnet's matter; there are no fills, root bundles or speed-ups.
contract AcrossSpokePoolStandIn {
    bytes4 private constant DEPOSIT = 0xad5425c6;
    bytes32 private constant FUNDS_DEPOSITED =
        keccak256(
            "FundsDeposited(bytes32,bytes32,uint256,uint256,uint256,uint256,uint32,uint32,uint32,bytes32,bytes32,bytes32,bytes)"
        );
    uint32 public constant depositQuoteTimeBuffer = 3600;
    uint32 public constant fillDeadlineBuffer = 21600;
    uint32 private constant MAX_EXCLUSIVITY_PERIOD_SECONDS = 31_536_000;

    uint32 public numberOfDeposits;

    error InvalidQuoteTimestamp();
    error InvalidFillDeadline();
    error InvalidExclusiveRelayer();
    error TransferFailed();
    error UnknownSelector();

    /// The one function; see LiFiTypes.Deposit for why it is not declared.
    fallback() external {
        if (msg.sig != DEPOSIT) revert UnknownSelector();
        LiFiTypes.Deposit memory made = abi.decode(bytes.concat(bytes32(uint256(32)), msg.data[4:]), (LiFiTypes.Deposit));
        if (made.quoteTimestamp > block.timestamp || block.timestamp - made.quoteTimestamp > depositQuoteTimeBuffer) {
            revert InvalidQuoteTimestamp();
        }
        if (made.fillDeadline < block.timestamp || made.fillDeadline > block.timestamp + fillDeadlineBuffer) {
            revert InvalidFillDeadline();
        }
        uint32 exclusive = made.exclusivityParameter;
        if (exclusive > 0) {
            if (made.exclusiveRelayer == bytes32(0)) revert InvalidExclusiveRelayer();
            if (exclusive <= MAX_EXCLUSIVITY_PERIOD_SECONDS) exclusive += uint32(block.timestamp);
        }
        _pull(address(uint160(uint256(made.inputToken))), made.inputAmount);
        _emit(made, exclusive);
    }

    function _pull(address token, uint256 amount) private {
        (bool ok, bytes memory answer) = token.call(
            abi.encodeWithSignature("transferFrom(address,address,uint256)", msg.sender, address(this), amount)
        );
        if (!ok || (answer.length != 0 && !abi.decode(answer, (bool)))) revert TransferFailed();
    }

    function _emit(LiFiTypes.Deposit memory made, uint32 exclusivityDeadline) private {
        bytes memory words = LiFiTypes.withoutOffset(
            abi.encode(
                LiFiTypes.Deposited({
                    inputToken: made.inputToken,
                    outputToken: made.outputToken,
                    inputAmount: made.inputAmount,
                    outputAmount: made.outputAmount,
                    quoteTimestamp: made.quoteTimestamp,
                    fillDeadline: made.fillDeadline,
                    exclusivityDeadline: exclusivityDeadline,
                    recipient: made.recipient,
                    exclusiveRelayer: made.exclusiveRelayer,
                    message: made.message
                })
            )
        );
        bytes32 topic = FUNDS_DEPOSITED;
        uint256 chainId = made.destinationChainId;
        uint256 depositId = numberOfDeposits++;
        bytes32 depositor = made.depositor;
        assembly {
            log4(add(words, 32), mload(words), topic, chainId, depositId, depositor)
        }
    }
}
