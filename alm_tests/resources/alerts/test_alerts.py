import json
import logging
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import alm_assets
from alm_core.model.errors import ConfigError
from alm_resources.alerts import AppriseAlerts
from alm_resources.alerts.redaction import redact
from alm_resources.alerts.runbook import KINDS, entries_of
from alm_tests.resources.http.stub import Answer, http_stub

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def test_a_file_target_gets_one_json_line_per_alert(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "alerts.jsonl"
    alerts = AppriseAlerts([f"file://{str(path).replace(' ', '%20')}"], clock=lambda: NOW)
    assert alerts.send("run failed", "line one\nline two", key="WETH-USDC@x") == 1
    assert alerts.send("again", "") == 1
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert lines[0] == {
        "at": "2026-11-22T00:00:00+00:00",
        "key": "WETH-USDC@x",
        "title": "run failed",
        "body": "line one\nline two\nrunbook: docs/execution/runbook.md#any-alert",
    }
    assert len(lines) == 2


def test_a_console_target_writes_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert AppriseAlerts(["console://"]).send("halt", "why", key="k") == 1
    assert capsys.readouterr().err == "ALERT halt: why\nrunbook: docs/execution/runbook.md#any-alert\n"


def test_a_target_that_fails_is_logged_without_its_url_and_the_others_still_get_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "alerts.jsonl"
    alerts = AppriseAlerts(["json://user:hunter2@127.0.0.1:1/token", "nonsense://x", f"file://{path}"])
    with caplog.at_level(logging.ERROR, logger="alm_resources"):
        assert alerts.send("t", "b", key="k") == 1
    ours = [record for record in caplog.records if record.name.startswith("alm_resources")]
    assert len(ours) == 2
    assert "hunter2" not in caplog.text
    assert len(path.read_text().splitlines()) == 1


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # raised inside apprise
def test_apprise_delivers_to_a_web_hook() -> None:
    with http_stub(lambda _: Answer({})) as stub:
        sent = AppriseAlerts([stub.url.replace("http://", "json://") + "/?method=get"]).send("t", "b", key="k")
        assert sent == len(stub.requests) == 1


def test_secrets_in_title_and_body_do_not_leave(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    AppriseAlerts([f"file://{path}"]).send("rpc https://u:pw@host/x down", "api_key=abc123", key="k")
    text = path.read_text()
    assert "pw@" not in text
    assert "abc123" not in text


def test_a_relative_file_target_is_refused() -> None:
    with pytest.raises(ConfigError, match="absolute"):
        AppriseAlerts(["file:alerts.jsonl"])


def test_the_repr_shows_schemes_only() -> None:
    assert repr(AppriseAlerts(["tgram://secret/1", "console://"])) == "AppriseAlerts(['tgram', 'console'])"


@given(key=st.binary(min_size=32, max_size=32), before=st.text(max_size=5), prefix=st.sampled_from(["", "0x"]))
def test_no_32_byte_hex_value_survives(key: bytes, before: str, prefix: str) -> None:
    assert key.hex() not in redact(f"{before} {prefix}{key.hex()} end")


@given(
    password=st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=8, max_size=20),
    shape=st.sampled_from(
        ["redis://:{}@h:6379/0", "https://u:{}@h/p?q=1", "x?api_key={}&y=1", '{{"password": "{}"}}', "token: {}"]
    ),
)
def test_no_password_survives_in_the_shapes_we_use(password: str, shape: str) -> None:
    assert redact(shape.format("zq" + password)).count("zq" + password) == 0


def test_addresses_amounts_and_words_survive() -> None:
    text = "sold 123456789012345678901234567890 of 0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48 at https://host/api/v2"
    assert redact(text) == text


@pytest.mark.parametrize(
    ("key", "text", "first"),
    [
        ("failed:P@1", "step failed: no candles", "run-failed"),
        ("transactions:P", "stopped early: no", "transactions-failed"),
        ("stale:P", "no fresh epoch", "no-fresh-epoch"),
        ("trouble:P@1", "chain 1: balance of 0xa differs from the books by 5", "books-differ"),
        ("trouble:P@1", "chain 1: stake of position 0xa:4 differs from the books by 5: 1 booked", "discrepancy"),
        ("failed:P@1", "DagsterAssetCheckFailedError: books_equal_chain", "discrepancy"),
        ("trouble:P@1", "nonce 9 on chain, 8 in the journal: somebody else uses the key of 0xa", "nonce"),
        ("trouble:P@1", "open on chain 1 refused: max_gas_usd: 90 (bound 50, chain 1, open)", "gas"),
        ("trouble:P@1", "standstill (withdraw_only) by code_hash: changed", "code-hash"),
        ("trouble:P@1", "rpc:8453#0: no connection", "chain-unreachable"),
        ("new:P@1", "something", "any-alert"),
    ],
)
def test_an_alert_names_the_entry_of_the_runbook_that_tells_most(key: str, text: str, first: str) -> None:
    assert entries_of(key, text)[0] == first
    assert entries_of(key, text)[-1] == KINDS.get(key.partition(":")[0], first)


def test_every_kind_of_alert_in_the_code_has_an_entry() -> None:
    package = Path(alm_assets.__file__).parent
    sent = {kind for file in package.glob("*.py") for kind in re.findall(r'key=f"([a-z]+):', file.read_text())}
    assert sent == set(KINDS)
