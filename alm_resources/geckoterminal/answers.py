"""What GeckoTerminal sends, read strictly. Numbers are decimal strings; unknown is null or absent, never zero."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from alm_core.model.errors import BadAnswer
from alm_core.model.market import PoolMarket
from alm_core.model.pools import Pool

SOURCE = "geckoterminal"

_Kind = TypeVar("_Kind", bound=BaseModel)


def _decimal(value: object) -> Decimal:
    if not isinstance(value, str):
        raise ValueError("must be a decimal string")  # noqa: TRY004 - pydantic reports ValueError only
    try:
        number = Decimal(value)
    except InvalidOperation as error:
        raise ValueError("is not a number") from error
    # A float cannot hold more; Decimal reads 1e999999 without complaint.
    if not number.is_finite() or number.adjusted() > 300:
        raise ValueError("is not a finite number")
    return number


Figure = Annotated[Decimal, BeforeValidator(_decimal), Field(ge=0)]
UsdPrice = Annotated[Decimal, BeforeValidator(_decimal), Field(gt=0)]


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class _Volume(_Answer):
    h24: Figure | None = None


class _Attributes(_Answer):
    address: str
    base_token_price_usd: UsdPrice | None = None
    quote_token_price_usd: UsdPrice | None = None
    pool_fee_percentage: Annotated[Figure, Field(lt=100)] | None = None
    reserve_in_usd: Figure | None = None
    volume_usd: _Volume = _Volume()


class _TokenId(_Answer):
    id: str

    @property
    def address(self) -> str:
        # "polygon_pos_0x...": the network may hold the separator itself.
        return self.id.rpartition("_")[2].lower()


class _TokenRef(_Answer):
    data: _TokenId


class _Relationships(_Answer):
    base_token: _TokenRef
    quote_token: _TokenRef


class _Pool(_Answer):
    attributes: _Attributes
    relationships: _Relationships


class _Pools(_Answer):
    data: list[_Pool]


class _PriceAttributes(_Answer):
    token_prices: dict[str, UsdPrice | None]


class _PriceData(_Answer):
    attributes: _PriceAttributes


class _Prices(_Answer):
    data: _PriceData


def read_pools(body: object, asked: Mapping[str, Pool], fetched_at: datetime) -> dict[str, PoolMarket]:
    """Read a multi-pool answer into figures by lower-case pool address.

    Raises
    ------
    BadAnswer
        Naming the field and its value, or the pool whose tokens are not those of the registry.
    """
    markets: dict[str, PoolMarket] = {}
    for answer in _read(_Pools, body).data:
        address = answer.attributes.address.lower()
        if address not in asked:
            raise BadAnswer(SOURCE, f"pool {answer.attributes.address} was not asked for")
        if address in markets:
            raise BadAnswer(SOURCE, f"pool {answer.attributes.address} is in the answer twice")
        markets[address] = _market(answer, asked[address], fetched_at)
    return markets


def read_token_prices(body: object) -> dict[str, float]:
    """Read a token price answer into USD prices by lower-case address; unknown tokens are left out."""
    prices = _read(_Prices, body).data.attributes.token_prices
    return {address.lower(): float(price) for address, price in prices.items() if price is not None}


def _market(answer: _Pool, pool: Pool, fetched_at: datetime) -> PoolMarket:
    figures = answer.attributes
    usd = {
        answer.relationships.base_token.data.address: figures.base_token_price_usd,
        answer.relationships.quote_token.data.address: figures.quote_token_price_usd,
    }
    base, quote = pool.base.address.lower(), pool.quote.address.lower()
    if set(usd) != {base, quote}:
        raise BadAnswer(SOURCE, f"pool {pool.pool_id}: tokens are {sorted(usd)}, the registry says {base} and {quote}")
    fee = figures.pool_fee_percentage
    return PoolMarket(
        pool_id=pool.pool_id,
        source=SOURCE,
        fetched_at=fetched_at,
        volume_24h_usd=_float(figures.volume_usd.h24),
        tvl_usd=_float(figures.reserve_in_usd),
        fee_frac=None if fee is None else float(fee / 100),
        base_usd=_float(usd[base]),
        quote_usd=_float(usd[quote]),
    )


def _float(figure: Decimal | None) -> float | None:
    return None if figure is None else float(figure)


def _read(kind: type[_Kind], body: object) -> _Kind:
    try:
        return kind.model_validate(body)
    except ValidationError as error:
        first = error.errors()[0]
        path = ".".join(str(part) for part in first["loc"]) or "body"
        raise BadAnswer(SOURCE, f"{path} = {first['input']!r:.80}: {first['msg']}") from error
