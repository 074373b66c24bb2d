"""One listed pool and one deployment, checked: the keys their family needs, and the hash an address claims to be."""

from dataclasses import replace
from types import MappingProxyType

from alm_core.model.pools import Pool, Token
from alm_resources.registry.entries import ContractsEntry, DexEntry, PoolEntry
from alm_resources.registry.families import FAMILIES
from alm_resources.registry.files import RawEntry, refused
from alm_resources.registry.identity import identity_of
from alm_resources.registry.registry import ChainConfig, DexContracts, ListedPool

_V3_KEYS = ("fee_pips", "tick_spacing")
_KEYS = {
    "pool_key": (*_V3_KEYS, "hooks", "parameters"),
    "bin_step": ("bin_step",),
    "unknown": (*_V3_KEYS, "bin_step", "hooks", "parameters"),
}


STAKING_ROLES = {"slipstream": "gauge", "pancake_v3": "master_chef"}
"""Key of the contract that pays rewards to positions it holds, by family; no other family has one that is known."""

_OF_NO_PLAN = ("init_code_hash", "quoter", "router")
"""Roles that neither reading nor changing a position needs."""


def contracts_from(raw: RawEntry, dex: DexEntry, chain_id: int, entry: ContractsEntry) -> DexContracts:
    """Check that a deployment has what its family needs, and nothing that its family does not know.

    Raises
    ------
    ConfigError
        Naming file, entry, key and value.
    """
    family = FAMILIES[dex.family]
    addresses: dict[str, str] = entry.model_dump(exclude_none=True)
    where = f"contracts.{chain_id}"
    for role in family.required:
        if role not in addresses:
            needed = ", ".join(family.required)
            raise refused(raw, f"{where}.{role}", None, f"missing; family {dex.family} needs {needed}")
    for role, address in addresses.items():
        if role not in (*family.required, *family.optional):
            raise refused(raw, f"{where}.{role}", address, f"family {dex.family} has no {role}")
    return DexContracts(dex=dex.id, chain_id=chain_id, family=dex.family, addresses=MappingProxyType(addresses))


def listed_pool(raw: RawEntry, entry: PoolEntry, base: Token, quote: Token, contracts: DexContracts) -> ListedPool:
    """Resolve an entry; evidence ``keccak`` is recomputed.

    Raises
    ------
    ConfigError
        Naming file, entry, key and value.
    """
    _check_keys(raw, entry, contracts.family)
    _check_staking(raw, entry, contracts.family)
    pool = ListedPool(
        **entry.model_dump(exclude={"chain", "base", "quote"}),
        chain_id=entry.chain,
        family=contracts.family,
        base=base,
        quote=quote,
        contracts=contracts,
        origin=raw.place,
    )
    if entry.evidence == "keccak":
        proven = identity_of(pool.family, contracts.addresses, pool.token_addresses, pool)
        if proven != pool.address:
            why = f"evidence is keccak, but dex, tokens and key of this entry give {proven or 'no address'}"
            raise refused(raw, "address", pool.address, why)
    return replace(pool, reason="") if pool.status == "operable" else pool


def tradable_pool(listed: ListedPool, chain: ChainConfig) -> Pool | None:
    """Return the pool as the strategy trades it; ``None`` unless it is operable, and all that its key has is known.

    A fee that is no part of the key is read from the chain at every block; a spacing has to be known before.
    """
    family = FAMILIES[listed.family]
    spacing = 1 if family.pool_key == "bin_step" else listed.tick_spacing
    keyed = {"fee": listed.fee_pips, "pool_key": listed.fee_pips, "bin_step": listed.bin_step}
    if listed.status != "operable" or spacing is None or keyed.get(family.pool_key, 0) is None:
        return None
    contracts = dict(listed.contracts.addresses) | _staking(listed)
    if "permit2" in family.optional and chain.permit2 is not None:
        contracts.setdefault("permit2", chain.permit2)
    roles = contracts.keys() - {family.registrar, family.manager, *_OF_NO_PLAN}
    token0, token1 = (listed.base, listed.quote) if listed.base_is_token0 else (listed.quote, listed.base)
    return Pool(
        chain_id=listed.chain_id,
        address=listed.address,
        dex=listed.dex,
        family=listed.family,
        factory=listed.contracts.registrar,
        position_manager=listed.contracts.manager,
        token0=token0,
        token1=token1,
        fee_pips=listed.fee_pips,
        tick_spacing=spacing,
        base_is_token0=listed.base_is_token0,
        bin_step=listed.bin_step,
        hooks=listed.hooks,
        contracts=tuple(sorted((role, contracts[role]) for role in roles)),
        stakes=listed.stake,
    )


def _staking(listed: ListedPool) -> dict[str, str]:
    named = {"gauge": listed.gauge, "master_chef": listed.master_chef, "reward_token": listed.reward_token}
    return {role: address for role, address in named.items() if address is not None}


def _check_staking(raw: RawEntry, entry: PoolEntry, family_name: str) -> None:
    """Refuse a programme that the family does not have, or half of one."""
    own = STAKING_ROLES.get(family_name)
    for role in STAKING_ROLES.values():
        if getattr(entry, role) is not None and role != own:
            raise refused(raw, role, getattr(entry, role), f"pools of family {family_name} have no {role}")
    contract = getattr(entry, own) if own is not None else None
    if contract is None and entry.reward_token is not None:
        raise refused(
            raw, "reward_token", entry.reward_token, f"nothing pays it: {own or 'no such contract'} is absent"
        )
    if contract is not None and entry.reward_token is None:
        raise refused(raw, "reward_token", None, f"missing; {own} {contract} pays it")
    if contract is None and entry.stake:
        raise refused(raw, "stake", entry.stake, f"there is nothing to stake in: {own or 'a contract'} is absent")


def _check_keys(raw: RawEntry, entry: PoolEntry, family_name: str) -> None:
    family = FAMILIES[family_name]
    length = (len(entry.address) - 2) // 2
    if family.id_bytes not in (None, length):
        raise refused(raw, "address", entry.address, f"pools of family {family_name} have {family.id_bytes} bytes")
    allowed = _KEYS.get(family.pool_key, _V3_KEYS)
    for key in ("fee_pips", "tick_spacing", "bin_step", "hooks", "parameters"):
        value = getattr(entry, key)
        if value is not None and key not in allowed:
            raise refused(raw, key, value, f"pools of family {family_name} have no {key}")
    if entry.status == "operable" and family_name == "unknown":
        raise refused(raw, "status", entry.status, "family is unknown: nothing can operate it")
    if entry.status == "operable" and family.pool_key == "fee" and entry.fee_pips is None:
        raise refused(raw, "fee_pips", None, f"missing; an operable pool of family {family_name} needs it")
