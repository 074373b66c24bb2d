"""Fees of positions in bins, measured: by how much a share of each bin has become worth more between two readings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from alm_core.math.bin_ranges import bin_of_place, edge_tick, place_at_tick, ticks_per_bin
from alm_core.math.bin_shares import bin_liquidity
from alm_core.math.bin_spread import liquidity_of_bin
from alm_core.math.bins import price_at_bin
from alm_core.model.errors import InvalidInput
from alm_core.model.market import ActiveBin, BinReserves, PoolState, Position

_LEAST_CROSSING_FRAC = 1e-6
"""A swap through all of a bin leaves more: no pair's fee is a hundredth of a basis point. What rounding in deposits and
withdrawals leaves is less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BinGrowth:
    """A bin between two readings.

    Parameters
    ----------
    now
        The bin at the later one.
    liquidity
        Of a V3 range of the bin's width and worth, at the later one.
    others
        Shares that were not ours, the mean of both.
    ours
        Shares of the recorded positions, at the later one.
    grown_frac
        Growth of the worth of a share, as a part of what it was.
    """

    now: BinReserves
    liquidity: int
    others: float
    ours: int
    grown_frac: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredBins:
    """How the bins of a pair have grown, by id, where both readings have them.

    No swap went through all of the bins ``lowest`` and ``highest``, so that none came beyond them; ``None`` where that
    is not known.
    """

    bins: Mapping[int, BinGrowth]
    lowest: int | None
    highest: int | None

    def earned_nothing(self, bin_id: int) -> bool:
        """Whether a bin lies beyond all that swaps can have reached."""
        below = self.lowest is not None and bin_id < self.lowest
        return below or (self.highest is not None and bin_id > self.highest)


def measured_bins(
    before: PoolState, after: PoolState, earlier: Sequence[Position], recorded: Sequence[Position]
) -> MeasuredBins:
    r"""Return how the bins of a pair have grown between two readings.

    Parameters
    ----------
    before, after
        Readings of one pair.
    earlier, recorded
        Our recorded positions in it at both.

    Notes
    -----
    Within a bin a swap keeps :math:`L = p x + y` at the bin's price but for the fee, and deposits and withdrawals keep
    :math:`L` per share (joe-v2, ``BinHelper.getLiquidity`` and ``getSharesAndEffectiveAmountsIn``): its growth is the
    fee. The first deposit into a bin gets :math:`\sqrt L` shares, so that :math:`L` per share begins as their number.
    """
    then = {one.bin_id: one for one in before.bins}
    shares, earlier_shares = _shares(recorded), _shares(earlier)
    found: dict[int, BinGrowth] = {}
    for now in after.bins:
        was = then.get(now.bin_id)
        grown_frac = None if was is None else _grown_frac(after, was, now)
        if was is None or grown_frac is None:
            continue
        ours = shares.get(now.bin_id, 0)
        others = (was.supply - earlier_shares.get(now.bin_id, 0) + now.supply - ours) / 2.0
        order = _active(after).token0_is_x
        found[now.bin_id] = BinGrowth(
            now=now,
            liquidity=liquidity_of_bin((now.reserve0, now.reserve1), now.bin_id, _step(after), token0_is_x=order),
            others=max(0.0, others),
            ours=ours,
            grown_frac=grown_frac,
        )
    lived = [bin_id for bin_id, one in sorted(found.items()) if one.now.supply and then[bin_id].supply]
    lowest, highest = (lived[0], lived[-1]) if lived else (None, None)
    return MeasuredBins(bins=found, lowest=_uncrossed(found, lowest), highest=_uncrossed(found, highest))


