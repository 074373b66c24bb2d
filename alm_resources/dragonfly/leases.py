"""Leads of wallets as leases in the hot state. Satisfies :class:`~alm_core.model.ports.Leadership`.

An optimisation that keeps two executors from working against each other. What makes a second one harmless is the
fence in the journal and in the signer: this store may forget a lease, and a paused process does not notice that its
own has ended.
"""

import contextlib
import os
import secrets
import socket
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event, Lock, Thread

from alm_core.model.ports import LedByAnother
from alm_resources.dragonfly.hot_state import HotState
from alm_resources.dragonfly.values import Lease

TTL_S = 30.0
RENEW_S = 10.0
TRUSTED_FRAC = 0.8
"""Part of the TTL, counted from before the question, for which an answer is believed: it ends before the TTL does."""


class WalletLeases:
    """Leads of one executor. The server is asked each time, and a thread prolongs what is held between the questions.

    Parameters
    ----------
    hot_state
        Where leases are kept. Its commands are sent once.
    holder
        Unique for this object; ``None`` makes one of host, process and a random number.
    ttl_s
        Life of a lease unless renewed: after a kill nobody leads for so long, except on the same machine.
    renew_s
        Seconds between renewals, a third of the TTL or less.
    clock
        Seconds that never go back.

    Notes
    -----
    A lead that was lost is not taken again by the same object: in between somebody else may have led.
    """

    def __init__(
        self,
        hot_state: HotState,
        holder: str | None = None,
        *,
        ttl_s: float = TTL_S,
        renew_s: float = RENEW_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.holder = holder or own_holder()
        self._hot_state = hot_state
        self._ttl_s = ttl_s
        self._renew_s = renew_s
        self._clock = clock
        self._pid = os.getpid()
        self._held: dict[str, Lease] = {}
        self._lost: set[str] = set()
        self._lock = Lock()
        self._ended = Event()
        self._thread: Thread | None = None

    def refusal(self, chain_id: int, wallet: str) -> str | None:
        """Take or keep the lead of a wallet on a chain; why not, or ``None`` if this object leads."""
        name = f"wallet:{chain_id}:{wallet.lower()}"
        if os.getpid() != self._pid or self._ended.is_set():
            return f"the lead of {name} belongs to a process that is over or another one"
        with self._lock:
            asked_at = self._clock()
            try:
                refused = self._keep(name) if name in self._held else self._take(name)
            except Exception as error:  # Whatever went wrong: the lead is not known, so it is not ours.
                return f"whether we lead {name} is not known: {error}"
            took_s = self._clock() - asked_at
        if refused is None and took_s > TRUSTED_FRAC * self._ttl_s:
            return f"whether we lead {name} is not known: the answer took {took_s:.1f} s of its {self._ttl_s:g} s"
        return refused

    def close(self) -> None:
        """Give every lead back and renew no more; what cannot be given back ends by itself. Never raises."""
        self._ended.set()
        if os.getpid() != self._pid:
            return
        with self._lock:
            for lease in self._held.values():
                with contextlib.suppress(Exception):
                    self._hot_state.release_lease(lease)
            self._held.clear()

    def _take(self, name: str) -> str | None:
        if name in self._lost:
            return f"the lead of {name} was lost; somebody else may have led since"
        lease = self._hot_state.acquire_lease(name, self.holder, self._ttl_s)
        if lease is None:
            lease = self._hot_state.read_lease(name)
            if lease is not None and is_dead(lease.holder):
                self._hot_state.release_lease(lease)
                lease = self._hot_state.acquire_lease(name, self.holder, self._ttl_s)
            # Our own is there where the answer to an earlier question was lost.
            if lease is None or lease.holder != self.holder or not self._hot_state.renew_lease(lease, self._ttl_s):
                return LedByAnother(f"{name} is led by {lease.holder if lease else 'another process'}")
        self._held[name] = lease
        if self._thread is None:
            self._thread = Thread(target=self._renew_all, name="wallet-leases", daemon=True)
            self._thread.start()
        return None

    def _keep(self, name: str) -> str | None:
        if self._hot_state.renew_lease(self._held[name], self._ttl_s):
            return None
        del self._held[name]
        self._lost.add(name)
        return self._take(name)

    def _renew_all(self) -> None:
        while not self._ended.wait(self._renew_s):
            with self._lock:
                for name in tuple(self._held):
                    # Not knowing is no loss: the next question to the server tells.
                    with contextlib.suppress(Exception):
                        self._keep(name)


def own_holder() -> str:
    """Return a name for a holder in this process: host and its space of process ids, process id, random number."""
    return f"{_machine()}:{os.getpid()}:{secrets.token_hex(4)}"


def is_dead(holder: str) -> bool:
    """True if a holder was a process of this machine and certainly is none any more."""
    machine, _, process = holder.rpartition(":")[0].rpartition(":")
    if machine != _machine() or not process.isdecimal():
        return False
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def _machine() -> str:
    # Containers may share a host name and still not see each other's processes.
    space = Path("/proc/self/ns/pid")
    return f"{socket.gethostname()}/{space.stat().st_ino if space.exists() else 0}"
