"""Positions that a gauge or a farm holds for us: found with the others, taken back before they change, staked again.

What is staked is read and can be taken out in every pool that names a programme; only pools that say ``stake`` get
positions staked. Steps around a stake have a slot of their own beside those of the pool, with the same numbers, so that
plans keep their layout whether anything is staked or not.
"""

from collections.abc import Sequence
from functools import partial

from alm_core.execution.stage import NOTHING_IN_FLIGHT, Stage
from alm_core.execution.steps import SpendSteps
from alm_core.model.dex_ports import Grant
from alm_core.model.errors import PositionChanged
from alm_core.model.market import PoolState, Position
from alm_core.model.rewards import StakingProgramme
from alm_core.model.transactions import Action, IntentState, UnsignedTransaction

STAKING_SLOT = "stake"


class Stakes:
    """Unstaking and staking of one plan on one chain."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._runner = stage.runner

    def take_back(self, pool_id: str, token_id: int, steps: SpendSteps) -> None:
        """Take a position back, with all it has earned, if it is staked; nothing to do where it is not.

        Raises
        ------
        AlmError
            If it cannot be taken back.
        """
        programme = self._programme(pool_id)
        if programme is None or self._stage.done(_slot(pool_id), steps.spend(), Action.UNSTAKE):
            return
        state = self._stage.fresh(pool_id)
        begun = self._runner.find(_slot(pool_id), steps.spend(), Action.UNSTAKE)
        held = state.position(pool_id, token_id)
        if begun is None and (held is None or held.staked_in is None):
            return

        def plan_tx() -> UnsignedTransaction:
            position = self._stage.position(state, pool_id, token_id, may_have_grown=True)
            return programme.plan_unstake(state.pool(pool_id), position, self._stage.view.wallet)

        self._runner.run(_slot(pool_id), steps.spend(), Action.UNSTAKE, plan_tx)

    def stake(self, pool_id: str, token_id: int, steps: SpendSteps) -> None:
        """Stake a position if its pool says so and it is not staked.

        Raises
        ------
        PositionChanged
            If it is not ours.
        """
        programme = self._programme(pool_id)
        if programme is None or not self._stage.pool(pool_id).stakes:
            return
        state = self._stage.fresh(pool_id)
        position = state.position(pool_id, token_id)
        if position is None:
            raise PositionChanged(f"position {token_id} in {pool_id} is gone before it was staked")
        pool = state.pool(pool_id)
        grants = programme.staking_grants(pool, position, self._stage.view.wallet)
        if position.staked_in is None:
            self._spend(programme, pool, position, steps, grants)
        self._runner.take_back(_slot(pool_id), steps, grants)

    def stake_opened(self, pool_id: str, steps: SpendSteps) -> None:
        """Stake the position that an open of this plan has minted."""
        opened = self._runner.find(pool_id, steps.spend(), Action.OPEN)
        if opened is None or opened.state is not IntentState.FINAL_OK or self._programme(pool_id) is None:
            return
        for token_id in self._runner.opened(opened):
            self.stake(pool_id, token_id, steps)

    def _spend(
        self,
        programme: StakingProgramme,
        pool: PoolState,
        position: Position,
        steps: SpendSteps,
        grants: Sequence[Grant],
    ) -> None:
        slot = _slot(pool.pool.pool_id)
        try:
            self._runner.give(slot, steps, grants)
            plan_tx = partial(programme.plan_stake, pool, position, self._stage.view.wallet)
            self._runner.run(slot, steps.spend(), Action.STAKE, plan_tx)
        except NOTHING_IN_FLIGHT:
            self._runner.take_back(slot, steps, grants)
            raise

    def _programme(self, pool_id: str) -> StakingProgramme | None:
        return self._stage.view.programme(self._stage.pool(pool_id))


def _slot(pool_id: str) -> str:
    return f"{STAKING_SLOT}:{pool_id}"
