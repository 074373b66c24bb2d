"""``[wallet]`` of a registry file: which environment variable holds a key. The key itself never stands in a file."""

from pydantic import ValidationError

from alm_core.model.errors import ConfigError
from alm_resources.registry.entries import WalletEntry
from alm_resources.registry.files import RawEntry
from alm_resources.registry.registry import Wallet


def wallet_from(raw: RawEntry) -> Wallet:
    """Read the table.

    Raises
    ------
    ConfigError
        Naming file and key, but no value: what stands there may be the key that somebody put in the wrong place.
    """
    try:
        entry = WalletEntry.model_validate(raw.value)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"] if str(part) in WalletEntry.model_fields) or "unknown key"
        why = f"{where}: {first['msg']} (what stands there is not shown)"
    else:
        return Wallet(key_env=entry.key_env, usd=entry.usd)
    raise ConfigError(f"{raw.place}: {why}; key_env is the NAME of the environment variable that holds the key")
