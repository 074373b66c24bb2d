// SPDX-License-Identifier: MIT
pragma solidity 0.8.28;

interface ITokenReceiver {
    function onERC721Received(address operator, address from, uint256 tokenId, bytes calldata data)
        external
        returns (bytes4);
}

/// @notice ERC-721 with enumeration, in which position managers of Uniswap V3's shape hold positions. Its refusals are
/// those of OpenZeppelin 3.4; heirs may have others.
abstract contract EnumerableToken {
    event Transfer(address indexed from, address indexed to, uint256 indexed tokenId);
    event Approval(address indexed owner, address indexed approved, uint256 indexed tokenId);
    event ApprovalForAll(address indexed owner, address indexed operator, bool approved);

    string public name;
    string public symbol;
    mapping(address => mapping(address => bool)) public isApprovedForAll;
    mapping(uint256 => address) internal _owners;
    mapping(uint256 => address) internal _approved;
    mapping(address => uint256[]) private _held;
    mapping(uint256 => uint256) private _place;
    uint256[] private _all;
    mapping(uint256 => uint256) private _placeOfAll;

    constructor(string memory name_, string memory symbol_) {
        (name, symbol) = (name_, symbol_);
    }

    function _noToken(uint256, string memory query) internal pure virtual {
        revert(string.concat("ERC721: ", query, " query for nonexistent token"));
    }

    function _notAllowed(address, uint256) internal pure virtual {
        revert("ERC721: transfer caller is not owner nor approved");
    }

    function _outOfBounds(address, uint256) internal pure virtual {
        revert("EnumerableSet: index out of bounds");
    }

    function supportsInterface(bytes4 id) external pure returns (bool) {
        return id == 0x01ffc9a7 || id == 0x80ac58cd || id == 0x780e9d63 || id == 0x5b5e139f;
    }

    function balanceOf(address owner) external view returns (uint256) {
        require(owner != address(0), "ERC721: balance query for the zero address");
        return _held[owner].length;
    }

    function ownerOf(uint256 tokenId) public view returns (address owner) {
        owner = _owners[tokenId];
        if (owner == address(0)) _noToken(tokenId, "owner");
    }

    function totalSupply() external view returns (uint256) {
        return _all.length;
    }

    function tokenByIndex(uint256 index) external view returns (uint256) {
        if (index >= _all.length) _outOfBounds(address(0), index);
        return _all[index];
    }

    function tokenOfOwnerByIndex(address owner, uint256 index) external view returns (uint256) {
        if (index >= _held[owner].length) _outOfBounds(owner, index);
        return _held[owner][index];
    }

    function getApproved(uint256 tokenId) public view returns (address) {
        if (_owners[tokenId] == address(0)) _noToken(tokenId, "approved");
        return _approved[tokenId];
    }

    function approve(address to, uint256 tokenId) external {
        address owner = ownerOf(tokenId);
        require(
            msg.sender == owner || isApprovedForAll[owner][msg.sender],
            "ERC721: approve caller is not owner nor approved for all"
        );
        _approved[tokenId] = to;
        emit Approval(owner, to, tokenId);
    }

    function setApprovalForAll(address operator, bool approved) external {
        isApprovedForAll[msg.sender][operator] = approved;
        emit ApprovalForAll(msg.sender, operator, approved);
    }

    function transferFrom(address from, address to, uint256 tokenId) public {
        if (!_mayUse(msg.sender, tokenId)) _notAllowed(msg.sender, tokenId);
        require(_owners[tokenId] == from, "ERC721: transfer of token that is not own");
        require(to != address(0), "ERC721: transfer to the zero address");
        _move(from, to, tokenId);
    }

    function safeTransferFrom(address from, address to, uint256 tokenId) external {
        safeTransferFrom(from, to, tokenId, "");
    }

    function safeTransferFrom(address from, address to, uint256 tokenId, bytes memory data) public {
        transferFrom(from, to, tokenId);
        if (to.code.length > 0) {
            bytes4 answer = ITokenReceiver(to).onERC721Received(msg.sender, from, tokenId, data);
            require(
                answer == ITokenReceiver.onERC721Received.selector,
                "ERC721: transfer to non ERC721Receiver implementer"
            );
        }
    }

    function _mayUse(address spender, uint256 tokenId) internal view returns (bool) {
        address owner = _owners[tokenId];
        if (owner == address(0)) _noToken(tokenId, "operator");
        return spender == owner || _approved[tokenId] == spender || isApprovedForAll[owner][spender];
    }

    /// From the zero address it comes into being, to the zero address it ends.
    function _move(address from, address to, uint256 tokenId) internal {
        if (from == address(0)) {
            _placeOfAll[tokenId] = _all.length;
            _all.push(tokenId);
        } else {
            _takeOut(_held[from], _place, tokenId);
            if (_approved[tokenId] != address(0)) {
                delete _approved[tokenId];
                emit Approval(from, address(0), tokenId);
            }
        }
        if (to == address(0)) {
            _takeOut(_all, _placeOfAll, tokenId);
        } else {
            _place[tokenId] = _held[to].length;
            _held[to].push(tokenId);
        }
        _owners[tokenId] = to;
        emit Transfer(from, to, tokenId);
    }

    function _takeOut(uint256[] storage list, mapping(uint256 => uint256) storage places, uint256 tokenId) private {
        uint256 last = list[list.length - 1];
        list[places[tokenId]] = last;
        places[last] = places[tokenId];
        list.pop();
        delete places[tokenId];
    }
}
