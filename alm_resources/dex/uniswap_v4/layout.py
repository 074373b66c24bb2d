"""What differs between Uniswap V4 and PancakeSwap Infinity: keys of pools, and who tells the state of a pool."""

from collections.abc import Callable
from dataclasses import dataclass

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from alm_core.model.chain_ports import Call
from alm_core.model.errors import InvalidInput
from alm_core.model.pools import Pool
from alm_resources.chains.calldata import ContractFunction
from alm_resources.dex.uniswap_v4 import abi

ZERO = "0x" + "00" * 20
DYNAMIC_FEE_PIPS = 0x800000
"""Fee in the key of a pool whose hook sets it (``LPFeeLibrary.DYNAMIC_FEE_FLAG``)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A read of a contract of the deployment, and the address it has to answer."""

    what: str
    read: ContractFunction
    target: str
    expected: str

    @property
    def call(self) -> Call:
        """The read for a batch; it may fail, so that a wrong address is told as such."""
        return self.read.call(self.target, may_fail=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Contracts of one of the two families.

    Parameters
    ----------
    family
        Name in the registry.
    key_types, key
        ABI types of a pool's key, and the key of a pool.
    view
        Contract that tells the state of a pool by its id.
    tick_info, position_info
        Reads of that contract: of a tick the words are liquidity that begins or ends there, the change of it on
        the way up, and the fee growth outside on both tokens; of a position the words are
        liquidity and the fee growth inside at its last change.
    links
        Proofs that the contracts of the registry belong together.
    knows_hooks
        Whether the registry holds all that the key of a pool with a hook needs.
    """

    family: str
    key_types: tuple[str, ...]
    key: Callable[[Pool], tuple[object, ...]]
    view: Callable[[Pool], str]
    tick_info: ContractFunction
    position_info: ContractFunction
    links: Callable[[Pool], tuple[Link, ...]]
    knows_hooks: bool

    @property
    def pool_of_position(self) -> ContractFunction:
        """``getPoolAndPositionInfo`` of the position manager: the pool's key, and ticks packed with the pool's id."""
        return ContractFunction("getPoolAndPositionInfo", ("uint256",), (f"({','.join(self.key_types)})", "uint256"))

    def key_hash(self, key: tuple[object, ...]) -> bytes:
        """Return the id of the pool with a key (``PoolIdLibrary.toId``)."""
        return bytes(keccak(encode(self.key_types, key)))


def pool_id(pool: Pool) -> bytes:
    """Return the 32 bytes of a pool's id.

    Raises
    ------
    InvalidInput
        If its address is no such id.
    """
    digits = pool.address.removeprefix("0x")
    try:
        found = bytes.fromhex(digits)
    except ValueError as error:
        raise InvalidInput(f"pool {pool.pool_id}: its address is not hex") from error
    if len(found) != 32:
        raise InvalidInput(f"pool {pool.pool_id}: pools of {pool.family} have an id of 32 bytes, not {len(found)}")
    return found


def refusal(layout: Layout, pool: Pool, allowed_hooks: frozenset[str]) -> str | None:
    """Return why positions in a pool are not for us, or ``None``.

    ``allowed_hooks`` are lower-case addresses of hook contracts that a person has looked at: a hook may take what it
    likes of a swap or of a position.
    """
    if ZERO in (pool.token0.address, pool.token1.address):
        return "the native currency as a token is not supported, only its wrapped token"
    if pool.fee_pips is None:
        return "its fee is part of its key and unknown"
    hooks = (pool.hooks or ZERO).lower()
    if hooks == ZERO:
        return "its fee is set by a hook, and it has none" if pool.fee_pips == DYNAMIC_FEE_PIPS else None
    if hooks not in allowed_hooks:
        return f"hook {pool.hooks} is not on the list of allowed ones"
    return None if layout.knows_hooks else f"hook {pool.hooks}: its permissions in the pool's key are not known"


def refuse(layout: Layout, pool: Pool, allowed_hooks: frozenset[str]) -> None:
    """Raise :class:`InvalidInput` for a pool that is not for us."""
    reason = refusal(layout, pool, allowed_hooks)
    if reason:
        raise InvalidInput(f"pool {pool.pool_id}: {reason}")


def _key(pool: Pool) -> tuple[object, ...]:
    return pool.token0.address, pool.token1.address, pool.fee_pips, pool.tick_spacing, pool.hooks or ZERO


def _links(pool: Pool) -> tuple[Link, ...]:
    manager, view = pool.position_manager, pool.contract("state_view")
    return (
        Link(what="pool manager of the position manager", read=abi.POOL_MANAGER, target=manager, expected=pool.factory),
        Link(what="Permit2", read=abi.PERMIT2, target=manager, expected=pool.contract("permit2")),
        Link(what="pool manager of StateView", read=abi.POOL_MANAGER, target=view, expected=pool.factory),
    )


UNISWAP_V4 = Layout(
    family="uniswap_v4",
    key_types=("address", "address", "uint24", "int24", "address"),
    key=_key,
    view=lambda pool: pool.contract("state_view"),
    tick_info=abi.GET_TICK_INFO,
    position_info=abi.GET_POSITION_INFO,
    links=_links,
    knows_hooks=True,
)
