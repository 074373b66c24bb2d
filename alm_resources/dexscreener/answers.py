"""What DexScreener sends, read strictly. Prices are decimal strings, volume and liquidity are numbers.

``priceUsd`` is USD per base token. ``priceNative`` is the price of the base token in the pair's *quote token*, whatever
the chain's native coin is; both are rounded for display, so each is used only as far as its digits reach.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal

from pydantic import Field

from alm_core.model.errors import BadAnswer
from alm_core.model.market import PoolMarket
from alm_core.model.pools import Pool
from alm_resources.http.fields import Answer, Number, Price, read_answer, shown
from alm_resources.http.pool_figures import PoolFigures, foreign_tokens, moment_from

SOURCE = "dexscreener"
# "1.00" may be anything from 0.995 to 1.005: no price of a stable coin.
MAX_ROUNDING_FRAC = Decimal("0.001")


class _Token(Answer):
    address: str


class _Volume(Answer):
    h24: Number | None = None


class _Liquidity(Answer):
    usd: Number | None = None


class _Pair(Answer):
    chain: str = Field(alias="chainId")
    address: str = Field(alias="pairAddress")
    base: _Token = Field(alias="baseToken")
    quote: _Token = Field(alias="quoteToken")
    price_in_quote: Price | None = Field(default=None, alias="priceNative")
    price_usd: Price | None = Field(default=None, alias="priceUsd")
    volume: _Volume | None = None
    liquidity: _Liquidity | None = None
    created: object = Field(default=None, alias="pairCreatedAt")

    def usd_prices(self) -> dict[str, float | None]:
        """USD prices of both tokens by lower-case address; ``None`` where the digits do not tell."""
        usd, price = self.price_usd, self.price_in_quote
        rounding = None if usd is None else _rounding_frac(usd)
        of_base = float(usd) if usd is not None and rounding is not None and rounding <= MAX_ROUNDING_FRAC else None
        of_quote = None
        if usd is not None and rounding is not None and price is not None:
            both = rounding + _rounding_frac(price)
            of_quote = float(usd / price) if both <= MAX_ROUNDING_FRAC else None
        return {self.base.address.lower(): of_base, self.quote.address.lower(): of_quote}


class _Pairs(Answer):
    pairs: list[_Pair] | None


class _PairList(Answer):
    pairs: list[_Pair]


def read_pairs(body: object, chain: str, asked: Mapping[str, Pool], fetched_at: datetime) -> dict[str, PoolFigures]:
    """Read an answer of ``/latest/dex/pairs`` into figures by pool; of a pool with other tokens, what is wrong.

    Parameters
    ----------
    body
        Parsed JSON.
    chain
        Slug of the chain that was asked.
    asked
        Pools of the request by lower-case address.
    fetched_at
        When the answer came.

    Raises
    ------
    BadAnswer
        Naming the field and its value, or the pool that was not asked for.
    """
    markets: dict[str, PoolFigures] = {}
    for pair in read_answer(SOURCE, _Pairs, body).pairs or ():
        address = pair.address.lower()
        if pair.chain != chain or address not in asked:
            raise BadAnswer(SOURCE, f"pool {shown(pair.address)} of {shown(pair.chain)} was not asked for")
        if address in markets:
            raise BadAnswer(SOURCE, f"pool {shown(pair.address)} is in the answer twice")
        markets[address] = _market(pair, asked[address], fetched_at)
    return markets


def read_token_prices(body: object, chain: str, addresses: Iterable[str]) -> dict[str, float]:
    """Read an answer of ``/tokens/v1`` into USD prices by lower-case address.

    The answer lists pools that hold the tokens. A token's price is the median over them weighted by liquidity, which no
    single thin pool moves; a token in no pool of known liquidity is left out.

    Raises
    ------
    BadAnswer
        Naming the field and its value.
    """
    seen: dict[str, list[tuple[float, float]]] = {address: [] for address in addresses}
    for pair in read_answer(SOURCE, _PairList, {"pairs": body}).pairs:
        if pair.chain != chain:
            raise BadAnswer(SOURCE, f"pool {shown(pair.address)} of {shown(pair.chain)} was not asked for")
        weight = 0.0 if pair.liquidity is None else pair.liquidity.usd or 0.0
        for address, usd in pair.usd_prices().items():
            if address in seen and usd is not None and weight > 0:
                seen[address].append((usd, weight))
    return {address: _weighted_median(prices) for address, prices in seen.items() if prices}


def _market(pair: _Pair, pool: Pool, fetched_at: datetime) -> PoolFigures:
    usd = pair.usd_prices()
    if problem := foreign_tokens(SOURCE, pool, usd):
        return problem
    return PoolMarket(
        pool_id=pool.pool_id,
        source=SOURCE,
        fetched_at=fetched_at,
        volume_24h_usd=None if pair.volume is None else pair.volume.h24,
        tvl_usd=None if pair.liquidity is None else pair.liquidity.usd,
        fee_frac=None,
        base_usd=usd[pool.base.address.lower()],
        quote_usd=usd[pool.quote.address.lower()],
        created_at=moment_from(pair.created),
    )


def _rounding_frac(price: Decimal) -> Decimal:
    """Half of the last digit, relative to the price."""
    exponent = price.as_tuple().exponent
    return Decimal(5).scaleb(int(exponent) - 1) / price


def _weighted_median(prices: list[tuple[float, float]]) -> float:
    half = sum(weight for _, weight in prices) / 2
    below = 0.0
    for usd, weight in sorted(prices):
        below += weight
        if below >= half:
            return usd
    raise AssertionError("the weights add up to more than half of their sum")
