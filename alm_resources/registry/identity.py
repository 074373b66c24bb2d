"""What a pool's address or id proves: CREATE2 of factory, tokens and key, or the hash of a pool key. No chain needed.

CREATE2 (EIP-1014): the last 20 bytes of ``keccak256(0xff ++ deployer ++ salt ++ init_code_hash)``. Uniswap V4 hashes
``abi.encode(currency0, currency1, fee, tickSpacing, hooks)``, PancakeSwap Infinity ``abi.encode(currency0, currency1,
hooks, poolManager, fee, parameters)``.
"""

from collections.abc import Mapping
from typing import Protocol

from eth_abi.abi import encode
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from alm_resources.registry.families import FAMILIES

NO_HOOKS = "0x" + "00" * 20


class PoolFields(Protocol):
    """The fields of a pool that its identity is made of."""

    @property
    def fee_pips(self) -> int | None: ...

    @property
    def tick_spacing(self) -> int | None: ...

    @property
    def hooks(self) -> str | None: ...

    @property
    def parameters(self) -> str | None: ...


def sorted_addresses(first: str, second: str) -> tuple[str, str]:
    """Return two addresses as contracts order them: by the number they are, not by their letters."""
    return (first, second) if int(first, 16) < int(second, 16) else (second, first)


def identity_of(family: str, addresses: Mapping[str, str], tokens: tuple[str, str], pool: PoolFields) -> str | None:
    """Return the address or id that a pool of these tokens and this key must have.

    Parameters
    ----------
    family
        Name of the DEX family.
    addresses
        Contracts of the deployment by role; CREATE2 needs ``init_code_hash``.
    tokens
        Addresses of both tokens, in any order.
    pool
        Fee, spacing, hooks and parameters, as far as the family has them.

    Returns
    -------
    str or None
        Checksummed address, or 32 bytes in lower case; ``None`` if the fields do not determine it.

    Examples
    --------
    >>> from alm_resources.registry import load_registry
    >>> pool = load_registry(None).listed_pools("WETH-USDC", 8453)[0]
    >>> identity_of(pool.family, pool.contracts.addresses, pool.token_addresses, pool) == pool.address
    True
    """
    ordered = sorted_addresses(*tokens)
    if FAMILIES[family].pool_key == "pool_key":
        return _pool_key_id(family, addresses, ordered, pool)
    code_hash, salt = addresses.get("init_code_hash"), _salt(family, addresses, ordered, pool)
    if code_hash is None or salt is None:
        return None
    deployer = addresses.get("deployer", addresses["factory"])
    packed = b"\xff" + bytes.fromhex(deployer[2:]) + salt + bytes.fromhex(code_hash[2:])
    return to_checksum_address(keccak(packed)[12:])


def infinity_parameters(tick_spacing: int) -> str:
    """Return ``parameters`` of an Infinity CL pool without hooks: its spacing above 16 bits of hook registrations."""
    return "0x" + (tick_spacing << 16).to_bytes(32, "big").hex()


def _salt(family: str, addresses: Mapping[str, str], tokens: tuple[str, str], pool: PoolFields) -> bytes | None:
    kind = FAMILIES[family].pool_key
    if kind == "pair":
        # AlgebraPoolDeployer.deploy of Algebra Integral: a custom deployer comes first.
        custom = [addresses["custom_deployer"]] if "custom_deployer" in addresses else []
        values = (*custom, *tokens)
        return keccak(encode(("address",) * len(values), values))
    key, abi_type = (pool.fee_pips, "uint24") if kind == "fee" else (pool.tick_spacing, "int24")
    if key is None or kind not in ("fee", "tick_spacing"):
        return None
    return keccak(encode(("address", "address", abi_type), (*tokens, key)))


def _pool_key_id(family: str, addresses: Mapping[str, str], tokens: tuple[str, str], pool: PoolFields) -> str | None:
    if pool.fee_pips is None or pool.tick_spacing is None:
        return None
    hooks = pool.hooks or NO_HOOKS
    if family == "uniswap_v4":
        types = ("address", "address", "uint24", "int24", "address")
        values = (*tokens, pool.fee_pips, pool.tick_spacing, hooks)
    else:
        parameters = bytes.fromhex((pool.parameters or infinity_parameters(pool.tick_spacing))[2:])
        types = ("address", "address", "address", "address", "uint24", "bytes32")
        values = (*tokens, hooks, addresses["pool_manager"], pool.fee_pips, parameters)
    return "0x" + keccak(encode(types, values)).hex()
