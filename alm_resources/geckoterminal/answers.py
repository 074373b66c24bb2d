"""What GeckoTerminal sends, read strictly. Numbers are decimal strings; unknown is null or absent, never zero."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Annotated

from pydantic import Field

from alm_core.model.errors import BadAnswer
from alm_core.model.market import PoolMarket
from alm_core.model.pools import Pool
from alm_resources.http.fields import Answer, Figure, Price, read_answer, shown
from alm_resources.http.pool_figures import PoolFigures, foreign_tokens, moment_from

SOURCE = "geckoterminal"


class _Volume(Answer):
    h24: Figure | None = None


class _Attributes(Answer):
    address: str
    base_token_price_usd: Price | None = None
    quote_token_price_usd: Price | None = None
    base_token_price_native_currency: Figure | None = None
    quote_token_price_native_currency: Figure | None = None
    pool_fee_percentage: Annotated[Figure, Field(lt=100)] | None = None
    reserve_in_usd: Figure | None = None
    volume_usd: _Volume | None = None
    pool_created_at: object = None


class _TokenId(Answer):
    id: str

    @property
    def address(self) -> str:
        # "polygon_pos_0x...": the network may hold the separator itself.
        return self.id.rpartition("_")[2].lower()


class _TokenRef(Answer):
    data: _TokenId


class _Relationships(Answer):
    base_token: _TokenRef
    quote_token: _TokenRef


class _Pool(Answer):
    attributes: _Attributes
    relationships: _Relationships


class _Pools(Answer):
    data: list[_Pool]


class _PriceAttributes(Answer):
    token_prices: dict[str, Price | None]


class _PriceData(Answer):
    attributes: _PriceAttributes


class _Prices(Answer):
    data: _PriceData


def read_pools(body: object, asked: Mapping[str, Pool], fetched_at: datetime) -> dict[str, PoolFigures]:
    """Read a multi-pool answer into figures by lower-case pool address; of a pool with other tokens, what is wrong.

    Raises
    ------
    BadAnswer
        Naming the field and its value, or the pool that was not asked for.
    """
    markets: dict[str, PoolFigures] = {}
    for answer in read_answer(SOURCE, _Pools, body).data:
        address = answer.attributes.address.lower()
        if address not in asked:
            raise BadAnswer(SOURCE, f"pool {shown(answer.attributes.address)} was not asked for")
        if address in markets:
            raise BadAnswer(SOURCE, f"pool {shown(answer.attributes.address)} is in the answer twice")
        markets[address] = _market(answer, asked[address], fetched_at)
    return markets


def read_token_prices(body: object) -> dict[str, float]:
    """Read a token price answer into USD prices by lower-case address; unknown tokens are left out."""
    prices = read_answer(SOURCE, _Prices, body).data.attributes.token_prices
    return {address.lower(): float(price) for address, price in prices.items() if price is not None}


def _market(answer: _Pool, pool: Pool, fetched_at: datetime) -> PoolFigures:
    figures = answer.attributes
    usd = {
        answer.relationships.base_token.data.address: figures.base_token_price_usd,
        answer.relationships.quote_token.data.address: figures.quote_token_price_usd,
    }
    if problem := foreign_tokens(SOURCE, pool, usd):
        return problem
    fee = figures.pool_fee_percentage
    return PoolMarket(
        pool_id=pool.pool_id,
        source=SOURCE,
        fetched_at=fetched_at,
        volume_24h_usd=None if figures.volume_usd is None else _float(figures.volume_usd.h24),
        tvl_usd=_float(figures.reserve_in_usd),
        fee_frac=None if fee is None else float(fee / 100),
        base_usd=_float(usd[pool.base.address.lower()]),
        quote_usd=_float(usd[pool.quote.address.lower()]),
        native_usd=_native_usd(figures),
        created_at=moment_from(figures.pool_created_at),
    )


def _native_usd(figures: _Attributes) -> float | None:
    """USD per native coin, from either token's price in both."""
    sides = (
        (figures.base_token_price_usd, figures.base_token_price_native_currency),
        (figures.quote_token_price_usd, figures.quote_token_price_native_currency),
    )
    for usd, native in sides:
        # A price of zero is one that was rounded away.
        if usd is not None and native:
            return float(usd / native)
    return None


def _float(figure: Decimal | None) -> float | None:
    return None if figure is None else float(figure)
