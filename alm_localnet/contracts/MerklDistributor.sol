// SPDX-License-Identifier: MIT
pragma solidity 0.8.28;

/// @notice Stand-in for Merkl's Distributor with the ABI, checks, errors and events of the real one as far as a user
/// meets them: claim, claimed, getMerkleRoot with its dispute period, operators, recipients. Simplified: no proxy, no
/// disputes with deposits (the owner sets the disputer), one owner instead of an access control manager, no callbacks.
contract MerklDistributor {
    struct MerkleTree {
        bytes32 merkleRoot;
        bytes32 ipfsHash;
    }

    struct Claim {
        uint208 amount;
        uint48 timestamp;
        bytes32 merkleRoot;
    }

    event Claimed(address indexed user, address indexed token, uint256 amount);
    event ClaimRecipientUpdated(address indexed user, address indexed token, address indexed recipient);
    event OperatorToggled(address indexed user, address indexed operator, bool isWhitelisted);
    event TreeUpdated(bytes32 merkleRoot, bytes32 ipfsHash, uint48 endOfDisputePeriod);

    error InvalidLengths();
    error InvalidProof();
    error InvalidUninitializedRoot();
    error NotGovernor();
    error NotTrusted();
    error NotWhitelisted();
    error ReentrantCall();

    MerkleTree public tree;
    MerkleTree public lastTree;
    address public disputer;
    uint48 public endOfDisputePeriod;
    /// @dev In hours, as the real one counts it.
    uint48 public disputePeriod;
    mapping(address => mapping(address => Claim)) public claimed;
    mapping(address => mapping(address => uint256)) public operators;
    mapping(address => mapping(address => address)) public claimRecipient;
    address private immutable owner;
    bool private entered;

    constructor(uint48 disputePeriod_) {
        owner = msg.sender;
        disputePeriod = disputePeriod_;
    }

    function updateTree(MerkleTree calldata tree_) external {
        if (msg.sender != owner || disputer != address(0)) revert NotTrusted();
        lastTree = tree;
        tree = tree_;
        endOfDisputePeriod = ((uint48(block.timestamp) - 1) / 3600 + 1 + disputePeriod) * 3600;
        emit TreeUpdated(tree_.merkleRoot, tree_.ipfsHash, endOfDisputePeriod);
    }

    function setDisputer(address disputer_) external {
        if (msg.sender != owner) revert NotGovernor();
        disputer = disputer_;
    }

    function getMerkleRoot() public view returns (bytes32) {
        bool active = block.timestamp >= endOfDisputePeriod && disputer == address(0);
        return active ? tree.merkleRoot : lastTree.merkleRoot;
    }

    function toggleOperator(address user, address operator) external {
        if (user != msg.sender) revert NotTrusted();
        uint256 before = operators[user][operator];
        operators[user][operator] = 1 - before;
        emit OperatorToggled(user, operator, before == 0);
    }

    function setClaimRecipient(address recipient, address token) external {
        claimRecipient[msg.sender][token] = recipient;
        emit ClaimRecipientUpdated(msg.sender, token, recipient);
    }

    function claim(
        address[] calldata users,
        address[] calldata tokens,
        uint256[] calldata amounts,
        bytes32[][] calldata proofs
    ) external {
        if (entered) revert ReentrantCall();
        entered = true;
        uint256 count = users.length;
        if (count == 0 || count != tokens.length || count != amounts.length || count != proofs.length) {
            revert InvalidLengths();
        }
        for (uint256 i = 0; i < count; ++i) {
            _claim(users[i], tokens[i], amounts[i], proofs[i]);
        }
        entered = false;
    }

    function _claim(address user, address token, uint256 amount, bytes32[] calldata proof) private {
        if (
            msg.sender != user && tx.origin != user && operators[user][msg.sender] == 0
                && operators[user][address(0)] == 0
        ) revert NotWhitelisted();
        bytes32 node = keccak256(abi.encode(user, token, amount));
        for (uint256 i = 0; i < proof.length; ++i) {
            node = node < proof[i] ? keccak256(abi.encode(node, proof[i])) : keccak256(abi.encode(proof[i], node));
        }
        bytes32 root = getMerkleRoot();
        if (root == 0) revert InvalidUninitializedRoot();
        if (node != root) revert InvalidProof();
        uint256 due = amount - claimed[user][token].amount;
        require(amount <= type(uint208).max, "SafeCast: value doesn't fit in 208 bits");
        claimed[user][token] = Claim(uint208(amount), uint48(block.timestamp), root);
        emit Claimed(user, token, due);
        address recipient = claimRecipient[user][token];
        if (recipient == address(0)) recipient = claimRecipient[user][address(0)];
        if (recipient == address(0)) recipient = user;
        if (due == 0) return;
        (bool ok, bytes memory out) = token.call(abi.encodeWithSignature("transfer(address,uint256)", recipient, due));
        require(ok && (out.length == 0 || abi.decode(out, (bool))), "SafeERC20: ERC20 operation did not succeed");
    }
}
