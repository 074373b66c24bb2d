// SPDX-License-Identifier: MIT
pragma solidity 0.8.28;

import {CamelotPool} from "./CamelotPool.sol";

/// @notice ABI of AlgebraPoolDeployer, for pools of Camelot; their code is not the real one, so neither are their
/// addresses. The factory over it is Algebra's.
contract CamelotPoolDeployer {
    event Factory(address indexed factory);

    struct Parameters {
        address dataStorage;
        address factory;
        address token0;
        address token1;
    }

    Parameters public parameters;
    address private _factory;
    address private immutable _owner;

    constructor() {
        _owner = msg.sender;
    }

    function setFactory(address factory) external {
        require(msg.sender == _owner);
        require(factory != address(0) && _factory == address(0));
        _factory = factory;
        emit Factory(factory);
    }

    function deploy(address dataStorage, address factory, address token0, address token1)
        external
        returns (address pool)
    {
        require(msg.sender == _factory);
        parameters = Parameters(dataStorage, factory, token0, token1);
        pool = address(new CamelotPool{salt: keccak256(abi.encode(token0, token1))}());
    }
}
