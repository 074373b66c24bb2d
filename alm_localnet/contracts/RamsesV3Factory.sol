// SPDX-License-Identifier: MIT
pragma solidity 0.8.28;

interface IRamsesPoolDeployer {
    function deploy(address token0, address token1, int24 tickSpacing) external returns (address);
}

interface IRamsesGovernedPool {
    function initialize(uint160 sqrtPriceX96) external;
    function setFee(uint24 fee) external;
    function setFeeProtocol() external;
}

/// @notice ABI of RamsesV3Factory: pools by tick spacing, governed by the access hub.
contract RamsesV3Factory {
    event PoolCreated(
        address indexed token0, address indexed token1, uint24 indexed fee, int24 tickSpacing, address pool
    );
    event TickSpacingEnabled(int24 indexed tickSpacing, uint24 indexed fee);
    event SetFeeProtocol(uint24 feeProtocolOld, uint24 feeProtocolNew);
    event SetPoolFeeProtocol(address pool, uint24 feeProtocolOld, uint24 feeProtocolNew);
    event FeeCollectorChanged(address indexed oldFeeCollector, address indexed newFeeCollector);
    event FeeAdjustment(address indexed pool, uint24 indexed newFee);

    error NOT_ACCESSHUB();
    error IDENTICAL_TOKENS();
    error ADDRESS_ZERO();
    error PAIR_EXISTS();
    error FEE_TOO_LARGE();
    error F0();

    struct Parameters {
        address factory;
        address token0;
        address token1;
        uint24 fee;
        int24 tickSpacing;
    }

    uint24 public constant DEFAULT_FEE_FLAG = type(uint24).max;

    address public ramsesV3PoolDeployer;
    uint24 public feeProtocol = 50_000;
    address public feeCollector;
    address public accessHub;
    Parameters public parameters;
    mapping(int24 => uint24) public tickSpacingInitialFee;
    mapping(address => mapping(address => mapping(int24 => address))) public getPool;
    mapping(address => bool) public isPairV3;
    mapping(address => uint24) private _poolFeeProtocol;

    constructor(address accessHub_) {
        accessHub = accessHub_;
        ramsesV3PoolDeployer = msg.sender;
        _enable(1, 100);
        _enable(5, 250);
        _enable(10, 500);
        _enable(50, 3000);
        _enable(100, 10000);
        _enable(200, 20000);
    }

    modifier onlyGovernance() {
        if (msg.sender != accessHub) revert NOT_ACCESSHUB();
        _;
    }

    function initialize(address deployer) external {
        require(ramsesV3PoolDeployer == msg.sender);
        ramsesV3PoolDeployer = deployer;
    }

    function createPool(address tokenA, address tokenB, int24 tickSpacing, uint160 sqrtPriceX96)
        external
        returns (address pool)
    {
        if (tokenA == tokenB) revert IDENTICAL_TOKENS();
        (address token0, address token1) = tokenA < tokenB ? (tokenA, tokenB) : (tokenB, tokenA);
        if (token0 == address(0)) revert ADDRESS_ZERO();
        uint24 fee = tickSpacingInitialFee[tickSpacing];
        if (fee == 0) revert F0();
        if (getPool[token0][token1][tickSpacing] != address(0)) revert PAIR_EXISTS();
        parameters = Parameters(address(this), token0, token1, fee, tickSpacing);
        pool = IRamsesPoolDeployer(ramsesV3PoolDeployer).deploy(token0, token1, tickSpacing);
        delete parameters;
        getPool[token0][token1][tickSpacing] = pool;
        getPool[token1][token0][tickSpacing] = pool;
        isPairV3[pool] = true;
        _poolFeeProtocol[pool] = DEFAULT_FEE_FLAG;
        emit PoolCreated(token0, token1, fee, tickSpacing, pool);
        if (sqrtPriceX96 > 0) IRamsesGovernedPool(pool).initialize(sqrtPriceX96);
    }

    function poolFeeProtocol(address pool) public view returns (uint24) {
        uint24 own = _poolFeeProtocol[pool];
        return own == DEFAULT_FEE_FLAG ? feeProtocol : own;
    }

    function enableTickSpacing(int24 tickSpacing, uint24 initialFee) external onlyGovernance {
        if (initialFee >= 1_000_000) revert FEE_TOO_LARGE();
        require(tickSpacing > 0 && tickSpacing < 16384, "TS");
        require(tickSpacingInitialFee[tickSpacing] == 0, "TS!0");
        _enable(tickSpacing, initialFee);
    }

    function setFeeProtocol(uint24 next) external onlyGovernance {
        if (next > 1_000_000) revert FEE_TOO_LARGE();
        emit SetFeeProtocol(feeProtocol, next);
        feeProtocol = next;
    }

    function setPoolFeeProtocol(address pool, uint24 next) external onlyGovernance {
        if (next > 1_000_000 && next != DEFAULT_FEE_FLAG) revert FEE_TOO_LARGE();
        uint24 old = poolFeeProtocol(pool);
        _poolFeeProtocol[pool] = next;
        emit SetPoolFeeProtocol(pool, old, poolFeeProtocol(pool));
        IRamsesGovernedPool(pool).setFeeProtocol();
    }

    function setFeeCollector(address next) external onlyGovernance {
        emit FeeCollectorChanged(feeCollector, next);
        feeCollector = next;
    }

    function setFee(address pool, uint24 fee) external onlyGovernance {
        IRamsesGovernedPool(pool).setFee(fee);
        emit FeeAdjustment(pool, fee);
    }

    function _enable(int24 tickSpacing, uint24 fee) private {
        tickSpacingInitialFee[tickSpacing] = fee;
        emit TickSpacingEnabled(tickSpacing, fee);
    }
}
