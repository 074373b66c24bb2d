// SPDX-License-Identifier: MIT
pragma solidity 0.8.28;

/// @notice As much of Aerodrome's CLGaugeFactory as a gauge asks for: the penalty on rewards that are claimed too early.
/// It initialises gauges that are there already.
contract GaugeFactory {
    address public immutable owner;
    uint256 public penaltyRate;
    uint256 public defaultMinStakeTime;
    mapping(address => uint256) private _minStakeTimes;

    constructor() {
        owner = msg.sender;
    }

    modifier onlyOwner() {
        require(msg.sender == owner, "NA");
        _;
    }

    function minStakeTimes(address pool) external view returns (uint256) {
        return _minStakeTimes[pool] == 0 ? defaultMinStakeTime : _minStakeTimes[pool];
    }

    function setPenaltyRate(uint256 rate) external onlyOwner {
        require(rate <= 10_000, "MR");
        penaltyRate = rate;
    }

    function setDefaultMinStakeTime(uint256 time) external onlyOwner {
        defaultMinStakeTime = time;
    }

    function setMinStakeTime(address pool, uint256 time) external onlyOwner {
        _minStakeTimes[pool] = time;
    }

    function initializeGauge(address gauge, bytes calldata data) external onlyOwner {
        (bool ok,) = gauge.call(data);
        require(ok);
    }
}
