// SPDX-License-Identifier: MIT
pragma solidity 0.8.28;

interface IDeployer {
    function deploy(address factory, address token0, address token1, uint24 fee, int24 tickSpacing)
        external
        returns (address);
}

interface IGovernedPool {
    function setFeeProtocol(uint32 feeProtocol0, uint32 feeProtocol1) external;
    function collectProtocol(address recipient, uint128 amount0Requested, uint128 amount1Requested)
        external
        returns (uint128, uint128);
    function setLmPool(address lmPool) external;
}

/// @notice ABI of PancakeV3Factory, without the white lists of its fee tiers.
contract PancakeV3Factory {
    event OwnerChanged(address indexed oldOwner, address indexed newOwner);
    event FeeAmountEnabled(uint24 indexed fee, int24 indexed tickSpacing);
    event PoolCreated(
        address indexed token0, address indexed token1, uint24 indexed fee, int24 tickSpacing, address pool
    );
    event SetLmPoolDeployer(address indexed lmPoolDeployer);

    address public immutable poolDeployer;
    address public owner;
    address public lmPoolDeployer;
    mapping(uint24 => int24) public feeAmountTickSpacing;
    mapping(address => mapping(address => mapping(uint24 => address))) public getPool;

    constructor(address poolDeployer_) {
        poolDeployer = poolDeployer_;
        owner = msg.sender;
        emit OwnerChanged(address(0), msg.sender);
        _enable(100, 1);
        _enable(500, 10);
        _enable(2500, 50);
        _enable(10000, 200);
    }

    modifier onlyOwner() {
        require(msg.sender == owner, "Not owner");
        _;
    }

    function createPool(address tokenA, address tokenB, uint24 fee) external returns (address pool) {
        require(tokenA != tokenB);
        (address token0, address token1) = tokenA < tokenB ? (tokenA, tokenB) : (tokenB, tokenA);
        require(token0 != address(0));
        int24 spacing = feeAmountTickSpacing[fee];
        require(spacing != 0, "fee is not available yet");
        require(getPool[token0][token1][fee] == address(0));
        pool = IDeployer(poolDeployer).deploy(address(this), token0, token1, fee, spacing);
        getPool[token0][token1][fee] = pool;
        getPool[token1][token0][fee] = pool;
        emit PoolCreated(token0, token1, fee, spacing, pool);
    }

    function feeAmountTickSpacingExtraInfo(uint24 fee)
        external
        view
        returns (bool whitelistRequested, bool enabled)
    {
        return (false, feeAmountTickSpacing[fee] != 0);
    }

    function setOwner(address newOwner) external onlyOwner {
        emit OwnerChanged(owner, newOwner);
        owner = newOwner;
    }

    function enableFeeAmount(uint24 fee, int24 tickSpacing) external onlyOwner {
        require(fee < 1000000);
        require(tickSpacing > 0 && tickSpacing < 16384);
        require(feeAmountTickSpacing[fee] == 0);
        _enable(fee, tickSpacing);
    }

    function setLmPoolDeployer(address lmPoolDeployer_) external onlyOwner {
        lmPoolDeployer = lmPoolDeployer_;
        emit SetLmPoolDeployer(lmPoolDeployer_);
    }

    function setFeeProtocol(address pool, uint32 feeProtocol0, uint32 feeProtocol1) external onlyOwner {
        IGovernedPool(pool).setFeeProtocol(feeProtocol0, feeProtocol1);
    }

    function collectProtocol(address pool, address recipient, uint128 amount0Requested, uint128 amount1Requested)
        external
        onlyOwner
        returns (uint128, uint128)
    {
        return IGovernedPool(pool).collectProtocol(recipient, amount0Requested, amount1Requested);
    }

    function setLmPool(address pool, address lmPool) external {
        require(msg.sender == owner || msg.sender == lmPoolDeployer, "Not owner or LM pool deployer");
        IGovernedPool(pool).setLmPool(lmPool);
    }

    function _enable(uint24 fee, int24 tickSpacing) private {
        feeAmountTickSpacing[fee] = tickSpacing;
        emit FeeAmountEnabled(fee, tickSpacing);
    }
}
