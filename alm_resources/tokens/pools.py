"""Which pools of a chain may not be entered because of their tokens; what was found is kept for hours."""

from collections.abc import Collection, Sequence
from typing import Protocol

from alm_core.model.errors import SourceError
from alm_core.model.market import Block, PoolRefusal
from alm_core.model.pools import Pool
from alm_resources.tokens.screen import TokenChain, TokenUse, refusals, uses_in

GOOD_FOR_S = 6 * 3600
BAD_FOR_S = 900
"""A token that was refused is looked at again next epoch: it may have been paused."""


class ScreenMemory(Protocol):
    """Where findings are kept; :class:`alm_resources.dragonfly.HotState` has it."""

    def store_screen(self, key: str, reasons: Sequence[str], ttl_s: int) -> None: ...

    def read_screen(self, key: str) -> tuple[str, ...] | None: ...


class PoolScreen:
    """Looks at the tokens of pools before capital enters them.

    Parameters
    ----------
    memory
        Where findings are kept, shared by all processes.
    checked
        Addresses of tokens that the registry pins as looked at.
    """

    def __init__(self, memory: ScreenMemory, checked: Collection[str] = ()) -> None:
        self._memory = memory
        self._checked = checked

    def refused(self, chain: TokenChain, pools: Sequence[Pool], wallet: str, block: Block) -> tuple[PoolRefusal, ...]:
        """Return the pools that nothing may be placed in, with what speaks against them.

        A token that could not be looked at is refused for this time: unknown is not good.
        """
        found: list[PoolRefusal] = []
        for pool in pools:
            reasons = [
                reason for use in uses_in(pool, wallet, self._checked) for reason in self._reasons(chain, use, block)
            ]
            if reasons:
                found.append(PoolRefusal(pool_id=pool.pool_id, reason="; ".join(reasons)))
        return tuple(found)

    def _reasons(self, chain: TokenChain, use: TokenUse, block: Block) -> tuple[str, ...]:
        key = f"{chain.chain_id}:{use.token.address}:{use.holder}:{use.spender}:{use.wallet}".lower()
        kept = self._memory.read_screen(key)
        if kept is not None:
            return kept
        try:
            reasons = refusals(chain, use, block)
        except SourceError as error:
            return (f"{use.token.symbol} could not be looked at: {error}",)
        self._memory.store_screen(key, reasons, BAD_FOR_S if reasons else GOOD_FOR_S)
        return reasons
