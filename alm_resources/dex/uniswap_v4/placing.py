"""How two amounts become liquidity: what is paid in, what may be left over, and how the rest comes back."""

from collections.abc import Iterator
from dataclasses import dataclass

from alm_core.model.pools import Pool, Token
from alm_resources.dex.uniswap_v4 import actions
from alm_resources.dex.uniswap_v4.actions import Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Placing:
    """A mint or an increase.

    Parameters
    ----------
    least, most
        Amounts of token0 and token1 that it takes: no less, no more.
    liquidity
        To be placed whatever the price; ``None`` for all that ``most`` buys at the price of then.
    """

    least: tuple[int, int]
    most: tuple[int, int]
    liquidity: int | None

    @property
    def bounds(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """Bounds on the change of both balances."""
        return (-self.most[0], -self.least[0]), (-self.most[1], -self.least[1])

    def steps(self, pool: Pool, owner: str, grow: Step) -> list[Step]:
        """Return the change of liquidity with what pays for it."""
        if self.liquidity is not None:
            return [grow, actions.settle_pair(pool.token0.address, pool.token1.address)]
        paid = [
            (token, least, most)
            for token, least, most in zip((pool.token0, pool.token1), self.least, self.most, strict=True)
            if most
        ]
        return [
            *(actions.settle(token.address, most, by_owner=True) for token, _, most in paid),
            grow,
            *(step for token, least, most in paid for step in _rest(token, owner, most - least)),
        ]


def _rest(token: Token, owner: str, slack: int) -> Iterator[Step]:
    """Return what is left over to the owner; reverts where it is more than ``slack``."""
    if slack:
        # An amount of 0 would stand for the whole credit, whatever it is.
        yield actions.take(token.address, actions.ADDRESS_THIS, slack)
    yield actions.settle(token.address, actions.OPEN_DELTA, by_owner=False)
    if slack:
        yield actions.sweep(token.address, owner)
