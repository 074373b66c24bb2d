"""The terms of a signer: as the registry implies them, and as a file that a person reads and pins."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from alm_core.execution.allow_list import AllowList, allow_list_for
from alm_core.model.errors import ConfigError
from alm_resources.registry import Registry
from alm_resources.signer.terms import ChainCaps, SigningTerms
from alm_resources.swaps.routers import routers_of

if TYPE_CHECKING:
    from alm_resources.signer.policy_entry import PolicyEntry

TRANSACTIONS_PER_HOUR = 240
MOST_STABLE, MOST_VOLATILE = 10_000_000, 5_000
_GAS_LIMIT = 30_000_000
_PRICE_OF_GAS_WEI = {"POL": 5_000 * 10**9}
_FEE_WEI = {"ETH": 25 * 10**16, "BNB": 10**18, "POL": 1_000 * 10**18, "AVAX": 20 * 10**18, "HYPE": 10 * 10**18}
_HEAD = """\
# What the signer of {pair} signs, and nothing else. Addresses are lower case. Read it before you pin it:
# ALM_SIGNER_POLICY={{this file, or a folder with one file per pair}}. Made by: alm signer policy {pair}
# A selector is the kind of call; arrivals are tokens that may be sent to the chain from another; approvals are the most
# raw units that one approval may give.
"""


def allow_list_from(registry: Registry, pair_id: str) -> AllowList:
    """Return what the wallet of a pair may call: its pools, what they name, their tokens, swaps, Merkl claims."""
    pools = registry.pools_of(pair_id)
    swaps = {chain_id: registry.chain(chain_id).lifi_diamond for chain_id in {pool.chain_id for pool in pools}}
    routers = {(one.chain_id, one.address): one.selector for one in routers_of(registry, pools).values()}
    distributors = {chain: at for chain, at in registry.distributors.items() if chain in swaps}
    return allow_list_for(pools, swaps, distributors, routers)


def terms_from(
    registry: Registry, pair_id: str, *, most_stable: int = MOST_STABLE, most_volatile: int = MOST_VOLATILE
) -> SigningTerms:
    """Return the terms that a registry implies for the wallet of a pair.

    Parameters
    ----------
    registry, pair_id
        Of the pair.
    most_stable, most_volatile
        Most whole tokens that one approval may give, of stables and of all others.
    """
    pools = registry.pools_of(pair_id)
    tokens = {token for pool in pools for token in (pool.token0, pool.token1)}
    most = {"stable": most_stable, "volatile": most_volatile}
    return SigningTerms(
        allow_list=allow_list_from(registry, pair_id),
        chains={chain_id: _caps_of(registry, chain_id) for chain_id in sorted({pool.chain_id for pool in pools})},
        approvals={
            (token.chain_id, token.address.lower()): most[token.asset_class] * 10**token.decimals for token in tokens
        },
        transactions_per_hour=TRANSACTIONS_PER_HOUR,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PinnedPolicy:
    """A policy file: the terms of one pair's wallet."""

    pair: str
    wallet: str
    terms: SigningTerms


def read_policy(path: Path) -> PinnedPolicy:
    """Read a policy file.

    Raises
    ------
    ConfigError
        If it cannot be read, has an unknown key, or leaves out a cap: nothing is assumed.
    """
    from pydantic import ValidationError

    from alm_resources.signer.policy_entry import PolicyEntry

    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        entry = PolicyEntry.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigError(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"signer policy {path}: {error}") from error
    return PinnedPolicy(pair=entry.pair, wallet=entry.wallet, terms=_terms_of(entry))


def policy_text(policy: PinnedPolicy) -> str:
    """Return a policy as the TOML text that :func:`read_policy` reads."""
    terms = policy.terms
    lines = [
        _HEAD.format(pair=policy.pair),
        f'pair = "{policy.pair}"',
        f'wallet = "{policy.wallet.lower()}"',
        f"transactions_per_hour = {terms.transactions_per_hour or TRANSACTIONS_PER_HOUR}",
    ]
    for chain_id, caps in sorted((terms.chains or {}).items()):
        lines += ["", f"[chains.{chain_id}]", f"max_gas_limit = {caps.max_gas_limit}"]
        lines += [f'max_fee_per_gas_wei = "{caps.max_fee_per_gas_wei}"', f'max_fee_wei = "{caps.max_fee_wei}"']
        lines.append(f"spenders = {_listed(at for chain, at in terms.allow_list.spenders if chain == chain_id)}")
        lines.append(f"arrivals = {_listed(at for chain, at in terms.allow_list.arrivals if chain == chain_id)}")
        lines += _table(f"chains.{chain_id}.contracts", _of_chain(terms.allow_list.selectors, chain_id))
        lines += _table(f"chains.{chain_id}.takers", _of_chain(terms.allow_list.takers, chain_id))
        approvals = {at: most for (chain, at), most in (terms.approvals or {}).items() if chain == chain_id}
        lines += ["", f"[chains.{chain_id}.approvals]"]
        lines += [f'{at} = "{most}"' for at, most in sorted(approvals.items())]
    return "\n".join(lines) + "\n"


def _caps_of(registry: Registry, chain_id: int) -> ChainCaps:
    chain = registry.chain(chain_id)
    return ChainCaps(
        max_gas_limit=chain.rules.transaction_gas_cap or _GAS_LIMIT,
        max_fee_per_gas_wei=_PRICE_OF_GAS_WEI.get(chain.native_symbol, 500 * 10**9),
        max_fee_wei=_FEE_WEI.get(chain.native_symbol, _FEE_WEI["ETH"]),
    )


def _terms_of(entry: "PolicyEntry") -> SigningTerms:
    chains = {int(chain_id): chain for chain_id, chain in entry.chains.items()}
    return SigningTerms(
        allow_list=AllowList(
            selectors={
                (chain_id, at): frozenset(called)
                for chain_id, one in chains.items()
                for at, called in one.contracts.items()
            },
            spenders=frozenset((chain_id, at) for chain_id, one in chains.items() for at in one.spenders),
            arrivals=frozenset((chain_id, at) for chain_id, one in chains.items() for at in one.arrivals),
            takers={
                (chain_id, at): frozenset(takers)
                for chain_id, one in chains.items()
                for at, takers in one.takers.items()
            },
        ),
        chains={
            chain_id: ChainCaps(
                max_gas_limit=one.max_gas_limit,
                max_fee_per_gas_wei=one.max_fee_per_gas_wei,
                max_fee_wei=one.max_fee_wei,
            )
            for chain_id, one in chains.items()
        },
        approvals={(chain_id, at): most for chain_id, one in chains.items() for at, most in one.approvals.items()},
        transactions_per_hour=entry.transactions_per_hour,
    )


def _of_chain(table: Mapping[tuple[int, str], frozenset[str]], chain_id: int) -> dict[str, frozenset[str]]:
    return {at: entries for (chain, at), entries in table.items() if chain == chain_id}


def _table(name: str, entries: Mapping[str, frozenset[str]]) -> list[str]:
    return ["", f"[{name}]", *(f"{at} = {_listed(entries[at])}" for at in sorted(entries))]


def _listed(entries: Iterable[str]) -> str:
    return "[" + ", ".join(f'"{entry}"' for entry in sorted(entries)) + "]"
