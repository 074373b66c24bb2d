// SPDX-License-Identifier: MIT
pragma solidity 0.8.28;

import {PancakeV3LmPool} from "./PancakeV3LmPool.sol";

interface IPoolOfFactory {
    function factory() external view returns (address);
}

interface ILmPoolFactory {
    function setLmPool(address pool, address lmPool) external;
}

/// @notice ABI of PancakeV3LmPoolDeployer: gives a pool its lmPool when the MasterChef adds a farm.
contract PancakeV3LmPoolDeployer {
    struct Parameters {
        address pool;
        address masterChef;
    }

    event NewLMPool(address indexed pool, address indexed LMPool);

    Parameters public parameters;
    address public immutable masterChef;

    constructor(address masterChef_) {
        masterChef = masterChef_;
    }

    function deploy(address pool) external returns (address lmPool) {
        require(msg.sender == masterChef, "Not MC");
        parameters = Parameters(pool, masterChef);
        lmPool = address(new PancakeV3LmPool());
        delete parameters;
        ILmPoolFactory(IPoolOfFactory(pool).factory()).setLmPool(pool, lmPool);
        emit NewLMPool(pool, lmPool);
    }
}
