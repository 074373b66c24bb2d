"""Whether every pair has a recent epoch. A check, because a freshness policy knows assets but not pairs."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg

from alm_assets.ports import Alerts, History
from alm_assets.tables import markdown_table
from alm_core.model.epochs import EPOCH_LENGTH
from alm_core.model.reports import EpochReport
from alm_resources.settings import Settings

STALE_AFTER = 2 * EPOCH_LENGTH + timedelta(minutes=5)


@dg.asset_check(asset="epoch_report", description="Every configured pair has an epoch of the last 35 minutes.")
def epochs_fresh(
    settings: dg.ResourceParam[Settings], history: dg.ResourceParam[History], alerts: dg.ResourceParam[Alerts]
) -> dg.AssetCheckResult:
    """Check the age of the last report of each pair, and tell a person about one that is stale."""
    now = datetime.now(UTC)
    last = {pair: last_epoch(pair, history, now) for pair in settings.pairs}
    stale = stale_pairs(last, now)
    if stale:
        alerts.send("no fresh epoch", freshness_table(last), key=f"stale:{','.join(stale)}")
    return dg.AssetCheckResult(
        passed=not stale,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"stale: {', '.join(stale)}" if stale else None,
        metadata={"pairs": dg.MetadataValue.md(freshness_table(last))},
    )


def last_epoch(pair: str, history: History, now: datetime) -> datetime | None:
    """Return the last epoch of a pair that was reported, ``None`` if there is none within a week."""
    report = history.read_latest("epoch_report", EpochReport, pair, now)
    return report.epoch_at if report else None


def stale_pairs(last: Mapping[str, datetime | None], now: datetime) -> Sequence[str]:
    """Return the pairs whose last epoch is too old or unknown."""
    return [pair for pair, at in last.items() if at is None or now - at > STALE_AFTER]


def freshness_table(last: Mapping[str, datetime | None]) -> str:
    """Return the last epoch of each pair as a Markdown table."""
    return markdown_table(("pair", "last epoch"), [(pair, at.isoformat() if at else None) for pair, at in last.items()])
