// SPDX-License-Identifier: MIT
pragma solidity 0.8.28;

import {LBPair} from "./LBPair.sol";
import {LBPairMath} from "./LBPairMath.sol";

/// @notice Stand-in for the LBFactory of Liquidity Book 2.1 and 2.2 (traderjoe-xyz/joe-v2). Every token may be a quote asset,
/// pairs are contracts of their own instead of clones, and there are no roles but the owner.
contract LBFactory {
    error LBFactory__AddressZero();
    error LBFactory__BinStepHasNoPreset(uint256 binStep);
    error LBFactory__IdenticalAddresses(address token);
    error LBFactory__LBPairAlreadyExists(address tokenX, address tokenY, uint256 binStep);
    error LBFactory__PresetIsLockedForUsers(address user, uint256 binStep);

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
    bool private immutable _hasHooks;
    address[] private _pairs;
    mapping(address => mapping(address => mapping(uint256 => LBPairInformation))) private _known;
    mapping(uint256 => uint24[7]) private _presets;
    mapping(uint256 => bool) private _open;

    /// @param hasHooks whether it is 2.2, whose pairs tell their hooks.
    constructor(bool hasHooks) {
        (owner, _hasHooks) = (msg.sender, hasHooks);
    }

    function setPreset(
        uint16 binStep,
        uint16 baseFactor,
        uint16 filterPeriod,
        uint16 decayPeriod,
        uint16 reductionFactor,
        uint24 variableFeeControl,
        uint16 protocolShare,
        uint24 maxVolatilityAccumulator,
        bool isOpen
    ) external {
        require(msg.sender == owner, "LBFactory: not the owner");
        _presets[binStep] = [
            uint24(baseFactor),
            uint24(filterPeriod),
            uint24(decayPeriod),
            uint24(reductionFactor),
            variableFeeControl,
            uint24(protocolShare),
            maxVolatilityAccumulator
        ];
        _open[binStep] = isOpen;
    }

    function createLBPair(address tokenX, address tokenY, uint24 activeId, uint16 binStep)
        external
        returns (address pair)
    {
        uint24[7] memory preset = _presets[binStep];
        if (preset[0] == 0) revert LBFactory__BinStepHasNoPreset(binStep);
        if (!_open[binStep] && msg.sender != owner) revert LBFactory__PresetIsLockedForUsers(msg.sender, binStep);
        if (tokenX == tokenY) revert LBFactory__IdenticalAddresses(tokenX);
        if (tokenX == address(0) || tokenY == address(0)) revert LBFactory__AddressZero();
        LBPairMath.priceOf(activeId, binStep);
        (address a, address b) = tokenX < tokenY ? (tokenX, tokenY) : (tokenY, tokenX);
        if (_known[a][b][binStep].LBPair != address(0)) revert LBFactory__LBPairAlreadyExists(tokenX, tokenY, binStep);
        pair = address(new LBPair(tokenX, tokenY, binStep, activeId, preset, _hasHooks));
        _known[a][b][binStep] = LBPairInformation(binStep, pair, msg.sender == owner, false);
        _pairs.push(pair);
        emit LBPairCreated(tokenX, tokenY, binStep, pair, _pairs.length - 1);
    }

    function getLBPairInformation(address tokenX, address tokenY, uint256 binStep)
        external
        view
        returns (LBPairInformation memory)
    {
        return tokenX < tokenY ? _known[tokenX][tokenY][binStep] : _known[tokenY][tokenX][binStep];
    }

    function getNumberOfLBPairs() external view returns (uint256) {
        return _pairs.length;
    }

    function getLBPairAtIndex(uint256 index) external view returns (address) {
        return _pairs[index];
    }
}
