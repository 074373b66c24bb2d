"""`alm registry discover`: ask factories for the pools of a pair, in every fee tier, spacing or bin step."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from eth_utils.address import to_checksum_address

from alm_core.model.chain_ports import CallResult, ChainClient
from alm_core.model.errors import ConfigError
from alm_core.model.pools import Pair, Token
from alm_resources.registry import abi
from alm_resources.registry.checks import Reading
from alm_resources.registry.families import FAMILIES
from alm_resources.registry.pool_questions import lookups
from alm_resources.registry.registry import DexContracts, Registry
from alm_resources.registry.toml_text import table_text


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundPool:
    """A pool that a factory knows. ``liquidity`` is in range for V3-like pools, the larger raw reserve of bins."""

    pair: str
    chain_id: int
    dex: str
    family: str
    address: str
    base: Token
    quote: Token
    fee_pips: int | None
    tick_spacing: int | None
    bin_step: int | None
    liquidity: int
    listed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovery:
    """What one chain answered; ``notes`` say what could not be asked."""

    pools: tuple[FoundPool, ...]
    notes: tuple[str, ...]


def discover_pools(
    registry: Registry, pair_id: str, chain: ChainClient, dexes: Sequence[str] | None = None
) -> Discovery:
    """Ask every factory of a chain for pools of a pair's tokens.

    Parameters
    ----------
    registry
        Tokens and deployments.
    pair_id
        Pair whose tokens are looked for.
    chain
        The chain to ask.
    dexes
        DEX ids to ask; ``None`` asks all. Other deployments of a named one (``variant_of``) are ids of their own.

    Raises
    ------
    ConfigError
        If the pair is unknown.
    SourceError
        If the chain does not answer.
    """
    pair = registry.pair(pair_id)
    found = _tokens(registry, pair, chain.chain_id)
    if isinstance(found, str):
        return Discovery(pools=(), notes=(found,))
    deployments = [
        contracts
        for (dex, chain_id), contracts in registry.dexes.items()
        if chain_id == chain.chain_id and (dexes is None or dex in dexes)
    ]
    notes = tuple(_note(contracts) for contracts in deployments if not _enumerable(contracts))
    made = list(_registered(chain, [c for c in deployments if _enumerable(c)], found))
    return Discovery(pools=tuple(_described(registry, pair_id, chain, made, found)), notes=notes)


def discovered_overlay(pools: Iterable[FoundPool]) -> str:
    """Return an overlay of the pools that are not listed yet; empty if there is none.

    Pools without liquidity are written as unverified: nobody should trade them because a factory made them once.
    """
    tables = [table_text("[pools]", _entry(pool)) for pool in pools if not pool.listed]
    return "\n".join(["# Written by alm registry discover.\n", *tables]) if tables else ""


def _tokens(registry: Registry, pair: Pair, chain_id: int) -> tuple[Token, Token] | str:
    try:
        return registry.token(chain_id, pair.base), registry.token(chain_id, pair.quote)
    except ConfigError as error:
        return str(error)


def _enumerable(contracts: DexContracts) -> bool:
    return FAMILIES[contracts.family].pool_key not in ("pool_key", "unknown")


def _note(contracts: DexContracts) -> str:
    why = "its interface is not known"
    if FAMILIES[contracts.family].pool_key == "pool_key":
        why = "a pool manager knows ids, not tokens: its pools cannot be enumerated"
    return f"{contracts.dex} on chain {contracts.chain_id}: {why}"


def _registered(
    chain: ChainClient, deployments: Sequence[DexContracts], tokens: tuple[Token, Token]
) -> Iterator[tuple[DexContracts, str]]:
    by_address = sorted((token.address for token in tokens), key=lambda address: int(address, 16))
    asked = [
        (contracts, reading)
        for contracts in deployments
        for reading in lookups(contracts, (by_address[0], by_address[1]), FAMILIES[contracts.family].tiers)
    ]
    results = chain.read_head([reading.call for _, reading in asked]).results if asked else ()
    for (contracts, reading), result in zip(asked, results, strict=True):
        address = reading.value(result)
        if address is not None and int(str(address), 16):
            yield contracts, to_checksum_address(str(address))


def _described(
    registry: Registry,
    pair_id: str,
    chain: ChainClient,
    made: Sequence[tuple[DexContracts, str]],
    tokens: tuple[Token, Token],
) -> Iterator[FoundPool]:
    readings = [_description(contracts, address) for contracts, address in made]
    calls = [reading.call for group in readings for reading in group]
    results = iter(chain.read_head(calls).results if calls else ())
    listed = {pool.pool_id.lower() for pool in registry.listed}
    for (contracts, address), group in zip(made, readings, strict=True):
        liquidity, fee, spacing, step = _figures(group, [next(results) for _ in group])
        by_fee = FAMILIES[contracts.family].pool_key == "fee"
        yield FoundPool(
            pair=pair_id,
            chain_id=chain.chain_id,
            dex=contracts.dex,
            family=contracts.family,
            address=address,
            base=tokens[0],
            quote=tokens[1],
            # Elsewhere the fee moves, and the one of this moment is not a property of the pool.
            fee_pips=fee if by_fee else None,
            tick_spacing=spacing,
            bin_step=step,
            liquidity=liquidity,
            listed=f"{chain.chain_id}:{address}".lower() in listed,
        )


def _description(contracts: DexContracts, address: str) -> tuple[Reading, ...]:
    if contracts.family in ("liquidity_book", "liquidity_book_v20"):
        functions = (abi.GET_BIN_STEP, abi.FEE_PARAMETERS, abi.GET_RESERVES, abi.RESERVES_AND_ID)
    else:
        functions = (abi.LIQUIDITY, abi.FEE, abi.TICK_SPACING)
    return tuple(Reading(function=function, target=address) for function in functions)


def _figures(group: Sequence[Reading], results: Sequence[CallResult]) -> tuple[int, int | None, int | None, int | None]:
    answers = {r.function.name: r.answers(x) for r, x in zip(group, results, strict=True)}
    if abi.LIQUIDITY.name in answers:
        liquidity, fee, spacing = (answers[f.name] for f in (abi.LIQUIDITY, abi.FEE, abi.TICK_SPACING))
        return _first(liquidity) or 0, _first(fee), _first(spacing), None
    reserves = answers[abi.GET_RESERVES.name] or answers[abi.RESERVES_AND_ID.name] or (0, 0)
    step = answers[abi.GET_BIN_STEP.name] or answers[abi.FEE_PARAMETERS.name]
    return max(reserves[:2]), None, None, _first(step)


def _first(answer: tuple[int, ...] | None) -> int | None:
    return None if answer is None else answer[0]


def _entry(pool: FoundPool) -> dict[str, int | str]:
    keys = {"fee_pips": pool.fee_pips, "tick_spacing": pool.tick_spacing, "bin_step": pool.bin_step}
    entry: dict[str, int | str] = {
        "pair": pool.pair,
        "chain": pool.chain_id,
        "dex": pool.dex,
        "address": pool.address,
        "base": pool.base.address,
        "quote": pool.quote.address,
    }
    entry |= {key: value for key, value in keys.items() if value is not None}
    if pool.liquidity:
        return entry | {"evidence": "chain", "status": "operable"}
    return entry | {"evidence": "chain", "status": "unverified", "reason": "no liquidity when it was discovered"}
