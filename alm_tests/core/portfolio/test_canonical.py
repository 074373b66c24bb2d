import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alm_core.model.config import StrategyConfig
from alm_core.model.decisions import DecisionKind
from alm_core.model.errors import InvalidInput
from alm_core.portfolio.canonical import canonical_hash, canonical_json
from alm_tests.core.portfolio.scene import Scene

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None)
@given(st.dictionaries(st.text(), plain, max_size=4))
def test_the_order_of_keys_does_not_matter(value: dict[str, object]) -> None:
    assert canonical_hash(value) == canonical_hash(dict(reversed(value.items())))


@settings(deadline=None)
@given(plain)
def test_nothing_is_lost(value: object) -> None:
    assert json.loads(canonical_json(value)) == value


def test_integers_stay_exact_and_times_become_utc() -> None:
    moment = datetime(2026, 11, 22, 13, tzinfo=timezone(timedelta(hours=1)))
    assert canonical_json([2**256 - 1, moment, timedelta(hours=12), DecisionKind.RS, 0.1]) == (
        f'[{2**256 - 1},"2026-11-22T12:00:00+00:00",43200.0,"RS",0.1]'
    )
    assert canonical_hash(moment) == canonical_hash(datetime(2026, 11, 22, 12, tzinfo=UTC))


def test_a_dataclass_is_told_by_its_fields() -> None:
    assert canonical_hash(StrategyConfig()) == canonical_hash(StrategyConfig())
    assert canonical_hash(StrategyConfig()) != canonical_hash(StrategyConfig(max_positions=2))


def test_a_snapshot_counts_by_what_is_in_it() -> None:
    snapshot = Scene().snapshot()
    again, other = replace(snapshot), replace(snapshot, quote_usd=0.999)
    assert canonical_hash((snapshot,)) == canonical_hash((snapshot,)) == canonical_hash([again])
    assert canonical_hash((snapshot,)) != canonical_hash((other,))
    assert json.loads(canonical_json(snapshot))["quote_usd"] == 1.0


@pytest.mark.parametrize("value", [float("nan"), float("inf"), datetime(2026, 1, 1), {1, 2}, object()])  # noqa: DTZ001
def test_a_value_without_a_canonical_form_is_refused(value: object) -> None:
    with pytest.raises(InvalidInput):
        canonical_json(value)
