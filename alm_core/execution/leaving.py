"""Leaving a chain altogether: every position of a wallet closed at its pool's own price, every right taken back.

The chain and a signer are enough. What there is to leave is enumerated on the chain, whatever a journal knows of it;
what cannot be read is named, and keeps nobody from leaving the rest.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from alm_core.execution.chain_saga import ChainSaga
from alm_core.execution.chain_state import ChainView, WalletState
from alm_core.execution.saga import PlanExecutor
from alm_core.execution.stage import Stage
from alm_core.model.decisions import AllocationPlan, Decision, DecisionKind, PositionClose
from alm_core.model.dex_ports import Grant
from alm_core.model.errors import AlmError, SourceRejected
from alm_core.model.market import ChainState, Holdings, MarketSnapshot, Position, TokenBalance
from alm_core.model.pools import Pool, Token
from alm_core.model.ports import SwapQuote
from alm_core.model.transactions import ExecutionReport, ResidualAllowance


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainLook:
    """What a wallet has to leave on one chain.

    Parameters
    ----------
    snapshot
        Of this chain alone: its readable pools, the wallet's balances and positions; no market data.
    rights
        What others may still take.
    problems
        Pools that could not be read. What the wallet has there is not known.
    """

    snapshot: MarketSnapshot
    rights: tuple[ResidualAllowance, ...]
    problems: tuple[str, ...]

    @property
    def holdings(self) -> Holdings:
        """Of the wallet."""
        return self.snapshot.holdings[0]

    @property
    def positions(self) -> tuple[Position, ...]:
        """Open positions, staked ones among them."""
        return self.holdings.positions

    @property
    def is_left(self) -> bool:
        """Whether nothing is known to be there any more, and everything could be read."""
        return not (self.positions or self.rights or self.problems)


def look_at(
    view_of: Callable[[Sequence[Pool]], ChainView],
    pools: Sequence[Pool],
    spenders: Sequence[str],
    native_usd: float,
    name: str,
    epoch_at: datetime,
) -> ChainLook:
    """Read everything there is to leave on a chain, at one block.

    Parameters
    ----------
    view_of
        Makes the view of some pools of the chain.
    pools
        All of the wallet's pools there.
    spenders
        Whose rights over the tokens are looked for.
    native_usd
        USD per native coin, for the gas limit.
    name, epoch_at
        Under which plans made of this look are stored: a name that nothing else has.

    Raises
    ------
    SourceError
        If nothing can be read of the chain.
    """
    view, state, problems = _readable(view_of, pools)
    fees = view.chain.read_fees()
    return ChainLook(
        snapshot=MarketSnapshot(
            pair=name,
            epoch_at=epoch_at,
            quote_usd=None,
            chains=(
                ChainState(
                    block=state.block,
                    base_fee_wei=fees.base_fee_wei,
                    priority_fee_wei=fees.priority_fee_wei,
                    native_usd=native_usd,
                ),
            ),
            pools=state.pools,
            markets=(),
            holdings=(_holdings(view, state),),
        ),
        rights=_standing(view, state, spenders),
        problems=problems,
    )


def close_all(look: ChainLook, only: Sequence[Position] | None = None) -> AllocationPlan:
    """Return the plan that closes all positions of a look, or some of them; without any it only takes back rights."""
    chain_id = look.holdings.block.chain_id
    return AllocationPlan(
        pair=look.snapshot.pair,
        epoch_at=look.snapshot.epoch_at,
        policy="exit-all",
        inputs_hash="",
        code_version="",
        config_version="",
        price=0.0,
        nav_usd=None,
        targets=(),
        decision=Decision(
            kind=DecisionKind.EXIT,
            reason="everything is left on a person's word",
            binding="",
            current_apr=0.0,
            optimal_apr=0.0,
            alternatives=(),
        ),
        closes=tuple(PositionClose.of(position, chain_id) for position in (look.positions if only is None else only)),
        opens=(),
    )


def leave(executor: PlanExecutor, look: Callable[[str], ChainLook]) -> tuple[ChainLook, tuple[ExecutionReport, ...]]:
    """Leave one chain: all positions in one plan, then what is left one by one, so that none is kept by another.

    Parameters
    ----------
    executor
        Of the wallet; limits, journal and signer bind it as always.
    look
        Reads the chain anew for a phase; plans of different phases must have different names.

    Returns
    -------
    tuple
        The last look, and the reports of all phases. ``is_left`` of the look tells whether it worked.
    """
    seen, reports = look("all"), list[ExecutionReport]()
    if seen.positions or seen.rights:
        reports.append(executor.carry_out(close_all(seen), seen.snapshot, _close))
        seen = look("rest")
    for number, position in enumerate(seen.positions):
        alone = replace(seen, snapshot=replace(seen.snapshot, pair=f"{seen.snapshot.pair} {number}"))
        reports.append(executor.carry_out(close_all(alone, (position,)), alone.snapshot, _close))
    if len(reports) > 1 or seen.rights:
        seen = look("rights")
        if seen.rights:
            reports.append(executor.carry_out(close_all(seen, ()), seen.snapshot, _close))
            seen = look("end")
    return seen, tuple(reports)


def take_back_rights(executor: PlanExecutor, looks: Sequence[ChainLook], pair: str) -> ExecutionReport:
    """Settle what is in flight, follow transfers, compare books and chains, take back rights that stand; close nothing.

    Parameters
    ----------
    executor
        Of the wallet.
    looks
        At least one, of different chains; their name is the plan's.
    pair
        Whose transfers are followed.
    """
    snapshot = replace(
        looks[0].snapshot,
        pair=pair,
        chains=tuple(state for look in looks for state in look.snapshot.chains),
        pools=tuple(state for look in looks for state in look.snapshot.pools),
        holdings=tuple(look.holdings for look in looks),
    )
    return executor.carry_out(close_all(looks[0], ()), snapshot, _close)


class NoSwaps:
    """Satisfies ``SwapSource``, and never swaps: leaving takes the tokens as they come."""

    def quote_swap(self, *, sell: Token, buy: Token, sell_amount: int, owner: str, min_buy_amount: int) -> SwapQuote:
        """Refuse."""
        del owner, min_buy_amount
        raise SourceRejected("swap", f"leaving swaps nothing, not {sell_amount} {sell.symbol} for {buy.symbol}")


def _close(stage: Stage, standing: Sequence[Grant]) -> None:
    ChainSaga(stage, NoSwaps()).run(standing)


def _readable(
    view_of: Callable[[Sequence[Pool]], ChainView], pools: Sequence[Pool]
) -> tuple[ChainView, WalletState, tuple[str, ...]]:
    """Return the view of all pools that can be read, with what was read, and what is wrong with the others."""
    view = view_of(pools)
    try:
        return view, view.read_wallet(), ()
    except AlmError:
        view.read_block()  # a chain that does not answer at all is no matter of its pools
        problems, kept = dict[str, str](), list[Pool]()
        for pool in pools:
            try:
                view_of((pool,)).read_wallet()
            except AlmError as own:
                problems[pool.pool_id] = f"pool {pool.pool_id} of {pool.dex} cannot be read: {own}"
            else:
                kept.append(pool)
        if not kept:
            raise
        view = view_of(kept)
        return view, view.read_wallet(), tuple(problems.values())


def _holdings(view: ChainView, state: WalletState) -> Holdings:
    return Holdings(
        block=state.block,
        wallet=view.wallet,
        native_wei=view.chain.read_native_balance(view.wallet, state.block),
        balances=tuple(TokenBalance(address=token, amount=_balance(state.balances, token)) for token in view.tokens),
        positions=state.positions,
    )


def _balance(balances: Mapping[str, int], token: str) -> int:
    return balances[token.lower()]


def _standing(view: ChainView, state: WalletState, spenders: Sequence[str]) -> tuple[ResidualAllowance, ...]:
    grants = view.standing_rights(spenders)
    return tuple(
        ResidualAllowance(token=grant.revoke.to, spender=grant.revoke.spender or "", amount=amount)
        for grant, amount in zip(grants, view.read_rights(grants, state.block), strict=True)
        if amount
    )
