"""Capital that leaves a chain on paper: both tokens in kind, in the proportion the wallet has them after the closes.

As :mod:`alm_core.execution.departures` does it; what cannot be sent stays, named.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from alm_core.model.config import LimitsConfig
from alm_core.model.decisions import Move
from alm_core.model.errors import InvalidInput, LimitExceeded
from alm_core.model.market import BridgeCost, InTransit, MarketSnapshot
from alm_core.model.pools import Pool, Token
from alm_core.simulation.paper_wallet import PaperWallet


@dataclass(slots=True, kw_only=True)
class Sent:
    """What left: as it will arrive, its worth, what bridges kept of that, their gas, and what was not sent and why."""

    going: list[InTransit] = field(default_factory=list[InTransit])
    usd: float = 0.0
    bridge_usd: float = 0.0
    gas_usd: float = 0.0
    problems: list[str] = field(default_factory=list[str])


def sent_away(
    wallet: PaperWallet,
    moves: Sequence[Move],
    snapshot: MarketSnapshot,
    limits: LimitsConfig,
    known_chains: Sequence[int],
) -> Sent:
    """Take what moves leave with out of a wallet, and return it.

    Parameters
    ----------
    wallet
        It has less afterwards.
    moves
        All from its chain.
    snapshot
        Its costs of bridges are those that are paid.
    limits
        What may be lost on the way, and what is too little to be sent.
    known_chains
        Where a wallet is.
    """
    sent = Sent()
    shares = sum(Fraction(move.share_frac) for move in moves)
    idle_usd = wallet.idle_usd
    if not moves or idle_usd <= 0.0 or shares <= 0:
        return sent
    leaving = min(Fraction(1), shares * Fraction(wallet.nav_usd) / Fraction(idle_usd))
    before = {
        token.address: wallet.balance(token.address) for pool in wallet.pools for token in (pool.base, pool.quote)
    }
    for move in moves:
        try:
            here, there = (_tokens_of(chain_id, snapshot) for chain_id in (move.from_chain, move.to_chain))
            cost = _bridge(move, snapshot, limits, known_chains)
        except (InvalidInput, LimitExceeded) as problem:
            sent.problems.append(f"not sent from chain {move.from_chain} to chain {move.to_chain}: {problem}")
            continue
        part = leaving * Fraction(move.share_frac) / shares
        for sell, buy in ((here.base, there.base), (here.quote, there.quote)):
            amount = min(math.floor(before[sell.address] * part), wallet.balance(sell.address))
            if amount > 0 and amount * wallet.usd(sell.address) >= limits.min_bridge_usd:
                _send(wallet, sell, buy, amount, cost, snapshot, sent)
    return sent


def _send(
    wallet: PaperWallet,
    sell: Token,
    buy: Token,
    amount: int,
    cost: BridgeCost,
    snapshot: MarketSnapshot,
    sent: Sent,
) -> None:
    in_kind = Fraction(amount) * Fraction(10) ** (buy.decimals - sell.decimals)
    arriving = math.floor(in_kind * (1 - Fraction(cost.cost_frac)))
    sold_usd = amount * wallet.usd(sell.address)
    arriving_usd = arriving * wallet.usd(sell.address) * 10.0 ** (sell.decimals - buy.decimals)
    wallet.add(sell.address, -amount)
    sent.going.append(
        InTransit(
            from_chain=cost.from_chain,
            to_chain=cost.to_chain,
            token=buy.address,
            amount=arriving,
            started_at=snapshot.epoch_at,
        )
    )
    sent.usd += sold_usd
    sent.bridge_usd += sold_usd - arriving_usd
    sent.gas_usd += cost.gas_usd


def _bridge(move: Move, snapshot: MarketSnapshot, limits: LimitsConfig, known_chains: Sequence[int]) -> BridgeCost:
    if move.to_chain not in known_chains:
        raise InvalidInput(f"no wallet is on chain {move.to_chain}")
    for one in snapshot.bridge_costs:
        if (one.from_chain, one.to_chain) == (move.from_chain, move.to_chain):
            if one.cost_frac > limits.max_bridge_loss_frac:
                raise LimitExceeded(
                    f"the bridge keeps {one.cost_frac:.4%}, more than {limits.max_bridge_loss_frac:.4%}"
                )
            return one
    raise InvalidInput("no bridge is known")


def _tokens_of(chain_id: int, snapshot: MarketSnapshot) -> Pool:
    pools = [state.pool for state in snapshot.pools if state.pool.chain_id == chain_id]
    if len({(pool.base.address, pool.quote.address) for pool in pools}) != 1:
        raise InvalidInput(f"chain {chain_id} has no single pair of tokens that could be sent or received")
    return pools[0]
