// SPDX-License-Identifier: MIT
pragma solidity 0.8.28;

/// @notice Tries a token out inside an `eth_call`. Never deployed: a state override puts this code at the holder of a
/// balance (a pool), at a wallet and at a spender, so that the token sees their real addresses and moves their real
/// balances. Its runtime code is a constant of `alm_resources.tokens.probe_code`; it has no constructor and no immutables.
contract TokenProbe {
    /// @dev answer: 0 reverted, 1 no data, 2 the word 1, 3 anything else. Balances are type(uint256).max if unreadable.
    struct Step {
        uint256 answer;
        uint256 fromBefore;
        uint256 toBefore;
        uint256 fromAfter;
        uint256 toAfter;
    }

    struct Report {
        bytes32 magic;
        uint256 amount;
        Step sent;
        Step stolen;
        uint256 approved;
        uint256 allowance;
        Step pulled;
        uint256 allowanceLeft;
        Step part;
        Step returned;
        uint256 called;
    }

    bytes32 private constant MAGIC = keccak256("alm.TokenProbe.1");
    bytes32 private constant CALLED = keccak256("alm.TokenProbe.called");

    /// @dev A token has no reason to call who sends or receives it; if it does, this remembers.
    fallback() external payable {
        bytes32 slot = CALLED;
        assembly {
            sstore(slot, 1)
        }
    }

    function wasCalled() external view returns (uint256 called) {
        bytes32 slot = CALLED;
        assembly {
            called := sload(slot)
        }
    }

    /// @notice Lets this address call the token as itself.
    function act(address token, bytes memory data) public returns (uint256) {
        (bool ok, bytes memory out) = token.call(data);
        if (!ok) return 0;
        if (out.length == 0) return 1;
        return out.length == 32 && abi.decode(out, (uint256)) == 1 ? 2 : 3;
    }

    /// @notice Runs at the holder: all it has goes to the wallet, back through the spender, a part of it once more to
    /// the wallet and back.
    function probe(address token, TokenProbe wallet, TokenProbe spender) external returns (Report memory r) {
        r.magic = MAGIC;
        r.amount = _read(token, abi.encodeWithSignature("balanceOf(address)", address(this)));
        address w = address(wallet);
        r.sent = _move(token, TokenProbe(payable(address(this))), address(this), w, _transfer(w, r.amount));
        // Whatever was approved before is taken back, so this must fail.
        wallet.act(token, abi.encodeWithSignature("approve(address,uint256)", address(spender), 0));
        r.stolen = _move(token, spender, w, address(this), _transferFrom(w, address(this), r.amount));
        r.approved = wallet.act(
            token, abi.encodeWithSignature("approve(address,uint256)", address(spender), r.amount)
        );
        bytes memory asked = abi.encodeWithSignature("allowance(address,address)", w, address(spender));
        r.allowance = _read(token, asked);
        r.pulled = _move(token, spender, w, address(this), _transferFrom(w, address(this), r.amount));
        r.allowanceLeft = _read(token, asked);
        uint256 some = r.amount / 3 + 1;
        r.part = _move(token, TokenProbe(payable(address(this))), address(this), w, _transfer(w, some));
        r.returned = _move(token, wallet, w, address(this), _transfer(address(this), some));
        r.called = this.wasCalled() + wallet.wasCalled() + spender.wasCalled();
    }

    function _move(address token, TokenProbe caller, address from, address to, bytes memory data)
        private
        returns (Step memory s)
    {
        s.fromBefore = _read(token, abi.encodeWithSignature("balanceOf(address)", from));
        s.toBefore = _read(token, abi.encodeWithSignature("balanceOf(address)", to));
        // This contract calls as itself, so that the token sees the holder and not a call from it to itself.
        s.answer = address(caller) == address(this) ? act(token, data) : caller.act(token, data);
        s.fromAfter = _read(token, abi.encodeWithSignature("balanceOf(address)", from));
        s.toAfter = _read(token, abi.encodeWithSignature("balanceOf(address)", to));
    }

    function _transfer(address to, uint256 amount) private pure returns (bytes memory) {
        return abi.encodeWithSignature("transfer(address,uint256)", to, amount);
    }

    function _transferFrom(address from, address to, uint256 amount) private pure returns (bytes memory) {
        return abi.encodeWithSignature("transferFrom(address,address,uint256)", from, to, amount);
    }

    function _read(address token, bytes memory data) private view returns (uint256) {
        (bool ok, bytes memory out) = token.staticcall(data);
        return ok && out.length >= 32 ? abi.decode(out, (uint256)) : type(uint256).max;
    }
}
