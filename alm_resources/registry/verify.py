"""`alm registry verify`: every entry against the chain, in one batch per chain; differences with their place."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from alm_core.model.chain_ports import CallResult, ChainClient
from alm_core.model.errors import BadAnswer, SourceError, WrongChain
from alm_resources.registry.checks import Check, Verdict
from alm_resources.registry.pool_questions import pool_checks
from alm_resources.registry.questions import chain_checks, contract_checks, token_checks
from alm_resources.registry.registry import ListedPool, Registry
from alm_resources.registry.toml_text import table_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Answer to one check. ``place`` is where in the TOML files the entry stands, ``key`` what would be corrected."""

    chain_id: int
    entry: str
    place: str
    what: str
    key: str
    found: str
    expected: str
    verdict: Verdict
    fills: Mapping[str, int | str] = field(default_factory=dict[str, int | str])

    @property
    def remedy(self) -> str:
        """What to do about it; empty if nothing."""
        if self.verdict is Verdict.MISMATCH:
            return f"correct {self.key} in {self.place}"
        if self.verdict is Verdict.UNREACHABLE:
            return f"nothing is known of chain {self.chain_id}: check rpc in {self.place} and run again"
        return ""


def verify_chain(registry: Registry, chain_id: int, chain: ChainClient) -> tuple[Finding, ...]:
    """Compare every entry of one chain with that chain, at its head.

    Raises
    ------
    ConfigError
        If the chain is not in the registry.
    """
    checks = tuple(_checks(registry, chain_id))
    try:
        reading = chain.read_head([call for check in checks for call in check.calls])
    except SourceError as error:
        return (_failure(registry, chain_id, error),)
    return tuple(_findings(registry, chain_id, checks, reading.results))


def confirmed_overlay(registry: Registry, findings: Iterable[Finding]) -> str:
    """Return an overlay that makes operable what was unverified and passed everything; empty if nothing did.

    A pool with a single mismatch, or one answer that does not tell, is left as it is.
    """
    by_entry: dict[str, list[Finding]] = {}
    for finding in findings:
        by_entry.setdefault(finding.entry, []).append(finding)
    tables = [
        table_text("[pools]", _confirmed(pool, by_entry[entry]))
        for pool in registry.listed
        if (entry := f"pool {pool.pool_id}") in by_entry and _passed(pool, by_entry)
    ]
    return (
        "\n".join(["# Written by alm registry verify: the chain confirmed these pools.\n", *tables]) if tables else ""
    )


def _checks(registry: Registry, chain_id: int) -> Iterator[Check]:
    config = registry.chain(chain_id)
    yield from chain_checks(config)
    for token in registry.tokens_of(chain_id):
        yield from token_checks(token)
    for (_, chain), contracts in registry.dexes.items():
        if chain == chain_id:
            yield from contract_checks(contracts, config.wrapped_native)
    for pool in registry.listed_pools(chain=chain_id):
        yield from pool_checks(pool)


def _findings(
    registry: Registry, chain_id: int, checks: Sequence[Check], results: Sequence[CallResult]
) -> Iterator[Finding]:
    places = dict(registry.origins) | {f"pool {pool.pool_id}": pool.origin for pool in registry.listed}
    start = 0
    for check in checks:
        judged = check.judge(results[start : start + len(check.calls)])
        start += len(check.calls)
        yield Finding(
            chain_id=chain_id,
            entry=check.entry,
            place=places[check.entry],
            what=check.what,
            key=check.key,
            found=judged.found,
            expected=check.expected,
            verdict=judged.verdict,
            fills=judged.fills,
        )


def _failure(registry: Registry, chain_id: int, error: SourceError) -> Finding:
    entry = f"chain {chain_id}"
    what, key, expected, verdict = "rpc", "rpc", "an answer", Verdict.UNREACHABLE
    if isinstance(error, WrongChain):
        what, expected, verdict = "chain id", str(chain_id), Verdict.MISMATCH
    elif isinstance(error, BadAnswer):
        what, key, expected, verdict = "Multicall3", "multicall3", "answers to a batch", Verdict.MISMATCH
    return Finding(
        chain_id=chain_id,
        entry=entry,
        place=registry.origins[entry],
        what=what,
        key=key,
        found=str(error),
        expected=expected,
        verdict=verdict,
    )


def _passed(pool: ListedPool, by_entry: Mapping[str, Sequence[Finding]]) -> bool:
    # A pool is no better than its tokens and its deployment.
    entries = [
        f"pool {pool.pool_id}",
        f"token {pool.chain_id}:{pool.base.address}",
        f"token {pool.chain_id}:{pool.quote.address}",
        f"dex {pool.dex} {pool.chain_id}",
        f"chain {pool.chain_id}",
    ]
    own = all(finding.verdict in (Verdict.OK, Verdict.NOTE) for finding in by_entry[entries[0]])
    others = (finding for entry in entries[1:] for finding in by_entry.get(entry, ()))
    return pool.status == "unverified" and own and all(finding.verdict is not Verdict.MISMATCH for finding in others)


def _confirmed(pool: ListedPool, findings: Sequence[Finding]) -> dict[str, int | str]:
    fills = {key: value for finding in findings for key, value in finding.fills.items()}
    identity: dict[str, int | str] = {
        "pair": pool.pair,
        "chain": pool.chain_id,
        "dex": pool.dex,
        "address": pool.address,
    }
    tokens: dict[str, int | str] = {"base": pool.base.address, "quote": pool.quote.address}
    return identity | tokens | fills | {"status": "operable", "evidence": "chain", "reason": ""}
