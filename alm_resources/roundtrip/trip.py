"""The whole life of a position in one pool, and its line. Whatever happens on the way, what was opened is closed."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal

from alm_core.model.errors import AlmError, ConfigError, InvalidInput, NotReconciled
from alm_core.model.market import Position
from alm_core.model.pools import Token
from alm_resources.roundtrip import plans
from alm_resources.roundtrip.flows import CLOSE, COLLECT, OPEN, SHIFT, Amounts
from alm_resources.roundtrip.line import PoolLine
from alm_resources.roundtrip.mark import Mark, MarkFile
from alm_resources.roundtrip.options import Options
from alm_resources.roundtrip.plans import Look
from alm_resources.roundtrip.pool_wallet import PoolWallet
from alm_resources.roundtrip.ranges import Side, shifted_widths, side_of, ticks_at
from alm_resources.roundtrip.story import Placed, Story, line_of

CLOSING_ATTEMPTS = 3
_PAUSE_S = 1.0


class RoundTrip:
    """One pool.

    Parameters
    ----------
    wallet
        Reads and executes.
    options
        Settings.
    marks
        Note of what is open, in the home folder.
    tell
        Told what is being done, for people.
    """

    def __init__(
        self, wallet: PoolWallet, options: Options, marks: MarkFile, tell: Callable[[str], None] = lambda _: None
    ) -> None:
        self._wallet = wallet
        self._options = options
        self._marks = marks
        self._tell = tell
        self._mark: Mark | None = None
        self._start: Look | None = None
        self._first_phase = 0
        self._story = Story()
        self.interrupt: BaseException | None = None

    def run(self) -> PoolLine:
        """Go through the pool; an interrupt closes what is open and is kept in :attr:`interrupt`."""
        self._guarded(self._live, "")
        if self._mark is not None:
            self._guarded(self._leave, "a position may be left open: ")
        if self._start is not None:
            self._guarded(self._prove, "")
        wallet = self._wallet
        return line_of(wallet.pool, self._story, wallet.flows(self._first_phase), wallet.flows())

    def _guarded(self, step: Callable[[], None], prefix: str) -> None:
        try:
            step()
        except AlmError as error:
            self._tell_error(prefix, str(error))
        except (KeyboardInterrupt, SystemExit) as error:
            self.interrupt = error
            self._tell_error(prefix, "interrupted")
        except Exception as error:
            # A fault of ours, and no reason to stay in: it is told, and closing goes on.
            logging.getLogger(__name__).exception("pool %s", self._wallet.pool.pool_id)
            self._tell_error(prefix, f"{type(error).__name__}: {error}")

    def _tell_error(self, prefix: str, text: str) -> None:
        told = any(text in earlier for earlier in self._story.errors)
        if prefix or not told:
            self._story.errors.append(prefix + ("same reason" if told else text))

    def _live(self) -> None:
        self._begin()
        self._open()
        self._collect(volume=self._wait_for_volume())
        self._shift()

    def _begin(self) -> None:
        """Read the pool, settle and close what an earlier run left, and remember where this one begins."""
        wallet = self._wallet
        self._tell("reading")
        wallet.connect()
        earlier = self._marks.read()
        if earlier is not None and earlier.wallet != wallet.wallet:
            raise ConfigError(f"{earlier.wallet} may have a position open here: run with its key, or in another --home")
        self._settle()
        look = wallet.look("begin")
        if earlier is not None:
            self._mark = earlier
            self._close()
            look = wallet.look("begin")
        if look.positions and look.pool.bin_step is not None:
            raise InvalidInput(f"{wallet.wallet} holds bins of this pair already, ours could not be told from them")
        wallet.refuse_tokens(look)
        self._mark = Mark(wallet=wallet.wallet, before=tuple(position.token_id for position in look.positions))
        self._start, self._first_phase = look, len(wallet.phases)

    def _open(self) -> None:
        look = self._wallet.look(OPEN)
        side, ticks = self._affordable(look)
        assert self._mark is not None
        self._marks.write(self._mark)
        self._tell(f"opening {self._options.usd:g} USD {side} the price")
        self._story.opening = Placed(ticks=ticks, in_range=side == "around")
        self._wallet.carry_out(OPEN, plans.plan_open(look, ticks, self._options.usd), look)
        self._story.opening = self._placed(OPEN, self._story.opening)

    def _placed(self, phase: str, wanted: Placed) -> Placed:
        """Return what stands after a phase that places."""
        ours = self._ours(self._wallet.look(phase))
        if not ours:
            raise NotReconciled(f"no position is there after phase {phase}")
        return replace(
            wanted,
            liquidity=sum(position.liquidity for position in ours),
            positions=tuple(position.token_id for position in ours),
        )

    def _affordable(self, look: Look) -> tuple[Side, tuple[int, int]]:
        """Return the side and ticks that the wallet can pay: around the price, else beside it with one token."""
        options, short = self._options, list[str]()
        sides: tuple[Side, ...] = ("around",) if options.only_in_range else ("around", "above", "below")
        for side in sides:
            ticks = ticks_at(look.state, side, options.width_frac)
            missing = self._missing(look, look.needed(ticks, options.usd))
            if not missing:
                return side, ticks
            short.append(f"{side} the price {missing}")
        raise InvalidInput(f"{self._wallet.wallet} has too little for {options.usd:g} USD: {'; or '.join(short)}")

    def _missing(self, look: Look, needed: tuple[int, int]) -> str:
        tokens = (look.pool.token0, look.pool.token1)
        return " and ".join(
            f"{_units(token, want - has)} {token.symbol} is missing (has {_units(token, has)})"
            for token, want, has in zip(tokens, needed, look.balances, strict=True)
            if has < want
        )

    def _wait_for_volume(self) -> bool:
        """Wait until the position has earned; where fees stay in it, until its amounts have changed."""
        options, look = self._options, self._wallet.look("wait")
        before = self._ours(look)
        keeps_fees = self._wallet.keeps_fees(look, before)
        deadline = time.monotonic() + options.wait_s
        self._tell(f"waiting for volume, at most {options.wait_s:g} s")
        now = before
        while True:
            if any(position.fees0 or position.fees1 for position in now):
                return True
            if keeps_fees and _amounts(now) != _amounts(before):
                return True
            remaining_s = deadline - time.monotonic()
            if remaining_s <= 0:
                return False
            time.sleep(min(options.poll_s, remaining_s))
            now = self._ours(self._wallet.look("wait"))

    def _collect(self, *, volume: bool) -> None:
        look = self._wallet.look(COLLECT)
        ours = self._ours(look)
        self._story.keeps_fees = self._wallet.keeps_fees(look, ours)
        if self._story.keeps_fees:
            return
        self._tell("collecting")
        read = Amounts(amount0=sum(one.fees0 for one in ours), amount1=sum(one.fees1 for one in ours))
        self._story.fees_read = read
        self._story.fees_note = "" if volume else f"no volume in {self._options.wait_s:g} s"
        self._wallet.carry_out(COLLECT, plans.plan_collect(look, ours), look)
        paid = self._wallet.flows(self._first_phase).fees(COLLECT)
        if paid.amount0 < read.amount0 or paid.amount1 < read.amount1:
            raise NotReconciled(f"fees read: {read}, collected: {paid}")

    def _shift(self) -> None:
        look = self._wallet.look(SHIFT)
        ours = self._ours(look)
        side = side_of(*look.usd(*_amounts(ours)))
        ticks = ticks_at(look.state, side, self._options.width_frac, shifted_widths(look.pool))
        self._tell(f"shifting to [{ticks[0]}, {ticks[1]}]")
        self._story.shift = Placed(ticks=ticks, in_range=side == "around")
        self._wallet.carry_out(SHIFT, plans.plan_shift(look, ours, ticks), look)
        self._story.shift = self._placed(SHIFT, self._story.shift)

    def _leave(self) -> None:
        """Close all that is ours, again if it did not work: a node that stumbles must not leave us in."""
        if self._marks.read() is None:
            return
        self._tell("closing")
        for attempt in range(1, CLOSING_ATTEMPTS):
            try:
                self._close()
            except AlmError:
                time.sleep(_PAUSE_S * attempt)
            else:
                return
        self._close()

    def _close(self) -> None:
        self._settle()
        look = self._wallet.look(CLOSE)
        ours = self._ours(look)
        if ours:
            self._wallet.carry_out(CLOSE, plans.plan_leave(look, ours), look)
            look = self._wallet.look(CLOSE)
        if self._ours(look):
            raise NotReconciled(f"positions {[one.token_id for one in self._ours(look)]} are open still")
        if self._settle():
            look = self._wallet.look(CLOSE)
            self._wallet.carry_out(CLOSE, plans.plan_clear(look), look)
            if left := self._settle():
                raise NotReconciled(f"allowances are left: {', '.join(left)}")
        self._marks.remove()

    def _settle(self) -> tuple[str, ...]:
        """Bring what is in flight to its end, compare books and chain, and return what may still be spent by others."""
        look = self._wallet.look("settle")
        report = self._wallet.carry_out("settle", plans.plan_nothing(look), look)
        (books,) = report.reconciliations
        return tuple(f"{left.amount} of {left.token} for {left.spender}" for left in books.allowances)

    def _prove(self) -> None:
        """Compare what the wallet has in the end with what the books say it must have, to the unit."""
        start, end, flows = self._start, self._wallet.look("end"), self._wallet.flows(self._first_phase)
        assert start is not None
        change = flows.change()
        compared = (
            (end.pool.token0.symbol, start.balances[0], end.balances[0], change.amount0),
            (end.pool.token1.symbol, start.balances[1], end.balances[1], change.amount1),
            ("native", start.native_wei, end.native_wei, flows.native_change()),
        )
        off = [
            f"ledger_error {after - before - told} {name}: {before} became {after}, transactions tell of {told}"
            for name, before, after, told in compared
            if after - before != told
        ]
        if off:
            raise NotReconciled("; ".join(off))
        self._story.proven = True

    def _ours(self, look: Look) -> tuple[Position, ...]:
        before = self._mark.before if self._mark else ()
        return tuple(position for position in look.positions if position.token_id not in before)


def _amounts(positions: Sequence[Position]) -> tuple[int, int]:
    return sum(position.amount0 for position in positions), sum(position.amount1 for position in positions)


def _units(token: Token, raw: int) -> str:
    return f"{Decimal(raw).scaleb(-token.decimals):f}"
