"""Environment and configuration file of a process: refused by name, or settings that bound what it may do."""

import json
import random
from dataclasses import fields
from datetime import timedelta
from math import inf
from pathlib import Path
from typing import Any, get_args

import pytest

from alm_core.model.errors import ConfigError
from alm_resources.settings import Mode, Settings
from alm_tests.fuzz.harness import CASES, assert_told_apart, fuzz
from alm_tests.fuzz.mutation import STRINGS, Seed
from alm_tests.fuzz.toml_text import broken_toml, toml_of

pytestmark = pytest.mark.timeout(300 + CASES // 200)

CONFIG: dict[str, Any] = {
    "strategy": {
        "min_hold": "PT12H",
        "pra_threshold": 0.05,
        "max_positions": 3,
        "max_pool_share": 0.7,
        "amortize_days": 7.0,
        "yield_window_epochs": 96,
        "optimize": True,
    },
    "limits": {
        "max_transaction_nav_frac": 1.0,
        "max_gas_usd": 50.0,
        "swap_slippage_frac": 0.005,
        "deadline_s": 120,
        "receipt_timeout_s": 120.0,
    },
}
ENVIRON = {
    "ALM_MODE": "paper",
    "ALM_LIVE": "no",
    "ALM_HOME": "home",
    "ALM_PAIRS": "USDC-USDT, WETH-USDC",
    "ALM_ALLOWED_HOOKS": "0x000000000000000000000000000000000000abcd",
    "ALM_ALERT_URLS": "json://127.0.0.1:1,file:///tmp/alerts",
    "ALM_REGISTRY": "registry.toml",
    "ALM_HISTORY_DIR": "history",
    "ALM_JOURNAL_URL": "sqlite:///journal.db",
}
# No environment holds these two.
VALUES = (
    *(text for text in STRINGS if not set("\x00\ud800") & set(text)),
    *get_args(Mode),
    "LIVE",
    "yes",
    ",",
    ",,a,",
    "~",
    "\udcff",
)
SEED = Seed(CONFIG)


def test_the_right_configuration_is_read(tmp_path: Path) -> None:
    path = tmp_path / "alm.toml"
    path.write_bytes(toml_of(CONFIG))
    settings = Settings.from_env({**ENVIRON, "ALM_CONFIG": str(path)})
    _are_settings(settings)
    assert settings.limits.max_gas_usd == 50.0


def test_a_broken_configuration_is_refused_or_bounds_what_may_be_done(tmp_path: Path, record_property: Any) -> None:
    path = tmp_path / "alm.toml"

    def make_body(rng: random.Random) -> bytes:
        # The environment stands in the first line, as a comment of the file.
        changed = {rng.choice(list(ENVIRON)): rng.choice(VALUES)} if rng.random() < 0.4 else {}
        return b"#" + json.dumps({**ENVIRON, **changed}).encode() + b"\n" + broken_toml(rng, SEED)

    def check(text: bytes) -> bool:
        path.write_bytes(text)
        try:
            settings = Settings.from_env({**json.loads(text[1 : text.index(b"\n")]), "ALM_CONFIG": str(path)})
        except ConfigError:
            return False
        _are_settings(settings)
        return True

    verdicts = fuzz("settings", make_body, check)
    record_property("fuzz", dict(verdicts))
    assert_told_apart(verdicts)


def _are_settings(settings: Settings) -> None:
    assert settings.mode in get_args(Mode)
    assert settings.mode != "live", "live needs ALM_LIVE=yes"
    assert settings.home.is_absolute()
    assert all(pair and pair == pair.strip() for pair in settings.pairs)
    for config in (settings.strategy, settings.limits):
        for field in fields(config):
            value = getattr(config, field.name)
            if field.name == "policy":
                assert value in ("default", "seed")
            elif isinstance(value, timedelta):
                assert value >= timedelta(0), field.name
            else:
                assert 0 <= value < inf, f"{field.name} = {value}"
                assert type(value) is type(field.default), f"{field.name} = {value!r}"
