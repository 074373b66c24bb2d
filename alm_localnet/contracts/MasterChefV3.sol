// SPDX-License-Identifier: MIT
pragma solidity 0.8.28;

interface ICake {
    function balanceOf(address) external view returns (uint256);
    function transfer(address, uint256) external returns (bool);
    function transferFrom(address, address, uint256) external returns (bool);
}

interface IFarmPool {
    function token0() external view returns (address);
    function token1() external view returns (address);
    function fee() external view returns (uint24);
    function lmPool() external view returns (address);
}

interface ILMPool {
    function updatePosition(int24 tickLower, int24 tickUpper, int128 liquidityDelta) external;
    function getRewardGrowthInside(int24 tickLower, int24 tickUpper) external view returns (uint256);
    function accumulateReward(uint32 currTimestamp) external;
}

interface ILMPoolDeployer {
    function deploy(address pool) external returns (address);
}

interface IFarmedPositions {
    struct DecreaseLiquidityParams {
        uint256 tokenId;
        uint128 liquidity;
        uint256 amount0Min;
        uint256 amount1Min;
        uint256 deadline;
    }

    struct CollectParams {
        uint256 tokenId;
        address recipient;
        uint128 amount0Max;
        uint128 amount1Max;
    }

    function positions(uint256)
        external
        view
        returns (
            uint96,
            address,
            address,
            address,
            uint24,
            int24,
            int24,
            uint128,
            uint256,
            uint256,
            uint128,
            uint128
        );
    function decreaseLiquidity(DecreaseLiquidityParams calldata) external returns (uint256, uint256);
    function collect(CollectParams calldata) external returns (uint256, uint256);
    function burn(uint256) external;
    function safeTransferFrom(address from, address to, uint256 tokenId) external;
}

