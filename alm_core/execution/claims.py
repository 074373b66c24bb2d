"""Claims of rewards outside of plans: of what stays staked, and of what is owed after a position is gone.

They take the path of plans (reconciliation, choke point, journal, signer, engine) under an epoch name of their own, so
that claiming is never taken for the epoch's plan. Each contract and position is claimed from at most once a quarter
hour: a second run finds the step and goes on, or skips it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from alm_core.execution.chain_state import ChainView
from alm_core.execution.saga import PlanExecutor
from alm_core.execution.stage import Stage
from alm_core.model.decisions import AllocationPlan, Decision, DecisionKind
from alm_core.model.dex_ports import Grant
from alm_core.model.errors import AlmError, SourceUnavailable
from alm_core.model.market import MarketSnapshot
from alm_core.model.rewards import EarnedReward, RewardProgramme
from alm_core.model.transactions import Action, ExecutionReport, UnsignedTransaction

_STEP = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class EarnedReading:
    """What is owed on one chain, and what could not be read."""

    earned: tuple[EarnedReward, ...] = ()
    problems: tuple[str, ...] = ()


def read_earned(view: ChainView, programmes: Sequence[RewardProgramme]) -> EarnedReading:
    """Read what claims on a chain would pay now; a programme that fails is named and hides no other."""
    block = view.read_block()
    states = view.read_pools(view.pools, block)
    earned: list[EarnedReward] = []
    problems: list[str] = []
    for programme in programmes:
        try:
            earned += programme.read_earned(view.chain, states, view.wallet, block)
        except AlmError as error:
            problems.append(f"{programme.name}: {error}")
    return EarnedReading(earned=tuple(earned), problems=tuple(problems))


def claimable(earned: Iterable[EarnedReward], known_tokens: Iterable[str]) -> tuple[EarnedReward, ...]:
    """Return the rewards in tokens that the registry knows: code of any other token is never called."""
    known = {token.lower() for token in known_tokens}
    return tuple(reward for reward in earned if reward.token.lower() in known and reward.amount > 0)


def claim_rewards(
    executor: PlanExecutor,
    snapshot: MarketSnapshot,
    programmes: Sequence[RewardProgramme],
    known_tokens: Mapping[int, Sequence[str]],
) -> ExecutionReport:
    """Claim on every chain of a snapshot whose books are green.

    Parameters
    ----------
    executor
        Of the wallet.
    snapshot
        What was seen of its pair in this quarter hour; only the price of gas and the pools matter.
    programmes
        What is claimed from.
    known_tokens
        Tokens that are claimed, by chain id.

    Returns
    -------
    ExecutionReport
        ``halted`` names every chain on which something could not be read or claimed, and why; the rest is claimed.
    """

    def work(stage: Stage, standing: Sequence[Grant]) -> None:
        del standing  # left to the next plan: claims need no rights
        known = known_tokens.get(stage.chain_id, ())
        problems = [one for programme in programmes for one in _claim_from(stage, programme, known)]
        if problems:
            raise SourceUnavailable("rewards", "; ".join(problems))

    return executor.carry_out(_claim_plan(snapshot), snapshot, work)


def _claim_from(stage: Stage, programme: RewardProgramme, known_tokens: Sequence[str]) -> tuple[str, ...]:
    """Claim all that one programme owes, and say what could not be read."""
    reading = read_earned(stage.view, (programme,))
    for slot in dict.fromkeys(_slot(reward) for reward in claimable(reading.earned, known_tokens)):
        if not stage.done(slot, _STEP, Action.CLAIM):
            _run(stage, programme, known_tokens, slot)
    return reading.problems


def _run(stage: Stage, programme: RewardProgramme, known_tokens: Sequence[str], slot: str) -> None:
    """Claim in one slot what is owed there now; nothing where it would be forfeited."""
    fresh = read_earned(stage.view, (programme,))
    owed = [reward for reward in claimable(fresh.earned, known_tokens) if _slot(reward) == slot]
    planned = programme.plan_claim(owed, stage.view.wallet)
    for tx in planned:
        stage.runner.run(slot, _STEP, Action.CLAIM, partial(_payload, tx))


def _slot(reward: EarnedReward) -> str:
    return f"claim:{reward.contract}:{'' if reward.token_id is None else reward.token_id}"


def _payload(tx: UnsignedTransaction) -> UnsignedTransaction:
    return tx


def _claim_plan(snapshot: MarketSnapshot) -> AllocationPlan:
    reason = "rewards are claimed"
    decision = Decision(
        kind=DecisionKind.COMPOUND, reason=reason, binding="", current_apr=0.0, optimal_apr=0.0, alternatives=()
    )
    return AllocationPlan(
        pair=f"{snapshot.pair} rewards",
        epoch_at=snapshot.epoch_at,
        policy="claims",
        inputs_hash="",
        code_version="",
        config_version="",
        price=0.0,
        nav_usd=None,
        targets=(),
        decision=decision,
        closes=(),
        opens=(),
    )
