// SPDX-License-Identifier: MIT
pragma solidity 0.8.28;

import {RamsesV3Pool} from "./RamsesV3Pool.sol";

interface IParameters {
    function parameters() external view returns (address, address, address, uint24, int24);
}

/// @notice ABI of RamsesV3PoolDeployer. Pools are made from a constant stub that asks its creator for the real code, so
/// their addresses do not depend on that code: they are those of the real deployment.
contract RamsesV3PoolDeployer {
    address public immutable RamsesV3Factory;
    address public immutable creationCodeLocation;

    constructor(address factory) {
        RamsesV3Factory = factory;
        // PUSH1 11, CODESIZE, SUB, DUP1, PUSH1 11, PUSH0, CODECOPY, PUSH0, RETURN: what follows becomes the code.
        bytes memory code = abi.encodePacked(hex"600b380380600b5f395ff3", type(RamsesV3Pool).creationCode);
        address location;
        assembly {
            location := create(0, add(code, 32), mload(code))
        }
        require(location != address(0));
        creationCodeLocation = location;
    }

    function deploy(address token0, address token1, int24 tickSpacing) external returns (address pool) {
        require(msg.sender == RamsesV3Factory);
        bytes32 salt = keccak256(abi.encode(token0, token1, tickSpacing));
        // Call creationCodeLocation() of the caller, delegate to what it says, return what that leaves.
        bytes memory stub =
            hex"638a3f6b0460e01b60005260006000600460006000335af1600060006000"
            hex"600060003d600060003e6000515af43d600060003e3d6000f3";
        assembly {
            pool := create2(0, add(stub, 32), mload(stub), salt)
        }
        require(pool != address(0));
    }

    function parameters() external view returns (address, address, address, uint24, int24) {
        return IParameters(RamsesV3Factory).parameters();
    }
}
