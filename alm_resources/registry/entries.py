"""Shape of the registry's TOML entries. Unknown keys, wrong types and addresses without checksum are refused."""

import re
from typing import Annotated, Literal

from eth_utils.address import is_checksum_address, to_checksum_address
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from alm_resources.registry.families import FAMILIES
from alm_resources.registry.registry import Evidence, PoolStatus
from alm_resources.tokens.native import native_refusal

DEXSCREENER_URL = "https://api.dexscreener.com"
_HASH = re.compile("0x[0-9a-f]{64}")


def _checksummed(address: str) -> str:
    try:
        expected = to_checksum_address(address)
    except ValueError as error:
        raise ValueError("not an address of 20 bytes") from error
    if not is_checksum_address(address):
        raise ValueError(f"checksum is wrong; if the address is meant, write {expected}")
    return address


def _pool_id(value: str) -> str:
    if len(value) == 42:
        return _checksummed(value)
    if not _HASH.fullmatch(value):
        raise ValueError("neither an address of 20 bytes nor an id of 32 bytes in lower case")
    return value


def _no_native(address: str) -> str:
    if reason := native_refusal(address):
        raise ValueError(reason)
    return address


def _http_url(url: str) -> str:
    if not url.startswith(("http://", "https://")):
        raise ValueError("must start with http:// or https://")
    return url.rstrip("/")


def _distinct(urls: list[str]) -> list[str]:
    # Two endpoints are two witnesses; one that is named twice would confirm itself.
    if len(set(urls)) < len(urls):
        raise ValueError("the same endpoint is named twice")
    return urls


def _family(name: str) -> str:
    if name not in FAMILIES:
        raise ValueError(f"no such family; known are {sorted(FAMILIES)}")
    return name


Address = Annotated[
    str, AfterValidator(_checksummed), Field(description="EIP-55", json_schema_extra={"pattern": "^0x[0-9a-fA-F]{40}$"})
]
TokenAddress = Annotated[Address, AfterValidator(_no_native)]
PoolId = Annotated[
    str,
    AfterValidator(_pool_id),
    Field(json_schema_extra={"pattern": "^0x([0-9a-fA-F]{40}|[0-9a-f]{64})$"}),
]
Hash = Annotated[str, Field(pattern="^0x[0-9a-f]{64}$")]
Url = Annotated[str, AfterValidator(_http_url), Field(json_schema_extra={"pattern": "^https?://"})]
Endpoints = Annotated[list[Url], AfterValidator(_distinct), Field(json_schema_extra={"uniqueItems": True})]
Name = Annotated[str, Field(min_length=1)]
FamilyName = Annotated[str, AfterValidator(_family), Field(json_schema_extra={"enum": [*sorted(FAMILIES)]})]
ChainId = Annotated[int, Field(ge=1)]


class Entry(BaseModel):
    """Rules of every entry."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class ChainEntry(Entry):
    """``[chains.<id>]``."""

    name: Name
    rpc: Annotated[Endpoints, Field(min_length=1)]
    multicall3: Address
    permit2: Address | None = None
    merkl_distributor: Annotated[
        Address | None, Field(description="Pays rewards that services.merkl_url tells of; absent where none is wanted")
    ] = None
    wrapped_native: TokenAddress
    native_symbol: Name
    gecko_network: Name
    lifi_diamond: Address
    private_rpc: Annotated[Endpoints, Field(description="Take transactions only, and keep them private")] = []
    finality: Literal["latest", "safe", "finalized"]
    final_depth: Annotated[int, Field(ge=0)] = 64
    bump_after_s: Annotated[float, Field(gt=0)] = 15.0
    min_priority_fee_wei: Annotated[int, Field(ge=0)] = 0
    takes_tips: bool = True
    transaction_gas_cap: Annotated[int | None, Field(gt=21_000)] = None
    has_l1_fee: bool = False
    private_for_s: Annotated[float, Field(gt=0)] = 60.0
    gas_reserve_wei: Annotated[int, Field(ge=0)] = 0


class TokenEntry(Entry):
    """``[[tokens]]``."""

    chain: ChainId
    address: TokenAddress
    symbol: Name
    decimals: Annotated[int, Field(ge=0, le=36)]
    asset_class: Literal["stable", "volatile"]
    issuer: Name
    evidence: Evidence = "public"


class ContractsEntry(Entry):
    """``[dexes.contracts.<chain id>]``; which keys there must be depends on the family."""

    factory: Address | None = None
    deployer: Address | None = None
    custom_deployer: Annotated[
        Address | None, Field(description="Of Algebra Integral: whose pools these are, if not the factory's")
    ] = None
    position_manager: Address | None = None
    pool_manager: Address | None = None
    state_view: Address | None = None
    vault: Address | None = None
    permit2: Annotated[Address | None, Field(description="Where it is not the chain's")] = None
    quoter: Address | None = None
    router: Address | None = None
    init_code_hash: Annotated[
        Hash | None, Field(description="Of the pool's creation code; proves pools by CREATE2")
    ] = None


class DexEntry(Entry):
    """``[[dexes]]``."""

    id: Name
    family: FamilyName
    variant_of: Annotated[Name | None, Field(description="The DEX of which this is another deployment")] = None
    contracts: dict[str, ContractsEntry] = {}


class PoolEntry(Entry):
    """``[[pools]]``."""

    pair: Name
    chain: ChainId
    dex: Name
    address: PoolId
    base: TokenAddress
    quote: TokenAddress
    fee_pips: Annotated[int | None, Field(ge=0, lt=1_000_000, description="Absent where only the chain knows it")] = (
        None
    )
    tick_spacing: Annotated[int | None, Field(ge=1, le=32_767)] = None
    bin_step: Annotated[int | None, Field(ge=1, le=1_000)] = None
    hooks: Address | None = None
    parameters: Hash | None = None
    gauge: Annotated[Address | None, Field(description="Of a Slipstream pool: may hold positions for rewards")] = None
    master_chef: Annotated[
        Address | None, Field(description="Of a PancakeSwap V3 pool: may hold positions for rewards")
    ] = None
    reward_token: Annotated[TokenAddress | None, Field(description="What gauge or master_chef pays; a token here")] = (
        None
    )
    stake: Annotated[bool, Field(description="Whether new positions go to gauge or master_chef")] = False
    evidence: Evidence = "public"
    status: PoolStatus = "operable"
    reason: str = ""

    @model_validator(mode="after")
    def _states_a_reason(self) -> "PoolEntry":
        if self.status != "operable" and not self.reason.strip():
            raise ValueError(f"reason is required where status is {self.status!r}")
        return self


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
    dexscreener_url: Url = DEXSCREENER_URL
    merkl_url: Annotated[Url | None, Field(description="Tells rewards with proofs; absent where none is wanted")] = None
    exchange_urls: dict[str, Url] = {}


class WalletEntry(Entry):
    """``[wallet]``: which environment variable holds the key that ``alm dex roundtrip`` signs with; never the key."""

    key_env: Annotated[str, Field(pattern="^[A-Za-z_][A-Za-z0-9_]*$", max_length=60)]
    usd: Annotated[float | None, Field(gt=0, allow_inf_nan=False, strict=False, description="Size of a position")] = (
        None
    )


class MetaEntry(Entry):
    """``[meta]`` of an overlay."""

    mode: Literal["replace", "merge"] = "merge"
