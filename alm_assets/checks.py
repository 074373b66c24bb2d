"""Blocking checks of what the assets produce: each returns its result with the evidence.

They run inside the asset they check, so that a failed one keeps everything after it from starting.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import dagster as dg

from alm_assets.lookback import LookBack, missing_ranges
from alm_core.model.candles import MINUTE_MS
from alm_core.model.config import LimitsConfig
from alm_core.model.decisions import AllocationPlan
from alm_core.model.market import Block, MarketSnapshot

if TYPE_CHECKING:
    from alm_core.execution.books_check import BooksVerdict

BOOKS_EQUAL_CHAIN = "books_equal_chain"
"""Also the name of the control that halts (:data:`alm_core.execution.books_check.BOOKS_EQUAL_CHAIN`)."""
MINUTES_COMPLETE = "minutes_complete"
ONE_BLOCK_PER_CHAIN = "one_block_per_chain"
PLAN_WITHIN_LIMITS = "plan_within_limits"
ACCOUNTS = dg.TableSchema(
    columns=[
        dg.TableColumn("chain", "int"),
        dg.TableColumn("account", "string", description="kind of account; the amounts of a token sum to 0 over all"),
        dg.TableColumn("token", "string"),
        dg.TableColumn("amount", "string", description="raw units"),
    ]
)
"""What every kind of account holds (:func:`alm_core.accounting.postings_proof.trial_balance`)."""


def check_specs(name: str, asset: str, description: str) -> list[dg.AssetCheckSpec]:
    """Return the specification of one blocking check of an asset."""
    return [dg.AssetCheckSpec(name, asset=asset, blocking=True, description=description)]


def minutes_complete(look_back: LookBack) -> dg.AssetCheckResult:
    """Check that no minute is missing from the first candle to the epoch, none is twice, and prices are positive.

    Order, uniqueness and prices hold by construction of the series; a gap is what filling can leave.
    """
    series, epoch = look_back.series, look_back.epoch
    if len(series) == 0:
        return _result(MINUTES_COMPLETE, [f"no candle in the look-back of {epoch.epoch_id}"])
    first_at = epoch.epoch_at.fromtimestamp(int(series.ts_ms[0]) / 1000, tz=epoch.epoch_at.tzinfo)
    gaps = missing_ranges(series, first_at, epoch.epoch_at)
    twice = len(series) - len(set(series.ts_ms.tolist()))
    problems = [f"minutes missing from {start.isoformat()} to {end.isoformat()}" for start, end in gaps]
    problems += [f"{twice} minutes are there twice"] if twice else []
    problems += ["a price is not positive"] if not bool((series.low > 0).all()) else []
    problems += ["a minute is not aligned"] if bool((series.ts_ms % MINUTE_MS).any()) else []
    return _result(MINUTES_COMPLETE, problems)


def one_block_per_chain(snapshot: MarketSnapshot) -> dg.AssetCheckResult:
    """Check that everything read of a chain was read at the one block pinned for it."""
    pinned: dict[int, Block] = {}
    problems: list[str] = []
    for block in _blocks(snapshot):
        first = pinned.setdefault(block.chain_id, block)
        if block != first:
            problems.append(
                f"chain {block.chain_id}: read at block {block.number} ({block.block_hash}) "
                f"and at {first.number} ({first.block_hash})"
            )
    if not pinned and not snapshot.problems:
        problems.append("no chain was read and no source reported a problem")
    return _result(ONE_BLOCK_PER_CHAIN, list(dict.fromkeys(problems)))


def plan_within_limits(plan: AllocationPlan, snapshot: MarketSnapshot, limits: LimitsConfig) -> dg.AssetCheckResult:
    """Check the plan against the limits that the choke point will enforce again for every transaction."""
    from alm_core.portfolio.plan_limits import check_plan

    return _result(PLAN_WITHIN_LIMITS, [str(violation) for violation in check_plan(plan, snapshot, limits)])


def books_equal_chain(verdicts: "Sequence[BooksVerdict] | None") -> dg.AssetCheckResult:
    """Check that the books of a wallet equal every chain to the wei; ``None`` where a mode keeps none.

    Where something is in flight or a chain does not answer, nothing is proven: that is said, and is no failure.
    """
    if not verdicts:
        return dg.AssetCheckResult(check_name=BOOKS_EQUAL_CHAIN, passed=True, description="no books in this mode")
    problems = [text for verdict in verdicts for text in verdict.problems]
    unproven = [f"chain {one.chain_id}: not proven: {one.unproven}" for one in verdicts if one.unproven]
    rows = [
        dg.TableRecord({"chain": one.chain_id, "account": kind, "token": token, "amount": str(amount)})
        for one in verdicts
        for (kind, token), amount in one.balance.items()
    ]
    result = _result(BOOKS_EQUAL_CHAIN, problems)
    proven = {f"chain {one.chain_id}": one.block_number for one in verdicts if not one.unproven}
    return result._replace(
        description="; ".join([*problems, *unproven]) or None,
        metadata={
            **result.metadata,
            "not proven": dg.MetadataValue.md("\n".join(f"- {text}" for text in unproven) or "none"),
            "proven at block": dg.MetadataValue.json(proven),
            "accounts": dg.MetadataValue.table(rows, schema=ACCOUNTS),
        },
    )


def _blocks(snapshot: MarketSnapshot) -> Iterable[Block]:
    yield from (chain.block for chain in snapshot.chains)
    yield from (pool.block for pool in snapshot.pools)
    yield from (holdings.block for holdings in snapshot.holdings)


def _result(name: str, problems: list[str]) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name=name,
        passed=not problems,
        description="; ".join(problems) or None,
        metadata={"problems": dg.MetadataValue.md("\n".join(f"- {text}" for text in problems) or "none")},
    )
