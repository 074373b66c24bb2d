"""Answers gone wrong: a sound body with single values replaced, dropped or doubled."""

import copy
import math
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from alm_core.model.errors import BadAnswer
from alm_core.model.market import PoolMarket

NESTED: Any = []
for _ in range(300):
    NESTED = [NESTED]

hostile = st.sampled_from(
    [
        *(None, True, False, "", "0", "-0", "-1", "NaN", "sNaN", "Infinity", "1e999999", "1e-999999", "1_0", " 1", "١"),
        *(0, -1, 10**5000, -(10**5000), 1e308, -0.0, 5e-324, math.nan, math.inf, -math.inf),
        *("9" * 5000, "0." + "0" * 5000 + "1", "\ud800", "\x00", "0x", "a" * 100_000, [], {}, [[]], NESTED),
    ]
)
plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
junk = st.recursive(
    plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner), max_leaves=6
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a body, as the keys that lead there."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, one in inner for place in places(one, (*path, key)))]


@st.composite
def mutated(draw: st.DrawFn, body: Any) -> Any:
    """A copy of a body with one to three places changed."""
    body = {"body": copy.deepcopy(body)}
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.sampled_from([place for place in places(body) if place and len(place) < 20]))
        holder = body
        for key in place[:-1]:
            holder = holder[key]
        action = draw(st.sampled_from(["hostile", "hostile", "junk", "drop", "double", "swap"]))
        if action == "drop" and len(place) > 1:
            del holder[place[-1]]
        elif action == "double" and isinstance(holder, list):
            holder.append(copy.deepcopy(holder[place[-1]]))
        elif action == "swap":
            other = draw(st.sampled_from(list(holder) if isinstance(holder, dict) else range(len(holder))))
            holder[place[-1]], holder[other] = holder[other], holder[place[-1]]
        else:
            holder[place[-1]] = copy.deepcopy(draw(junk if action == "junk" else hostile))
    return body["body"]


def sound(market: PoolMarket) -> bool:
    """Whether every figure is unknown or a finite number that is not negative, prices being above zero."""
    amounts = (market.volume_24h_usd, market.tvl_usd, market.fee_frac)
    prices = (market.base_usd, market.quote_usd, market.native_usd)
    return all(one is None or (math.isfinite(one) and one >= 0) for one in amounts) and all(
        one is None or (math.isfinite(one) and one > 0) for one in prices
    )


def sound_or_refused(figures: PoolMarket | BadAnswer) -> bool:
    """Whether figures of one pool are sound, or what is wrong with them can be written down anywhere."""
    return short(figures) if isinstance(figures, BadAnswer) else sound(figures)


def outcome(read: Callable[[], Any]) -> Any:
    """What a parser returned, or the bad answer it raised; anything else it raises is a failure of the test."""
    try:
        return read()
    except BadAnswer as error:
        return error


def short(error: BadAnswer) -> bool:
    """Whether a message can be written down anywhere."""
    return len(str(error).encode()) < 1000
