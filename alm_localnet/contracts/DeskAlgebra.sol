// SPDX-License-Identifier: MIT
pragma solidity 0.8.28;

import {DeskV3} from "./DeskV3.sol";

interface IAlgebraTraded {
    function mint(address payer, address owner, int24 lower, int24 upper, uint128 liquidity, bytes calldata data)
        external
        returns (uint256, uint256, uint128);
}

/// @notice The desk for Algebra pools: the price is in `globalState()`, and `mint` also takes who gets leftovers.
contract DeskAlgebra is DeskV3 {
    function algebraSwapCallback(int256 amount0, int256 amount1, bytes calldata data) external {
        _paySwap(amount0, amount1, data);
    }

    function algebraMintCallback(uint256 amount0, uint256 amount1, bytes calldata data) external {
        _payMint(amount0, amount1, data);
    }

    function _mint(address pool, int24 lower, int24 upper, uint128 liquidity) internal override {
        IAlgebraTraded(pool).mint(address(this), address(this), lower, upper, liquidity, _tokens(pool));
    }

    function _price(address pool) internal view override returns (uint160) {
        return _firstWord(pool, "globalState()");
    }
}
