// SPDX-License-Identifier: MIT
pragma solidity 0.8.28;

import {LBPairMath} from "./LBPairMath.sol";

/// @notice The arithmetic of LBPairMath behind an ABI, so that tests can ask it one question at a time.
contract LBPairProbe {
    function price(uint24 id, uint256 binStep) external pure returns (uint256) {
        return LBPairMath.priceOf(id, binStep);
    }

    function id(uint256 price_, uint256 binStep) external pure returns (uint24) {
        return LBPairMath.idOf(price_, binStep);
    }

    function shares(bytes32 reserves, bytes32 amounts, uint256 price_, uint256 supply)
        external
        pure
        returns (uint256, bytes32)
    {
        return LBPairMath.sharesFor(reserves, amounts, price_, supply);
    }

    function compositionFees(bytes32 reserves, bytes32 amounts, uint256 supply, uint256 minted, uint256 fee)
        external
        pure
        returns (bytes32)
    {
        return LBPairMath.compositionFees(reserves, amounts, supply, minted, fee);
    }

    function amounts(bytes32 reserves, uint256 minted, uint256 supply) external pure returns (bytes32) {
        return LBPairMath.amountsFor(reserves, minted, supply);
    }
}