def bin_fees(measured: MeasuredBins, state: PoolState, held: Sequence[Position]) -> tuple[tuple[int, int], ...] | None:
    r"""Return the fees of simulated positions, raw amounts of both tokens as their bins then hold them.

    Parameters
    ----------
    measured
        Bins of the pair.
    state
        The later reading.
    held
        Simulated positions, in the pair in place of those recorded. One without bins has its liquidity in each bin of
        its range.

    Returns
    -------
    tuple or None
        In the order of ``held``; ``None`` if one of them has a bin that swaps may have reached and nobody measured.

    Notes
    -----
    A bin with shares :math:`O` of others and :math:`R` of ours has grown by :math:`r`. With :math:`H` simulated in
    place of :math:`R`, the same swaps make it grow by :math:`r (O + R) / (O + H)`.
    """
    owned: list[dict[int, float]] = []
    for one in held:
        shares = _earning_shares(measured, state, one)
        if shares is None:
            return None
        owned.append(shares)
    fees: list[tuple[int, int]] = []
    for shares in owned:
        fee0 = fee1 = 0.0
        for bin_id, mine in shares.items():
            one = measured.bins[bin_id]
            simulated = sum(other.get(bin_id, 0.0) for other in owned)
            grown = one.grown_frac * (one.others + one.ours) / (one.others + simulated)
            # Reserves have grown themselves: a share was worth less of them before.
            fees_per_reserve = mine / one.now.supply * grown / (1.0 + one.grown_frac)
            fee0 += fees_per_reserve * one.now.reserve0
            fee1 += fees_per_reserve * one.now.reserve1
        fees.append((int(fee0), int(fee1)))
    return tuple(fees)


def _earning_shares(measured: MeasuredBins, state: PoolState, position: Position) -> dict[int, float] | None:
    """Shares of a position in the bins that have grown; ``None`` if one may have and was not measured."""
    owned = {one.bin_id: float(one.shares) for one in position.bins}
    found: dict[int, float] = {}
    for bin_id, amount in owned.items() if owned else _liquidity_of_range(state, position):
        one = measured.bins.get(bin_id)
        if one is None:
            if measured.earned_nothing(bin_id):
                continue
            return None
        if one.grown_frac > 0.0 and one.liquidity:
            # Before the bin grew, liquidity was more of its shares.
            per_liquidity = one.now.supply / one.liquidity * (1.0 + one.grown_frac)
            found[bin_id] = amount if owned else amount * per_liquidity
    return found


def _liquidity_of_range(state: PoolState, position: Position) -> list[tuple[int, float]]:
    """Liquidity of a range in each of its bins.

    The part of a range between the ticks nearest to a bin's edges is worth a little more or less than the bin would be
    with the same liquidity.
    """
    step, order = _step(state), _active(state).token0_is_x
    found: list[tuple[int, float]] = []
    for place in range(place_at_tick(step, position.tick_lower), place_at_tick(step, position.tick_upper - 1) + 1):
        width = min(edge_tick(step, place + 1), position.tick_upper) - max(edge_tick(step, place), position.tick_lower)
        found.append((bin_of_place(place, token0_is_x=order), position.liquidity * width / ticks_per_bin(step)))
    return found


def _grown_frac(state: PoolState, was: BinReserves, now: BinReserves) -> float | None:
    """Growth of the worth of a share; 0 in a bin without any, ``None`` where those there were are gone."""
    if not now.supply:
        return None if was.supply else 0.0
    worth = _worth_x128(state, now)
    # Worth of all shares at the rate of before, times as many shares.
    base, shares = (_worth_x128(state, was) * now.supply, was.supply) if was.supply else (now.supply**2, 1)
    return max(0.0, (worth * shares - base) / base) if base else None


def _worth_x128(state: PoolState, one: BinReserves) -> int:
    """In units of Y."""
    amounts = (one.reserve0, one.reserve1) if _active(state).token0_is_x else (one.reserve1, one.reserve0)
    return bin_liquidity(amounts, price_at_bin(one.bin_id, _step(state)))


def _uncrossed(found: Mapping[int, BinGrowth], bin_id: int | None) -> int | None:
    return None if bin_id is None or found[bin_id].grown_frac > _LEAST_CROSSING_FRAC else bin_id


def _shares(positions: Sequence[Position]) -> dict[int, int]:
    found: dict[int, int] = {}
    for one in positions:
        for share in one.bins:
            found[share.bin_id] = found.get(share.bin_id, 0) + share.shares
    return found


def _step(state: PoolState) -> int:
    if state.pool.bin_step is None:
        raise InvalidInput(f"pool {state.pool.pool_id} has no bin step")
    return state.pool.bin_step


def _active(state: PoolState) -> ActiveBin:
    if state.active_bin is None:
        raise InvalidInput(f"pool {state.pool.pool_id} has no active bin")
    return state.active_bin
