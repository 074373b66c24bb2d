"""The template of a DEX family shows what a family has, and is none."""

import inspect
from pathlib import Path

import pytest

import alm_resources.dex as dex
from alm_core.model.dex_ports import DexAdapter
from alm_resources.dex import adapters
from alm_resources.dex._template import TemplateAdapter
from alm_resources.registry.families import FAMILIES

FOLDER = Path(inspect.getfile(dex)).parent
WANTED = [name for name in vars(DexAdapter) if not name.startswith("_")]


def files(name: str) -> set[str]:
    return {path.name for path in (FOLDER / name).glob("*.py")}


def test_the_template_is_not_registered() -> None:
    assert TemplateAdapter().family not in adapters()
    assert TemplateAdapter().family not in FAMILIES


def test_it_has_the_file_names_that_the_families_have() -> None:
    assert files("_template") == {"__init__.py", "abi.py", "adapter.py", "plans.py", "pools.py", "positions.py"}
    for name in ("uniswap_v3", "uniswap_v4", "liquidity_book"):
        assert files("_template") <= files(name)


@pytest.mark.parametrize("name", WANTED)
def test_it_has_every_method_of_the_port_as_the_port_has_it(name: str) -> None:
    asked, shown = getattr(DexAdapter, name), getattr(TemplateAdapter, name)
    if isinstance(asked, property):
        asked, shown = asked.fget, shown.fget
    assert list(inspect.signature(shown).parameters) == list(inspect.signature(asked).parameters)
    assert inspect.signature(shown).return_annotation == inspect.signature(asked).return_annotation
    assert shown.__doc__


def test_nothing_in_it_can_be_taken_for_done() -> None:
    asked = {**{name: None for name in inspect.signature(TemplateAdapter.plan_open).parameters if name != "self"}}
    with pytest.raises(NotImplementedError):
        TemplateAdapter().plan_open(**asked)
