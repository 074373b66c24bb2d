"""Funds in a Safe, moved by a hot key that may do little: a member of a role of the Zodiac Roles Modifier 2.

The Safe is the wallet of plans, journal and limits. The key signs ``execTransactionWithRole`` calls to the modifier,
which lets a payload pass only if contract, selector and payees are those of the role (``zodiac-modifier-roles`` 2.1,
``Roles.sol``, ``Types.sol``). The same rules thus hold twice: in the signer, and on chain against whoever has the key.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NoReturn

from alm_core.execution.allow_list import AllowList
from alm_core.execution.erc20 import APPROVE_SELECTOR
from alm_core.execution.liquidity_calls import PAYS_NOBODY, RECIPIENT_WORDS
from alm_core.model.errors import ConfigError
from alm_core.model.transactions import Action, FeeBid, SignedTransaction, UnsignedTransaction
from alm_resources.signer.signing import SigningPolicy, fields_of
from alm_resources.signer.vault import Vault

EXEC_SELECTOR = "0xc6fe8747"
"""``execTransactionWithRole(address,uint256,bytes,uint8 operation,bytes32 role,bool reverts)``."""
WRAPPING_GAS = 150_000
"""Gas of the modifier and the Safe around a payload; what is not used is not paid."""

_EXEC = ("address", "uint256", "bytes", "uint8", "bytes32", "bool")
_CONDITION = "(uint8,uint8,uint8,bytes)"
_NONE, _STATIC, _CALLDATA = 0, 1, 5
_PASS, _OR, _MATCHES, _EQUAL_TO_AVATAR, _EQUAL_TO = 0, 2, 5, 15, 16

Condition = tuple[int, int, int, bytes]
"""Parent, type, operator and value, as ``ConditionFlat``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleAccount:
    """A Safe and the role by which a key moves it.

    Parameters
    ----------
    safe, roles
        Addresses of the Safe and of its Roles Modifier.
    role_key
        32 bytes that name the role.
    """

    safe: str
    roles: str
    role_key: bytes

    def wrapped(self, tx: UnsignedTransaction, member: str) -> UnsignedTransaction:
        """Return the call of the member that makes the Safe do a payload; it reverts if the payload does.

        A noop frees a nonce of the member's, and stays with it.
        """
        from eth_abi.abi import encode

        if tx.action is Action.NOOP:
            return replace(tx, sender=member, to=member)
        data = bytes.fromhex(tx.data.removeprefix("0x"))
        told = encode(_EXEC, (tx.to, tx.value_wei, data, 0, self.role_key, True))
        return replace(tx, sender=member, to=self.roles, value_wei=0, data=EXEC_SELECTOR + told.hex())


class SafeSigner:
    """Satisfies the ``Signer`` port for a Safe; nonces are those of the member that signs (:attr:`member`).

    Parameters
    ----------
    vault
        Key of the member.
    policy
        Rules for payloads of the Safe.
    account
        Which Safe, by which role.
    """

    __slots__ = ("_account", "_policy", "_vault")

    def __init__(self, vault: Vault, policy: SigningPolicy, account: RoleAccount) -> None:
        self._vault = vault
        self._policy = policy
        self._account = account

    @property
    def address(self) -> str:
        """Of the Safe: the wallet."""
        return self._account.safe

    @property
    def member(self) -> str:
        """Of the key, which pays for gas and whose nonces count."""
        return self._vault.address

    def sign(self, tx: UnsignedTransaction, nonce: int, bid: FeeBid, *, fence: int) -> SignedTransaction:
        """Sign the member's call for a payload of the Safe that the rules admit; :class:`SignerRefused` otherwise."""
        more = 0 if tx.action is Action.NOOP else WRAPPING_GAS
        bid = replace(bid, gas_limit=bid.gas_limit + more)
        self._policy.admit(tx, self._account.safe, nonce, bid, fence)
        return self._vault.sign(fields_of(self._account.wrapped(tx, self.member), nonce, bid))

    def __repr__(self) -> str:
        return f"SafeSigner(safe={self._account.safe}, member={self._vault.address}, key=<redacted>)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a signer cannot be pickled")


def role_calls(allow_list: AllowList, chain_id: int, account: RoleAccount, member: str) -> tuple[bytes, ...]:
    """Return the calls to the modifier, by its owner the Safe, that make a member's role as narrow as an allow-list.

    Covered are approvals of listed spenders, calls whose payees stand in words of the call itself, and calls that pay
    nobody. A listed selector of any other layout (multicall, Uniswap V4, Liquidity Book's struct, claims) is refused by
    the chain until a condition for it is written.

    Raises
    ------
    ConfigError
        If the list has nothing on the chain.
    """
    here: Mapping[str, frozenset[str]] = {
        at: one for (chain, at), one in allow_list.selectors.items() if chain == chain_id
    }
    if not here:
        raise ConfigError(f"the allow-list has nothing on chain {chain_id}")
    key = account.role_key
    calls = [_call("assignRoles(address,bytes32[],bool[])", member, [key], [True])]
    for contract, selectors in sorted(here.items()):
        calls.append(_call("scopeTarget(bytes32,address)", key, contract))
        takers = allow_list.takers.get((chain_id, contract))
        spenders = (
            sorted(at for chain, at in allow_list.spenders if chain == chain_id) if takers is None else sorted(takers)
        )
        for selector in sorted(selectors):
            four = bytes.fromhex(selector[2:])
            if selector in PAYS_NOBODY:
                calls.append(_call("allowFunction(bytes32,address,bytes4,uint8)", key, contract, four, 0))
            elif conditions := _conditions(selector, spenders):
                scoped = f"scopeFunction(bytes32,address,bytes4,{_CONDITION}[],uint8)"
                calls.append(_call(scoped, key, contract, four, list(conditions), 0))
    return tuple(calls)


def _conditions(selector: str, spenders: Sequence[str]) -> tuple[Condition, ...]:
    """Return what the words of a call must be, or nothing where that cannot be told word by word.

    A struct without dynamic fields lies in place, and of a dynamic argument the offset does: one word each.
    """
    from alm_core.execution.calldata import SWAP_SELECTORS

    root: Condition = (0, _CALLDATA, _MATCHES, b"")
    if selector == APPROVE_SELECTOR:
        match [bytes.fromhex(at[2:].rjust(64, "0")) for at in spenders]:
            case []:
                return ()
            case [only]:
                return root, (0, _STATIC, _EQUAL_TO, only)
            case several:
                # Breadth first: the children of the root, then those of its first child.
                return root, (0, _NONE, _OR, b""), *((1, _STATIC, _EQUAL_TO, word) for word in several)
    places = RECIPIENT_WORDS.get(selector, (3,) if selector in SWAP_SELECTORS else ())
    if not places:
        return ()
    words = range(max(places) + 1)
    return root, *((0, _STATIC, _EQUAL_TO_AVATAR if word in places else _PASS, b"") for word in words)


def _call(signature: str, *values: Any) -> bytes:
    from eth_abi.abi import encode
    from eth_utils.crypto import keccak

    return keccak(text=signature)[:4] + encode(_types(signature), values)


def _types(signature: str) -> list[str]:
    inner = signature[signature.index("(") + 1 : -1].replace(_CONDITION, "condition")
    return [one.replace("condition", _CONDITION) for one in inner.split(",")]
