// SPDX-License-Identifier: MIT
pragma solidity 0.8.28;

/// @notice ERC-721 without enumeration, with the refusals of solmate's, in which PancakeSwap Infinity holds positions.
abstract contract PositionToken {
    event Transfer(address indexed from, address indexed to, uint256 indexed id);
    event Approval(address indexed owner, address indexed spender, uint256 indexed id);
    event ApprovalForAll(address indexed owner, address indexed operator, bool approved);

    error Unauthorized();

    string public name;
    string public symbol;
    mapping(uint256 id => address) public getApproved;
    mapping(address owner => mapping(address operator => bool)) public isApprovedForAll;
    mapping(uint256 id => address) private _owners;
    mapping(address owner => uint256) private _counts;

    constructor(string memory name_, string memory symbol_) {
        (name, symbol) = (name_, symbol_);
    }

    function ownerOf(uint256 id) public view returns (address owner) {
        require((owner = _owners[id]) != address(0), "NOT_MINTED");
    }

    function balanceOf(address owner) external view returns (uint256) {
        require(owner != address(0), "ZERO_ADDRESS");
        return _counts[owner];
    }

    function supportsInterface(bytes4 id) external pure returns (bool) {
        return id == 0x01ffc9a7 || id == 0x80ac58cd || id == 0x5b5e139f;
    }

    function approve(address spender, uint256 id) external {
        address owner = _owners[id];
        if (msg.sender != owner && !isApprovedForAll[owner][msg.sender]) revert Unauthorized();
        getApproved[id] = spender;
        emit Approval(owner, spender, id);
    }

    function setApprovalForAll(address operator, bool approved) external {
        isApprovedForAll[msg.sender][operator] = approved;
        emit ApprovalForAll(msg.sender, operator, approved);
    }

    function transferFrom(address from, address to, uint256 id) public virtual {
        require(from == _owners[id], "WRONG_FROM");
        require(to != address(0), "INVALID_RECIPIENT");
        require(_isApprovedOrOwner(msg.sender, id), "NOT_AUTHORIZED");
        --_counts[from];
        ++_counts[to];
        _owners[id] = to;
        delete getApproved[id];
        emit Transfer(from, to, id);
    }

    function safeTransferFrom(address from, address to, uint256 id) external {
        transferFrom(from, to, id);
        _askReceiver(from, to, id, "");
    }

    function safeTransferFrom(address from, address to, uint256 id, bytes calldata data) external {
        transferFrom(from, to, id);
        _askReceiver(from, to, id, data);
    }

    function _isApprovedOrOwner(address spender, uint256 id) internal view returns (bool) {
        address owner = ownerOf(id);
        return spender == owner || getApproved[id] == spender || isApprovedForAll[owner][spender];
    }

    function _mint(address to, uint256 id) internal {
        require(to != address(0), "INVALID_RECIPIENT");
        require(_owners[id] == address(0), "ALREADY_MINTED");
        ++_counts[to];
        _owners[id] = to;
        emit Transfer(address(0), to, id);
    }

    function _burn(uint256 id) internal {
        address owner = ownerOf(id);
        --_counts[owner];
        delete _owners[id];
        delete getApproved[id];
        emit Transfer(owner, address(0), id);
    }

    function _askReceiver(address from, address to, uint256 id, bytes memory data) private {
        if (to.code.length == 0) return;
        (bool ok, bytes memory answer) = to.call(
            abi.encodeWithSignature("onERC721Received(address,address,uint256,bytes)", msg.sender, from, id, data)
        );
        require(ok && answer.length >= 32 && abi.decode(answer, (bytes4)) == 0x150b7a02, "UNSAFE_RECIPIENT");
    }
}
