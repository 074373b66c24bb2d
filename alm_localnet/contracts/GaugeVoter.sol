// SPDX-License-Identifier: MIT
pragma solidity 0.8.28;

interface INotified {
    function notifyRewardAmount(uint256 amount) external;
}

/// @notice As much of Aerodrome's Voter as a gauge needs: who is alive, and rewards paid in by its owner. Everything
/// about votes is left out.
contract GaugeVoter {
    address public immutable owner;
    mapping(address => bool) private killed;

    constructor() {
        owner = msg.sender;
    }

    function isAlive(address gauge) external view returns (bool) {
        return !killed[gauge];
    }

    function killGauge(address gauge) external {
        require(msg.sender == owner);
        killed[gauge] = true;
    }

    function notify(address gauge, address token, uint256 amount) external {
        require(msg.sender == owner);
        (bool pulled,) = token.call(
            abi.encodeWithSignature("transferFrom(address,address,uint256)", msg.sender, address(this), amount)
        );
        (bool approved,) = token.call(abi.encodeWithSignature("approve(address,uint256)", gauge, amount));
        require(pulled && approved);
        INotified(gauge).notifyRewardAmount(amount);
    }
}
