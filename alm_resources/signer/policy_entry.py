"""Shape of a policy file. Unknown keys and wrong types are refused; amounts are text, for TOML's numbers end early."""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


def _number(value: Any) -> Any:
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 80 else value


Address = Annotated[str, Field(pattern="^0x[0-9a-f]{40}$")]
Selector = Annotated[str, Field(pattern="^0x[0-9a-f]{8}$")]
Amount = Annotated[int, BeforeValidator(_number), Field(ge=0)]
ChainId = Annotated[str, Field(pattern="^[1-9][0-9]{0,18}$")]


class _Entry(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class ChainPolicyEntry(_Entry):
    """``[chains.<id>]``."""

    max_gas_limit: Annotated[int, Field(ge=21_000)]
    max_fee_per_gas_wei: Amount
    max_fee_wei: Amount
    spenders: list[Address]
    arrivals: list[Address] = []
    contracts: dict[Address, list[Selector]]
    takers: dict[Address, list[Address]] = {}
    approvals: dict[Address, Amount] = {}


class PolicyEntry(_Entry):
    """The file."""

    pair: Annotated[str, Field(min_length=1)]
    wallet: Address
    transactions_per_hour: Annotated[int, Field(ge=0)]
    chains: dict[ChainId, ChainPolicyEntry] = {}
