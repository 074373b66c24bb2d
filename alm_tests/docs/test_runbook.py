"""The runbook has an entry for every control and every alert, and its commands do what they say."""

import re
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from alm_cli.main import alm
from alm_core.model.controls import CONTROLS
from alm_core.model.errors import AlmError
from alm_localnet import Localnet, LocalnetConfig
from alm_localnet.pairs import WETH_USDC
from alm_localnet.presets import PoolPreset
from alm_resources.alerts.runbook import ANY_ALERT, KINDS, PATTERNS
from alm_tests.chaos.scene import Scene

ROOT = Path(__file__).resolve().parents[2]
RUNBOOK = (ROOT / "docs" / "execution" / "runbook.md").read_text()
PAGES = sorted((ROOT / "docs" / "execution").glob("*.md"))
BASE = 8453


def anchors(text: str) -> set[str]:
    """Anchors of the headings, as a forge makes them."""
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def entries() -> dict[str, str]:
    """Text of each entry, by its anchor."""
    parts = re.split(r"^## ", RUNBOOK, flags=re.MULTILINE)[1:]
    return {next(iter(anchors("## " + part.splitlines()[0]))): part for part in parts}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A command as the runbook shows it."""

    where: str
    line: str
    code: int


def shown() -> list[Shown]:
    """Every command once, in the order of the page."""
    found: dict[Shown, None] = {}
    for where, body in re.findall(r"^```console ?(\w*)\n(.*?)^```", RUNBOOK, re.MULTILINE | re.DOTALL):
        for line in body.splitlines():
            told = re.fullmatch(r"\$ (.+?)(?: +# exit (\d))?", line)
            assert told is not None, line
            found[Shown(where=where, line=told[1], code=int(told[2] or 0))] = None
    return list(found)


@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control.name)
def test_every_control_has_an_entry(control: object) -> None:
    assert getattr(control, "entry") in entries(), control  # noqa: B009 - parametrised over frozen values


def test_every_alert_has_an_entry_and_every_entry_says_what_to_do() -> None:
    found = entries()
    assert {*KINDS.values(), ANY_ALERT, *(entry for _, entry in PATTERNS)} <= found.keys()
    for anchor, text in found.items():
        assert all(part in text for part in ("**Look at**", "**Do**", "**Go on when**")), anchor
        assert len(text) < 1_500, f"{anchor}: nobody reads that at night"


def test_every_block_says_where_it_runs_and_commands_are_alm_s() -> None:
    assert {one.where for one in shown()} <= {"world", "empty"}
    assert all(one.line.startswith("alm ") for one in shown())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_files_of_a_page_exist(page: Path) -> None:
    text = page.read_text()
    for target in re.findall(r"\]\(([^)]+)\)", text):
        path, _, anchor = target.partition("#")
        file = (page.parent / path) if path else page
        assert file.exists(), target
        assert not anchor or anchor in anchors(file.read_text()), target
    paths = re.findall(r"`(alm_[a-z_]+/[\w/.]+)`", text)
    assert [path for path in paths if not (ROOT / path).exists()] == []


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Localnet]:
    """One chain, one pool, and a wallet with a position in it."""
    pools = (PoolPreset(fee_pips=500, tick_spacing=10, tvl_usd=3e6, daily_volume_usd=6e6),)
    config = LocalnetConfig(
        start_at=datetime(2026, 11, 1, 6, 0, tzinfo=UTC), chains=(BASE,), pairs=(replace(WETH_USDC, pools=pools),)
    )
    with Localnet(tmp_path_factory.mktemp("runbook"), config) as localnet:
        home = localnet.home / "home"
        home.mkdir()
        scene = Scene(localnet, home / "journal.db")
        snapshot = scene.snapshot(localnet.now)
        assert scene.executor().execute(scene.plan(snapshot, shares=(0.9,)), snapshot).halted is None
        scene.close()
        yield localnet


@pytest.mark.chain
@pytest.mark.parametrize("one", shown(), ids=lambda one: one.line)
def test_a_command_of_the_runbook_ends_as_it_says(
    one: Shown, world: Localnet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    monkeypatch.setenv("ALM_HOME", str(home))
    monkeypatch.chdir(tmp_path)
    if one.where == "world":
        shutil.copytree(world.home / "home", home)
        for name, value in world.env().items():
            monkeypatch.setenv(name, value)
    with world.restored():
        ended = CliRunner().invoke(alm, shlex.split(one.line)[1:])
    assert ended.exception is None or isinstance(ended.exception, SystemExit | AlmError), ended.output
    code = 2 if isinstance(ended.exception, AlmError) else ended.exit_code
    assert code == one.code, (ended.output, ended.exception)
