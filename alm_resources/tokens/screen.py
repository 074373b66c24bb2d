"""Tokens that a pool may not hold before we go into it: each is refused with its reason.

Three looks: what the registry's own entry is (native currency), what the token says of itself (:mod:`.views`), what it
does when tried out (:mod:`.probe`). A token whose balances change with no function that shows it can only be found out
over time: reconciliation halts on a balance that no Transfer explains (``alm_core/execution/reconcile.py``).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from alm_core.model.chain_ports import Call, CallResult
from alm_core.model.errors import SourceRejected
from alm_core.model.market import Block
from alm_core.model.pools import Pool, Token
from alm_resources.tokens.native import native_refusal
from alm_resources.tokens.probe import NO_BALANCE, PROBE, Tried, tried_from
from alm_resources.tokens.probe_code import PROBE_RUNTIME
from alm_resources.tokens.views import view_calls, view_refusals

_ADDRESS_CHARS = 42


class TokenChain(Protocol):
    """What a screen needs of a chain client; :class:`alm_resources.chains.Web3Chain` has it."""

    @property
    def chain_id(self) -> int: ...

    def read_calls(self, calls: Sequence[Call], block: Block) -> tuple[CallResult, ...]: ...

    def read_with_code(self, call: Call, code: Mapping[str, bytes], block: Block) -> CallResult: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenUse:
    """A token in a place where we would use it.

    Parameters
    ----------
    token
        As the registry describes it.
    holder
        Who holds a balance of it to try it out with: the pool, or the vault or manager that keeps the pool's tokens.
    wallet
        Ours.
    spender
        Who takes it out of the wallet: a position manager, or Permit2 where that does.
    checked
        The registry's word that a person has looked at the token: it may go unseen where the node cannot try it out.
        What was seen is refused all the same.
    """

    token: Token
    holder: str
    wallet: str
    spender: str
    checked: bool = False


def uses_in(pool: Pool, wallet: str, checked: Collection[str] = ()) -> tuple[TokenUse, TokenUse]:
    """Return both tokens of a pool where it would use them.

    Where one contract holds the tokens of all pools (Uniswap V4, Infinity) that is the holder; where Permit2 takes them
    out of the wallet it is the spender.

    Parameters
    ----------
    pool, wallet
        Where we would go, and as whom.
    checked
        Addresses of tokens that the registry pins as looked at, in any case.
    """
    roles = dict(pool.contracts)
    holder = roles.get("vault") or (pool.factory if len(pool.address) > _ADDRESS_CHARS else pool.address)
    pinned = {address.lower() for address in checked}
    first, second = (
        TokenUse(
            token=token,
            holder=holder,
            wallet=wallet,
            spender=roles.get("permit2", pool.position_manager),
            checked=token.address.lower() in pinned,
        )
        for token in (pool.token0, pool.token1)
    )
    return first, second


def refusals(chain: TokenChain, use: TokenUse, block: Block) -> tuple[str, ...]:
    """Return why a token must not be used so; empty where nothing speaks against it.

    Two requests at one block, three where the pool is empty; none for native currency.

    Raises
    ------
    SourceUnavailable, BadAnswer
        If the chain does not answer: nothing is known then.
    """
    name = f"{use.token.symbol} {use.token.address} on chain {chain.chain_id}"
    if native := native_refusal(use.token.address):
        return (f"{name}: {native}",)
    parties = list(dict.fromkeys((use.wallet, use.holder, use.spender)))
    told = view_refusals(use.token, parties, chain.read_calls(view_calls(use.token, parties), block))
    tried = _tried(chain, use, block)
    found = [*told, *tried.refusals]
    if tried.unseen and not use.checked:
        found.append(f"whether transfers deliver could not be tried out: {tried.unseen}")
    return tuple(f"{name}: {reason}" for reason in found)


def _tried(chain: TokenChain, use: TokenUse, block: Block) -> Tried:
    """Try a token out with what the pool has; with what the wallet has where the pool is empty."""
    tried = _tried_between(chain, use, use.holder, use.wallet, block)
    return _tried_between(chain, use, use.wallet, use.holder, block) if tried.unseen == NO_BALANCE else tried


def _tried_between(chain: TokenChain, use: TokenUse, holder: str, other: str, block: Block) -> Tried:
    call = PROBE.call(holder, use.token.address, other, use.spender)
    code = dict.fromkeys((holder, other, use.spender), PROBE_RUNTIME)
    try:
        return tried_from(chain.read_with_code(call, code, block))
    except SourceRejected as error:
        # The node does not know the third parameter of eth_call.
        return Tried(unseen=str(error))
