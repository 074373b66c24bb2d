"""Calldata of whole lives of positions as adapters of all 13 deployments sent them to their real contracts.

Recorded from the conformance tests (``Books.send``), with the pool and the wallet of each.
"""

import gzip
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from alm_core.execution.allow_list import allow_list_for
from alm_core.model.pools import Pool, Token
from alm_core.model.transactions import Action, UnsignedTransaction
from alm_resources.signer.terms import ChainCaps, SigningTerms

_FILE = Path(__file__).parent / "data" / "lives.json.gz"
CAPS = ChainCaps(max_gas_limit=30_000_000, max_fee_per_gas_wei=500 * 10**9, max_fee_wei=10**18)


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """One deployment: its pool, and what a wallet called in order, as ``(action, contract, calldata)``."""

    name: str
    pool: Pool
    wallet: str
    calls: tuple[tuple[Action, str, str], ...]

    def of(self, wallet: str) -> tuple[UnsignedTransaction, ...]:
        """The same calls by another wallet."""
        old, new = self.wallet[2:].lower(), wallet[2:].lower()
        return tuple(
            UnsignedTransaction(
                chain_id=self.pool.chain_id,
                sender=wallet,
                to=to,
                data=data.lower().replace(old, new),
                value_wei=0,
                action=action,
                summary=self.name,
            )
            for action, to, data in self.calls
        )


@cache
def lives() -> tuple[Life, ...]:
    """All of them."""
    recorded: dict[str, Any] = json.loads(gzip.decompress(_FILE.read_bytes()))
    return tuple(
        Life(
            name=name,
            pool=_pool(one["pool"]),
            wallet=one["wallet"],
            calls=tuple((Action(action), to, data) for action, to, data in one["calls"]),
        )
        for name, one in recorded.items()
    )


def terms_of_lives(swaps: dict[int, str] | None = None) -> SigningTerms:
    """Terms that cover every pool, with a cap for each token."""
    pools = [life.pool for life in lives()]
    return SigningTerms(
        allow_list=allow_list_for(pools, swaps or {}),
        chains={pool.chain_id: CAPS for pool in pools},
        approvals={
            (token.chain_id, token.address.lower()): 10**30 for pool in pools for token in (pool.token0, pool.token1)
        },
        transactions_per_hour=10**6,
    )


def _pool(plain: dict[str, Any]) -> Pool:
    contracts = tuple((role, address) for role, address in plain["contracts"])
    tokens = {name: Token(**plain[name]) for name in ("token0", "token1")}
    return Pool(**{**plain, **tokens, "contracts": contracts})
