"""What differs between Uniswap V3 and its forks: functions, layouts of answers and structs, packing of fees.

The code beside this module asks a :class:`Layout` for all of it; a fork is a folder that holds one.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from eth_abi.abi import encode
from eth_abi.packed import encode_packed
from eth_utils.crypto import keccak

from alm_core.model.chain_ports import Call
from alm_core.model.errors import BadAnswer
from alm_core.model.pools import Pool
from alm_resources.chains.calldata import ContractFunction
from alm_resources.dex.uniswap_v3 import abi

_WORD = 32
_ERROR_STRING = bytes.fromhex("08c379a0")


@dataclass(frozen=True, slots=True)
class Named:
    """A read whose outputs, a word each, have names: those the code beside asks for, ``_`` for all others.

    ``exact`` is for what tells families apart: there may be no further word. Elsewhere a fork may append some.

    Examples
    --------
    >>> Named(abi.FEE, ("fee",)).values((500).to_bytes(32, "big"), "pool")
    {'fee': 500}
    """

    read: ContractFunction
    names: tuple[str, ...]
    exact: bool = False

    def values(self, data: bytes, source: str) -> dict[str, Any]:
        """Decode an answer.

        Raises
        ------
        BadAnswer
            If it is none, or has words beyond an exact layout, which no decoder minds: it is another family's.
        """
        answer = self.read.answer(data, source)
        if self.exact and len(data) != _WORD * len(self.names):
            expected = f"{len(self.names)} words"
            raise BadAnswer(source, f"{self.read.name}() answered {len(data)} bytes that are not {expected}")
        return dict(zip(self.names, answer, strict=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class SwapFees:
    """Fee of a swap, and the parts of it on token0 and token1 that liquidity as ours does not get, each 0..1."""

    fee_pips: int
    protocol_frac0: float
    protocol_frac1: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """A read of a contract around the pool, and the address it has to answer."""

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
    """One family of V3 shape.

    Parameters
    ----------
    family
        Name in the registry.
    slot
        Price and tick (``sqrt_price_x96``, ``tick``), and what else of it :attr:`fees_from` reads.
    fee_reads
        Further reads of the pool for :attr:`fees_from`.
    fees_from
        Fees from the named values of ``slot`` and ``fee_reads``.
    fee_in_key
        Whether the registry tells the fee, and the pool has to agree.
    growths
        Fee growth of the whole pool on token0 and token1.
    find_pool
        The read that asks the factory for the pool, with its arguments.
    key_words
        How the key is called besides the tokens, in messages.
    pool_key
        What names a pool besides its tokens, in ``positions()`` (as ``key``) and in the struct of a mint.
    proofs
        What ties the position manager to the factory.
    observe
        Tick cumulatives of the pool's own oracle, as the first output; ``None`` where the pool has none.
    tick
        ``gross``: liquidity that begins or ends at a tick; ``outside0``, ``outside1``: fee growth beyond it.
    joint, joint_key
        The pool's own position that a manager's token lies in: ``liquidity``, ``inside0``, ``inside1``, ``owed0``,
        ``owed1``; its key from pool, token id and both ticks.
    stored
        The manager's own record of a token: the same names, ``token0``, ``token1``, ``tick_lower``, ``tick_upper``.
    burned
        What ``positions()`` reverts with for a burned id, exactly: any other failure is not "no position".
    mint, mint_tail
        The mint, and words after the deadline in its struct.
    """

    family: str
    slot: Named
    fee_reads: tuple[Named, ...]
    fees_from: Callable[[Pool, Mapping[str, Any]], SwapFees]
    fee_in_key: bool
    growths: tuple[ContractFunction, ContractFunction]
    find_pool: Callable[[Pool], tuple[ContractFunction, tuple[object, ...]]]
    key_words: str
    pool_key: Callable[[Pool], tuple[object, ...]]
    proofs: Callable[[Pool], tuple[Proof, ...]]
    observe: ContractFunction | None
    tick: Named
    joint: Named
    joint_key: Callable[[Pool, int, int, int], bytes]
    stored: Named
    burned: Callable[[int], bytes]
    mint: ContractFunction
    mint_tail: tuple[object, ...] = ()

    @property
    def key_named(self) -> str:
        """The tokens and the key, in words."""
        return f"tokens and {self.key_words}" if self.key_words else "tokens"


def tokens_of(pool: Pool) -> tuple[str, str]:
    """Addresses of token0 and token1."""
    return pool.token0.address, pool.token1.address


def fee_key(pool: Pool) -> tuple[object, ...]:
    """Key of pools that are told apart by their fee."""
    return (pool.fee_pips,)


def spacing_key(pool: Pool) -> tuple[object, ...]:
    """Key of pools that are told apart by their tick spacing."""
    return (pool.tick_spacing,)


def no_key(pool: Pool) -> tuple[object, ...]:
    """Key of pools of which there is one for each pair of tokens."""
    return ()


def factory_proof(pool: Pool) -> tuple[Proof, ...]:
    """The position manager knows its factory."""
    what = "factory of the position manager"
    return (Proof(what=what, read=abi.FACTORY, target=pool.position_manager, expected=pool.factory),)


def hashed_joint_key(pool: Pool, token_id: int, tick_lower: int, tick_upper: int) -> bytes:
    """Key of one position for all holders of a range (``Position.get`` of v3-core)."""
    packed = encode_packed(("address", "int24", "int24"), (pool.position_manager, tick_lower, tick_upper))
    return bytes(keccak(packed))


def reverted_with(text: str) -> Callable[[int], bytes]:
    """Return the data of a revert with a text, whatever the id.

    Examples
    --------
    >>> reverted_with("ID")(77)[:4].hex()
    '08c379a0'
    """
    data = _ERROR_STRING + encode(("string",), (text,))
    return lambda token_id: data
