"""What tests of staking programmes do alike: stake and unstake, let time pass, and compare a reading with a payment."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from alm_core.execution.erc20 import balance_changes
from alm_core.math.tick import sqrt_price_x96_at_tick
from alm_core.model.market import Position
from alm_core.model.pools import Pool, Token
from alm_core.model.rewards import EarnedReward, RewardYield, StakingProgramme
from alm_core.model.transactions import Receipt, UnsignedTransaction
from alm_localnet.rpc import RpcClient
from alm_tests.chain.dex_chain import DexChain
from alm_tests.chain.families.v3_shaped import V3World

HOUR_S = 3600


@dataclass
class StakedWorld:
    """A family's world with a programme over its pools; ``pools`` have the roles that switch it on."""

    world: V3World
    programme: StakingProgramme
    reward: Token
    pools: tuple[Pool, ...]

    @property
    def chain(self) -> DexChain:
        return self.world.chain

    @property
    def rpc(self) -> RpcClient:
        return self.chain.rpc

    @property
    def wallet(self) -> str:
        return self.chain.wallet

    @property
    def pool(self) -> Pool:
        return self.pools[0]

    def opened(self, side: str = "around", owner: str | None = None, width: int = 6) -> Position:
        return self.world.opened(self.pool, side, width, owner)

    def stake(self, position: Position, owner: str | None = None) -> Receipt:
        owner, state = owner or self.wallet, self.chain.state(self.pool)
        grants = self.programme.staking_grants(state, position, owner)
        return self.chain.place(grants, self.programme.plan_stake(state, position, owner))

    def unstaking(self, position: Position, owner: str | None = None) -> UnsignedTransaction:
        return self.programme.plan_unstake(self.chain.state(self.pool), position, owner or self.wallet)

    def claiming(self, owner: str | None = None) -> UnsignedTransaction:
        (tx,) = self.programme.plan_claim(self.earned(owner), owner or self.wallet)
        return tx

    def staked(self, owner: str | None = None, pools: Sequence[Pool] | None = None) -> tuple[Position, ...]:
        block = self.chain.block()
        states = [self.chain.state(pool, block) for pool in (self.pools if pools is None else pools)]
        return self.programme.read_staked(self.chain.chain, states, owner or self.wallet, block)

    def earned(self, owner: str | None = None, pools: Sequence[Pool] | None = None) -> tuple[EarnedReward, ...]:
        block = self.chain.block()
        states = [self.chain.state(pool, block) for pool in (self.pools if pools is None else pools)]
        return self.programme.read_earned(self.chain.chain, states, owner or self.wallet, block)

    def yields(self, pools: Sequence[Pool] | None = None) -> tuple[RewardYield, ...]:
        block = self.chain.block()
        states = [self.chain.state(pool, block) for pool in (self.pools if pools is None else pools)]
        return self.programme.read_yields(self.chain.chain, states, block)

    def amount(self, owner: str | None = None) -> int:
        """All that claims would pay."""
        return sum(reward.amount for reward in self.earned(owner))

    def wait(self, seconds: int) -> None:
        self.rpc.call("evm_setNextBlockTimestamp", self.now_s() + seconds)
        self.rpc.call("evm_mine")

    def now_s(self) -> int:
        return int(self.chain.block().block_at.timestamp())

    def trade_through(self, position: Position) -> None:
        """Move the price into a range, beyond it on both sides and back; stay a minute everywhere."""
        start = self.chain.state(self.pool).sqrt_price_x96
        inside = sqrt_price_x96_at_tick((position.tick_lower + position.tick_upper) // 2)
        for price in (inside, int(start * 1.06), inside, int(start * 0.94), inside, start):
            self.chain.move_price(self.pool, price)
            self.wait(60)

    def paid(self, receipt: Receipt, owner: str | None = None) -> int:
        """Reward that a transaction brought."""
        return balance_changes(receipt.logs, owner or self.wallet).get(self.reward.address.lower(), 0)

    def read_and_paid(self, tx: UnsignedTransaction, seconds: int) -> tuple[int, int]:
        """What is read as earned in a block, and what a transaction in a block of the same second pays."""
        then_s = self.now_s() + seconds
        before = self.rpc.call("evm_snapshot")
        self.rpc.call("evm_setNextBlockTimestamp", then_s)
        self.rpc.call("evm_mine")
        read = self.amount(tx.sender)
        self.rpc.call("evm_revert", before)
        self.rpc.call("evm_setNextBlockTimestamp", then_s)
        sent = self.rpc.transact(tx.sender, tx.to, bytes.fromhex(tx.data[2:]))
        receipt = self.chain.chain.read_receipt(sent["transactionHash"])
        assert receipt is not None
        return read, self.paid(receipt, tx.sender)


def named(pool: Pool, **roles: str) -> Pool:
    """A pool for which the registry names further contracts."""
    return replace(pool, contracts=tuple(sorted((dict(pool.contracts) | roles).items())))
