"""What a token says of itself: decimals, pauses, blacklists, balances that change by themselves, calls to receivers.

A function that the token does not have proves nothing, and neither does a fallback that answers everything: only a
whole word that means yes counts.
"""

from collections.abc import Iterable, Sequence

from eth_utils.crypto import keccak

from alm_core.model.chain_ports import Call, CallResult
from alm_core.model.pools import Token
from alm_resources.chains.calldata import ContractFunction
from alm_resources.dex.erc20 import DECIMALS

_BOOL = ("uint256",)
_PAUSES = tuple(ContractFunction(name, (), _BOOL) for name in ("paused", "isPaused", "transfersPaused"))
_BLOCKS = tuple(
    ContractFunction(name, ("address",), _BOOL)
    for name in (
        "isBlacklisted",  # Circle
        "isBlackListed",  # Tether
        "getBlackListStatus",  # Tether, first version
        "isBlocked",  # Tether, later versions
        "isFrozen",  # Paxos
        "frozen",
        "isSanctioned",
        "isDenied",
        "blacklisted",
        "isBanned",
    )
)
# Functions that only tokens have whose balances are a computed share of something that moves.
_REBASES = (
    ("sharesOf(address)", ContractFunction("sharesOf", ("address",), ("uint256",))),  # Lido stETH and its forks
    ("gonsForBalance(uint256)", ContractFunction("gonsForBalance", ("uint256",), ("uint256",))),  # Olympus sOHM
    ("scaledBalanceOf(address)", ContractFunction("scaledBalanceOf", ("address",), ("uint256",))),  # Aave, Ampleforth
    ("rebasingCreditsPerToken()", ContractFunction("rebasingCreditsPerToken", (), ("uint256",))),  # Origin OUSD
    ("getSharesByRUSDY(uint256)", ContractFunction("getSharesByRUSDY", ("uint256",), ("uint256",))),  # Ondo rUSDY
    ("rewardMultiplier()", ContractFunction("rewardMultiplier", (), ("uint256",))),  # Mountain USDM
)
_ERC1820 = "0x1820a4B7618BdE71Dce8cdc73aAB6C95905faD24"
_IMPLEMENTER = ContractFunction("getInterfaceImplementer", ("address", "bytes32"), ("address",))
_ERC777 = bytes(keccak(text="ERC777Token"))


def view_calls(token: Token, parties: Sequence[str]) -> tuple[Call, ...]:
    """Return the questions to a token; all of them may fail.

    Parameters
    ----------
    token
        As the registry describes it.
    parties
        Who would hold or move it: wallet, pool, position manager. Each is looked for on its blacklists.
    """
    return (
        DECIMALS.call(token.address, may_fail=True),
        *(ask.call(token.address, may_fail=True) for ask in _PAUSES),
        *(ask.call(token.address, who, may_fail=True) for who in parties for ask in _BLOCKS),
        *(ask.call(token.address, *_arguments(ask, parties), may_fail=True) for _, ask in _REBASES),
        _IMPLEMENTER.call(_ERC1820, token.address, _ERC777, may_fail=True),
    )


def view_refusals(token: Token, parties: Sequence[str], results: Sequence[CallResult]) -> tuple[str, ...]:
    """Return what the answers to :func:`view_calls` forbid; empty for a token that says nothing against itself."""
    answers = iter(results)
    found = list(_decimals_refusal(token, next(answers)))
    found += [f"{ask.name}() says that it is paused" for ask in _PAUSES if _means_yes(next(answers))]
    found += [
        f"{ask.name}({who}) says that it is blocked" for who in parties for ask in _BLOCKS if _means_yes(next(answers))
    ]
    found += [
        f"it answers {name}: its balances change without transfers (rebasing)"
        for name, _ in _REBASES
        if _word(next(answers)) is not None
    ]
    if _word(next(answers)):
        found.append("it is an ERC-777 token: it calls whoever sends or receives it")
    return tuple(found)


def _decimals_refusal(token: Token, result: CallResult) -> Iterable[str]:
    told = _word(result)
    if told is None:
        yield "decimals() does not answer: no ERC-20 token at this address"
    elif told != token.decimals:
        yield f"decimals() says {told}, the registry says {token.decimals}"


def _arguments(ask: ContractFunction, parties: Sequence[str]) -> tuple[object, ...]:
    return tuple(parties[0] if kind == "address" else 1 for kind in ask.inputs)


def _means_yes(result: CallResult) -> bool:
    return _word(result) == 1


def _word(result: CallResult) -> int | None:
    return int.from_bytes(result.data, "big") if result.succeeded and len(result.data) == 32 else None
