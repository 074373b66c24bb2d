"""What a signer will do at all: its allow-list and its caps. What they do not name is refused."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from alm_core.execution.allow_list import AllowList

UNLIMITED = 1 << 128
"""No token has so many raw units: an approval of as much is one without a limit, whatever the caps say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainCaps:
    """The most one transaction may cost on a chain.

    Parameters
    ----------
    max_gas_limit
        Gas.
    max_fee_per_gas_wei
        Price of gas, tip included.
    max_fee_wei
        Gas times its price: what a transaction can burn at worst.
    """

    max_gas_limit: int
    max_fee_per_gas_wei: int
    max_fee_wei: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningTerms:
    """Terms of one wallet.

    Parameters
    ----------
    allow_list
        Contracts, selectors, spenders, takers of positions.
    chains
        Caps by chain id; ``None`` where there are none of the signer's own, as in a round trip on one pool.
    approvals
        Most raw units one approval may give, by ``(chain id, lower-case token)``; ``None`` as above.
    transactions_per_hour
        Signatures for one wallet on one chain, replacements included; ``None`` where time says nothing, as in a demo
        whose quarter hours take seconds.
    """

    allow_list: AllowList = field(default_factory=AllowList)
    chains: Mapping[int, ChainCaps] | None = None
    approvals: Mapping[tuple[int, str], int] | None = None
    transactions_per_hour: int | None = None
