"""Keys of the family: tick spacing above the bits of hooks, ids as the registry lists them."""

from dataclasses import replace

import pytest
from eth_abi.abi import encode

from alm_core.math.liquidity import price_interval
from alm_core.math.tick import Q96
from alm_core.model.chain_ports import Call, CallResult
from alm_core.model.errors import BadAnswer, InvalidInput
from alm_core.model.pools import Pool
from alm_resources.dex.pancake_infinity import PancakeInfinityAdapter
from alm_resources.dex.pancake_infinity.layout import INFINITY
from alm_resources.dex.uniswap_v4.layout import UNISWAP_V4, ZERO, pool_id, refusal
from alm_resources.registry import load_registry
from alm_tests.resources.dex.fakes import OWNER, make_block, make_pool, make_state, make_token
from alm_tests.resources.dex.test_uniswap_v4 import DEADLINE, Ledgers

USDC, USDT = "0x8AC76a51cc950d9822D68b83fE1Ad97B32Cd580d", "0x55d398326f99059fF775485246999027B3197955"
POOL_MANAGER = "0xa0FfB9c1CE1Fe56963B0321B32E7A0302114058b"
VAULT, PERMIT2 = "0x238a358808379702088667322f80aC48bAd5e6c4", "0x31c2F6fcFf4F8759b3Bd5Bf0e1084A055615c768"
# A pool of BNB Smart Chain: the id as it is listed, the key recovered from it.
ID = "0x32a805e65a3219a79707ab3e75443d75160d798de46613fc960d39cd4a96bb22"


def infinity_pool() -> Pool:
    return replace(
        make_pool(56, ID, 1, 1),
        family="infinity",
        factory=POOL_MANAGER,
        position_manager="0x55f4c8abA71A1e923edC303eb4fEfF14608cC226",
        token0=make_token(56, USDT, "USDT", 18),
        token1=make_token(56, USDC, "USDC", 18),
        contracts=(("permit2", PERMIT2), ("vault", VAULT)),
    )


def test_the_id_of_a_pool_is_the_hash_of_its_key() -> None:
    pool = infinity_pool()
    assert "0x" + INFINITY.key_hash(INFINITY.key(pool)).hex() == ID
    assert INFINITY.key(pool)[-1] == (1 << 16).to_bytes(32, "big")
    # As the reference packs it, it is the key of no pool.
    wrong = (*INFINITY.key(pool)[:-1], (1).to_bytes(32, "big"))
    assert "0x" + INFINITY.key_hash(wrong).hex() != ID


def test_rights_go_through_the_permit2_of_the_deployment() -> None:
    pool = infinity_pool()
    grants = PancakeInfinityAdapter().placing_grants(pool, OWNER, 3, 4, DEADLINE)
    assert [grant.give.to for grant in grants] == [USDT, PERMIT2, USDC, PERMIT2]
    assert [grant.give.spender for grant in grants] == [PERMIT2, pool.position_manager] * 2
    assert {grant.revoke.to for grant in grants} == {USDT, USDC, PERMIT2}


def test_a_pool_with_a_hook_is_refused_whatever_is_allowed() -> None:
    hook = "0x" + "9a" * 20
    pool = replace(infinity_pool(), hooks=hook)
    assert refusal(INFINITY, pool, frozenset()) == f"hook {hook} is not on the list of allowed ones"
    assert "permissions" in str(refusal(INFINITY, pool, frozenset({hook})))
    with pytest.raises(InvalidInput, match="permissions"):
        PancakeInfinityAdapter([hook]).placing_grants(pool, OWNER, 1, 1, DEADLINE)


def test_events_of_liquidity_come_from_the_pool_manager() -> None:
    state = make_state(infinity_pool(), Q96)
    tx = PancakeInfinityAdapter().plan_open(state, -10, 10, 10**18, 10**18, price_interval(Q96, 0.001), OWNER, DEADLINE)
    assert tx.liquidity_events_from == POOL_MANAGER
    assert tx.to == state.pool.position_manager
    assert tx.data.startswith("0xdd46508f")


def test_a_position_whose_key_is_another_one_is_not_believed() -> None:
    class OneToken(Ledgers):
        def _answer(self, call: Call) -> CallResult:
            if call.data[:4] != INFINITY.pool_of_position.selector:
                return Ledgers._answer(self, call)
            key = (USDT, USDC, ZERO, POOL_MANAGER, 1, (1).to_bytes(32, "big"))
            info = int(ID[2:52], 16) << 56 | 10 << 32 | (2**24 - 10) << 8
            types = ["(address,address,address,address,uint24,bytes32)", "uint256"]
            return CallResult(succeeded=True, data=encode(types, [key, info]))

    chain = OneToken(came={5: 10}, owners={5: OWNER}, head=100, chain_id=56)
    with pytest.raises(BadAnswer, match="its pool's key is that of"):
        PancakeInfinityAdapter().read_positions(chain, [make_state(infinity_pool())], OWNER, make_block(56))  # type: ignore[arg-type]


def test_the_ids_of_all_listed_pools_are_the_hashes_of_their_keys() -> None:
    layouts = {"uniswap_v4": UNISWAP_V4, "infinity": INFINITY}
    registry = load_registry(None, families=layouts)
    pools = [pool for pair in registry.pairs for pool in registry.pools_of(pair.pair_id) if pool.family in layouts]
    assert {pool.family for pool in pools} == layouts.keys()
    for pool in pools:
        layout = layouts[pool.family]
        assert layout.key_hash(layout.key(pool)) == pool_id(pool), pool.pool_id
        assert refusal(layout, pool, frozenset()) is None
        assert pool.contract("permit2")
