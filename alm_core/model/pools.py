"""Tokens, pairs and pools as the registry describes them."""

from dataclasses import dataclass
from typing import Literal

from alm_core.model.errors import ConfigError

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
    """A pool of a pair. ``base_is_token0`` is the one place where token order meets base/quote.

    Parameters
    ----------
    address
        Of the pool's contract; where one contract holds all pools (Uniswap V4, Infinity) the 32 bytes of the pool's id.
    factory
        The contract that knows the pools of the deployment: a factory, or a pool manager.
    position_manager
        The contract that changes positions: a position manager, or a Liquidity Book router.
    fee_pips
        Fee in the pool's key, 1e-6; ``None`` where the fee is no part of it and only the chain knows it.
    tick_spacing
        Usable ticks are its multiples. Pools of bins have 1: there :attr:`bin_step` rules.
    bin_step
        Liquidity Book: the price grows by ``1 + bin_step / 10,000`` from bin to bin. ``None`` for all others.
    hooks
        Hook contract in the pool's key; ``None`` for none.
    contracts
        Further contracts of the deployment, ``(role, address)``, sorted: ``permit2``, ``state_view``, ``vault``, ...;
        where positions can be staked, ``gauge`` or ``master_chef`` and the ``reward_token`` it pays.
    stakes
        Whether new positions are staked there.
    """

    chain_id: int
    address: str
    dex: str
    family: str
    factory: str
    position_manager: str
    token0: Token
    token1: Token
    fee_pips: int | None
    tick_spacing: int
    base_is_token0: bool
    bin_step: int | None = None
    hooks: str | None = None
    contracts: tuple[tuple[str, str], ...] = ()
    stakes: bool = False

    @property
    def pool_id(self) -> str:
        """``<chain id>:<address>``, unique over all chains."""
        return f"{self.chain_id}:{self.address}"

    @property
    def keeper(self) -> str:
        """Contract that keeps positions in this pool: the position manager, or the pool itself where they are bins."""
        return self.position_manager if self.bin_step is None else self.address

    def contract(self, role: str) -> str:
        """Address of a further contract of the deployment; :class:`ConfigError` if it has none in that role."""
        for name, address in self.contracts:
            if name == role:
                return address
        raise ConfigError(f"pool {self.pool_id} of {self.dex} ({self.family}): no {role} is known")

    @property
    def base(self) -> Token:
        """The base token of the pair."""
        return self.token0 if self.base_is_token0 else self.token1

    @property
    def quote(self) -> Token:
        """The quote token of the pair."""
        return self.token1 if self.base_is_token0 else self.token0
