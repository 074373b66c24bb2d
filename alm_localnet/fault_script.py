"""A seeded script of source faults, epoch by epoch: what an unlucky day looks like, the same for the same seed."""

import random
from collections.abc import Callable, Mapping

from alm_localnet.market.venues import SHARES
from alm_localnet.servers.faults import Fault, Faults

GECKO = "geckoterminal"
_EPOCH_MINUTES = 15
_BAD_HALF, _BAD_PAIR, _BAD_GECKO = 0.2, 0.45, 0.6
_RETRY_AFTER_S = 60
"""Longer than any client waits for one exchange: it goes on without it."""

Maker = Callable[[random.Random, int], Fault]


class FaultScript:
    """Which servers fail in which epoch.

    At most two exchanges at a time send wrong prices, not the same ones, and at least three are sound: with more the
    truth would not be in the data, and no rule could find it.

    Parameters
    ----------
    seed
        Decides everything.

    Examples
    --------
    >>> FaultScript(7).faults_of(3, minute=29_000_000) == FaultScript(7).faults_of(3, minute=29_000_000)
    True
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def faults_of(self, number: int, minute: int) -> dict[str, Fault]:
        """Faults by server of an epoch whose first unplayed minute is ``minute``; never empty.

        The first epoch asks for a month of candles at once: none of its faults slows every page down.
        """
        chance = random.Random(f"{self._seed}/{number}")
        makers = self._makers(chance, quick=number == 0)
        return {server: make(chance, minute) for server, make in makers.items()}

    def switch_on(self, faults: Faults, number: int, minute: int) -> dict[str, Fault]:
        """Replace the faults of the epoch before by those of this one, and return them."""
        chosen = self.faults_of(number, minute)
        faults.clear()
        for server, fault in chosen.items():
            faults.set(server, fault)
        return chosen

    def _makers(self, chance: random.Random, *, quick: bool) -> dict[str, Maker]:
        first, second, third = chance.sample(sorted(SHARES), 3)
        late: tuple[Maker, ...] = () if quick else (_slow,)
        kind = chance.random()
        if kind < _BAD_HALF:
            half = {first: chance.choice((_limited, _down)), second: _liar, third: _frozen}
            return half | {GECKO: chance.choice((_gecko_limit, _down))}
        if kind < _BAD_PAIR:
            return {first: chance.choice((_liar, _frozen)), second: chance.choice((_limited, _gap, *late))}
        if kind < _BAD_GECKO:
            return {GECKO: chance.choice((_gecko_limit, _down, _liar, _frozen, *late))}
        return {first: chance.choice((_limited, _down, _liar, _frozen, _gap, _open_candle, *late))}


def described(faults: Mapping[str, Fault]) -> str:
    """Return the faults in a line for people."""
    return ", ".join(f"{server} {_words(fault)}" for server, fault in sorted(faults.items()))


def _words(fault: Fault) -> str:
    match fault.kind:
        case "status":
            return str(fault.status)
        case "liar":
            return f"liar {fault.offset_bps:+.0f} bp"
        case "gap":
            return f"gap of {fault.gap_minutes} min"
        case "open_candle":
            return "open candle"
        case _:
            return fault.kind


def _limited(_: random.Random, _minute: int) -> Fault:
    return Fault(kind="status", status=429, retry_after_s=_RETRY_AFTER_S, times=None)


def _down(chance: random.Random, _minute: int) -> Fault:
    return Fault(kind="status", status=chance.choice((500, 502, 503)), times=None)


def _slow(chance: random.Random, _minute: int) -> Fault:
    return Fault(kind="slow", seconds=chance.uniform(0.3, 0.9), times=None)


def _liar(chance: random.Random, _minute: int) -> Fault:
    return Fault(kind="liar", offset_bps=chance.choice((-1, 1)) * round(chance.uniform(5, 400)), times=None)


def _frozen(_: random.Random, minute: int) -> Fault:
    return Fault(kind="frozen", from_minute=minute, times=None)


def _gap(chance: random.Random, minute: int) -> Fault:
    length = chance.randint(2, 10)
    begin = minute + chance.randint(0, _EPOCH_MINUTES - length)
    return Fault(kind="gap", from_minute=begin, gap_minutes=length, times=None)


def _open_candle(_: random.Random, _minute: int) -> Fault:
    return Fault(kind="open_candle", times=None)


def _gecko_limit(_: random.Random, _minute: int) -> Fault:
    # A cooldown outlives the fault, in real seconds, and a demo plays an epoch in a few of them.
    return Fault(kind="status", status=429, text="Throttled", retry_after_s=1, times=1)
