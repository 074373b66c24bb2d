// SPDX-License-Identifier: MIT
pragma solidity 0.8.28;

interface IReceiver {
    function tokensReceived(address token, address from, uint256 value) external;
}

/// @notice Tokens that break whoever trusts them, one habit each; for tests only. The habit is chosen when it is made
/// and sleeps until `wake`, so that pools and wallets can be filled before.
contract HostileToken {
    enum Habit {
        NONE,
        FEE_ON_TRANSFER,
        SHARES_REBASE,
        SILENT_REBASE,
        FALSE_WITHOUT_MOVING,
        FALSE_BUT_MOVES,
        TRUE_WITHOUT_MOVING,
        BLACKLIST,
        SILENT_BLACKLIST,
        PAUSED,
        SILENT_PAUSE,
        CALLS_RECEIVER,
        OTHER_DECIMALS,
        INFLATED_BALANCE,
        CONSTANT_BALANCE,
        NO_ALLOWANCE_NEEDED,
        APPROVES_MORE,
        NO_WAY_BACK,
        MOST_PER_TRANSFER,
        ODD_ANSWER,
        BURNS_GAS
    }

    event Transfer(address indexed from, address indexed to, uint256 value);
    event Approval(address indexed owner, address indexed spender, uint256 value);

    Habit private immutable habit;
    bool public awake;
    /// @dev Victim of the habits that pick one: who is blocked, who cannot send back.
    address private victim;
    uint256 private percent = 100;
    uint256 public totalSupply;
    mapping(address => uint256) private held;
    mapping(address => mapping(address => uint256)) public allowance;

    constructor(uint8 habit_) {
        habit = Habit(habit_);
    }

    function mint(address to, uint256 value) external {
        totalSupply += value;
        held[to] += value;
        emit Transfer(address(0), to, value);
    }

    function wake(address victim_) external {
        (awake, victim) = (true, victim_);
    }

    /// @dev Every balance grows or shrinks without a Transfer.
    function rebase(uint256 percent_) external {
        percent = percent_;
    }

    function _does(Habit what) private view returns (bool) {
        return awake && habit == what;
    }

    function decimals() external view returns (uint8) {
        return _does(Habit.OTHER_DECIMALS) ? 6 : 18;
    }

    function balanceOf(address owner) external view returns (uint256) {
        if (_does(Habit.INFLATED_BALANCE)) return held[owner] * 2;
        if (_does(Habit.CONSTANT_BALANCE)) return 10 ** 24;
        return held[owner] * percent / 100;
    }

    function sharesOf(address owner) external view returns (uint256) {
        require(_does(Habit.SHARES_REBASE));
        return held[owner];
    }

    function isBlacklisted(address who) external view returns (bool) {
        require(_does(Habit.BLACKLIST));
        return who == victim;
    }

    function paused() external view returns (bool) {
        require(_does(Habit.PAUSED));
        return true;
    }

    function approve(address spender, uint256 value) external returns (bool) {
        allowance[msg.sender][spender] = _does(Habit.APPROVES_MORE) ? type(uint256).max : value;
        emit Approval(msg.sender, spender, value);
        return true;
    }

    function transfer(address to, uint256 value) external {
        _answer(_move(msg.sender, to, value));
    }

    function transferFrom(address from, address to, uint256 value) external {
        if (!_does(Habit.NO_ALLOWANCE_NEEDED) && allowance[from][msg.sender] != type(uint256).max) {
            require(allowance[from][msg.sender] >= value, "allowance");
            allowance[from][msg.sender] -= value;
        }
        _answer(_move(from, to, value));
    }

    function _move(address from, address to, uint256 value) private returns (uint256) {
        if (_does(Habit.PAUSED) || _does(Habit.SILENT_PAUSE)) revert("paused");
        if (_does(Habit.BLACKLIST) || _does(Habit.SILENT_BLACKLIST)) {
            require(from != victim && to != victim, "blacklisted");
        }
        if (_does(Habit.NO_WAY_BACK)) require(from != victim, "not yet");
        if (_does(Habit.MOST_PER_TRANSFER)) require(value <= totalSupply / 1000, "too much at once");
        if (_does(Habit.BURNS_GAS)) while (gasleft() > 1000) {}
        if (_does(Habit.FALSE_WITHOUT_MOVING)) return 0;
        if (_does(Habit.TRUE_WITHOUT_MOVING)) return 1;
        value = value * 100 / percent;
        require(held[from] >= value, "balance");
        uint256 fee = _does(Habit.FEE_ON_TRANSFER) ? value / 100 : 0;
        held[from] -= value;
        held[to] += value - fee;
        totalSupply -= fee;
        emit Transfer(from, to, value - fee);
        if (_does(Habit.CALLS_RECEIVER) && to.code.length != 0) {
            try IReceiver(to).tokensReceived(address(this), from, value) {} catch {}
        }
        if (_does(Habit.FALSE_BUT_MOVES)) return 0;
        return _does(Habit.ODD_ANSWER) ? 2 : 1;
    }

    function _answer(uint256 word) private pure {
        assembly {
            mstore(0, word)
            return(0, 32)
        }
    }
}
