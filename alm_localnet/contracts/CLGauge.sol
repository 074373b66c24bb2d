// SPDX-License-Identifier: MIT
pragma solidity 0.8.28;

import {PoolMath} from "./PoolMath.sol";

interface IStakedPool {
    function lastUpdated() external view returns (uint32);
    function rewardGrowthGlobalX128() external view returns (uint256);
    function rewardReserve() external view returns (uint256);
    function stakedLiquidity() external view returns (uint128);
    function rollover() external view returns (uint256);
    function getRewardGrowthInside(int24 tickLower, int24 tickUpper, uint256 rewardGrowthGlobalX128)
        external
        view
        returns (uint256);
    function stake(int128 stakedLiquidityDelta, int24 tickLower, int24 tickUpper, bool positionUpdate) external;
    function updateRewardsGrowthGlobal() external;
    function syncReward(uint256 rewardRate, uint256 rewardReserve, uint256 periodFinish) external;
    function collectFees() external returns (uint128, uint128);
}

interface IStakedPositions {
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
            int24,
            int24,
            int24,
            uint128,
            uint256,
            uint256,
            uint128,
            uint128
        );
    function ownerOf(uint256) external view returns (address);
    function collect(CollectParams calldata) external returns (uint256, uint256);
    function safeTransferFrom(address from, address to, uint256 tokenId) external;
}

interface IGaugeVoter {
    function isAlive(address gauge) external view returns (bool);
}

interface IPenalties {
    function penaltyRate() external view returns (uint256);
    function minStakeTimes(address pool) external view returns (uint256);
}

