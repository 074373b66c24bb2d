"""Which limits hold: a stricter one of the file at once, a looser one after a delay, each for itself.

A limit in force is the strictest value that files had within the delay before now. So a file that is loosened by
mistake, or by somebody who should not, changes nothing for a day, and a person can be told. The first limits a journal
ever sees hold at once.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from alm_core.model.config import LimitsConfig
from alm_core.portfolio.limit_bounds import LIMIT_RULES, limit_value, strictest
from alm_resources.journal.limit_versions import LimitVersion, LimitVersions


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """A looser limit of the file that does not hold yet."""

    limit: str
    in_force: float
    wanted: float
    from_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class InForce:
    """The limits that hold now, and those that will."""

    limits: LimitsConfig
    pending: tuple[Pending, ...]


class LimitBook:
    """Notes what files say, and tells what holds.

    Parameters
    ----------
    versions
        Where versions are kept.
    now
        Clock; only tests give another.
    """

    def __init__(self, versions: LimitVersions, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._versions = versions
        self._now = now

    def in_force(self, wanted: LimitsConfig) -> InForce:
        """Note the limits of the file as seen now, and return those that hold.

        The delay is a limit itself: a shorter one holds only once the longer has passed.
        """
        now = self._now()
        self._versions.note(asdict(wanted), now, timedelta(hours=wanted.loosening_delay_h))
        versions = self._versions.read()
        now = max(now, versions[-1].seen_at)
        delay = _delay(versions, now)
        recent = [_config(one) for one in _within(versions, now - delay)]
        limits = strictest(recent, wanted)
        return InForce(limits=limits, pending=_pending(limits, wanted, versions, delay))


def _delay(versions: Sequence[LimitVersion], now: datetime) -> timedelta:
    longest = max(_config(one).loosening_delay_h for one in versions)
    recent = _within(versions, now - timedelta(hours=longest))
    return timedelta(hours=max(_config(one).loosening_delay_h for one in recent))


def _within(versions: Sequence[LimitVersion], since_at: datetime) -> list[LimitVersion]:
    """Versions that held at some moment since then: of the earlier ones the last counts too."""
    ended = [after.seen_at for _, after in pairwise(versions)]
    return [one for one, end in zip(versions[:-1], ended, strict=True) if end > since_at] + [versions[-1]]


def _pending(
    limits: LimitsConfig, wanted: LimitsConfig, versions: Sequence[LimitVersion], delay: timedelta
) -> tuple[Pending, ...]:
    found: list[Pending] = []
    for name, rule in LIMIT_RULES.items():
        holds, asked = limit_value(limits, name), limit_value(wanted, name)
        if holds == asked:
            continue
        stricter = [
            after.seen_at
            for before, after in pairwise(versions)
            if rule.stricter_of((limit_value(_config(before), name), asked)) != asked
        ]
        found.append(Pending(limit=name, in_force=holds, wanted=asked, from_at=stricter[-1] + delay))
    return tuple(found)


def _config(version: LimitVersion) -> LimitsConfig:
    """Return a stored version; limits that its time did not know have their defaults."""
    known = {field.name for field in fields(LimitsConfig)}
    return LimitsConfig(**{name: value for name, value in version.limits.items() if name in known})
