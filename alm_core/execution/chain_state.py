"""Fresh reads of what execution acts on: balances, allowances, pools and positions of one wallet at one block."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from alm_core.execution.erc20 import balance_of_data, uint_from_result
from alm_core.execution.rights import erc20_grant
from alm_core.model.chain_ports import Call, CallResult, ChainClient
from alm_core.model.dex_ports import DexAdapter, Grant, ReadsInTwoSteps
from alm_core.model.errors import SourceUnavailable
from alm_core.model.market import Block, PoolState, Position
from alm_core.model.pools import Pool
from alm_core.model.rewards import StakingProgramme, programme_of, read_staked

_ANY_TIME = datetime(2100, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletState:
    """What a wallet holds of the pair at one block. Token keys are lower case."""

    block: Block
    pools: tuple[PoolState, ...]
    balances: Mapping[str, int]
    positions: tuple[Position, ...]

    def pool(self, pool_id: str) -> PoolState:
        """State of a pool; ``KeyError`` if it was not read."""
        for state in self.pools:
            if state.pool.pool_id == pool_id:
                return state
        raise KeyError(f"pool {pool_id} was not read")

    def position(self, pool_id: str, token_id: int) -> Position | None:
        """A position we hold, or ``None`` where the chain has none of that id in that pool."""
        for position in self.positions:
            if (position.pool_id, position.token_id) == (pool_id, token_id):
                return position
        return None


class ChainView:
    """Reads of one wallet on one chain, never older than what we have already seen there.

    Parameters
    ----------
    chain, adapters
        Ports; adapters by family.
    pools
        Pools of the pair on this chain.
    wallet
        Whose holdings are read.
    programmes
        What holds positions for the wallet, in pools that name it.
    """

    def __init__(
        self,
        chain: ChainClient,
        adapters: Mapping[str, DexAdapter],
        pools: Sequence[Pool],
        wallet: str,
        programmes: Sequence[StakingProgramme] = (),
    ) -> None:
        self.chain = chain
        self.pools = tuple(pools)
        self.wallet = wallet
        self._adapters = adapters
        self._programmes = tuple(programmes)
        self._seen_block = 0

    @property
    def tokens(self) -> tuple[str, ...]:
        """Addresses of the pair's tokens, as the registry writes them, sorted."""
        return tuple(sorted({token.address for pool in self.pools for token in (pool.token0, pool.token1)}))

    def adapter(self, pool: Pool) -> DexAdapter:
        """Adapter of a pool's family."""
        return self._adapters[pool.family]

    def programme(self, pool: Pool) -> StakingProgramme | None:
        """Programme that a pool names, or ``None``."""
        return programme_of(pool, self._programmes)

    def saw_block(self, number: int) -> None:
        """Remember a block that exists: a later read at an earlier head comes from a lagging node."""
        self._seen_block = max(self._seen_block, number)

    def read_block(self) -> Block:
        """Read the head.

        Raises
        ------
        SourceUnavailable
            If the node is behind a block we have already seen.
        """
        block = self.chain.read_block()
        self._refuse_lagging(block)
        return block

    def _refuse_lagging(self, block: Block) -> None:
        if block.number < self._seen_block:
            raise SourceUnavailable(
                f"rpc:{self.chain.chain_id}", f"head {block.number} is behind block {self._seen_block} seen before"
            )
        self.saw_block(block.number)

    def read_wallet(self) -> WalletState:
        """Read pools, balances and positions, staked ones among them, at one block: the head.

        Raises
        ------
        SourceUnavailable
            As :meth:`read_block`, or if the chain was reorganised while it was read.
        """
        asked = [*(self.adapter(pool).pool_calls(pool) for pool in self.pools), self._balance_calls()]
        reading = self.chain.read_head([call for calls in asked for call in calls])
        self._refuse_lagging(reading.block)
        *first, held = _in_order(reading.results, asked)
        states = self._decoded(self.pools, first, reading.block)
        positions: list[Position] = []
        for family in sorted({pool.family for pool in self.pools}):
            of_family = [state for state in states if state.pool.family == family]
            positions += self._adapters[family].read_positions(self.chain, of_family, self.wallet, reading.block)
        positions += read_staked(self._programmes, self.chain, states, self.wallet, reading.block)
        # The block told itself so far; its header proves that all of it is of one chain, and has the hash.
        block = self.chain.read_header(reading.block)
        return WalletState(
            block=block,
            pools=tuple(replace(state, block=block) for state in states),
            balances=self._balances(held),
            positions=tuple(positions),
        )

    def read_pools(self, pools: Sequence[Pool], block: Block) -> tuple[PoolState, ...]:
        """Read pools at a block."""
        first = self._read_in_order([self.adapter(pool).pool_calls(pool) for pool in pools], block)
        return self._decoded(pools, first, block)

    def _decoded(
        self, pools: Sequence[Pool], first: Sequence[Sequence[CallResult]], block: Block
    ) -> tuple[PoolState, ...]:
        asked = [self._further_calls(pool, results) for pool, results in zip(pools, first, strict=True)]
        further = self._read_in_order(asked, block) if any(asked) else [()] * len(pools)
        return tuple(
            self.adapter(pool).read_pool(pool, (*results, *more), block)
            for pool, results, more in zip(pools, first, further, strict=True)
        )

    def _further_calls(self, pool: Pool, results: Sequence[CallResult]) -> tuple[Call, ...]:
        adapter = self.adapter(pool)
        return adapter.further_calls(pool, results) if isinstance(adapter, ReadsInTwoSteps) else ()

    def _read_in_order(self, batches: Sequence[Sequence[Call]], block: Block) -> list[tuple[CallResult, ...]]:
        return _in_order(self.chain.read_calls([call for calls in batches for call in calls], block), batches)

    def _balance_calls(self) -> tuple[Call, ...]:
        return tuple(Call(target=token, data=_hex(balance_of_data(self.wallet))) for token in self.tokens)

    def _balances(self, results: Sequence[CallResult]) -> dict[str, int]:
        return {
            token.lower(): uint_from_result(result.data) for token, result in zip(self.tokens, results, strict=True)
        }

    def standing_rights(self, spenders: Sequence[str]) -> tuple[Grant, ...]:
        """Return every right that could be left over: approvals of all spenders, and what the pools' families need."""
        found: dict[Call, Grant] = {}
        tokens = {token.address: token for pool in self.pools for token in (pool.token0, pool.token1)}
        for token in (tokens[address] for address in self.tokens):
            for spender in spenders:
                grant = erc20_grant(token, self.wallet, spender, 0)
                found[grant.remaining] = grant
        for pool in self.pools:
            adapter = self.adapter(pool)
            # Amounts and expiry are of no account: only what takes a right back, and what reads it, is used.
            grants = adapter.placing_grants(pool, self.wallet, 1, 1, _ANY_TIME)
            for grant in (*grants, *adapter.removing_grants(pool, self.wallet)):
                found.setdefault(grant.remaining, grant)
        found |= {grant.remaining: grant for grant in self._staking_rights()}
        return tuple(found.values())

    def _staking_rights(self) -> tuple[Grant, ...]:
        """Rights to take positions of ours, of pools that name a programme; nothing is read where none does."""
        if all(self.programme(pool) is None for pool in self.pools):
            return ()
        state = self.read_wallet()
        unstaked = [position for position in state.positions if position.staked_in is None]
        pools = [state.pool(position.pool_id) for position in unstaked]
        return tuple(
            grant
            for pool, position in zip(pools, unstaked, strict=True)
            if (programme := self.programme(pool.pool)) is not None
            for grant in programme.staking_grants(pool, position, self.wallet)
        )

    def read_rights(self, grants: Sequence[Grant], block: Block) -> tuple[int, ...]:
        """Read what is left of each right."""
        results = self.chain.read_calls([grant.remaining for grant in grants], block)
        return tuple(uint_from_result(result.data) for result in results)


def _in_order(results: Sequence[CallResult], batches: Sequence[Sequence[Call]]) -> list[tuple[CallResult, ...]]:
    """Split answers as their calls were grouped."""
    rest = iter(results)
    return [tuple(next(rest) for _ in calls) for calls in batches]


def _hex(data: str) -> bytes:
    return bytes.fromhex(data.removeprefix("0x"))
