"""Tables of TOML as text."""

import json
from collections.abc import Mapping


def table_text(name: str, entries: Mapping[str, int | str]) -> str:
    r"""Return one table; strings and integers of JSON are TOML as well.

    Examples
    --------
    >>> table_text("[pools]", {"pair": "USDC-USDT", "chain": 1})
    '[[pools]]\npair = "USDC-USDT"\nchain = 1\n'
    """
    return "\n".join([f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in entries.items()), ""])
