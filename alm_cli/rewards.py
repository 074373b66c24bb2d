"""``alm rewards``: what gauges, farms and distributors owe the wallets of all pairs, and claims of it."""

import json
import os
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

from alm_cli.progress import terminal
from alm_core.execution.chain_state import ChainView
from alm_core.execution.claims import EarnedReading, claim_rewards, claimable, read_earned
from alm_core.execution.saga import PlanExecutor
from alm_core.model.epochs import Epoch, floor_to_epoch
from alm_core.model.errors import AlmError, ConfigError
from alm_core.model.rewards import EarnedReward, programme_of
from alm_core.model.transactions import ExecutedTransaction, IntentState
from alm_resources.settings import Settings
from alm_resources.world import build_world

if TYPE_CHECKING:
    from alm_resources.world import World


@dataclass(slots=True)
class _PairRewards:
    """What one pair's wallet is owed, and what was claimed; ``wallet`` is ``None`` where nothing can be owed."""

    wallet: str | None = None
    earned: list[EarnedReward] = field(default_factory=list[EarnedReward])
    problems: list[str] = field(default_factory=list[str])
    claimed: tuple[ExecutedTransaction, ...] = ()

    @property
    def good(self) -> bool:
        return not self.problems and all(tx.state is IntentState.FINAL_OK for tx in self.claimed)


def run_rewards(*, claim: bool, as_json: bool) -> int:
    """List rewards of every pair, before claims if there are any; exit code 1 if something was not read or claimed.

    Raises
    ------
    ConfigError
        If claims are wanted in a mode that never signs.
    """
    settings = Settings.from_env(os.environ)
    if claim and not settings.signs:
        raise ConfigError(f"ALM_MODE={settings.mode} never signs; nothing can be claimed")
    world = build_world(settings)
    found = {pair: _read(world, pair) for pair in settings.pairs}
    for pair, rewards in found.items() if claim else ():
        _claim(world, pair, rewards)
    if as_json:
        sys.stdout.write(json.dumps({"pairs": {pair: _plain(world, one) for pair, one in found.items()}}) + "\n")
    else:
        _print(world, found)
    return 0 if all(rewards.good for rewards in found.values()) else 1


def _read(world: "World", pair: str) -> _PairRewards:
    pools = world.registry.pools_of(pair)
    paying = {pool.chain_id for pool in pools if programme_of(pool, world.programmes) is not None}
    paying |= world.registry.distributors.keys() & {pool.chain_id for pool in pools}
    if not paying:
        return _PairRewards()
    wallet = world.wallet_of(pair)
    rewards = _PairRewards(wallet=wallet)
    for chain_id in sorted(paying):
        own = [pool for pool in pools if pool.chain_id == chain_id]
        view = ChainView(world.chains[chain_id], world.adapters, own, wallet, world.programmes)
        try:
            reading = read_earned(view, world.reward_programmes)
        except AlmError as error:
            reading = EarnedReading(problems=(f"chain {chain_id}: {error}",))
        rewards.earned += reading.earned
        rewards.problems += reading.problems
    return rewards


def _claim(world: "World", pair: str, rewards: _PairRewards) -> None:
    """Claim what is owed; nothing is signed or sent, and nothing but the snapshot read, where nothing is."""
    if rewards.wallet is None or not any(_is_claimable(world, reward) for reward in rewards.earned):
        return
    executor = world.executor_for(pair)
    if not isinstance(executor, PlanExecutor):
        raise ConfigError(f"ALM_MODE={world.settings.mode} never signs; nothing can be claimed")
    epoch = Epoch(pair=pair, epoch_at=floor_to_epoch(datetime.now(UTC)))
    snapshot = world.snapshots.read_snapshot(epoch, rewards.wallet)
    rewards.problems += [f"{problem.source}: {problem.detail}" for problem in snapshot.problems]
    tokens = {chain_id: _known_tokens(world, chain_id) for chain_id in world.registry.chains}
    report = claim_rewards(executor, snapshot, world.reward_programmes, tokens)
    rewards.claimed = report.transactions
    rewards.problems += [report.halted] if report.halted else []


def _known_tokens(world: "World", chain_id: int) -> list[str]:
    return [token.address for token in world.registry.tokens_of(chain_id)]


def _is_claimable(world: "World", reward: EarnedReward) -> bool:
    return bool(claimable((reward,), _known_tokens(world, reward.chain_id)))


def _plain(world: "World", rewards: _PairRewards) -> dict[str, Any]:
    return {
        "wallet": rewards.wallet,
        "earned": [_plain_reward(world, reward) for reward in rewards.earned],
        "claimed": [
            {
                "chain": tx.chain_id,
                "action": tx.action.value,
                "summary": tx.summary,
                "state": tx.state.value,
                "tx_hash": tx.tx_hash,
            }
            for tx in rewards.claimed
        ],
        "problems": rewards.problems,
    }


def _plain_reward(world: "World", reward: EarnedReward) -> dict[str, Any]:
    symbol, amount = _worded(world, reward)
    return {
        "chain": reward.chain_id,
        "programme": reward.programme,
        "contract": reward.contract,
        "token": reward.token,
        "symbol": symbol,
        "amount_raw": str(reward.amount),
        "amount": amount,
        "forfeited_raw": str(reward.forfeited),
        "token_id": reward.token_id,
        "claimable": _is_claimable(world, reward) and not reward.forfeited,
    }


def _worded(world: "World", reward: EarnedReward) -> tuple[str | None, str | None]:
    """Symbol and amount of a token that the registry knows."""
    for token in world.registry.tokens_of(reward.chain_id):
        if token.address.lower() == reward.token.lower():
            return token.symbol, f"{Decimal(reward.amount).scaleb(-token.decimals):f}"
    return None, None


def _print(world: "World", found: dict[str, _PairRewards]) -> None:
    console = terminal(stderr=False)
    table = Table("pair", "chain", "programme", "position", "reward", "note")
    for pair, rewards in found.items():
        for reward in rewards.earned:
            symbol, amount = _worded(world, reward)
            position = "-" if reward.token_id is None else str(reward.token_id)
            owed = f"{amount} {symbol}" if symbol else f"{reward.amount} raw of {reward.token}"
            table.add_row(pair, str(reward.chain_id), reward.programme, position, escape(owed), _note(world, reward))
    console.print(table if table.row_count else "nothing is owed")
    for pair, rewards in found.items():
        for tx in rewards.claimed:
            console.print(escape(f"{pair}: {tx.state.value} {tx.summary} {tx.tx_hash or ''}"))
        for problem in rewards.problems:
            console.print(f"[yellow]{escape(f'{pair}: {problem}')}[/]")


def _note(world: "World", reward: EarnedReward) -> str:
    if reward.forfeited:
        return f"too early: a claim would lose {reward.forfeited} raw; not claimed"
    return "" if _is_claimable(world, reward) else "the registry does not know the token; not claimed"
