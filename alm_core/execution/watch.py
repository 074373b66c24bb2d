"""The look at a wallet before an epoch's plan is begun: its mark, its breakers, and what speaks against the plan."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from alm_core.execution.guard import token_usd_by_chain
from alm_core.execution.intents import plan_hash
from alm_core.execution.marking import mark_of
from alm_core.execution.spending import Spending, rebalances
from alm_core.model.books import ANY_CHAIN, Journal, Standstill
from alm_core.model.config import LimitsConfig
from alm_core.model.decisions import AllocationPlan, DecisionKind
from alm_core.model.epochs import DAY, Epoch
from alm_core.model.market import MarketSnapshot
from alm_core.model.pools import Pool
from alm_core.portfolio.breakers import Pegged, Trip, depeg_freeze, trips
from alm_core.portfolio.plan_limits import beyond_day_caps, is_stable


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the look found.

    Parameters
    ----------
    refusal
        Why the plan is not begun on any chain.
    by_chain
        Why it is not begun on single chains.
    tripped
        Breakers that made the wallet leave only, just now.
    """

    refusal: str | None = None
    by_chain: Mapping[int, str] = field(default_factory=dict[int, str])
    tripped: tuple[Trip, ...] = ()

    def on(self, chain_id: int) -> str | None:
        """Why the plan is not begun on a chain; ``None`` where nothing speaks against it."""
        return self.refusal or self.by_chain.get(chain_id)


class EpochWatch:
    """Called once per epoch, before anything is signed.

    Parameters
    ----------
    journal
        Marks, standstills, intents and the ledger.
    limits
        Bounds.
    wallet
        Of the pair.
    """

    def __init__(self, journal: Journal, limits: LimitsConfig, wallet: str) -> None:
        self._journal = journal
        self._limits = limits
        self._wallet = wallet

    def begin(self, plan: AllocationPlan, snapshot: MarketSnapshot) -> Verdict:
        """Write the epoch's mark, trip breakers, and say what speaks against the plan.

        An EXIT is refused by nothing here: leaving must be possible whatever has tripped. A HOLD does nothing.
        """
        back = timedelta(days=self._limits.drawdown_days)
        known = self._journal.read_marks(plan.pair, self._wallet, plan.epoch_at - back)
        marks = tuple(one for one in known if one.epoch_at < plan.epoch_at)
        # Of an epoch that is executed again the snapshot is old: its first look counts.
        first = next((one for one in known if one.epoch_at == plan.epoch_at), None)
        mark = first or mark_of(self._journal, self._wallet, plan, snapshot)
        tripped: tuple[Trip, ...] = ()
        pegged = pegged_sides([state.pool for state in snapshot.pools])
        if mark is not None:
            self._journal.add_mark(mark)
            tripped = trips(marks, mark, pegged, self._limits, stable=_all_stable(snapshot))
            self._stand_still(tripped)
        if plan.decision.kind in (DecisionKind.EXIT, DecisionKind.HOLD):
            held = plan.decision.kind is DecisionKind.HOLD and tripped
            return Verdict(refusal="; ".join(trip.reason for trip in tripped) if held else None, tripped=tripped)
        reasons = [*(trip.reason for trip in tripped), *self._too_much(plan, snapshot)]
        reasons += depeg_freeze(marks, mark, pegged, self._limits) if mark is not None else ()
        return Verdict(refusal="; ".join(reasons) or None, by_chain=self._standing(plan), tripped=tripped)

    def _stand_still(self, tripped: Sequence[Trip]) -> None:
        for trip in tripped:
            self._journal.halt(ANY_CHAIN, self._wallet, trip.reason, mode="withdraw_only", set_by=trip.control)

    def _standing(self, plan: AllocationPlan) -> dict[int, str]:
        """Chains whose wallet stands still: there not even the closes of a plan that places again are begun."""
        chain_ids = {one.chain_id for one in (*plan.closes, *plan.collects, *plan.opens)}
        chain_ids |= {move.from_chain for move in plan.moves}
        found = {chain_id: self._journal.read_halt(chain_id, self._wallet) for chain_id in sorted(chain_ids)}
        return {chain_id: _words(one) for chain_id, one in found.items() if one is not None}

    def _too_much(self, plan: AllocationPlan, snapshot: MarketSnapshot) -> list[str]:
        """Caps that the plan as a whole would break: better refused now than halfway, with positions closed."""
        digest = plan_hash(plan)
        intents = self._journal.read_intents_since(plan.pair, plan.epoch_at - DAY)
        if any(intent.plan_hash == digest for intent in intents):
            return []  # begun before: it is finished, each transaction within the caps
        done = rebalances(intents, plan.epoch_at, digest)
        epoch, prices = Epoch(pair=plan.pair, epoch_at=plan.epoch_at), token_usd_by_chain(snapshot, plan.price)
        spent = Spending(self._journal, epoch, 0, prices, None).spent(intents, None, ()).pair_day_usd
        return beyond_day_caps(plan, done, float(spent), self._limits)


def pegged_sides(pools: Sequence[Pool]) -> tuple[Pegged, ...]:
    """Return the sides of a pair whose tokens are all stables, with their issuers."""
    sides = {"base": [pool.base for pool in pools], "quote": [pool.quote for pool in pools]}
    return tuple(
        Pegged(side=side, issuers=tuple(sorted({token.issuer for token in tokens})))
        for side, tokens in sides.items()
        if tokens and all(token.asset_class == "stable" for token in tokens)
    )


def _all_stable(snapshot: MarketSnapshot) -> bool:
    return bool(snapshot.pools) and all(is_stable(state) for state in snapshot.pools)


def _words(standstill: Standstill) -> str:
    return f"{standstill.mode}: {standstill.reason} (set by {standstill.set_by})"
