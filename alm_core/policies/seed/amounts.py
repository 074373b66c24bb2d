"""Amounts as the reference's executor reckons them. Nothing here is sent anywhere: ours are in ``alm_core.math``."""

import math
from collections.abc import Sequence

from alm_core.policies.seed.ieee import added

BPS = 10_000
SHARE_SCALE = 10**9


def after_slippage(amount: int, bps: int) -> int:
    """Return the least that is accepted of an amount; what is given up is rounded down."""
    return amount - amount * bps // BPS


def scaled(balance: int, share_frac: float) -> int:
    """Return a share of a balance; the share is rounded to nine digits, half up."""
    return balance * math.floor(share_frac * SHARE_SCALE + 0.5) // SHARE_SCALE


def sorted_tokens(tokens: tuple[str, str], amounts: tuple[int, int]) -> tuple[tuple[str, str], tuple[int, int]]:
    """Return tokens in the order of their addresses, with their amounts."""
    if int(tokens[0], 16) <= int(tokens[1], 16):
        return tokens, amounts
    return (tokens[1], tokens[0]), (amounts[1], amounts[0])


def impermanent_loss_usd(positions: Sequence[tuple[float, float]], price: float) -> float:
    r"""Return the loss of ``(entry price, entry value in USD)`` against holding, as if each were a full range.

    Notes
    -----
    :math:`\sum |2\sqrt r / (1 + r) - 1| V` with :math:`r` the price over the entry price; 0 where either is unknown.
    """
    known = [(price / entry, value) for entry, value in positions if entry > 0 and price > 0]
    return added(abs(2.0 * math.sqrt(ratio) / (1.0 + ratio) - 1.0) * value for ratio, value in known)
