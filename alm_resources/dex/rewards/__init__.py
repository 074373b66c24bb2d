"""Rewards besides fees, one module per programme; off for a pool unless the registry names the programme's contract."""

from alm_core.model.rewards import StakingProgramme
from alm_resources.dex.rewards.masterchef_v3 import MasterChefV3
from alm_resources.dex.rewards.merkl import Merkl
from alm_resources.dex.rewards.slipstream_gauge import SlipstreamGauge

__all__ = ["MasterChefV3", "Merkl", "SlipstreamGauge", "staking_programmes"]


def staking_programmes() -> dict[str, StakingProgramme]:
    """Return every programme that holds positions, by the name that rewards and yields carry.

    Examples
    --------
    >>> sorted(staking_programmes())
    ['masterchef_v3', 'slipstream_gauge']
    """
    programmes: tuple[StakingProgramme, ...] = (SlipstreamGauge(), MasterChefV3())
    return {programme.name: programme for programme in programmes}
