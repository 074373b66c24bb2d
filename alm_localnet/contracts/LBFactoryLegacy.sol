// SPDX-License-Identifier: MIT
pragma solidity 0.8.28;

import {LBPairLegacy} from "./LBPairLegacy.sol";

/// @notice Stand-in for the LBFactory of Liquidity Book 2.0 (traderjoe-xyz/joe-v2, ILBLegacyFactory). Every token may be a
/// quote asset; there is no owner but the deployer.
contract LBFactoryLegacy {
    error LBFactory__BinStepHasNoPreset(uint256 binStep);
    error LBFactory__IdenticalAddresses(address token);
    error LBFactory__LBPairAlreadyExists(address tokenX, address tokenY, uint256 binStep);
    error LBFactory__FunctionIsLockedForUsers(address user);

    event LBPairCreated(
        address indexed tokenX, address indexed tokenY, uint256 indexed binStep, address LBPair, uint256 pid
    );

    struct LBPairInformation {
        uint16 binStep;
        address LBPair;
        bool createdByOwner;
        bool ignoredForRouting;
    }

    address public immutable owner;
    address[] public allLBPairs;
    mapping(address => mapping(address => mapping(uint256 => LBPairInformation))) private _known;
    mapping(uint256 => uint24[7]) private _presets;

    constructor() {
        owner = msg.sender;
    }

    function setPreset(
        uint16 binStep,
        uint16 baseFactor,
        uint16 filterPeriod,
        uint16 decayPeriod,
        uint16 reductionFactor,
        uint24 variableFeeControl,
        uint16 protocolShare,
        uint24 maxVolatilityAccumulated,
        uint16
    ) external {
        require(msg.sender == owner, "LBFactory: not the owner");
        _presets[binStep] = [
            uint24(baseFactor),
            uint24(filterPeriod),
            uint24(decayPeriod),
            uint24(reductionFactor),
            variableFeeControl,
            uint24(protocolShare),
            maxVolatilityAccumulated
        ];
    }

    function createLBPair(address tokenX, address tokenY, uint24 activeId, uint16 binStep)
        external
        returns (address pair)
    {
        if (msg.sender != owner) revert LBFactory__FunctionIsLockedForUsers(msg.sender);
        uint24[7] memory preset = _presets[binStep];
        if (preset[0] == 0) revert LBFactory__BinStepHasNoPreset(binStep);
        if (tokenX == tokenY) revert LBFactory__IdenticalAddresses(tokenX);
        (address a, address b) = tokenX < tokenY ? (tokenX, tokenY) : (tokenY, tokenX);
        if (_known[a][b][binStep].LBPair != address(0)) revert LBFactory__LBPairAlreadyExists(tokenX, tokenY, binStep);
        pair = address(new LBPairLegacy(tokenX, tokenY, binStep, activeId, preset));
        _known[a][b][binStep] = LBPairInformation(binStep, pair, true, false);
        allLBPairs.push(pair);
        emit LBPairCreated(tokenX, tokenY, binStep, pair, allLBPairs.length - 1);
    }

    function getLBPairInformation(address tokenX, address tokenY, uint256 binStep)
        external
        view
        returns (LBPairInformation memory)
    {
        return tokenX < tokenY ? _known[tokenX][tokenY][binStep] : _known[tokenY][tokenX][binStep];
    }

    function getNumberOfLBPairs() external view returns (uint256) {
        return allLBPairs.length;
    }
}
