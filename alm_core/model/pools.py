"""Tokens, pairs and pools as the registry describes them."""

from dataclasses import dataclass
from typing import Literal

AssetClass = Literal["stable", "volatile"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """An ERC-20 token on one chain.

    ``address`` is EIP-55 checksummed. ``decimals`` comes from the registry and is checked against the chain:
    it is never inferred from the symbol (stables of BSC have 18).
    """

    chain_id: int
    address: str
    symbol: str
    decimals: int
    asset_class: AssetClass
    issuer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """An asset pair; prices of the pair are quote per base."""

    pair_id: str
    base: str
    quote: str
    asset_class: AssetClass
    """``stable`` when both sides are meant to hold one price, else ``volatile``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """A pool of a pair. ``base_is_token0`` is the one place where token order meets base/quote."""

    chain_id: int
    address: str
    dex: str
    family: str
    factory: str
    position_manager: str
    token0: Token
    token1: Token
    fee_pips: int
    tick_spacing: int
    base_is_token0: bool

    @property
    def pool_id(self) -> str:
        """``<chain id>:<address>``, unique over all chains."""
        return f"{self.chain_id}:{self.address}"

    @property
    def base(self) -> Token:
        """The base token of the pair."""
        return self.token0 if self.base_is_token0 else self.token1

    @property
    def quote(self) -> Token:
        """The quote token of the pair."""
        return self.token1 if self.base_is_token0 else self.token0
