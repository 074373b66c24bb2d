"""What other policies would have done: paper books beside the live one.

Belongs here: reading the books of the epoch before and handing everything over. Does not: how a book earns or pays
(:mod:`alm_core.shadow`). Nothing depends on this asset, so that it can never hold an epoch back.
"""

from datetime import timedelta

import dagster as dg

from alm_assets.epochs import epoch_of
from alm_assets.partitions import pair_days
from alm_assets.ports import History
from alm_assets.provenance import SNAPSHOTS, DecisionInputs, inputs_of, payload_sha256, stored_sha256
from alm_assets.tables import INPUTS_SHA256, Metadata, markdown_table, problem_list
from alm_core.model.market import MarketSnapshot
from alm_core.model.shadow import ShadowEpoch
from alm_core.model.signals import ForceSignals
from alm_resources.settings import Settings

SHADOWS = "shadow_decisions"
REMEMBERED = timedelta(days=7)
"""Books older than this are begun anew: what happened in between is not known well enough to go on."""


@dg.asset(
    partitions_def=pair_days,
    deps=[dg.AssetDep("pool_snapshots")],
    group_name="strategy",
    owners=["team:strategy"],
    kinds={"python", "parquet"},
    tags={"effects": "none", "pure": "yes"},
    code_version="1",
)
def shadow_decisions(
    context: dg.AssetExecutionContext,
    force_signals: ForceSignals,
    history: dg.ResourceParam[History],
    settings: dg.ResourceParam[Settings],
) -> dg.MaterializeResult[ShadowEpoch]:
    """Paper books of HODL, a wide range, tau-reset and the reference's policy, in USD: decision, NAV, fees, costs."""
    inputs = inputs_of(epoch_of(context, history), history, settings)
    previous = history.read_latest(SHADOWS, ShadowEpoch, inputs.epoch.pair, inputs.epoch.epoch_at, within=REMEMBERED)
    found = books_of(inputs, force_signals, previous, history)
    before = "" if previous is None else stored_sha256(previous)
    return dg.MaterializeResult(
        value=found,
        metadata={**shadow_metadata(found), INPUTS_SHA256: payload_sha256(f"{inputs.sha256}\n{before}")},
    )


def books_of(
    inputs: DecisionInputs, signals: ForceSignals, previous: ShadowEpoch | None, history: History
) -> ShadowEpoch:
    """Return the books after an epoch, from what is stored."""
    from alm_core.policies import policy_named
    from alm_core.shadow.shadow import ShadowInputs, shadow_epoch

    books = () if previous is None else previous.books
    marked_at = {book.as_of_at for book in books}
    stored = {at: history.read_epoch(SNAPSHOTS, MarketSnapshot, inputs.epoch.pair, at) for at in sorted(marked_at)}
    record = inputs.record
    return shadow_epoch(
        ShadowInputs(
            epoch=inputs.epoch,
            candles=inputs.candles,
            signals=signals,
            snapshot=inputs.snapshot,
            past_snapshots=inputs.past_snapshots,
            strategy=record.strategy,
            limits=record.limits,
            previous=previous,
            earlier={at: snapshot for at, snapshot in stored.items() if snapshot is not None},
        ),
        {"seed": policy_named("seed")},
    )


def shadow_metadata(found: ShadowEpoch) -> Metadata:
    """The books as a table."""
    rows = [
        (book.policy, book.kind, book.nav_usd, book.fees_usd, book.gas_usd, book.swap_usd, book.moves, book.reason)
        for book in found.books
    ]
    header = ("policy", "decision", "NAV USD", "fees USD", "gas USD", "swaps USD", "moves", "reason")
    return {
        "epoch_at": found.epoch_at.isoformat(),
        "began_at": found.began_at.isoformat(),
        "books": dg.MetadataValue.md(markdown_table(header, rows)),
        "problems": problem_list(found.problems),
    }
