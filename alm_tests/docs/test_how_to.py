"""What the how-to pages show works as it stands there, and what they name exists."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from alm_cli.main import alm
from alm_resources.registry import load_registry
from alm_resources.roundtrip.chosen import pools_in, refuse_remote, traded

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "docs" / "how-to").glob("*.md"))
PROVE = (ROOT / "docs" / "how-to" / "prove-a-dex.md").read_text()


def test_the_file_of_the_page_lists_two_pools_that_may_be_traded(tmp_path: Path) -> None:
    (text,) = re.findall(r"```toml\n(.*?)```", PROVE, re.DOTALL)
    file = tmp_path / "fork.toml"
    file.write_text(text)
    registry = load_registry(file)
    listed = pools_in(registry, file)
    assert [pool.dex for pool in listed] == ["my-v3", "uni-v3"], "by pair"
    assert all(traded(registry, pool) is not None for pool in listed)
    refuse_remote(registry, listed)
    assert registry.wallet is not None
    assert (registry.wallet.key_env, registry.wallet.usd) == ("FORK_KEY", 100)


def test_the_page_names_every_option_of_the_command() -> None:
    told = CliRunner().invoke(alm, ["dex", "roundtrip", "--help"]).stdout
    options = set(re.findall(r"--[a-z-]+", told)) - {"--help"}
    assert {option for option in options if f"`{option}" not in PROVE} == {"--registry"}
    assert "alm dex roundtrip --registry fork.toml" in PROVE


def test_the_overlay_of_the_page_on_gauges_enrols_a_pool(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "how-to" / "stake-in-gauges.md").read_text()
    enrolling, merkl = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    (pool, *_) = (pool for pool in load_registry(None).listed_pools(chain=8453) if pool.family == "slipstream")
    text = enrolling.replace('address = "0x…"', f'address = "{pool.address}"')
    file = tmp_path / "overlay.toml"
    file.write_text(text.replace('gauge = "0x…"', f'gauge = "{pool.address}"') + merkl)
    registry = load_registry(file)
    assert [found.pool_id for found in registry.pools_of(pool.pair) if found.stakes] == [pool.pool_id]
    assert registry.distributors == {8453: "0x3Ef3D8bA38EBe18DB133cEc108f4D14CE00Dd9Ae"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_and_links_of_a_page_exist(page: Path) -> None:
    text = page.read_text()
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []
    paths = [path for path in re.findall(r"`(alm_[a-z_]+/[\w/.]+)`", text) if "<" not in path]
    assert [path for path in paths if not (ROOT / path).exists()] == []
    assert links
    assert paths or page.name == "prove-a-dex.md"
