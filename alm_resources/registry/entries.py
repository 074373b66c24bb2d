"""Shape of the registry's TOML entries. Unknown keys, wrong types and addresses without checksum are refused."""

from typing import Annotated, Literal

from eth_utils.address import is_checksum_address, to_checksum_address
from pydantic import AfterValidator, BaseModel, ConfigDict, Field


def _checksummed(address: str) -> str:
    try:
        expected = to_checksum_address(address)
    except ValueError as error:
        raise ValueError("not an address of 20 bytes") from error
    if not is_checksum_address(address):
        raise ValueError(f"checksum is wrong; if the address is meant, write {expected}")
    return address


def _http_url(url: str) -> str:
    if not url.startswith(("http://", "https://")):
        raise ValueError("must start with http:// or https://")
    return url.rstrip("/")


Address = Annotated[str, AfterValidator(_checksummed)]
Url = Annotated[str, AfterValidator(_http_url)]
Name = Annotated[str, Field(min_length=1)]


class Entry(BaseModel):
    """Rules of every entry."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class ChainEntry(Entry):
    """``[chains.<id>]``."""

    name: Name
    rpc: Annotated[list[Url], Field(min_length=1)]
    multicall3: Address
    permit2: Address | None = None
    wrapped_native: Address
    native_symbol: Name
    gecko_network: Name
    lifi_diamond: Address
    finality: Literal["latest", "safe", "finalized"]


class TokenEntry(Entry):
    """``[[tokens]]``."""

    chain: int
    address: Address
    symbol: Name
    decimals: Annotated[int, Field(ge=0, le=36)]
    asset_class: Literal["stable", "volatile"]
    issuer: Name


class ContractsEntry(Entry):
    """``[dexes.contracts.<chain id>]``."""

    factory: Address
    position_manager: Address
    quoter: Address | None = None
    router: Address | None = None


class DexEntry(Entry):
    """``[[dexes]]``."""

    id: Name
    family: Name
    contracts: dict[str, ContractsEntry] = {}


class PoolEntry(Entry):
    """``[[pools]]``."""

    pair: Name
    chain: int
    dex: Name
    address: Address
    base: Address
    quote: Address
    fee_pips: Annotated[int, Field(ge=0, lt=1_000_000)]
    tick_spacing: Annotated[int, Field(ge=1, le=16_384)]


class PairEntry(Entry):
    """``[[pairs]]``."""

    id: Name
    base: Name
    quote: Name
    asset_class: Literal["stable", "volatile"]


class SourceEntry(Entry):
    """``[[sources]]``."""

    pair: Name
    exchange: Name
    symbol: Annotated[str, Field(pattern=r"^[A-Z0-9]+/[A-Z0-9]+$")]
    weight: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    convert_by: Name | None = None


class ServicesEntry(Entry):
    """``[services]``."""

    geckoterminal_url: Url
    lifi_url: Url
    exchange_urls: dict[str, Url] = {}


class MetaEntry(Entry):
    """``[meta]`` of an overlay."""

    mode: Literal["replace", "merge"] = "merge"
