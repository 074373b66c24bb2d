// SPDX-License-Identifier: MIT
pragma solidity 0.8.28;

import {PancakeV3Pool} from "./PancakeV3Pool.sol";

/// @notice ABI of PancakeV3PoolDeployer. The pools' code is not the real one, so their addresses are not either.
contract PancakeV3PoolDeployer {
    struct Parameters {
        address factory;
        address token0;
        address token1;
        uint24 fee;
        int24 tickSpacing;
    }

    event SetFactoryAddress(address indexed factory);

    Parameters public parameters;
    address public factoryAddress;

    function setFactoryAddress(address factory) external {
        require(factoryAddress == address(0), "already initialized");
        factoryAddress = factory;
        emit SetFactoryAddress(factory);
    }

    function deploy(address factory, address token0, address token1, uint24 fee, int24 tickSpacing)
        external
        returns (address pool)
    {
        require(msg.sender == factoryAddress, "only factory can call deploy");
        parameters = Parameters(factory, token0, token1, fee, tickSpacing);
        pool = address(new PancakeV3Pool{salt: keccak256(abi.encode(token0, token1, fee))}());
        delete parameters;
    }
}
