// SPDX-License-Identifier: MIT
pragma solidity 0.8.28;

/// @notice ERC-20 of the embedded world. With `tetherLike` it keeps the two habits of mainnet USDT that break clients:
/// no return data, and approve refuses to change one non-zero allowance into another.
contract Token {
    event Transfer(address indexed from, address indexed to, uint256 value);
    event Approval(address indexed owner, address indexed spender, uint256 value);

    string public name;
    string public symbol;
    uint8 public immutable decimals;
    bool public immutable tetherLike;
    address public immutable minter;
    uint256 public totalSupply;
    mapping(address => uint256) public balanceOf;
    mapping(address => mapping(address => uint256)) public allowance;

    constructor(string memory name_, string memory symbol_, uint8 decimals_, bool tetherLike_) {
        name = name_;
        symbol = symbol_;
        decimals = decimals_;
        tetherLike = tetherLike_;
        minter = msg.sender;
    }

    function mint(address to, uint256 value) external {
        require(msg.sender == minter, "Token: not the minter");
        totalSupply += value;
        balanceOf[to] += value;
        emit Transfer(address(0), to, value);
    }

    function approve(address spender, uint256 value) external {
        require(!tetherLike || value == 0 || allowance[msg.sender][spender] == 0, "Token: reset the allowance first");
        allowance[msg.sender][spender] = value;
        emit Approval(msg.sender, spender, value);
        _answer();
    }

    function transfer(address to, uint256 value) external {
        _move(msg.sender, to, value);
        _answer();
    }

    function transferFrom(address from, address to, uint256 value) external {
        uint256 allowed = allowance[from][msg.sender];
        if (allowed != type(uint256).max) {
            require(allowed >= value, "Token: allowance too low");
            allowance[from][msg.sender] = allowed - value;
        }
        _move(from, to, value);
        _answer();
    }

    function _move(address from, address to, uint256 value) private {
        require(to != address(0), "Token: transfer to zero");
        require(balanceOf[from] >= value, "Token: balance too low");
        unchecked {
            balanceOf[from] -= value;
            balanceOf[to] += value;
        }
        emit Transfer(from, to, value);
    }

    /// Declared without outputs so that a tether-like token really returns nothing; others return true here.
    function _answer() private view {
        if (!tetherLike) {
            assembly {
                mstore(0, 1)
                return(0, 32)
            }
        }
    }
}
