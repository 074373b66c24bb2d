"""MasterChef V3: what is read as earned is what it pays to the unit, while staked, on leaving, and after an exit."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from eth_abi.abi import decode

from alm_core.model.errors import BadAnswer, InvalidInput, TransactionWouldRevert
from alm_core.model.rewards import EarnedReward
from alm_localnet.contracts import calldata, install
from alm_localnet.dexes.pancake_v3 import LocalPancakeV3
from alm_resources.dex.rewards.masterchef_v3 import MasterChefV3
from alm_resources.dex.uniswap_v3 import PancakeV3Adapter
from alm_tests.chain.families.staked import HOUR_S, StakedWorld, named
from alm_tests.chain.families.v3_shaped import DECREASE, FOREVER_S, contracts_of, key_of, v3_world

pytestmark = pytest.mark.chain
CHEF = "0x556B9306565093C855AEA9AE92A594704c2Cd59e"
CAKE = "0x0E09FaBB73Bd3Ade0a17ECC321fD13a19e81cE82"
LM_DEPLOYER = "0x" + "d0" * 20
PERIOD_S, PAID_IN = 7 * 86_400, 604_800 * 10**18 + 12_345
COLLECT = "collect((uint256,address,uint128,uint128))"


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StakedWorld]:
    contracts = contracts_of("pcs-v3", 56)
    world = v3_world(
        tmp_path_factory.mktemp("masterchef"),
        LocalPancakeV3(),
        PancakeV3Adapter(),
        contracts,
        key_of(fee_pips=500, tick_spacing=10),
    )
    chain, rpc, trader = world.chain, world.chain.rpc, world.chain.trader
    cake = chain.token(CAKE, "CAKE", 18)
    words = (CAKE, contracts["position_manager"])
    install(rpc, trader, CHEF, chain.code.creation("MasterChefV3"), "(address,address)", *words)
    install(rpc, trader, LM_DEPLOYER, chain.code.creation("PancakeV3LmPoolDeployer"), "(address)", CHEF)
    rpc.transact(trader, CHEF, calldata("setLMPoolDeployer(address)", LM_DEPLOYER))
    rpc.transact(trader, contracts["factory"], calldata("setLmPoolDeployer(address)", LM_DEPLOYER))
    # A third of what is paid goes to the first farm.
    for pool, points in ((world.usd_eth, 10), (world.eth_btc, 20)):
        rpc.transact(trader, CHEF, calldata("add(uint256,address,bool)", points, pool.address, True))
    rpc.transact(trader, CAKE, calldata("approve(address,uint256)", CHEF, 10**30))
    rpc.transact(trader, CHEF, calldata("upkeep(uint256,uint256,bool)", PAID_IN, PERIOD_S, True))
    pools = tuple(named(pool, master_chef=CHEF, reward_token=CAKE) for pool in (world.usd_eth, world.eth_btc))
    yield StakedWorld(world, MasterChefV3(), cake, pools)
    chain.stop()


@pytest.fixture
def farm(standing: StakedWorld) -> Iterator[StakedWorld]:
    snapshot = standing.rpc.call("evm_snapshot")
    yield standing
    standing.rpc.call("evm_revert", snapshot)


def collected(farm: StakedWorld, token_id: int) -> tuple[int, int]:
    """What collecting the fees of a staked position pays, by a call that is not sent."""
    data = "0x" + calldata(COLLECT, (token_id, farm.wallet, 2**128 - 1, 2**128 - 1)).hex()
    answer = farm.rpc.call("eth_call", {"from": farm.wallet, "to": CHEF, "data": data}, "latest")
    amount0, amount1 = decode(("uint256", "uint256"), bytes.fromhex(answer[2:]))
    return amount0, amount1


@pytest.mark.parametrize("side", ["around", "above", "below"])
def test_a_stake_earns_what_it_is_paid_to_the_unit(farm: StakedWorld, side: str) -> None:
    ours = farm.opened(side)
    theirs = farm.opened("around", farm.chain.other, 40)
    farm.stake(ours)
    farm.stake(theirs, farm.chain.other)
    harvest = calldata("harvest(uint256,address)", ours.token_id, farm.wallet)
    for seconds in (HOUR_S, 1, 86_400):
        farm.trade_through(ours)
        (reward,) = farm.earned()
        assert (reward.contract, reward.token, reward.token_id) == (CHEF, CAKE, ours.token_id)
        tx = farm.claiming()
        assert tx.data == "0x" + harvest.hex()
        read, paid = farm.read_and_paid(tx, seconds)
        assert read == paid > 0


def test_what_the_contract_calls_pending_is_older_than_what_it_pays(farm: StakedWorld) -> None:
    position = farm.opened()
    farm.stake(position)
    farm.wait(HOUR_S)
    data = "0x" + calldata("pendingCake(uint256)", position.token_id).hex()
    assert int(farm.rpc.call("eth_call", {"to": CHEF, "data": data}, "latest"), 16) == 0
    assert farm.amount() > 0


def test_staked_liquidity_shares_a_farms_part_by_time_and_size(farm: StakedWorld) -> None:
    farm.stake(farm.opened("around"))
    start_s = farm.now_s()
    alone = farm.yields()[0]
    assert alone.staked_liquidity == farm.staked()[0].liquidity
    assert alone.per_year == PAID_IN * 10**12 // PERIOD_S * 10 // 30 * 365 * 86_400 // 10**12
    assert not alone.replaces_fees
    farm.wait(1000)
    assert farm.amount() == pytest.approx(alone.per_year * (farm.now_s() - start_s) / (365 * 86_400), rel=1e-12)
    farm.stake(farm.opened("around", farm.chain.other), farm.chain.other)
    before = farm.amount(), farm.amount(farm.chain.other)
    farm.wait(1000)
    gained = [after - base for after, base in zip((farm.amount(), farm.amount(farm.chain.other)), before, strict=True)]
    sizes = [farm.staked(owner)[0].liquidity for owner in (farm.wallet, farm.chain.other)]
    assert gained[0] / sizes[0] == pytest.approx(gained[1] / sizes[1], rel=1e-9)
    assert sum(gained) == pytest.approx(alone.per_year * 1000 / (365 * 86_400), rel=1e-9)
    assert farm.yields()[0].staked_liquidity == sum(sizes)


def test_liquidity_out_of_range_shares_nothing(farm: StakedWorld) -> None:
    farm.stake(farm.opened("above"))
    farm.wait(HOUR_S)
    assert farm.earned() == ()
    assert farm.yields()[0].staked_liquidity == 0


def test_a_staked_position_is_found_with_the_fees_it_still_earns(farm: StakedWorld) -> None:
    position = farm.opened()
    farm.stake(position)
    farm.world.trade_both_ways(farm.pool)
    assert farm.chain.positions(farm.pool) == ()
    (staked,) = farm.staked()
    assert staked.staked_in == CHEF
    assert (staked.token_id, staked.liquidity) == (position.token_id, position.liquidity)
    assert (staked.fees0, staked.fees1) == collected(farm, position.token_id)
    assert min(staked.fees0, staked.fees1) > 0


def test_leaving_pays_all_that_was_earned_and_gives_the_position_back(farm: StakedWorld) -> None:
    position = farm.opened()
    farm.stake(position)
    farm.wait(HOUR_S)
    (staked,) = farm.staked()
    read, paid = farm.read_and_paid(farm.unstaking(staked), 60)
    assert read == paid > 0
    assert (farm.staked(), farm.earned()) == ((), ())
    (back,) = farm.chain.positions(farm.pool)
    assert (back.token_id, back.staked_in) == (position.token_id, None)
    farm.world.close(farm.pool, back)
    assert farm.chain.positions(farm.pool) == ()


def test_what_an_emptied_position_earned_is_claimed_after_the_exit(farm: StakedWorld) -> None:
    position = farm.opened()
    farm.stake(position)
    farm.wait(HOUR_S)
    words = (position.token_id, position.liquidity, 0, 0, FOREVER_S)
    farm.rpc.transact(farm.wallet, CHEF, calldata(DECREASE, words))
    farm.wait(HOUR_S)
    (reward,) = farm.earned()
    assert farm.staked()[0].liquidity == 0
    # The wallet has left this pool: it is asked for by another one of the same programme.
    assert farm.earned(pools=farm.pools[1:]) == (reward,)
    assert farm.paid(farm.chain.run(farm.claiming())) == reward.amount
    assert farm.earned() == ()


def test_a_period_that_is_over_pays_what_it_had_and_no_more(farm: StakedWorld) -> None:
    farm.stake(farm.opened())
    farm.wait(PERIOD_S)
    owed = farm.amount()
    farm.wait(HOUR_S)
    assert farm.amount() == owed > 0
    assert farm.yields()[0].per_year == 0
    assert farm.read_and_paid(farm.claiming(), 5) == (owed, owed)


def test_a_chef_that_is_short_of_cake_is_read_as_it_pays(farm: StakedWorld) -> None:
    farm.stake(farm.opened())
    farm.wait(HOUR_S)
    farm.rpc.call("anvil_impersonateAccount", CHEF)
    farm.rpc.call("anvil_setBalance", CHEF, hex(10**20))
    farm.rpc.transact(CHEF, CAKE, calldata("transfer(address,uint256)", farm.chain.trader, PAID_IN - 10**6))
    assert farm.read_and_paid(farm.claiming(), 5) == (10**6, 10**6)


def test_an_emergency_pays_only_what_was_credited_before(farm: StakedWorld) -> None:
    farm.stake(farm.opened())
    farm.wait(HOUR_S)
    farm.rpc.transact(farm.chain.trader, CHEF, calldata("setEmergency(bool)", True))
    assert farm.earned() == ()
    (staked,) = farm.staked()
    assert farm.paid(farm.chain.run(farm.unstaking(staked))) == 0
    assert len(farm.chain.positions(farm.pool)) == 1


def test_the_programme_is_off_for_a_pool_without_its_contract(farm: StakedWorld) -> None:
    farm.stake(farm.opened())
    farm.wait(HOUR_S)
    plain = (farm.world.usd_eth, farm.world.eth_btc)
    assert (farm.staked(pools=plain), farm.earned(pools=plain), farm.yields(plain)) == ((), (), ())
    assert farm.staked(pools=farm.pools[1:]) == ()


def test_a_contract_that_is_not_the_registrys_is_refused(farm: StakedWorld) -> None:
    other = named(farm.pool, reward_token=farm.world.usd.address)
    with pytest.raises(BadAnswer, match="CAKE"):
        farm.earned(pools=[other])
    with pytest.raises(BadAnswer, match="CAKE"):
        farm.yields([other])
    nowhere = named(farm.pool, master_chef="0x" + "99" * 20)
    with pytest.raises(BadAnswer):
        farm.staked(pools=[nowhere])


def test_what_cannot_be_staked_or_taken_back_is_refused(farm: StakedWorld) -> None:
    position, state = farm.opened(), farm.chain.state(farm.pool)
    with pytest.raises(InvalidInput, match="not staked"):
        farm.programme.plan_unstake(state, position, farm.wallet)
    with pytest.raises(InvalidInput, match="already"):
        farm.programme.plan_stake(state, replace(position, staked_in=CHEF), farm.wallet)
    with pytest.raises(InvalidInput, match="no liquidity"):
        farm.programme.plan_stake(state, replace(position, liquidity=0), farm.wallet)
    with pytest.raises(InvalidInput, match="lies in"):
        farm.programme.plan_stake(farm.chain.state(farm.pools[1]), position, farm.wallet)


def test_somebody_elses_stake_is_not_ours_to_claim_or_take(farm: StakedWorld) -> None:
    farm.stake(farm.opened())
    farm.wait(HOUR_S)
    (staked,), (reward,) = farm.staked(), farm.earned()
    assert (farm.staked(farm.chain.other), farm.earned(farm.chain.other)) == ((), ())
    (claim,) = farm.programme.plan_claim([reward], farm.chain.other)
    for tx in (claim, farm.unstaking(staked, farm.chain.other)):
        with pytest.raises(TransactionWouldRevert):
            farm.chain.chain.simulate(tx)


def test_a_claim_bounds_what_it_pays_from_below(farm: StakedWorld) -> None:
    farm.stake(farm.opened())
    farm.wait(HOUR_S)
    (reward,) = farm.earned()
    (bound,) = farm.claiming().bounds
    assert (bound.token, bound.min_delta) == (CAKE, reward.amount)
    foreign = EarnedReward(programme="other", chain_id=1, contract=CHEF, token=CAKE, amount=1)
    assert farm.programme.plan_claim([foreign], farm.wallet) == ()
