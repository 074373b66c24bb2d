"""Past snapshots: the right block is found in few requests, and what was not known then is not made up."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alm_core.backtest.assumed import READ_AFTERWARDS
from alm_core.math.tick import Q96
from alm_core.model.chain_ports import Call, CallResult, Fees
from alm_core.model.epochs import EPOCH_LENGTH, Epoch
from alm_core.model.errors import BadAnswer, PoolNotFound, SourceUnavailable
from alm_core.model.market import Block, PoolState
from alm_core.model.pools import Pool
from alm_resources.history.archive import ArchiveSnapshots, PastBlocks
from alm_tests.resources.dex.fakes import make_pool, make_state, word

GENESIS = datetime(2026, 11, 20, tzinfo=UTC)


@dataclass
class TimedChain:
    """Blocks at given seconds after the genesis; counts what it is asked."""

    seconds: Sequence[int]
    chain_id: int = 1
    without_state_before: int = 0
    asked: list[int] = field(default_factory=list)
    heads: int = 0

    def read_block(self) -> Block:
        self.heads += 1
        return self._block(len(self.seconds) - 1)

    def read_block_at(self, number: int) -> Block:
        self.asked.append(number)
        return self._block(number)

    def read_calls(self, calls: Sequence[Call], block: Block) -> tuple[CallResult, ...]:
        if block.number < self.without_state_before:
            raise SourceUnavailable("rpc:1#0", "eth_call: does not have the block or its state: missing trie node")
        return tuple(word(block.number) for _ in calls)

    def _block(self, number: int) -> Block:
        return Block(
            chain_id=self.chain_id,
            number=number,
            block_hash=f"0x{number:064x}",
            block_at=GENESIS + timedelta(seconds=self.seconds[number]),
        )


@dataclass
class NumberReader:
    """Reads as liquidity the number of the block it was asked at; before ``born`` there is no pool."""

    family: str = "uniswap_v3"
    born: int = 0

    def pool_calls(self, pool: Pool) -> tuple[Call, ...]:
        return (Call(target=pool.address, data=b"\x01\x02\x03\x04"),)

    def read_pool(self, pool: Pool, results: Sequence[CallResult], block: Block) -> PoolState:
        (answer,) = results
        if block.number < self.born:
            raise PoolNotFound(f"pool {pool.pool_id}: no pool at this address")
        return replace(make_state(pool, Q96), block=block, liquidity=int.from_bytes(answer.data, "big"))


@dataclass
class Pools:
    pools: tuple[Pool, ...]

    def pools_of(self, pair_id: str) -> tuple[Pool, ...]:
        return self.pools


def epoch(minutes: int) -> Epoch:
    return Epoch(pair="WETH-USDC", epoch_at=GENESIS + timedelta(minutes=minutes))


def archive(chain: TimedChain, *, born: int = 0) -> ArchiveSnapshots:
    return ArchiveSnapshots(Pools((make_pool(chain.chain_id),)), {1: chain}, {"uniswap_v3": NumberReader(born=born)})


@given(steps=st.lists(st.integers(0, 90), min_size=3, max_size=400), data=st.data())
def test_the_last_block_before_a_moment_is_found_whatever_the_block_times(
    steps: list[int], data: st.DataObject
) -> None:
    seconds = [sum(steps[:number]) for number in range(len(steps))]
    blocks = PastBlocks(TimedChain(seconds))
    for at in data.draw(st.lists(st.integers(1, max(seconds[-1], 1)), min_size=1, max_size=8)):
        expected = bisect_left(seconds, at) - 1
        if seconds[-1] < at:
            with pytest.raises(SourceUnavailable, match="is not over there"):
                blocks.last_before(GENESIS + timedelta(seconds=at))
        else:
            assert blocks.last_before(GENESIS + timedelta(seconds=at)).number == expected


def test_a_day_of_quarter_hours_takes_few_headers_per_block_found() -> None:
    # Two seconds a block, with ten minutes in which the chain stood still.
    seconds = [2 * number + (600 if number > 100_000 else 0) for number in range(300_000)]
    chain = TimedChain(seconds)
    blocks = PastBlocks(chain)
    quarters = [GENESIS + timedelta(days=1) + number * EPOCH_LENGTH for number in range(96)]
    found = [blocks.last_before(at) for at in quarters]
    assert all(block.block_at < at for block, at in zip(found, quarters, strict=True))
    assert [block.number for block in found] == [
        bisect_left(seconds, int((at - GENESIS).total_seconds())) - 1 for at in quarters
    ]
    assert chain.heads == 1
    assert len(chain.asked) < 10 * len(quarters)


def test_a_moment_before_the_chain_is_told() -> None:
    with pytest.raises(SourceUnavailable, match=r"rpc:1: the chain had no block before 2026-11-20T00:00:00\+00:00"):
        PastBlocks(TimedChain([0, 10, 20])).last_before(GENESIS)


def test_a_past_snapshot_has_pools_and_says_what_is_not_known() -> None:
    chain = TimedChain([12 * number for number in range(1_000)])
    snapshot = archive(chain).read_past_snapshot(epoch(60))
    (state,) = snapshot.pools
    assert state.block.number == 299
    assert state.liquidity == 299
    assert state.block.block_at < snapshot.epoch_at <= state.block.block_at + timedelta(seconds=12)
    assert snapshot.quote_usd is None
    assert (snapshot.chains, snapshot.markets, snapshot.holdings) == ((), (), ())
    assert "volumes, USD prices and holdings of that time are not known" in snapshot.problems[0].detail
    assert "what gas cost" in snapshot.problems[1].detail


@dataclass
class PricedChain(TimedChain):
    """Its base fee is the number of the block; before ``told_since`` it tells none."""

    told_since: int = 0

    def read_fees_at(self, block: Block) -> Fees:
        if block.number < self.told_since:
            raise BadAnswer("rpc:1", "block 299 does not tell a base fee")
        return Fees(base_fee_wei=block.number, priority_fee_wei=7)


def test_gas_is_that_of_the_block_and_its_price_in_usd_stays_unknown() -> None:
    seconds = [12 * number for number in range(1_000)]
    (state,) = archive(PricedChain(seconds)).read_past_snapshot(epoch(60)).chains
    assert (state.block.number, state.base_fee_wei, state.priority_fee_wei, state.native_usd) == (299, 299, 7, None)
    untold = archive(PricedChain(seconds, told_since=300)).read_past_snapshot(epoch(60))
    assert untold.chains == ()
    assert untold.problems[1].detail == "block 299 does not tell a base fee"


def test_a_pool_that_was_not_there_yet_is_no_fault_of_the_snapshot() -> None:
    chain = PricedChain([12 * number for number in range(1_000)])
    pools = make_pool(1), replace(make_pool(1), address="0x" + "22" * 20, family="late")
    readers = {"uniswap_v3": NumberReader(), "late": NumberReader(family="late", born=300)}
    snapshot = ArchiveSnapshots(Pools(pools), {1: chain}, readers).read_past_snapshot(epoch(60))
    assert len(snapshot.pools) == 1
    assert {problem.source for problem in snapshot.problems} == {READ_AFTERWARDS}


def test_a_node_without_the_state_is_told_what_it_takes() -> None:
    chain = TimedChain([12 * number for number in range(1_000)], without_state_before=500)
    with pytest.raises(SourceUnavailable, match=r"state of block 299 .*missing trie node.*need an archive node"):
        archive(chain).read_past_snapshot(epoch(60))
    assert archive(chain).read_past_snapshot(epoch(135)).pools[0].block.number == 674


def test_before_its_pools_there_is_no_snapshot() -> None:
    chain = TimedChain([12 * number for number in range(1_000)])
    with pytest.raises(SourceUnavailable, match="no pool of WETH-USDC@2026-11-20T01:00:00Z was there"):
        archive(chain, born=300).read_past_snapshot(epoch(60))


def test_a_chain_without_client_is_named() -> None:
    pools = Pools((make_pool(10),))
    with pytest.raises(SourceUnavailable, match="rpc:10: there is no client"):
        ArchiveSnapshots(pools, {}, {"uniswap_v3": NumberReader()}).read_past_snapshot(epoch(60))