/// @notice Stand-in for PancakeSwap's MasterChefV3 (pancake-v3-contracts, masterchef-v3): ABI, rights, errors, events and
/// arithmetic of staking, harvesting, withdrawing, decreasing, collecting and burning. Left out: boosts (the factor is
/// one), increaseLiquidity, native coin, sweeping, multicall; periods are paid in by the owner, not by a receiver.
contract MasterChefV3 {
    struct PoolInfo {
        uint256 allocPoint;
        address v3Pool;
        address token0;
        address token1;
        uint24 fee;
        uint256 totalLiquidity;
        uint256 totalBoostLiquidity;
    }

    struct UserPositionInfo {
        uint128 liquidity;
        uint128 boostLiquidity;
        int24 tickLower;
        int24 tickUpper;
        uint256 rewardGrowthInside;
        uint256 reward;
        address user;
        uint256 pid;
        uint256 boostMultiplier;
    }

    error DuplicatedPool(uint256 pid);
    error InvalidNFT();
    error NoLMPool();
    error NoLiquidity();
    error NotEmpty();
    error NotOwner();
    error NotPancakeNFT();
    error WrongReceiver();

    event AddPool(uint256 indexed pid, uint256 allocPoint, address indexed v3Pool, address indexed lmPool);
    event SetPool(uint256 indexed pid, uint256 allocPoint);
    event Deposit(
        address indexed from,
        uint256 indexed pid,
        uint256 indexed tokenId,
        uint256 liquidity,
        int24 tickLower,
        int24 tickUpper
    );
    event Withdraw(address indexed from, address to, uint256 indexed pid, uint256 indexed tokenId);
    event UpdateLiquidity(
        address indexed from,
        uint256 indexed pid,
        uint256 indexed tokenId,
        int128 liquidity,
        int24 tickLower,
        int24 tickUpper
    );
    event Harvest(address indexed sender, address to, uint256 indexed pid, uint256 indexed tokenId, uint256 reward);
    event NewUpkeepPeriod(
        uint256 indexed periodNumber, uint256 startTime, uint256 endTime, uint256 cakePerSecond, uint256 cakeAmount
    );
    event SetEmergency(bool emergency);

    uint256 public constant PRECISION = 1e12;
    uint256 public constant BOOST_PRECISION = 100 * 1e10;
    uint256 private constant Q128 = 1 << 128;

    address public immutable CAKE;
    address public immutable nonfungiblePositionManager;
    address public immutable owner;
    address public LMPoolDeployer;
    bool public emergency;
    uint256 public poolLength;
    uint256 public totalAllocPoint;
    uint256 public latestPeriodNumber;
    uint256 public latestPeriodStartTime;
    uint256 public latestPeriodEndTime;
    uint256 public latestPeriodCakePerSecond;
    mapping(uint256 => PoolInfo) public poolInfo;
    mapping(uint256 => UserPositionInfo) public userPositionInfos;
    mapping(address => uint256) public v3PoolAddressPid;
    mapping(address => mapping(address => mapping(uint24 => uint256))) private pidOf;
    mapping(address => uint256[]) private staked;
    mapping(uint256 => uint256) private placeOf;
    bool private entered;

    constructor(address cake, address positionManager) {
        (CAKE, nonfungiblePositionManager, owner) = (cake, positionManager, msg.sender);
    }

    modifier onlyOwner() {
        require(msg.sender == owner, "Ownable: caller is not the owner");
        _;
    }

    modifier nonReentrant() {
        require(!entered, "ReentrancyGuard: reentrant call");
        entered = true;
        _;
        entered = false;
    }

    // What governance does.

    function setLMPoolDeployer(address deployer) external onlyOwner {
        LMPoolDeployer = deployer;
    }

    function setEmergency(bool emergency_) external onlyOwner {
        emergency = emergency_;
        emit SetEmergency(emergency_);
    }

    function add(uint256 allocPoint, address v3Pool, bool) external onlyOwner {
        address lmPool = ILMPoolDeployer(LMPoolDeployer).deploy(v3Pool);
        totalAllocPoint += allocPoint;
        IFarmPool pool = IFarmPool(v3Pool);
        (address token0, address token1, uint24 fee) = (pool.token0(), pool.token1(), pool.fee());
        if (pidOf[token0][token1][fee] != 0) revert DuplicatedPool(pidOf[token0][token1][fee]);
        uint256 pid = ++poolLength;
        poolInfo[pid] = PoolInfo(allocPoint, v3Pool, token0, token1, fee, 0, 0);
        pidOf[token0][token1][fee] = pid;
        v3PoolAddressPid[v3Pool] = pid;
        emit AddPool(pid, allocPoint, v3Pool, lmPool);
    }

    function set(uint256 pid, uint256 allocPoint, bool) external onlyOwner {
        _accumulate(pid);
        totalAllocPoint = totalAllocPoint - poolInfo[pid].allocPoint + allocPoint;
        poolInfo[pid].allocPoint = allocPoint;
        emit SetPool(pid, allocPoint);
    }

    function upkeep(uint256 amount, uint256 duration, bool) external onlyOwner {
        require(ICake(CAKE).transferFrom(msg.sender, address(this), amount));
        for (uint256 pid = 1; pid <= poolLength; ++pid) {
            if (poolInfo[pid].allocPoint != 0) _accumulate(pid);
        }
        uint256 cake = amount;
        if (latestPeriodEndTime > block.timestamp) {
            cake += (latestPeriodEndTime - block.timestamp) * latestPeriodCakePerSecond / PRECISION;
        }
        ++latestPeriodNumber;
        latestPeriodStartTime = block.timestamp + 1;
        latestPeriodEndTime = block.timestamp + duration;
        latestPeriodCakePerSecond = cake * PRECISION / duration;
        emit NewUpkeepPeriod(
            latestPeriodNumber, latestPeriodStartTime, latestPeriodEndTime, latestPeriodCakePerSecond, cake
        );
    }

    // Views.

    function getLatestPeriodInfoByPid(uint256 pid) public view returns (uint256 cakePerSecond, uint256 endTime) {
        if (totalAllocPoint > 0) {
            cakePerSecond = latestPeriodCakePerSecond * poolInfo[pid].allocPoint / totalAllocPoint;
        }
        endTime = latestPeriodEndTime;
    }

    function getLatestPeriodInfo(address v3Pool) external view returns (uint256, uint256) {
        return getLatestPeriodInfoByPid(v3PoolAddressPid[v3Pool]);
    }

    /// As of the pool's last trade or stake, as in the real one.
    function pendingCake(uint256 tokenId) external view returns (uint256) {
        UserPositionInfo memory info = userPositionInfos[tokenId];
        if (info.pid == 0) return 0;
        address lmPool = IFarmPool(poolInfo[info.pid].v3Pool).lmPool();
        return info.reward + (lmPool == address(0) ? 0 : _accrued(info, _inside(lmPool, info)));
    }

    function balanceOf(address user) external view returns (uint256) {
        require(user != address(0), "Enumerable: address zero is not a valid owner");
        return staked[user].length;
    }

    function tokenOfOwnerByIndex(address user, uint256 index) external view returns (uint256) {
        require(index < staked[user].length, "Enumerable: owner index out of bounds");
        return staked[user][index];
    }

    // What users do.

    function onERC721Received(address, address from, uint256 tokenId, bytes calldata)
        external
        nonReentrant
        returns (bytes4)
    {
        if (msg.sender != nonfungiblePositionManager) revert NotPancakeNFT();
        (,, address token0, address token1, uint24 fee, int24 lower, int24 upper, uint128 liquidity,,,,) =
            IFarmedPositions(nonfungiblePositionManager).positions(tokenId);
        if (liquidity == 0) revert NoLiquidity();
        uint256 pid = pidOf[token0][token1][fee];
        if (pid == 0) revert InvalidNFT();
        address lmPool = IFarmPool(poolInfo[pid].v3Pool).lmPool();
        if (lmPool == address(0)) revert NoLMPool();
        UserPositionInfo storage info = userPositionInfos[tokenId];
        (info.tickLower, info.tickUpper, info.user, info.pid) = (lower, upper, from, pid);
        ILMPool(lmPool).accumulateReward(uint32(block.timestamp));
        _updateLiquidity(info, tokenId);
        info.rewardGrowthInside = _inside(lmPool, info);
        placeOf[tokenId] = staked[from].length;
        staked[from].push(tokenId);
        emit Deposit(from, pid, tokenId, liquidity, lower, upper);
        return this.onERC721Received.selector;
    }

    function harvest(uint256 tokenId, address to) external nonReentrant returns (uint256) {
        UserPositionInfo storage info = _owned(tokenId);
        if (info.liquidity == 0 && info.reward == 0) revert NoLiquidity();
        return _harvest(info, tokenId, to);
    }

    function withdraw(uint256 tokenId, address to) external nonReentrant returns (uint256 reward) {
        if (to == address(this) || to == address(0)) revert WrongReceiver();
        UserPositionInfo storage info = _owned(tokenId);
        reward = _harvest(info, tokenId, to);
        PoolInfo storage pool = poolInfo[info.pid];
        address lmPool = IFarmPool(pool.v3Pool).lmPool();
        if (lmPool != address(0) && !emergency) {
            int128 delta = -int128(info.boostLiquidity);
            ILMPool(lmPool).updatePosition(info.tickLower, info.tickUpper, delta);
            emit UpdateLiquidity(msg.sender, info.pid, tokenId, delta, info.tickLower, info.tickUpper);
        }
        pool.totalLiquidity -= info.liquidity;
        pool.totalBoostLiquidity -= info.boostLiquidity;
        uint256 pid = info.pid;
        delete userPositionInfos[tokenId];
        _forget(msg.sender, tokenId);
        IFarmedPositions(nonfungiblePositionManager).safeTransferFrom(address(this), to, tokenId);
        emit Withdraw(msg.sender, to, pid, tokenId);
    }

    function decreaseLiquidity(IFarmedPositions.DecreaseLiquidityParams calldata params)
        external
        nonReentrant
        returns (uint256 amount0, uint256 amount1)
    {
        UserPositionInfo storage info = _owned(params.tokenId);
        (amount0, amount1) = IFarmedPositions(nonfungiblePositionManager).decreaseLiquidity(params);
        _harvest(info, params.tokenId, address(0));
        _updateLiquidity(info, params.tokenId);
    }

    function collect(IFarmedPositions.CollectParams calldata params)
        external
        nonReentrant
        returns (uint256, uint256)
    {
        _owned(params.tokenId);
        return IFarmedPositions(nonfungiblePositionManager).collect(params);
    }

    function burn(uint256 tokenId) external nonReentrant {
        UserPositionInfo storage info = _owned(tokenId);
        if (info.reward > 0 || info.liquidity > 0) revert NotEmpty();
        uint256 pid = info.pid;
        delete userPositionInfos[tokenId];
        _forget(msg.sender, tokenId);
        IFarmedPositions(nonfungiblePositionManager).burn(tokenId);
        emit Withdraw(msg.sender, address(0), pid, tokenId);
    }

    // Inside.

    function _owned(uint256 tokenId) private view returns (UserPositionInfo storage info) {
        info = userPositionInfos[tokenId];
        if (info.user != msg.sender) revert NotOwner();
    }

    function _accumulate(uint256 pid) private {
        address lmPool = IFarmPool(poolInfo[pid].v3Pool).lmPool();
        if (lmPool != address(0)) ILMPool(lmPool).accumulateReward(uint32(block.timestamp));
    }

    function _inside(address lmPool, UserPositionInfo memory info) private view returns (uint256) {
        return ILMPool(lmPool).getRewardGrowthInside(info.tickLower, info.tickUpper);
    }

    function _accrued(UserPositionInfo memory info, uint256 inside) private pure returns (uint256) {
        if (inside <= info.rewardGrowthInside) return 0;
        uint256 grown = inside - info.rewardGrowthInside;
        return type(uint256).max / grown > info.boostLiquidity ? grown * info.boostLiquidity / Q128 : 0;
    }

    function _harvest(UserPositionInfo storage info, uint256 tokenId, address to) private returns (uint256 reward) {
        address lmPool = IFarmPool(poolInfo[info.pid].v3Pool).lmPool();
        if (lmPool != address(0) && !emergency) {
            ILMPool(lmPool).accumulateReward(uint32(block.timestamp));
            uint256 inside = _inside(lmPool, info);
            reward = _accrued(info, inside);
            info.rewardGrowthInside = inside;
        }
        reward += info.reward;
        if (reward == 0) return 0;
        if (to == address(0)) {
            info.reward = reward;
            return reward;
        }
        info.reward = 0;
        uint256 balance = ICake(CAKE).balanceOf(address(this));
        require(ICake(CAKE).transfer(to, balance < reward ? balance : reward));
        emit Harvest(msg.sender, to, info.pid, tokenId, reward);
    }

    function _updateLiquidity(UserPositionInfo storage info, uint256 tokenId) private {
        (,,,,,,, uint128 liquidity,,,,) = IFarmedPositions(nonfungiblePositionManager).positions(tokenId);
        PoolInfo storage pool = poolInfo[info.pid];
        pool.totalLiquidity = pool.totalLiquidity - info.liquidity + liquidity;
        info.liquidity = liquidity;
        info.boostMultiplier = BOOST_PRECISION;
        int128 delta = int128(liquidity) - int128(info.boostLiquidity);
        if (delta == 0) return;
        pool.totalBoostLiquidity = pool.totalBoostLiquidity - info.boostLiquidity + liquidity;
        info.boostLiquidity = liquidity;
        address lmPool = IFarmPool(pool.v3Pool).lmPool();
        if (lmPool == address(0)) revert NoLMPool();
        ILMPool(lmPool).updatePosition(info.tickLower, info.tickUpper, delta);
        emit UpdateLiquidity(msg.sender, info.pid, tokenId, delta, info.tickLower, info.tickUpper);
    }

    function _forget(address user, uint256 tokenId) private {
        uint256[] storage ids = staked[user];
        uint256 last = ids[ids.length - 1];
        (ids[placeOf[tokenId]], placeOf[last]) = (last, placeOf[tokenId]);
        ids.pop();
        delete placeOf[tokenId];
    }
}
