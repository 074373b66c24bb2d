// SPDX-License-Identifier: MIT
pragma solidity 0.8.28;

interface IEntryPoint {
    function createCustomPool(address deployer, address creator, address tokenA, address tokenB, bytes calldata data)
        external
        returns (address);
    function setTickSpacing(address pool, int24 newTickSpacing) external;
    function setFee(address pool, uint16 newFee) external;
}

/// @notice A deployer of custom Algebra Integral pools: the real ones of a DEX attach a plugin with a dynamic fee, this
/// one attaches none and sets fee and tick spacing by hand. Pools made through it are found by
/// `factory.customPoolByPair(deployer, token0, token1)` only, and `mint` of the position manager must name it.
contract CustomPoolDeployer {
    address public immutable owner;
    IEntryPoint public immutable entryPoint;

    constructor(address entryPoint_) {
        owner = msg.sender;
        entryPoint = IEntryPoint(entryPoint_);
    }

    modifier onlyOwner() {
        require(msg.sender == owner, "Deployer: not the owner");
        _;
    }

    function createPool(address tokenA, address tokenB) external onlyOwner returns (address) {
        return entryPoint.createCustomPool(address(this), msg.sender, tokenA, tokenB, "");
    }

    function setTickSpacing(address pool, int24 newTickSpacing) external onlyOwner {
        entryPoint.setTickSpacing(pool, newTickSpacing);
    }

    function setFee(address pool, uint16 newFee) external onlyOwner {
        entryPoint.setFee(pool, newFee);
    }

    /// No plugin.
    function beforeCreatePoolHook(address, address, address, address, address, bytes calldata)
        external
        pure
        returns (address)
    {
        return address(0);
    }

    function afterCreatePoolHook(address plugin, address pool, address deployer) external {}
}
