"""The JSON Schema in ``docs`` is the current one, and describes the files that exist."""

import json
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from alm_resources.registry.files import BUILT_IN_FILES
from alm_resources.registry.schema import registry_schema, schema_text
from alm_tests.resources.registry.test_bad_overlays import FULL

COMMITTED = Path(__file__).parents[3] / "docs" / "registry.schema.json"


def problems(document: dict[str, Any]) -> list[str]:
    return [error.message for error in jsonschema.Draft202012Validator(registry_schema()).iter_errors(document)]


def test_the_committed_schema_is_the_one_the_entries_make() -> None:
    assert COMMITTED.read_text() == schema_text(), "run: alm registry schema > docs/registry.schema.json"
    jsonschema.Draft202012Validator.check_schema(json.loads(COMMITTED.read_text()))


@pytest.mark.parametrize("name", BUILT_IN_FILES)
def test_the_built_in_files_are_valid(name: str) -> None:
    text = (files("alm_resources.registry") / "data" / f"{name}.toml").read_text()
    assert problems(tomllib.loads(text)) == []


def test_an_overlay_is_valid_and_may_change_a_single_key() -> None:
    assert problems(tomllib.loads(FULL)) == []
    assert problems({"pools": [{"chain": 1, "address": "0x" + "ab" * 32, "status": "inoperable", "reason": "x"}]}) == []


@pytest.mark.parametrize(
    "document",
    [
        {"servants": {}},
        {"chains": {"one": {}}},
        {"pools": [{"chain": 1}]},
        {"pools": [{"chain": 1, "address": "0x12"}]},
        {"pools": [{"chain": 1, "address": "0x" + "ab" * 20, "status": "good"}]},
        {"pools": [{"chain": 1, "address": "0x" + "ab" * 20, "fee": 5}]},
        {"dexes": [{"id": "x", "family": "curve"}]},
        {"services": {"lifi_url": "ftp://x"}},
        {"meta": {"mode": "append"}},
    ],
)
def test_the_schema_refuses_what_loading_refuses(document: dict[str, Any]) -> None:
    assert problems(document)
