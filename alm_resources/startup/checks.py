"""What must be so of a chain before anything is begun on it, whatever the books say."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Literal, Protocol, runtime_checkable

from alm_core.execution.allow_list import AllowList
from alm_core.model.chain_ports import ChainClient
from alm_core.model.errors import SourceError
from alm_core.model.market import Block
from alm_core.model.startup import ContractCode, KnownBlock
from alm_resources.journal.startup import StartupMemory
from alm_resources.registry import Registry
from alm_resources.registry.checks import Verdict
from alm_resources.registry.verify import verify_chain
from alm_resources.startup.clocks import ClockReading, read_clocks
from alm_resources.startup.code import changes_of, read_code

MAX_SKEW_S = 2.0
"""Distance of this machine's clock from the median of the exchanges."""
MAX_HEAD_AGE = timedelta(seconds=180)
"""Age of a chain's head: fifteen blocks of the slowest chain."""

Severity = Literal["halt", "withdraw_only"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Something that is not right, by the control that saw it: nothing may be signed, or only what leaves."""

    control: str
    text: str
    severity: Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainFindings:
    """What was found on one chain, and what is new to remember if it is to be remembered."""

    chain_id: int
    head: Block | None
    found: tuple[Found, ...]
    codes: tuple[ContractCode, ...] = ()
    known_block: KnownBlock | None = None


@runtime_checkable
class ReadsByNumber(Protocol):
    """A chain client that reads headers by their number; every client of a real chain does."""

    def read_block_at(self, number: int) -> Block:
        """Read the header of a block by its number."""
        ...


class StartupChecks:
    """Checks of the chains of one pair. Nothing is written.

    Parameters
    ----------
    registry, pair
        What is known, and of which pair.
    chains
        Clients by chain id.
    allow_list
        Whose contracts are watched.
    memory
        Code and blocks as they were.
    own_clock
        Whether this machine's clock counts. Where time is played (the embedded world) it does not, and heads are held
        against the exchanges' time alone.
    clocks
        Reads the exchanges' time.
    """

    def __init__(
        self,
        registry: Registry,
        pair: str,
        chains: "dict[int, ChainClient]",
        allow_list: AllowList,
        memory: StartupMemory,
        *,
        own_clock: bool = True,
        clocks: Callable[[], ClockReading] | None = None,
    ) -> None:
        self._registry = registry
        self._pair = pair
        self._chains = chains
        self._allow_list = allow_list
        self._memory = memory
        self._own_clock = own_clock
        self._clocks = clocks or (lambda: read_clocks(registry.services.exchange_urls))

    @property
    def chain_ids(self) -> tuple[int, ...]:
        """Chains on which the pair has pools."""
        return tuple(sorted({pool.chain_id for pool in self._registry.pools_of(self._pair)}))

    @cached_property
    def clock(self) -> ClockReading:
        """Exchanges' time, read once."""
        return self._clocks()

    def of_clock(self) -> Found | None:
        """Look at this machine's clock. One that nobody confirms is not believed; leaving needs none."""
        if not self._own_clock:
            return None
        skew_s = self.clock.skew_s
        if skew_s is None:
            told = ", ".join(self.clock.told) or "none"
            text = f"the clock is not confirmed: of the exchanges only {told} told their time"
        elif abs(skew_s) > MAX_SKEW_S:
            text = f"the clock is {skew_s:+.1f} s off the exchanges' ({', '.join(self.clock.told)})"
        else:
            return None
        return Found(control="clock_skew", text=text, severity="withdraw_only")

    def of_chain(self, chain_id: int) -> ChainFindings:
        """Look at one chain: its head, a block that it must have, the registry's entries, the code of contracts."""
        chain = self._chains.get(chain_id)
        if chain is None:
            return _nothing(chain_id, "chain_unreachable", f"no endpoint of chain {chain_id} is configured")
        try:
            head = chain.read_block()
        except SourceError as error:
            return _nothing(chain_id, "chain_unreachable", str(error))
        found = [*self._head_age(head)]
        try:
            known, missing = self._known_block(chain, head)
            found += [] if missing is None else [missing]
            codes, changed = self._code(chain, head)
            found += [*changed, *self._registry_entries(chain)]
        except SourceError as error:
            found.append(Found(control="chain_unreachable", text=str(error), severity="halt"))
            return ChainFindings(chain_id=chain_id, head=head, found=tuple(found))
        return ChainFindings(chain_id=chain_id, head=head, found=tuple(found), codes=codes, known_block=known)

    def _head_age(self, head: Block) -> Iterator[Found]:
        now_s = self.clock.now_s
        if now_s is None and self._own_clock:
            now_s = time.time()
        if now_s is None:
            return
        age = datetime.fromtimestamp(now_s, tz=UTC) - head.block_at
        if age > MAX_HEAD_AGE:
            text = f"head {head.number} of chain {head.chain_id} is {age.total_seconds():.0f} s old"
            yield Found(control="head_age", text=text, severity="halt")

    def _known_block(self, chain: ChainClient, head: Block) -> tuple[KnownBlock | None, Found | None]:
        if not isinstance(chain, ReadsByNumber):
            return None, None
        known = self._memory.read_known_block(chain.chain_id)
        if known is not None:
            text = f"block {known.number} of chain {chain.chain_id} was {known.block_hash}"
            if head.number < known.number:
                text += f", and the head is {head.number}"
                return None, Found(control="known_block", text=text, severity="halt")
            now = chain.read_block_at(known.number)
            if now.block_hash != known.block_hash:
                text += f" and is {now.block_hash}: this is another chain with the same id"
                return None, Found(control="known_block", text=text, severity="halt")
        final = chain.read_block_at(max(head.number - chain.rules.final_depth, 0))
        return KnownBlock(chain_id=chain.chain_id, number=final.number, block_hash=final.known_hash), None

    def _code(self, chain: ChainClient, head: Block) -> tuple[tuple[ContractCode, ...], list[Found]]:
        multicall3 = self._registry.chain(chain.chain_id).multicall3
        watched = [address for chain_id, address in self._allow_list.selectors if chain_id == chain.chain_id]
        codes = read_code(chain, multicall3, [*watched, multicall3], head)
        pins = self._memory.read_pins(chain.chain_id)
        changes = [changes_of(pins[code.address], code) for code in codes if code.address in pins]
        return codes, [
            Found(control="code_hash", text=f"chain {chain.chain_id}: {change}", severity="withdraw_only")
            for change in changes
            if change is not None
        ]

    def _registry_entries(self, chain: ChainClient) -> list[Found]:
        return [
            Found(
                control="registry_entry",
                text=f"{one.entry}: {one.what} is {one.found}, the registry says {one.expected}",
                severity="halt" if one.verdict is Verdict.UNREACHABLE else "withdraw_only",
            )
            for one in verify_chain(self._own_part(chain.chain_id), chain.chain_id, chain)
            if one.verdict in (Verdict.MISMATCH, Verdict.UNREACHABLE)
        ]

    def _own_part(self, chain_id: int) -> Registry:
        """The registry as far as the pair's pools on a chain need it: nobody else's entry may keep it waiting."""
        pools = self._registry.pools_of(self._pair)
        ids = {pool.pool_id for pool in pools}
        tokens = {token.address for pool in pools if pool.chain_id == chain_id for token in (pool.token0, pool.token1)}
        return replace(
            self._registry,
            listed=tuple(pool for pool in self._registry.listed if pool.pool_id in ids),
            tokens=tuple(token for token in self._registry.tokens if token.address in tokens),
            dexes={key: value for key, value in self._registry.dexes.items() if key[0] in {p.dex for p in pools}},
        )


def _nothing(chain_id: int, control: str, text: str) -> ChainFindings:
    return ChainFindings(chain_id=chain_id, head=None, found=(Found(control=control, text=text, severity="halt"),))
