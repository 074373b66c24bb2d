"""Those who provide bins follow the price: deposits end somewhere, and a market does not leave what is beyond empty."""

from alm_core.math.bin_ranges import bin_of_place, place_at_sqrt_price_x96, place_at_tick, ticks_of_places
from alm_localnet.contracts import calldata
from alm_localnet.deploy import DeployedChain, provide, range_of
from alm_localnet.market.world import Market
from alm_localnet.pools import LocalPool

_RESERVES = slice(2, 2 + 2 * 64)


def follow_price(chain: DeployedChain, market: Market, minute: int) -> int:
    """Fill bins around the price of a minute that hold nothing, as the widest range of the start filled its own.

    Returns how many blocks that took. Within half of that range nothing is asked of the chain.
    """
    wanted = [
        (pool, pool.preset.bin_step, places)
        for pool in chain.pools
        if pool.preset.bin_step
        for places in _near(pool, pool.preset.bin_step, market.price(pool.pair.pair_id, minute))
    ]
    ends = [(pool, place) for pool, _, places in wanted for place in (places[0], places[-1])]
    full = [int(answer[_RESERVES], 16) > 0 for answer in chain.rpc.call_many([_bin(*end) for end in ends])]
    blocks = 0
    for (pool, step, places), first, last in zip(wanted, full[::2], full[1::2], strict=True):
        if not (first and last):
            ticks = ticks_of_places(step, places)
            provide(chain.rpc, chain.operator, [range_of(pool, (*ticks, pool.ranges[0][2]))])
            blocks += 1
    return blocks


def _near(pool: LocalPool, step: int, price: float) -> list[range]:
    """Bins by place, in parts of a quarter of the widest range, around a price that has left the middle of it."""
    first, stop = (place_at_tick(step, tick) for tick in pool.ranges[0][:2])
    part = max(1, (stop - first) // 4)
    place = place_at_sqrt_price_x96(step, pool.sqrt_price_x96(price))
    if first + part <= place < stop - part:
        return []
    numbers = range((place - part) // part, (place + part) // part + 1)
    return [range(number * part, (number + 1) * part) for number in numbers]


def _bin(pool: LocalPool, place: int) -> tuple[str, tuple[object, ...]]:
    number = bin_of_place(place, token0_is_x=getattr(pool.dex, "x_is_token0", True))
    return "eth_call", ({"to": pool.address, "data": "0x" + calldata("getBin(uint24)", number).hex()}, "latest")
