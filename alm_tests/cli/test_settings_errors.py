"""A setting that cannot be used: one line that names it, exit code 2, no traceback."""

from pathlib import Path

import pytest

from alm_cli.main import main


def run(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr("sys.argv", ["alm", *arguments])
    with pytest.raises(SystemExit) as left:
        main()
    return int(left.value.code or 0)


def refused(
    arguments: list[str], settings: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> str:
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    assert run(arguments, monkeypatch) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert len(printed.err.splitlines()) == 1
    assert printed.err.startswith("alm: ")
    return printed.err


@pytest.mark.parametrize("command", ["epoch", "status"])
@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"ALM_MODE": "nonsense"}, "ALM_MODE='nonsense'"),
        ({"ALM_MODE": "live"}, "ALM_LIVE=yes"),
        ({"ALM_MODE": "paper", "ALM_ALLOWED_HOOKS": "0xabc"}, "ALM_ALLOWED_HOOKS: '0xabc'"),
        ({"ALM_MODE": "paper", "ALM_CONFIG": "/no/such.toml"}, "ALM_CONFIG=/no/such.toml"),
        ({"ALM_MODE": "paper", "ALM_REGISTRY": "/no/such/registry.toml"}, "/no/such/registry.toml"),
    ],
)
def test_a_bad_setting_is_one_line_that_names_it(
    command: str,
    settings: dict[str, str],
    named: str,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert named in refused([command], settings, monkeypatch, capsys)


def test_an_unknown_key_of_the_configuration_is_named_with_its_file(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "alm.toml"
    config.write_text("[strategy]\nmin_holdd = 3\n")
    line = refused(["status"], {"ALM_CONFIG": str(config)}, monkeypatch, capsys)
    assert "'min_holdd'" in line
    assert str(config) in line


def test_a_pair_that_is_not_in_the_registry_is_refused_before_anything_is_recorded(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    line = refused(["epoch", "--pair", "FOO-BAR"], {"ALM_MODE": "paper"}, monkeypatch, capsys)
    assert "'FOO-BAR'" in line
    assert not home.exists()


def test_an_epoch_of_the_demo_outside_its_world_says_where_that_world_is(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "alm demo" in refused(["epoch"], {}, monkeypatch, capsys)


@pytest.mark.parametrize("moment", ["yesterday", "2026-11-22T10:30:00", "2026-11-22T10:31:00Z"])
def test_a_moment_that_is_no_epoch_is_quoted(
    moment: str, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    line = refused(["epoch", "--at", moment], {"ALM_MODE": "paper"}, monkeypatch, capsys)
    assert moment.removesuffix("Z") in line
