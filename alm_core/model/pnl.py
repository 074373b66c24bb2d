"""Profit and loss in parts that add up to the change of the net asset value."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PnlParts:
    r"""What changed a value between two moments, in USD. Costs are positive where they cost.

    Parameters
    ----------
    fees_usd, rewards_usd
        Earned by positions, at the prices of the later moment.
    lvr_usd
        Loss versus rebalancing: what positions lost against holding the amounts they had at the earlier moment
        (:func:`alm_core.accounting.holding_loss.holding_loss_usd`).
    swap_usd, gas_usd, bridge_usd
        Paid for swaps (fees, price impact and rounding), for gas, and for transfers between chains.
    price_usd
        Change of the prices times the amounts held at the earlier moment, after what was done then.
    flow_usd
        Deposits less withdrawals.

    Notes
    -----
    :math:`\Delta NAV = fees + rewards - lvr - swap - gas - bridge + price + flow`, with nothing left over.
    """

    fees_usd: float = 0.0
    rewards_usd: float = 0.0
    lvr_usd: float = 0.0
    swap_usd: float = 0.0
    gas_usd: float = 0.0
    bridge_usd: float = 0.0
    price_usd: float = 0.0
    flow_usd: float = 0.0

    @property
    def change_usd(self) -> float:
        """Change of the net asset value."""
        return math.fsum(
            (
                self.fees_usd,
                self.rewards_usd,
                -self.lvr_usd,
                -self.swap_usd,
                -self.gas_usd,
                -self.bridge_usd,
                self.price_usd,
                self.flow_usd,
            )
        )

    def __add__(self, other: "PnlParts") -> "PnlParts":
        return PnlParts(
            fees_usd=self.fees_usd + other.fees_usd,
            rewards_usd=self.rewards_usd + other.rewards_usd,
            lvr_usd=self.lvr_usd + other.lvr_usd,
            swap_usd=self.swap_usd + other.swap_usd,
            gas_usd=self.gas_usd + other.gas_usd,
            bridge_usd=self.bridge_usd + other.bridge_usd,
            price_usd=self.price_usd + other.price_usd,
            flow_usd=self.flow_usd + other.flow_usd,
        )
