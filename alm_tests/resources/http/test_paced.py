import gzip
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alm_core.model.errors import SourceUnavailable
from alm_core.model.market import PoolMarket
from alm_resources.http import HttpAnswer, JsonHttp, LocalCooldowns, LocalSightings, PacedHttp, dated
from alm_tests.resources.http.stub import Answer, FakeTime, http_stub

NOW = datetime(2026, 11, 22, 10, 30, tzinfo=UTC)


def paced(time: FakeTime, **options: Any) -> PacedHttp:
    cooldowns = LocalCooldowns(time.monotonic)
    return PacedHttp("probe", cooldowns=cooldowns, sleep=time.sleep, **options)


def test_a_429_without_a_time_is_waited_out_longer_each_time_and_spread_by_jitter() -> None:
    time = FakeTime()
    answers = [Answer("<html>slow down</html>", status=429)] * 5 + [Answer({})]
    with http_stub(lambda _: answers.pop(0)) as stub:
        http = paced(time, jitter=lambda: 0.4, max_wait_s=1000)
        assert http.get(stub.url, headers={}).status == 200
        assert time.slept == pytest.approx([16.5, 33.0, 66.0, 132.0, 132.0])
        answers += [Answer("Throttled", status=429), Answer({})]
        http.get(stub.url, headers={})
    assert time.slept[-1] == pytest.approx(16.5)


@pytest.mark.parametrize("told", ["soon", "-5", "Wed, 21 Oct 2026 07:28:00 GMT", "1e9", "١٢"])
def test_a_retry_after_that_is_no_number_of_seconds_is_not_used(told: str) -> None:
    time = FakeTime()
    answers = [Answer("Throttled", status=429, headers={"Retry-After": told.encode().decode("latin-1")}), Answer({})]
    with http_stub(lambda _: answers.pop(0)) as stub:
        assert paced(time, jitter=lambda: 0.0).get(stub.url, headers={}).status == 200
    assert time.slept == [15.0]


def test_an_absurd_retry_after_silences_the_source_for_an_hour_and_not_longer() -> None:
    time = FakeTime()
    with http_stub(lambda _: Answer("", status=429, headers={"Retry-After": "9999999"})) as stub:
        http = paced(time)
        with pytest.raises(SourceUnavailable, match="probe: rate limit: next call in 3600 s"):
            http.get(stub.url, headers={})
    assert time.slept == []


@pytest.mark.parametrize(
    "answer",
    [
        Answer(b"no gzip at all", headers={"Content-Encoding": "gzip"}),
        Answer(gzip.compress(b"x" * 1000)[:-20] + b"y" * 20, headers={"Content-Encoding": "gzip"}),
        Answer(b"zz\r\nnot a chunk", headers={"Transfer-Encoding": "chunked"}),
    ],
)
def test_a_body_that_cannot_be_decoded_is_no_answer(answer: Answer) -> None:
    with http_stub(lambda _: answer) as stub, pytest.raises(SourceUnavailable, match="probe: no answer: "):
        JsonHttp("probe", timeout_s=2).get(stub.url, params={}, headers={})


def market(volume: float | None, pool_id: str = "1:0x0") -> PoolMarket:
    unknown: dict[str, Any] = dict.fromkeys(("tvl_usd", "fee_frac", "base_usd", "quote_usd"))
    return PoolMarket(pool_id=pool_id, source="probe", fetched_at=NOW, volume_24h_usd=volume, **unknown)


def answer(**headers: str) -> HttpAnswer:
    return HttpAnswer(status=200, headers=headers, json={}, text="{}")


@pytest.mark.parametrize(("age", "seconds"), [("40", 40), ("0", 0), ("x", 0), ("-3", 0), ("99999999", 0)])
def test_only_an_age_that_is_a_number_of_seconds_makes_figures_older(age: str, seconds: int) -> None:
    assert dated(market(1.0), answer(age=age), LocalSightings()).as_of_at == NOW - timedelta(seconds=seconds)


def test_pools_are_told_apart_by_their_memory() -> None:
    seen = LocalSightings()
    old = dated(market(1.0, "1:0xa"), answer(age="100"), seen)
    new = dated(market(1.0, "1:0xb"), answer(), seen)
    assert (old.as_of_at, new.as_of_at) == (NOW - timedelta(seconds=100), NOW)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 10_000)), min_size=1, max_size=30))
def test_the_first_sight_is_the_earliest_moment_of_those_figures(seen: list[tuple[str, int]]) -> None:
    sightings = LocalSightings()
    moments: dict[str, datetime] = {}
    for digest, second in seen:
        at = NOW + timedelta(seconds=second)
        moments[digest] = min(at, moments.get(digest, at))
        assert sightings.first_seen_at("pool", digest, at) == moments[digest]


def test_memory_of_a_pool_is_bounded() -> None:
    sightings = LocalSightings()
    for n in range(1000):
        sightings.first_seen_at("pool", str(n), NOW)
    assert len(sightings._seen["pool"]) == 8
