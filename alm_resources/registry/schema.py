"""JSON Schema of the registry's TOML files, made of the entries themselves: editors complete and check by it."""

import json
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from alm_resources.registry.entries import (
    ChainEntry,
    DexEntry,
    MetaEntry,
    PairEntry,
    PoolEntry,
    ServicesEntry,
    SourceEntry,
    TokenEntry,
    WalletEntry,
)
from alm_resources.registry.files import IDENTITY

_LISTS: dict[str, type[BaseModel]] = {
    "tokens": TokenEntry,
    "dexes": DexEntry,
    "pools": PoolEntry,
    "pairs": PairEntry,
    "sources": SourceEntry,
}


def registry_schema() -> dict[str, Any]:
    """Return the schema of a registry file.

    An overlay changes single keys of entries that stand below it, so only what identifies an entry is required here;
    that the entry as a whole is complete is checked when it is loaded.

    Examples
    --------
    >>> sorted(registry_schema()["properties"])
    ['chains', 'dexes', 'meta', 'pairs', 'pools', 'services', 'sources', 'tokens', 'wallet']
    """
    models = [ChainEntry, ServicesEntry, WalletEntry, MetaEntry, *_LISTS.values()]
    _, definitions = models_json_schema([(model, "validation") for model in models])
    entries: dict[str, Any] = definitions["$defs"]
    for name, entry in entries.items():
        section = next((section for section, model in _LISTS.items() if model.__name__ == name), "")
        entry["required"] = list(IDENTITY.get(section, ()))
    sections: dict[str, Any] = {
        "meta": {"$ref": "#/$defs/MetaEntry"},
        "services": {"$ref": "#/$defs/ServicesEntry"},
        "wallet": {"$ref": "#/$defs/WalletEntry"},
        "chains": {
            "type": "object",
            "patternProperties": {"^[1-9][0-9]*$": {"$ref": "#/$defs/ChainEntry"}},
            "additionalProperties": False,
        },
    }
    lists = {
        section: {"type": "array", "items": {"$ref": f"#/$defs/{model.__name__}"}} for section, model in _LISTS.items()
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Registry of light-alm",
        "type": "object",
        "properties": sections | lists,
        "additionalProperties": False,
        "$defs": entries,
    }


def schema_text() -> str:
    """Return the schema as the file in ``docs`` has it."""
    return json.dumps(registry_schema(), indent=2) + "\n"
