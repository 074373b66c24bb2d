"""One question to a chain about one registry entry: the calls, what is expected, and how the answers are judged."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from alm_core.model.chain_ports import Call, CallResult
from alm_core.model.errors import BadAnswer
from alm_resources.chains import ContractFunction

_ZERO = "0x" + "00" * 20
# No contract has a function of this selector; what has code and no catch-all reverts, an empty address succeeds.
_NO_SUCH_FUNCTION = bytes.fromhex("ffffffff")


class Verdict(StrEnum):
    """What a check came to. Only ``MISMATCH`` says that the registry is wrong."""

    OK = "ok"
    NOTE = "note"
    MISMATCH = "mismatch"
    CANNOT_TELL = "cannot tell"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """Outcome of one check. ``fills`` are TOML keys of the pool that only the chain knew."""

    found: str
    verdict: Verdict
    fills: Mapping[str, int | str] = field(default_factory=dict[str, int | str])


Judge = Callable[[Sequence[CallResult]], Judgement]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A question: ``entry`` names what it is about, ``key`` the TOML key that is wrong if the answer differs."""

    entry: str
    what: str
    key: str
    expected: str
    calls: tuple[Call, ...]
    judge: Judge


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A function, what is asked with it, and which of its answers counts."""

    function: ContractFunction
    target: str
    arguments: tuple[object, ...] = ()
    index: int = 0

    @property
    def call(self) -> Call:
        """The read, allowed to fail."""
        return self.function.call(self.target, *self.arguments, may_fail=True)

    def answers(self, result: CallResult) -> tuple[Any, ...] | None:
        """Decoded answer; ``None`` if there is no such function or no contract."""
        if not result.succeeded:
            return None
        try:
            return self.function.answer(result.data, self.target)
        except BadAnswer:
            return None

    def value(self, result: CallResult) -> object | None:
        """The answer that counts; ``None`` as :meth:`answers`."""
        answers = self.answers(result)
        return None if answers is None else answers[self.index]


def equals(
    entry: str,
    what: str,
    key: str,
    expected: object,
    *readings: Reading,
    missing: Verdict = Verdict.MISMATCH,
) -> Check:
    """Expect one value of whichever of the readings answers first; contracts of a family name things differently.

    An ``expected`` of ``None`` takes what the chain says, as a value for ``key``.
    """

    def judge(results: Sequence[CallResult]) -> Judgement:
        found = next((v for r, x in zip(readings, results, strict=True) if (v := r.value(x)) is not None), None)
        if found is None:
            return Judgement(found=absence(results, readings[0].function.name), verdict=missing)
        if expected is None:
            return Judgement(found=str(found), verdict=Verdict.OK, fills={key: as_toml(found)})
        same = str(found).lower() == str(expected).lower()
        return Judgement(found=str(found), verdict=Verdict.OK if same else Verdict.MISMATCH)

    calls = tuple(reading.call for reading in readings)
    return Check(entry=entry, what=what, key=key, expected=_text(expected), calls=calls, judge=judge)


def one_of(
    entry: str, what: str, key: str, expected: str, *readings: Reading, missing: Verdict = Verdict.MISMATCH
) -> Check:
    """Expect a value among the answers to several readings."""

    def judge(results: Sequence[CallResult]) -> Judgement:
        found = [v for r, x in zip(readings, results, strict=True) if (v := r.value(x)) is not None]
        if not found:
            return Judgement(found=absence(results, readings[0].function.name), verdict=Verdict.MISMATCH)
        if any(str(value).lower() == expected.lower() for value in found):
            return Judgement(found=expected, verdict=Verdict.OK)
        others = ", ".join(str(value) for value in found if value != _ZERO) or "none registered"
        return Judgement(found=others, verdict=missing if others == "none registered" else Verdict.MISMATCH)

    calls = tuple(reading.call for reading in readings)
    return Check(entry=entry, what=what, key=key, expected=expected, calls=calls, judge=judge)


def has_code(entry: str, what: str, key: str, target: str) -> Check:
    """Expect a contract at an address, by calling a function that it does not have."""

    def judge(results: Sequence[CallResult]) -> Judgement:
        empty = results[0].succeeded and not results[0].data
        return Judgement(found="no code" if empty else "code", verdict=Verdict.MISMATCH if empty else Verdict.OK)

    call = Call(target=target, data=_NO_SUCH_FUNCTION, may_fail=True)
    return Check(entry=entry, what=what, key=key, expected=f"code at {target}", calls=(call,), judge=judge)


def told(entry: str, what: str, key: str, expected: str, found: str, verdict: Verdict) -> Check:
    """State what is known without asking."""
    judgement = Judgement(found=found, verdict=verdict)
    return Check(entry=entry, what=what, key=key, expected=expected, calls=(), judge=lambda _: judgement)


def absence(results: Sequence[CallResult], name: str) -> str:
    """Say why nothing was read: no contract, or none with the function."""
    if all(result.succeeded and not result.data for result in results):
        return "no code"
    return f"no {name}()"


def as_toml(value: object) -> int | str:
    """Return a decoded value as TOML has it."""
    return value if isinstance(value, int) else str(value)


def _text(expected: object) -> str:
    return "-" if expected is None else str(expected)
