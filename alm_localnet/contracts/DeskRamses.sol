// SPDX-License-Identifier: MIT
pragma solidity 0.8.28;

import {DeskV3} from "./DeskV3.sol";

interface IRamsesTraded {
    function mint(address owner, uint256 index, int24 lower, int24 upper, uint128 liquidity, bytes calldata data)
        external
        returns (uint256, uint256);
}

/// @notice The desk for Ramses V3 pools, whose positions carry an index beside owner and range.
contract DeskRamses is DeskV3 {
    function _mint(address pool, int24 lower, int24 upper, uint128 liquidity) internal override {
        IRamsesTraded(pool).mint(address(this), 0, lower, upper, liquidity, _tokens(pool));
    }
}
