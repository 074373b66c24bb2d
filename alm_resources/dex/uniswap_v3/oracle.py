"""Mean price of a pool from its own observations, where they reach back far enough."""

from alm_core.math.tick import MAX_TICK, MIN_TICK
from alm_core.model.chain_ports import Call, CallResult
from alm_core.model.errors import BadAnswer, PoolNotFound
from alm_core.model.market import Twap
from alm_core.model.pools import Pool
from alm_resources.chains.calldata import ContractFunction

WINDOW_S = 1800


def twap_call(observe: ContractFunction, pool: Pool, window_s: int = WINDOW_S) -> Call:
    """Return the read of the tick cumulatives now and ``window_s`` seconds ago; it fails where they are not known."""
    return observe.call(pool.address, [window_s, 0], may_fail=True)


def twap_from(observe: ContractFunction, pool: Pool, result: CallResult, window_s: int = WINDOW_S) -> Twap | None:
    """Decode the answer to :func:`twap_call`; ``None`` where the observations do not reach back over the window.

    The contract knows that itself (``Oracle.getSurroundingObservations``, ``DataStorage`` of Algebra): the time asked
    for must not be before the oldest observation that was written, else it reverts with "OLD". Slots that ``grow`` only
    reserved do not count. After the newest observation the tick has not changed, or there would be a newer one.

    Raises
    ------
    PoolNotFound
        If the call succeeds with what no V3 pool answers.

    Notes
    -----
    The mean is rounded to negative infinity, as ``OracleLibrary.consult`` of v3-periphery does.
    """
    if not result.succeeded:
        return None
    try:
        (before, now), *_ = observe.answer(result.data, f"pool {pool.pool_id}")
    except (BadAnswer, ValueError) as error:
        raise PoolNotFound(f"pool {pool.pool_id}: {observe.name}() answers what no {pool.family} pool does") from error
    tick = _wrapped_int56(now - before) // window_s
    if not MIN_TICK <= tick <= MAX_TICK:
        raise PoolNotFound(f"pool {pool.pool_id}: {observe.name}() tells a mean tick of {tick}, which no price has")
    return Twap(window_s=window_s, tick=tick)


def _wrapped_int56(value: int) -> int:
    # Cumulatives are int56 and wrap on purpose.
    return (value + 2**55) % 2**56 - 2**55
