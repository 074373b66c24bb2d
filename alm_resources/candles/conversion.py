"""Sources whose symbol is quoted in another currency than the pair: how, and by what, they are converted."""

from dataclasses import dataclass

from alm_core.model.errors import ConfigError
from alm_resources.registry import CandleSource, Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """Prices become the pair's when divided, else multiplied, by the price of ``basis``."""

    basis: str
    divide: bool


def conversions_of(registry: Registry, pair_id: str) -> dict[CandleSource, Conversion]:
    """Conversions of a pair's sources; those without one are left out.

    Raises
    ------
    ConfigError
        Naming pair and source, if an exchange is there twice, the basis does not lead from the symbol's quote to the
        pair's, or has no source of its own.
    """
    sources = registry.sources_of(pair_id)
    for source in sources:
        if sum(source.exchange == other.exchange for other in sources) > 1:
            raise ConfigError(f"pair {pair_id}: exchange {source.exchange} is there more than once, it votes once")
    return {
        source: _conversion(registry, pair_id, source, source.convert_by)
        for source in sources
        if source.convert_by is not None
    }


def direct_sources_of(registry: Registry, pair_id: str) -> tuple[CandleSource, ...]:
    """Sources of a pair that are quoted as it is: those a basis is read from."""
    return tuple(source for source in registry.sources_of(pair_id) if source.convert_by is None)


def _conversion(registry: Registry, pair_id: str, source: CandleSource, basis_id: str) -> Conversion:
    where = f"pair {pair_id}: source {source.exchange} {source.symbol} convert_by {basis_id}"
    pair, basis, quote = registry.pair(pair_id), registry.pair(basis_id), source.symbol.split("/")[1]
    if not direct_sources_of(registry, basis_id):
        raise ConfigError(f"{where}: every source of {basis_id} would have to be converted itself")
    if (quote, pair.quote) == (basis.quote, basis.base):
        return Conversion(basis=basis_id, divide=True)
    if (quote, pair.quote) == (basis.base, basis.quote):
        return Conversion(basis=basis_id, divide=False)
    raise ConfigError(f"{where}: leads between {basis.base} and {basis.quote}, not from {quote} to {pair.quote}")
