"""Ids of positions from logs whatever nodes answer; keys, actions and answers of the family."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest
from eth_abi.abi import encode

from alm_core.math.liquidity import price_interval
from alm_core.math.tick import Q96, UINT128_MAX
from alm_core.model.chain_ports import Call, CallResult
from alm_core.model.errors import BadAnswer, InvalidInput
from alm_core.model.market import Block, Position
from alm_core.model.pools import Pool
from alm_core.model.transactions import Action
from alm_resources.dex.uniswap_v4 import UniswapV4Adapter, abi, layout
from alm_resources.dex.uniswap_v4.token_ids import TokenIds
from alm_tests.resources.dex.fakes import OWNER, USDC, make_block, make_pool, make_state, make_token

MANAGER = "0xbD216513d74C8cf14cf4747E6AaA6420FF64ee9e"
OTHER = "0x" + "22" * 20
DEADLINE = datetime(2026, 11, 22, 10, 32, tzinfo=UTC)
USDT = "0xdAC17F958D2ee523a2206206994597C13D831ec7"
KEY = (USDC, USDT, 8, 1, layout.ZERO)
# A pool of Ethereum: the id as it is listed, the key recovered from it.
ID = "0x395f91b34aa34a477ce3bc6505639a821b286a62b1a164fc1887fa3a5ef713a5"


def v4_pool() -> Pool:
    return replace(
        make_pool(address=ID, fee_pips=8, tick_spacing=1),
        family="uniswap_v4",
        token1=make_token(1, USDT, "USDT", 6),
        factory="0x000000000004444c5dc75cB358380D2e3dE08A90",
        position_manager=MANAGER,
        contracts=(("permit2", OTHER), ("state_view", "0x" + "33" * 20)),
    )


@dataclass
class Ledgers:
    """A chain with tokens: when each came, who has it; a manager that counts may lie."""

    came: dict[int, int]
    owners: dict[int, str]
    head: int = 50_000_000
    count: int | None = None
    chain_id: int = 1
    ranges: list[tuple[int, int]] = field(default_factory=list)

    @property
    def block(self) -> Block:
        return make_block(1, self.head)

    def read_calls(self, calls: Sequence[Call], block: Block) -> tuple[CallResult, ...]:
        return tuple(self._answer(call) for call in calls)

    def read_nft_ids(self, contract: str, owner: str, from_block: int, to_block: int) -> tuple[int, ...]:
        self.ranges.append((from_block, to_block))
        return tuple(sorted(one for one, block in self.came.items() if from_block <= block <= to_block))

    def _answer(self, call: Call) -> CallResult:
        if call.data[:4] == abi.BALANCE_OF.selector:
            count = sum(owner == OWNER for owner in self.owners.values()) if self.count is None else self.count
            return CallResult(succeeded=True, data=count.to_bytes(32, "big"))
        owner = self.owners.get(int.from_bytes(call.data[4:], "big"))
        return CallResult(succeeded=owner is not None, data=encode(["address"], [owner]) if owner else b"")


def owned(ids: TokenIds, chain: Ledgers) -> tuple[int, ...]:
    return ids.owned(chain, MANAGER, OWNER, chain.block)  # type: ignore[arg-type]


def test_young_positions_cost_little_and_old_ones_are_found_too() -> None:
    chain = Ledgers(came={5: 49_999_000, 6: 1}, owners={5: OWNER, 6: OTHER})
    assert owned(TokenIds({}), chain) == (5,)
    assert chain.ranges == [(49_990_001, 50_000_000)]
    chain = Ledgers(came={5: 49_999_000, 6: 40_000_123}, owners={5: OWNER, 6: OWNER})
    assert owned(TokenIds({}), chain) == (5, 6)
    # Backwards without a gap, in spans that grow.
    assert all(later[0] == earlier[1] + 1 for later, earlier in zip(chain.ranges, chain.ranges[1:], strict=False))
    assert len(chain.ranges) < 25


def test_the_search_ends_where_the_manager_was_made() -> None:
    chain = Ledgers(came={5: 100}, owners={5: OWNER})
    with pytest.raises(BadAnswer, match=r"counts 1 positions of .* logs since block 49000000 name 0"):
        owned(TokenIds({(1, MANAGER.lower()): 49_000_000}), chain)
    assert min(first for first, _ in chain.ranges) == 49_000_000


def test_a_head_before_that_block_is_of_another_chain() -> None:
    chain = Ledgers(came={5: 3}, owners={5: OWNER}, head=700)
    assert owned(TokenIds({(1, MANAGER.lower()): 49_000_000}), chain) == (5,)


def test_known_ids_are_proven_anew_and_logs_are_read_only_if_one_is_missing() -> None:
    ids, chain = TokenIds({}), Ledgers(came={5: 49_999_000}, owners={5: OWNER})
    assert owned(ids, chain) == (5,)
    asked = len(chain.ranges)
    chain.head += 5_000
    assert owned(ids, chain) == (5,)
    assert len(chain.ranges) == asked
    chain.came[6], chain.owners[6] = chain.head + 10, OWNER
    chain.head += 100
    assert owned(ids, chain) == (5, 6)
    assert chain.ranges[asked:] == [(50_005_001, chain.head)]
    chain.owners[5] = OTHER
    assert owned(ids, chain) == (6,)
    del chain.owners[6]
    assert owned(ids, chain) == ()
    assert len(chain.ranges) == asked + 1


def test_ids_that_others_remember_save_the_search_and_are_proven_all_the_same() -> None:
    chain = Ledgers(came={5: 1, 6: 2, 7: 3}, owners={5: OWNER, 6: OWNER, 7: OTHER})

    def remembered(chain_id: int, owner: str) -> set[tuple[str, int]]:
        assert (chain_id, owner) == (1, OWNER)
        return {(MANAGER.lower(), 5), (MANAGER.lower(), 6), (MANAGER.lower(), 7), (OTHER.lower(), 8)}

    assert owned(TokenIds({}, remembered), chain) == (5, 6)
    assert chain.ranges == []


def test_what_others_do_not_remember_is_still_found() -> None:
    chain = Ledgers(came={5: 49_999_000, 6: 49_999_500}, owners={5: OWNER, 6: OWNER})
    assert owned(TokenIds({}, lambda chain_id, owner: {(MANAGER.lower(), 5)}), chain) == (5, 6)
    assert chain.ranges != []


def test_a_reorganised_chain_is_searched_again() -> None:
    ids, chain = TokenIds({}), Ledgers(came={5: 49_999_000}, owners={5: OWNER})
    assert owned(ids, chain) == (5,)
    # The block of the mint is gone; the same mint came with another id, before the block that was known.
    chain.came, chain.owners, chain.head = {9: 49_999_500}, {9: OWNER}, chain.head + 1
    assert owned(ids, chain) == (9,)


def test_a_count_nobody_can_have_is_not_believed() -> None:
    with pytest.raises(BadAnswer, match="more than 2000"):
        owned(TokenIds({}), Ledgers(came={}, owners={}, count=2**255))


def test_more_owners_than_the_manager_counts_are_an_error() -> None:
    ids, chain = TokenIds({}), Ledgers(came={5: 49_999_000, 6: 49_999_001}, owners={5: OWNER, 6: OWNER})
    assert owned(ids, chain) == (5, 6)
    chain.count = 1
    with pytest.raises(BadAnswer, match=r"counts 1 positions of .* name 2"):
        owned(ids, chain)


def test_chains_managers_and_owners_are_told_apart() -> None:
    ids, chain = TokenIds({}), Ledgers(came={5: 49_999_000}, owners={5: OWNER})
    assert owned(ids, chain) == (5,)
    other = replace(chain, chain_id=56, ranges=[])
    assert owned(ids, other) == (5,)
    assert other.ranges


def test_the_id_of_a_pool_is_the_hash_of_its_key() -> None:
    assert "0x" + layout.UNISWAP_V4.key_hash(KEY).hex() == ID
    assert layout.UNISWAP_V4.key(v4_pool()) == KEY
    assert layout.pool_id(v4_pool()).hex() == ID[2:]
    with pytest.raises(InvalidInput, match="not hex"):
        layout.pool_id(replace(v4_pool(), address="0xzz"))


def position(liquidity: int) -> Position:
    return Position(
        pool_id=v4_pool().pool_id,
        token_id=77,
        tick_lower=-1000,
        tick_upper=1000,
        liquidity=liquidity,
        amount0=0,
        amount1=0,
        fees0=0,
        fees1=0,
    )


def test_plans_say_what_they_do_and_whose_events_tell_it() -> None:
    adapter, state = UniswapV4Adapter(), make_state(v4_pool(), Q96)
    interval = price_interval(Q96, 0.005)
    mint = adapter.plan_open(state, -1000, 1000, 10**9, 10**9, interval, OWNER, DEADLINE)
    add = adapter.plan_add(state, position(10**9), 10**9, 10**9, interval, OWNER, DEADLINE)
    remove = adapter.plan_remove(state, position(10**9), 10, interval, OWNER, DEADLINE)
    close = adapter.plan_close(state, position(10**9), interval, OWNER, DEADLINE)
    collect = adapter.plan_collect(state, position(10**9), OWNER)
    plans = {Action.OPEN: mint, Action.ADD: add, Action.REMOVE: remove, Action.CLOSE: close, Action.COLLECT: collect}
    for action, tx in plans.items():
        assert (tx.action, tx.to, tx.sender, tx.value_wei) == (action, MANAGER, OWNER, 0)
        assert tx.data.startswith("0xdd46508f")
        assert tx.liquidity_events_from == state.pool.factory
        assert [bound.token for bound in tx.bounds] == [USDC, USDT]
    assert mint.opens_position
    assert add.adds_token_id == close.closes_token_id == 77
    assert all(-(10**9) == bound.min_delta < bound.max_delta <= 0 for bound in mint.bounds)
    # Adding pays the fees out first.
    assert all((bound.min_delta, bound.max_delta) == (-(10**9), UINT128_MAX) for bound in add.bounds)


@pytest.mark.parametrize("amounts", [(2**128, 1), (1, 2**160)])
def test_amounts_no_position_can_take_are_refused(amounts: tuple[int, int]) -> None:
    state = make_state(v4_pool(), Q96)
    with pytest.raises(InvalidInput, match=r"more than|exceed"):
        UniswapV4Adapter().plan_open(state, -10, 10, *amounts, price_interval(Q96, 0.005), OWNER, DEADLINE)


def test_a_position_of_another_pool_is_refused() -> None:
    state = make_state(replace(v4_pool(), address="0x" + "ab" * 32), Q96)
    adapter, interval = UniswapV4Adapter(), price_interval(Q96, 0.005)
    with pytest.raises(InvalidInput, match="lies in"):
        adapter.plan_close(state, position(1), interval, OWNER, DEADLINE)
    with pytest.raises(InvalidInput, match="no part"):
        adapter.plan_remove(make_state(v4_pool()), position(5), 5, interval, OWNER, DEADLINE)
    with pytest.raises(InvalidInput, match="time zone"):
        adapter.plan_close(make_state(v4_pool()), position(5), interval, OWNER, datetime(2026, 1, 1))  # noqa: DTZ001


def test_hooks_that_are_not_allowed_are_refused_before_anything_is_planned() -> None:
    pool = replace(v4_pool(), hooks=OTHER)
    with pytest.raises(InvalidInput, match="not on the list"):
        UniswapV4Adapter().placing_grants(pool, OWNER, 1, 1, DEADLINE)
    assert len(UniswapV4Adapter([OTHER]).placing_grants(pool, OWNER, 1, 1, DEADLINE)) == 4
    assert len(UniswapV4Adapter().placing_grants(v4_pool(), OWNER, 0, 1, DEADLINE)) == 2


def test_a_key_that_is_not_that_of_the_position_is_not_believed() -> None:
    pool = v4_pool()
    info = int(ID[2:52], 16) << 56 | 1000 << 32 | (2**24 - 1000) << 8
    for wrong_info, wrong_key, message in (
        (info, (USDC, USDT, 3000, 60, layout.ZERO), "its pool's key"),
        (0, (layout.ZERO, layout.ZERO, 0, 0, layout.ZERO), "its pool's key"),
        (info & ~(2**56 - 1), KEY, "no range of ticks"),
    ):
        chain = _OneToken(encode(["(address,address,uint24,int24,address)", "uint256"], [wrong_key, wrong_info]))
        with pytest.raises(BadAnswer, match=message):
            UniswapV4Adapter().read_positions(chain, [make_state(pool)], OWNER, make_block())  # type: ignore[arg-type]


@dataclass
class _OneToken(Ledgers):
    told: bytes = b""

    def __init__(self, told: bytes) -> None:
        super().__init__(came={5: 10}, owners={5: OWNER}, head=100)
        self.told = told

    def _answer(self, call: Call) -> CallResult:
        if call.data[:4] == layout.UNISWAP_V4.pool_of_position.selector:
            return CallResult(succeeded=True, data=self.told)
        return super()._answer(call)
