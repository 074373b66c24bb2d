// SPDX-License-Identifier: MIT
pragma solidity 0.8.28;

interface INewPool {
    function initialize(address, address, address, int24, address, uint160) external;
    function tickSpacing() external view returns (int24);
    function gauge() external view returns (address);
}

interface IFeeModule {
    function getFee(address pool) external view returns (uint24);
}

interface IVoter {
    function isAlive(address gauge) external view returns (bool);
}

/// @notice ABI of Aerodrome's CLFactory: pools by tick spacing, minimal proxies at the addresses the real one gives
/// them; the fee of a tick spacing unless a module says otherwise; a fee on what unstaked positions earn wherever a
/// gauge lives. Without a voter every gauge is alive. Left out: the registry of factories.
contract SlipstreamFactory {
    event OwnerChanged(address indexed oldOwner, address indexed newOwner);
    event TickSpacingEnabled(int24 indexed tickSpacing, uint24 indexed fee);
    event PoolCreated(address indexed token0, address indexed token1, int24 indexed tickSpacing, address pool);
    event SwapFeeModuleChanged(address indexed oldFeeModule, address indexed newFeeModule);
    event UnstakedFeeModuleChanged(address indexed oldFeeModule, address indexed newFeeModule);

    address public immutable voter;
    address public immutable poolImplementation;
    address public owner;
    address public swapFeeManager;
    address public swapFeeModule;
    address public unstakedFeeManager;
    address public unstakedFeeModule;
    address public gaugeFactory;
    uint24 public defaultUnstakedFee = 100_000;
    mapping(int24 => uint24) public tickSpacingToFee;
    mapping(address => mapping(address => mapping(int24 => address))) public getPool;
    mapping(address => bool) public isPool;
    address[] public allPools;
    int24[] private _tickSpacings;

    constructor(address voter_, address poolImplementation_) {
        (voter, poolImplementation) = (voter_, poolImplementation_);
        (owner, swapFeeManager, unstakedFeeManager) = (msg.sender, msg.sender, msg.sender);
        emit OwnerChanged(address(0), msg.sender);
        _enable(1, 100);
        _enable(50, 500);
        _enable(100, 500);
        _enable(200, 3_000);
        _enable(2_000, 10_000);
    }

    modifier onlyOwner() {
        require(msg.sender == owner);
        _;
    }

    function createPool(address tokenA, address tokenB, int24 tickSpacing, uint160 sqrtPriceX96)
        external
        returns (address pool)
    {
        require(tokenA != tokenB);
        (address token0, address token1) = tokenA < tokenB ? (tokenA, tokenB) : (tokenB, tokenA);
        require(token0 != address(0));
        require(tickSpacingToFee[tickSpacing] != 0);
        require(getPool[token0][token1][tickSpacing] == address(0));
        pool = _proxy(keccak256(abi.encode(token0, token1, tickSpacing)));
        INewPool(pool).initialize(address(this), token0, token1, tickSpacing, address(0), sqrtPriceX96);
        getPool[token0][token1][tickSpacing] = pool;
        getPool[token1][token0][tickSpacing] = pool;
        isPool[pool] = true;
        allPools.push(pool);
        emit PoolCreated(token0, token1, tickSpacing, pool);
    }

    function getSwapFee(address pool) external view returns (uint24) {
        if (swapFeeModule != address(0)) {
            try IFeeModule(swapFeeModule).getFee{gas: 200_000}(pool) returns (uint24 fee) {
                if (fee <= 100_000) return fee;
            } catch {}
        }
        return tickSpacingToFee[INewPool(pool).tickSpacing()];
    }

    function getUnstakedFee(address pool) external view returns (uint24) {
        address gauge = INewPool(pool).gauge();
        if (gauge == address(0) || (voter != address(0) && !IVoter(voter).isAlive(gauge))) return 0;
        if (unstakedFeeModule != address(0)) {
            try IFeeModule(unstakedFeeModule).getFee{gas: 200_000}(pool) returns (uint24 fee) {
                if (fee <= 1_000_000) return fee;
            } catch {}
        }
        return defaultUnstakedFee;
    }

    function setOwner(address newOwner) external onlyOwner {
        require(newOwner != address(0));
        emit OwnerChanged(owner, newOwner);
        owner = newOwner;
    }

    function setGaugeFactory(address gaugeFactory_) external onlyOwner {
        gaugeFactory = gaugeFactory_;
    }

    function setSwapFeeModule(address module) external {
        require(msg.sender == swapFeeManager && module != address(0));
        emit SwapFeeModuleChanged(swapFeeModule, module);
        swapFeeModule = module;
    }

    function setUnstakedFeeModule(address module) external {
        require(msg.sender == unstakedFeeManager && module != address(0));
        emit UnstakedFeeModuleChanged(unstakedFeeModule, module);
        unstakedFeeModule = module;
    }

    function setDefaultUnstakedFee(uint24 fee) external {
        require(msg.sender == unstakedFeeManager && fee <= 500_000);
        defaultUnstakedFee = fee;
    }

    function enableTickSpacing(int24 tickSpacing, uint24 fee) external onlyOwner {
        require(fee <= 100_000);
        require(tickSpacing > 0 && tickSpacing < 16384);
        require(tickSpacingToFee[tickSpacing] == 0);
        _enable(tickSpacing, fee);
    }

    function tickSpacings() external view returns (int24[] memory) {
        return _tickSpacings;
    }

    function allPoolsLength() external view returns (uint256) {
        return allPools.length;
    }

    function isPair(address pool) external view returns (bool) {
        return isPool[pool];
    }

    function _enable(int24 tickSpacing, uint24 fee) private {
        tickSpacingToFee[tickSpacing] = fee;
        _tickSpacings.push(tickSpacing);
        emit TickSpacingEnabled(tickSpacing, fee);
    }

    /// EIP-1167.
    function _proxy(bytes32 salt) private returns (address proxy) {
        bytes memory code = abi.encodePacked(
            hex"3d602d80600a3d3981f3363d3d373d3d3d363d73", poolImplementation, hex"5af43d82803e903d91602b57fd5bf3"
        );
        assembly {
            proxy := create2(0, add(code, 32), mload(code), salt)
        }
        require(proxy != address(0), "ERC1167: create2 failed");
    }
}
