"""How pools are gone through."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from alm_core.model.config import LimitsConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Settings of round trips.

    Parameters
    ----------
    usd
        Value of the position that is opened.
    wait_s
        Longest wait for volume, seconds.
    poll_s
        Pause between two reads while waiting, seconds.
    width_frac
        Distance of the bounds of a range from the price; ``None`` takes 2 %, and 0.2 % where both tokens are stables.
    only_in_range
        Whether a wallet that has one token only is refused, instead of opening beside the price.
    given_usd
        USD per token by symbol, where a pool does not tell.
    sends_for_real
        Whether the chain is not one of this machine: gas is then real money and needs a price.
    receipt_timeout_s
        Wait for a receipt before the outcome of a transaction counts as unknown.
    limits
        Bounds of the choke point; what a round trip needs otherwise (no swap, deadlines) replaces what stands there.
    """

    usd: float = 100.0
    wait_s: float = 30.0
    poll_s: float = 1.0
    width_frac: float | None = None
    only_in_range: bool = False
    given_usd: Mapping[str, float] = field(default_factory=dict[str, float])
    sends_for_real: bool = False
    receipt_timeout_s: float = 60.0
    limits: LimitsConfig = field(default_factory=LimitsConfig)
