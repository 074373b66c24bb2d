// SPDX-License-Identifier: MIT
pragma solidity 0.8.28;

interface IFactoryOfModule {
    function swapFeeManager() external view returns (address);
    function tickSpacingToFee(int24 tickSpacing) external view returns (uint24);
}

interface IPoolOfModule {
    function tickSpacing() external view returns (int24);
}

/// @notice ABI of Aerodrome's CustomSwapFeeModule: the manager of the factory gives a pool another fee.
contract SlipstreamFeeModule {
    event SetCustomFee(address indexed pool, uint24 indexed fee);

    /// @dev Stands for no fee at all, because 0 stands for the usual one.
    uint256 public constant ZERO_FEE_INDICATOR = 420;
    uint256 public constant MAX_FEE = 30_000;

    address public immutable factory;
    mapping(address => uint24) public customFee;

    constructor(address factory_) {
        factory = factory_;
    }

    function setCustomFee(address pool, uint24 fee) external {
        require(msg.sender == IFactoryOfModule(factory).swapFeeManager(), "NM");
        require(fee <= MAX_FEE || fee == ZERO_FEE_INDICATOR, "ME");
        customFee[pool] = fee;
        emit SetCustomFee(pool, fee);
    }

    function getFee(address pool) external view returns (uint24) {
        uint24 fee = customFee[pool];
        if (fee == ZERO_FEE_INDICATOR) return 0;
        return fee != 0 ? fee : IFactoryOfModule(factory).tickSpacingToFee(IPoolOfModule(pool).tickSpacing());
    }
}