/// @notice Stand-in for CLGauge (aerodrome-finance/slipstream): ABI, rights, revert texts, events and arithmetic of staking,
/// claiming and taking back, weekly periods. Made by an account it is one of the first kind; made by a contract it asks
/// that for the penalty on rewards that are claimed too early, and `earned` tells what would be paid. Simplified: no
/// emission caps, no bribe contracts (the fees of staked liquidity stay here, and so do penalties), no native coin.
contract CLGauge {
    event NotifyReward(address indexed from, uint256 amount);
    event Deposit(address indexed user, uint256 indexed tokenId, uint128 indexed liquidityToStake);
    event Withdraw(address indexed user, uint256 indexed tokenId, uint128 indexed liquidityToStake);
    event ClaimFees(address indexed from, uint256 claimed0, uint256 claimed1);
    event ClaimRewards(address indexed from, uint256 amount);
    event EarlyWithdrawPenalty(address indexed from, uint256 indexed tokenId, uint256 penalty);

    uint256 private constant WEEK = 7 days;

    address public nft;
    address public voter;
    address public pool;
    address public gaugeFactory;
    address public feesVotingReward;
    address public rewardToken;
    uint256 public periodFinish;
    uint256 public rewardRate;
    mapping(uint256 => uint256) public rewardRateByEpoch;
    mapping(uint256 => uint256) public rewardGrowthInside;
    mapping(uint256 => uint256) public rewards;
    mapping(uint256 => uint256) public lastUpdateTime;
    uint256 public fees0;
    uint256 public fees1;
    address public token0;
    address public token1;
    int24 public tickSpacing;
    bool public isPool;
    mapping(address => uint256[]) private stakes;
    mapping(uint256 => uint256) private placeOf;
    mapping(uint256 => address) private stakerOf;
    mapping(uint256 => uint256) private depositedAt;
    bool private entered;

    modifier nonReentrant() {
        require(!entered, "ReentrancyGuard: reentrant call");
        entered = true;
        _;
        entered = false;
    }

    function initialize(
        address pool_,
        address feesVotingReward_,
        address rewardToken_,
        address voter_,
        address nft_,
        address token0_,
        address token1_,
        int24 tickSpacing_,
        bool isPool_
    ) external {
        require(pool == address(0), "AI");
        (gaugeFactory, pool, feesVotingReward) = (msg.sender, pool_, feesVotingReward_);
        (rewardToken, voter, nft, token0, token1) = (rewardToken_, voter_, nft_, token0_, token1_);
        (tickSpacing, isPool) = (tickSpacing_, isPool_);
    }

    // Views.

    function earned(address account, uint256 tokenId) external view returns (uint256) {
        require(stakedContains(account, tokenId), "NA");
        if (!_penalises()) return _earned(tokenId);
        uint256 all = rewards[tokenId] + _earned(tokenId);
        return all - _penalty(all, tokenId);
    }

    function depositTimestamp(uint256 tokenId) external view returns (uint256) {
        require(_penalises());
        return depositedAt[tokenId];
    }

    function stakedValues(address depositor) external view returns (uint256[] memory) {
        return stakes[depositor];
    }

    function stakedByIndex(address depositor, uint256 index) external view returns (uint256) {
        require(index < stakes[depositor].length, "EnumerableSet: index out of bounds");
        return stakes[depositor][index];
    }

    function stakedContains(address depositor, uint256 tokenId) public view returns (bool) {
        return depositor != address(0) && stakerOf[tokenId] == depositor;
    }

    function stakedLength(address depositor) external view returns (uint256) {
        return stakes[depositor].length;
    }

    function left() external view returns (uint256) {
        return block.timestamp >= periodFinish ? 0 : (periodFinish - block.timestamp) * rewardRate;
    }

    // What stakers do.

    function deposit(uint256 tokenId) external nonReentrant {
        require(IStakedPositions(nft).ownerOf(tokenId) == msg.sender, "NA");
        require(IGaugeVoter(voter).isAlive(address(this)), "GK");
        (int24 lower, int24 upper,) = _ours(tokenId);
        _collect(tokenId);
        IStakedPositions(nft).safeTransferFrom(msg.sender, address(this), tokenId);
        placeOf[tokenId] = stakes[msg.sender].length;
        stakes[msg.sender].push(tokenId);
        stakerOf[tokenId] = msg.sender;
        (,, uint128 liquidity) = _ours(tokenId);
        IStakedPool(pool).stake(_signed(liquidity), lower, upper, true);
        rewardGrowthInside[tokenId] = IStakedPool(pool).getRewardGrowthInside(lower, upper, 0);
        lastUpdateTime[tokenId] = block.timestamp;
        depositedAt[tokenId] = block.timestamp;
        emit Deposit(msg.sender, tokenId, liquidity);
    }

    function withdraw(uint256 tokenId) external nonReentrant {
        require(stakedContains(msg.sender, tokenId), "NA");
        _collect(tokenId);
        (int24 lower, int24 upper, uint128 liquidity) = _ours(tokenId);
        _claim(lower, upper, tokenId, msg.sender);
        if (liquidity != 0) IStakedPool(pool).stake(-_signed(liquidity), lower, upper, true);
        uint256[] storage ids = stakes[msg.sender];
        uint256 last = ids[ids.length - 1];
        (ids[placeOf[tokenId]], placeOf[last]) = (last, placeOf[tokenId]);
        ids.pop();
        delete placeOf[tokenId];
        delete stakerOf[tokenId];
        IStakedPositions(nft).safeTransferFrom(address(this), msg.sender, tokenId);
        emit Withdraw(msg.sender, tokenId, liquidity);
    }

    function getReward(uint256 tokenId) external nonReentrant {
        require(stakedContains(msg.sender, tokenId), "NA");
        (int24 lower, int24 upper,) = _ours(tokenId);
        _claim(lower, upper, tokenId, msg.sender);
    }

    function getReward(address account) external nonReentrant {
        require(msg.sender == voter, "NV");
        uint256[] memory ids = stakes[account];
        for (uint256 i = 0; i < ids.length; ++i) {
            (int24 lower, int24 upper,) = _ours(ids[i]);
            _claim(lower, upper, ids[i], account);
        }
    }

    function onERC721Received(address, address, uint256, bytes calldata) external pure returns (bytes4) {
        return this.onERC721Received.selector;
    }

    // What the voter does.

    function notifyRewardAmount(uint256 amount) external nonReentrant {
        require(msg.sender == voter, "NV");
        require(amount != 0, "ZR");
        if (isPool) {
            (uint256 claimed0, uint256 claimed1) = IStakedPool(pool).collectFees();
            (fees0, fees1) = (fees0 + claimed0, fees1 + claimed1);
            if (claimed0 > 0 || claimed1 > 0) emit ClaimFees(msg.sender, claimed0, claimed1);
        }
        _pull(amount);
        uint256 remaining = WEEK - block.timestamp % WEEK;
        IStakedPool(pool).updateRewardsGrowthGlobal();
        amount += IStakedPool(pool).rollover();
        uint256 leftover = block.timestamp >= periodFinish ? 0 : remaining * rewardRate;
        rewardRate = (amount + leftover) / remaining;
        periodFinish = block.timestamp + remaining;
        IStakedPool(pool).syncReward(rewardRate, amount + leftover, periodFinish);
        rewardRateByEpoch[block.timestamp - block.timestamp % WEEK] = rewardRate;
        require(rewardRate != 0, "ZRR");
        (, bytes memory out) = rewardToken.staticcall(abi.encodeWithSignature("balanceOf(address)", address(this)));
        require(rewardRate <= abi.decode(out, (uint256)) / remaining, "RRH");
        emit NotifyReward(msg.sender, amount);
    }

    // Inside.

    function _ours(uint256 tokenId) private view returns (int24 lower, int24 upper, uint128 liquidity) {
        address a;
        address b;
        int24 spacing;
        (,, a, b, spacing, lower, upper, liquidity,,,,) = IStakedPositions(nft).positions(tokenId);
        require(token0 == a && token1 == b && tickSpacing == spacing, "PM");
    }

    /// The position's fees go to its staker, and the position is in step with the pool.
    function _collect(uint256 tokenId) private {
        IStakedPositions(nft).collect(
            IStakedPositions.CollectParams(tokenId, msg.sender, type(uint128).max, type(uint128).max)
        );
    }

    function _claim(int24 lower, int24 upper, uint256 tokenId, address to) private {
        if (lastUpdateTime[tokenId] != block.timestamp) {
            IStakedPool(pool).updateRewardsGrowthGlobal();
            lastUpdateTime[tokenId] = block.timestamp;
            rewards[tokenId] += _earned(tokenId);
            rewardGrowthInside[tokenId] = IStakedPool(pool).getRewardGrowthInside(lower, upper, 0);
        }
        uint256 reward = rewards[tokenId];
        if (reward == 0) return;
        delete rewards[tokenId];
        uint256 penalty = _penalty(reward, tokenId);
        if (penalty > 0) emit EarlyWithdrawPenalty(to, tokenId, penalty);
        reward -= penalty;
        if (reward == 0) return;
        _call(abi.encodeWithSignature("transfer(address,uint256)", to, reward));
        emit ClaimRewards(to, reward);
    }

    function _earned(uint256 tokenId) private view returns (uint256) {
        IStakedPool p = IStakedPool(pool);
        uint256 passed = block.timestamp - p.lastUpdated();
        uint256 growth = p.rewardGrowthGlobalX128();
        uint256 reserve = p.rewardReserve();
        (int24 lower, int24 upper, uint128 liquidity) = _ours(tokenId);
        unchecked {
            if (passed != 0 && reserve > 0 && p.stakedLiquidity() > 0) {
                uint256 reward = rewardRate * passed;
                if (reward > reserve) reward = reserve;
                growth += PoolMath.mulDiv(reward, PoolMath.Q128, p.stakedLiquidity());
            }
            uint256 inside = p.getRewardGrowthInside(lower, upper, growth) - rewardGrowthInside[tokenId];
            return PoolMath.mulDiv(inside, liquidity, PoolMath.Q128);
        }
    }

    function _penalises() private view returns (bool) {
        return gaugeFactory.code.length != 0;
    }

    function _penalty(uint256 reward, uint256 tokenId) private view returns (uint256) {
        if (!_penalises()) return 0;
        uint256 rate = IPenalties(gaugeFactory).penaltyRate();
        uint256 until = depositedAt[tokenId] + IPenalties(gaugeFactory).minStakeTimes(pool);
        return rate > 0 && block.timestamp < until ? reward * rate / 10_000 : 0;
    }

    function _signed(uint128 amount) private pure returns (int128) {
        require(amount < 1 << 127);
        return int128(amount);
    }

    function _pull(uint256 amount) private {
        _call(abi.encodeWithSignature("transferFrom(address,address,uint256)", msg.sender, address(this), amount));
    }

    function _call(bytes memory data) private {
        (bool ok, bytes memory out) = rewardToken.call(data);
        require(ok && (out.length == 0 || abi.decode(out, (bool))));
    }
}
