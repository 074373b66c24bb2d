import socket
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alm_core.model.errors import BadAnswer, SourceUnavailable
from alm_resources.http import JsonHttp, LocalCooldowns, SlidingWindow, TokenBucket
from alm_tests.resources.http.stub import Answer, FakeTime, http_stub


def test_a_body_above_the_cap_is_refused() -> None:
    with (
        http_stub(lambda _: Answer("x" * 2000)) as stub,
        pytest.raises(BadAnswer, match="probe: body is larger than 1000 bytes"),
    ):
        JsonHttp("probe", max_bytes=1000).get(stub.url, params={}, headers={})


def test_a_redirect_is_not_followed() -> None:
    with http_stub(lambda _: Answer("", status=302, headers={"Location": "http://127.0.0.1:1/"})) as stub:
        assert JsonHttp("probe").get(stub.url, params={}, headers={}).status == 302
        assert len(stub.requests) == 1


@pytest.mark.parametrize("text", ["NaN", '{"a": Infinity}', "<html>", "", "[" * 100_000])
def test_what_is_not_json_reads_as_none(text: str) -> None:
    with http_stub(lambda _: Answer(text)) as stub:
        assert JsonHttp("probe").get(stub.url, params={}, headers={}).json is None


def test_a_refused_connection_is_unavailable_and_does_not_show_the_url() -> None:
    with pytest.raises(SourceUnavailable, match="probe: no answer") as caught:
        JsonHttp("probe", timeout_s=2).get("http://127.0.0.1:1/secret-key", params={}, headers={})
    assert "secret-key" not in str(caught.value)


def test_a_server_that_drips_bytes_is_cut_off() -> None:
    listener = socket.create_server(("127.0.0.1", 0))

    def drip() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
            try:
                while True:
                    connection.sendall(b"x" * 70_000)
                    connection.settimeout(0.1)
                    try:
                        connection.recv(1)
                    except TimeoutError:
                        continue
            except OSError:
                pass

    thread = Thread(target=drip, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with pytest.raises(SourceUnavailable, match="probe"):
        JsonHttp("probe", timeout_s=0.05).get(url, params={}, headers={})
    listener.close()
    thread.join(timeout=5)


def test_a_bucket_grants_its_capacity_and_then_its_rate() -> None:
    clock = FakeTime()
    bucket = TokenBucket(capacity=10, per_s=10 / 60, monotonic=clock.monotonic)
    assert [bucket.take() for _ in range(10)] == [0.0] * 10
    assert bucket.take() == pytest.approx(6.0)
    clock.now += 6.0001
    assert bucket.take() == 0.0
    assert bucket.take() > 5.9


@given(
    start=st.floats(0, 1e9),
    pauses=st.lists(st.sampled_from([0.0, 0.001, 5.9, 6.0, 59.999, 60.0, 60.001]) | st.floats(0, 70), max_size=60),
    patient=st.booleans(),
)
def test_no_minute_holds_more_than_ten_calls_and_none_is_withheld(
    start: float, pauses: list[float], patient: bool
) -> None:
    clock = FakeTime()
    clock.now = start
    window = SlidingWindow(calls=10, window_s=60.0, monotonic=clock.monotonic)
    granted: list[float] = []
    for pause in pauses:
        clock.now += pause
        wait_s = window.take()
        assert (wait_s == 0.0) == (sum(clock.now - at <= 60.0 for at in granted) < 10)
        assert 0.0 <= wait_s <= 60.002
        if wait_s and patient:
            clock.now += wait_s
            assert window.take() == 0.0
        if not wait_s or patient:
            granted.append(clock.now)
    assert all(last - first > 60.0 for first, last in zip(granted, granted[10:], strict=False))


def test_a_full_window_opens_when_its_oldest_call_has_left_it() -> None:
    clock = FakeTime()
    window = SlidingWindow(calls=10, window_s=60.0, monotonic=clock.monotonic)
    for _ in range(10):
        assert window.take() == 0.0
        clock.now += 1.0
    assert window.take() == pytest.approx(50.001)
    clock.now += 50.0
    assert window.take() == pytest.approx(0.001)
    clock.now += 0.001
    assert window.take() == 0.0
    assert window.take() == pytest.approx(1.0)


def test_a_shorter_cooldown_does_not_end_a_longer_one() -> None:
    clock = FakeTime()
    cooldowns = LocalCooldowns(clock.monotonic)
    cooldowns.start_cooldown("x", 100)
    cooldowns.start_cooldown("x", 1)
    assert cooldowns.cooldown_s("x") == 100
    assert cooldowns.cooldown_s("y") == 0
    clock.now += 101
    assert cooldowns.cooldown_s("x") == 0
