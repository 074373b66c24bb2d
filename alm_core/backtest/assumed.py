"""Snapshots that were read afterwards, completed with what a backtest is told to assume. Pure.

An old block tells pools and gas, but no USD price. That of the quote token can only be assumed; those of native coins
follow from closes of a pair that has the coin, or are assumed too. What is missing is named with the option that would
supply it; nothing becomes zero.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from alm_core.model.backtest import BacktestConfig
from alm_core.model.market import ChainState, MarketSnapshot, SourceProblem

READ_AFTERWARDS = "history backfill"
"""Source of the problems that a snapshot has for no other reason than being read at past blocks."""
NOT_KNOWN_THEN = "read at past blocks: without volumes, rewards, swap quotes and bridges of that time"


@dataclass(frozen=True, slots=True, kw_only=True)
class Closes:
    """Last closes before an epoch, quote per base: of the pair itself, and of others by pair id."""

    own: float
    others: Mapping[str, float] = field(default_factory=dict[str, float])


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """A snapshot as a decision may see it, and in words what was assumed for it."""

    snapshot: MarketSnapshot
    assumptions: tuple[str, ...] = ()


def read_afterwards(snapshot: MarketSnapshot) -> bool:
    """Return whether a snapshot was read at past blocks."""
    return any(problem.source == READ_AFTERWARDS for problem in snapshot.problems)


def with_assumed_quote(snapshot: MarketSnapshot, config: BacktestConfig) -> MarketSnapshot:
    """Return a snapshot that was read afterwards with the USD price that is assumed for its quote token, if any is."""
    if snapshot.quote_usd is not None or not read_afterwards(snapshot):
        return snapshot
    return replace(snapshot, quote_usd=config.assumed_quote_usd)


def completed_snapshot(snapshot: MarketSnapshot, config: BacktestConfig, closes: Closes) -> Completed:
    """Return a snapshot that can be decided on, or one whose problem says what would have to be assumed.

    A snapshot of a live epoch stays as it is, whatever is assumed.

    Parameters
    ----------
    snapshot
        As it is recorded; its price of the quote token may have been assumed before.
    config
        What is assumed.
    closes
        The last ones before the snapshot's epoch.
    """
    if not read_afterwards(snapshot):
        return Completed(snapshot=snapshot)
    assumptions, options = [NOT_KNOWN_THEN], list[str]()
    quoted = with_assumed_quote(snapshot, config)
    if quoted.quote_usd is None:
        options.append("--quote-usd USD")
    else:
        assumptions.append(f"USD per {quoted.pools[0].pool.quote.symbol} assumed: {quoted.quote_usd:g}")
    states: list[ChainState] = []
    for state in quoted.chains:
        priced, words = _priced(state, quoted.quote_usd, config, closes)
        states.append(priced)
        (assumptions if priced.native_usd is not None else options).extend(words)
    problems = (
        *(problem for problem in snapshot.problems if problem.source != READ_AFTERWARDS),
        *_problems(snapshot, options),
    )
    return Completed(
        snapshot=replace(quoted, chains=tuple(states), problems=problems),
        assumptions=() if problems else tuple(assumptions),
    )


def _priced(
    state: ChainState, quote_usd: float | None, config: BacktestConfig, closes: Closes
) -> tuple[ChainState, list[str]]:
    """Return a chain with the price of its native coin, and what was assumed for it or which option is missing."""
    chain_id = state.block.chain_id
    if state.native_usd is not None:
        return state, []
    for source in config.native_from:
        close = closes.own if source.pair == config.pair else closes.others.get(source.pair)
        if source.chain_id != chain_id or close is None:
            continue
        if quote_usd is None:
            return state, []  # It follows as soon as the price of the quote token is told.
        known = quote_usd * closes.own if source.against == "base" else quote_usd
        usd = known * close if source.side == "base" else known / close
        return replace(state, native_usd=usd), [f"USD per native coin of chain {chain_id}: closes of {source.pair}"]
    told = dict(config.assumed_native_usd).get(chain_id)
    if told is None:
        return state, [f"--native-usd {chain_id}=USD"]
    return replace(state, native_usd=told), [f"USD per native coin of chain {chain_id} assumed: {told:g}"]


def _problems(snapshot: MarketSnapshot, options: Sequence[str]) -> tuple[SourceProblem, ...]:
    chains = {state.pool.chain_id for state in snapshot.pools} - {state.block.chain_id for state in snapshot.chains}
    if chains:
        named = ", ".join(map(str, sorted(chains)))
        detail = f"gas of chain {named} is not recorded: take the day out of the history and backfill it again"
    elif options:
        detail = f"USD prices of that time are not known: {' '.join(options)} lets a backtest use it"
    else:
        return ()
    return (SourceProblem(source=READ_AFTERWARDS, detail=detail),)
