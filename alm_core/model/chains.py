"""What is peculiar to one EVM chain and matters to a transaction: finality, fees, limits of a block."""

from dataclasses import dataclass
from typing import Literal

Finality = Literal["latest", "safe", "finalized"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainRules:
    """Rules of a chain, from the registry.

    Parameters
    ----------
    finality
        Block tag from which a receipt is final: its block is not expected to go away any more.
    final_depth
        Blocks on top of a receipt's own after which it is final where the node does not know the tag.
    bump_after_s
        Wait for a receipt before a replacement with a higher bid is signed.
    min_priority_fee_wei
        Least tip that the chain's nodes accept; less is refused or never mined.
    takes_tips
        Whether a higher tip is of any use; where not, only the base fee is bid for.
    transaction_gas_cap
        Most gas a transaction may have; ``None`` where no rule is known.
    has_l1_fee
        Whether the chain charges for data on Ethereum besides gas (OP Stack).
    private_for_s
        How long a transaction stays with private endpoints before the identical bytes go to public ones.
    gas_reserve_wei
        Native coin below which a person is told, and nothing but exits is begun.
    """

    finality: Finality = "finalized"
    final_depth: int = 64
    bump_after_s: float = 15.0
    min_priority_fee_wei: int = 0
    takes_tips: bool = True
    transaction_gas_cap: int | None = None
    has_l1_fee: bool = False
    private_for_s: float = 60.0
    gas_reserve_wei: int = 0
