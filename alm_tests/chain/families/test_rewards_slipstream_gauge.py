"""Gauges of Slipstream: what is read as earned is what they pay to the unit, while staked and on leaving; no fees."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from eth_utils.crypto import keccak

from alm_core.execution.erc20 import balance_changes
from alm_core.model.errors import BadAnswer, InvalidInput, TransactionWouldRevert
from alm_core.model.transactions import Action
from alm_localnet.contracts import calldata, install
from alm_localnet.dexes.slipstream import LocalSlipstream
from alm_resources.dex.rewards.slipstream_gauge import SlipstreamGauge
from alm_resources.dex.slipstream import SlipstreamAdapter
from alm_tests.chain.families.staked import HOUR_S, StakedWorld, named
from alm_tests.chain.families.v3_shaped import contracts_of, key_of, v3_world

pytestmark = pytest.mark.chain
VOTER, GAUGE, OTHER_GAUGE, FACTORY = ("0x" + byte * 20 for byte in ("b0", "b1", "b2", "b3"))
AERO = "0x940181a94A35A4569E4529A3CDfB74e38FD98631"
WEEK_S, PAID_IN = 7 * 86_400, 10**24 + 12_345


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StakedWorld]:
    contracts = contracts_of("aero-v3", 8453)
    world = v3_world(
        tmp_path_factory.mktemp("gauge"), LocalSlipstream(), SlipstreamAdapter(), contracts, key_of(tick_spacing=50)
    )
    chain, rpc, trader = world.chain, world.chain.rpc, world.chain.trader
    aero = chain.token(AERO, "AERO", 18)
    install(rpc, trader, VOTER, chain.code.creation("GaugeVoter"))
    install(rpc, trader, FACTORY, chain.code.creation("GaugeFactory"))
    manager = contracts["position_manager"]
    rpc.transact(trader, AERO, calldata("approve(address,uint256)", VOTER, 10**30))
    for gauge, pool in ((GAUGE, world.usd_eth), (OTHER_GAUGE, world.eth_btc)):
        install(rpc, trader, gauge, chain.code.creation("CLGauge"))
        words = (pool.address, VOTER, AERO, VOTER, manager, pool.token0.address, pool.token1.address, 50, True)
        signature = "initialize(address,address,address,address,address,address,address,int24,bool)"
        data = calldata(signature, *words)
        # The first gauge is one of the first kind, the other one of those that penalise.
        later = gauge == OTHER_GAUGE
        made = calldata("initializeGauge(address,bytes)", gauge, data) if later else data
        rpc.transact(trader, FACTORY if later else gauge, made)
        rpc.transact(trader, pool.address, calldata("setGaugeAndPositionManager(address,address)", gauge, manager))
        rpc.transact(trader, VOTER, calldata("notify(address,address,uint256)", gauge, AERO, PAID_IN))
    pools = (
        named(world.usd_eth, gauge=GAUGE, reward_token=AERO),
        named(world.eth_btc, gauge=OTHER_GAUGE, reward_token=AERO),
    )
    yield StakedWorld(world, SlipstreamGauge(), aero, pools)
    chain.stop()


@pytest.fixture
def gauge(standing: StakedWorld) -> Iterator[StakedWorld]:
    snapshot = standing.rpc.call("evm_snapshot")
    yield standing
    standing.rpc.call("evm_revert", snapshot)


@pytest.fixture
def strict(gauge: StakedWorld) -> StakedWorld:
    """The pool whose gauge keeps three quarters of what is claimed within five minutes."""
    pool = gauge.world.eth_btc.address
    for data in (
        calldata("setPenaltyRate(uint256)", 7_500),
        calldata("setDefaultMinStakeTime(uint256)", 10),
        calldata("setMinStakeTime(address,uint256)", pool, 300),
    ):
        gauge.rpc.transact(gauge.chain.trader, FACTORY, data)
    return replace(gauge, pools=(gauge.pools[1], gauge.pools[0]))


def week_ends_in_s(gauge: StakedWorld) -> int:
    return WEEK_S - gauge.now_s() % WEEK_S


@pytest.mark.parametrize("side", ["around", "above", "below"])
def test_a_stake_earns_what_it_is_paid_to_the_unit(gauge: StakedWorld, side: str) -> None:
    ours = gauge.opened(side, width=2)
    gauge.stake(ours)
    gauge.stake(gauge.opened("around", gauge.chain.other, 40), gauge.chain.other)
    for seconds in (HOUR_S, 1, 40_000):
        gauge.trade_through(ours)
        (reward,) = gauge.earned()
        assert (reward.contract, reward.token, reward.token_id) == (GAUGE, AERO, ours.token_id)
        read, paid = gauge.read_and_paid(gauge.claiming(), seconds)
        assert read == paid > 0


def test_staked_liquidity_shares_the_emissions_by_time_and_size(gauge: StakedWorld) -> None:
    gauge.stake(gauge.opened("around"))
    start_s = gauge.now_s()
    paid = gauge.yields()[0]
    assert (paid.staked_liquidity, paid.replaces_fees) == (gauge.staked()[0].liquidity, True)
    gauge.wait(1000)
    assert gauge.amount() == pytest.approx(paid.per_year * (gauge.now_s() - start_s) / (365 * 86_400), rel=1e-12)
    gauge.stake(gauge.opened("around", gauge.chain.other), gauge.chain.other)
    before = gauge.amount(), gauge.amount(gauge.chain.other)
    gauge.wait(1000)
    gained = [now - base for now, base in zip((gauge.amount(), gauge.amount(gauge.chain.other)), before, strict=True)]
    sizes = [gauge.staked(owner)[0].liquidity for owner in (gauge.wallet, gauge.chain.other)]
    assert gained[0] / sizes[0] == pytest.approx(gained[1] / sizes[1], rel=1e-9)
    assert sum(gained) == pytest.approx(paid.per_year * 1000 / (365 * 86_400), rel=1e-9)
    assert gauge.yields()[0].staked_liquidity == sum(sizes)


def test_liquidity_out_of_range_shares_nothing(gauge: StakedWorld) -> None:
    gauge.stake(gauge.opened("above"))
    gauge.wait(HOUR_S)
    assert gauge.earned() == ()
    assert gauge.yields()[0].staked_liquidity == 0


def test_staking_pays_out_the_fees_and_ends_them(gauge: StakedWorld) -> None:
    position = gauge.opened()
    gauge.world.trade_both_ways(gauge.pool)
    (held,) = gauge.chain.positions(gauge.pool)
    assert min(held.fees0, held.fees1) > 0
    changes = balance_changes(gauge.stake(position).logs, gauge.wallet)
    tokens = [token.address.lower() for token in (gauge.pool.token0, gauge.pool.token1)]
    assert [changes[token] for token in tokens] == [held.fees0, held.fees1]
    gauge.world.trade_both_ways(gauge.pool)
    assert gauge.chain.positions(gauge.pool) == ()
    (staked,) = gauge.staked()
    assert (staked.staked_in, staked.token_id, staked.liquidity) == (GAUGE, position.token_id, position.liquidity)
    assert (staked.fees0, staked.fees1) == (0, 0)
    changes = balance_changes(gauge.chain.run(gauge.unstaking(staked)).logs, gauge.wallet)
    assert changes.keys() <= {AERO.lower()}


def test_leaving_pays_all_that_was_earned_and_gives_the_position_back(gauge: StakedWorld) -> None:
    position = gauge.opened()
    gauge.stake(position)
    gauge.wait(HOUR_S)
    (staked,) = gauge.staked()
    read, paid = gauge.read_and_paid(gauge.unstaking(staked), 60)
    assert read == paid > 0
    assert (gauge.staked(), gauge.earned()) == ((), ())
    gauge.world.trade_both_ways(gauge.pool)
    (back,) = gauge.chain.positions(gauge.pool)
    assert (back.token_id, back.staked_in) == (position.token_id, None)
    fees = gauge.world.static_collect(gauge.pool, back.token_id, gauge.wallet)
    assert (back.fees0, back.fees1) == fees
    assert min(fees) > 0
    gauge.world.close(gauge.pool, back)
    assert gauge.chain.positions(gauge.pool) == ()


def test_several_stakes_are_claimed_one_by_one(gauge: StakedWorld) -> None:
    for width in (2, 4):
        gauge.stake(gauge.opened("around", width=width))
    gauge.wait(HOUR_S)
    earned = gauge.earned()
    claims = gauge.programme.plan_claim(earned, gauge.wallet)
    assert [tx.action for tx in claims] == [Action.CLAIM, Action.CLAIM]
    for reward, tx in zip(earned, claims, strict=True):
        assert gauge.paid(gauge.chain.run(tx)) >= reward.amount


def test_what_an_update_credited_is_owed_too(gauge: StakedWorld) -> None:
    position = gauge.opened()
    gauge.stake(position)
    gauge.wait(HOUR_S)
    before = gauge.amount()
    words = [position.token_id.to_bytes(32, "big") + slot.to_bytes(32, "big") for slot in range(24)]
    read = "0x" + calldata("rewards(uint256)", position.token_id).hex()
    for word in words:
        # rewards[tokenId] is written where it turns out to be stored.
        place = "0x" + keccak(word).hex()
        kept = gauge.rpc.call("eth_getStorageAt", GAUGE, place, "latest")
        gauge.rpc.call("anvil_setStorageAt", GAUGE, place, "0x" + f"{777:064x}")
        if int(gauge.rpc.call("eth_call", {"to": GAUGE, "data": read}, "latest"), 16) == 777:
            break
        gauge.rpc.call("anvil_setStorageAt", GAUGE, place, kept)
    assert gauge.amount() == before + 777
    read_amount, paid = gauge.read_and_paid(gauge.claiming(), 30)
    assert read_amount == paid > before + 777


def test_a_week_that_is_over_pays_what_it_had_and_no_more(gauge: StakedWorld) -> None:
    gauge.stake(gauge.opened())
    gauge.wait(week_ends_in_s(gauge))
    owed = gauge.amount()
    gauge.wait(2 * HOUR_S)
    assert gauge.amount() == pytest.approx(owed, rel=1e-15)
    assert gauge.yields()[0].per_year == 0
    read, paid = gauge.read_and_paid(gauge.claiming(), 5)
    assert read == paid > 0


def test_what_would_be_forfeited_is_told_and_not_claimed(strict: StakedWorld) -> None:
    position = strict.opened()
    strict.stake(position)
    strict.wait(100)
    (early,) = strict.earned()
    assert early.forfeited == (early.amount + early.forfeited) * 3 // 4 > 0
    assert strict.programme.plan_claim([early], strict.wallet) == ()
    asked = calldata("earned(address,uint256)", strict.wallet, position.token_id)
    told = strict.rpc.call("eth_call", {"to": OTHER_GAUGE, "data": "0x" + asked.hex()}, "latest")
    assert early.amount == int(told, 16)
    strict.wait(200)
    (ripe,) = strict.earned()
    assert ripe.forfeited == 0
    assert ripe.amount > early.amount + early.forfeited
    read, paid = strict.read_and_paid(strict.claiming(), 60)
    assert read == paid > 0


def test_leaving_early_is_possible_and_pays_what_is_read(strict: StakedWorld) -> None:
    strict.stake(strict.opened())
    strict.wait(100)
    (staked,) = strict.staked()
    read, paid = strict.read_and_paid(strict.unstaking(staked), 60)
    assert read == paid > 0
    assert len(strict.chain.positions(strict.pool)) == 1


def test_a_penalty_of_all_leaves_nothing_to_claim_and_something_to_wait_for(strict: StakedWorld) -> None:
    strict.rpc.transact(strict.chain.trader, FACTORY, calldata("setPenaltyRate(uint256)", 10_000))
    strict.stake(strict.opened())
    strict.wait(100)
    (early,) = strict.earned()
    assert early.amount == 0 < early.forfeited


def test_a_gauge_that_was_killed_takes_nothing_in_and_gives_everything_back(gauge: StakedWorld) -> None:
    first, second = gauge.opened(), gauge.opened(width=4)
    gauge.stake(first)
    gauge.wait(HOUR_S)
    gauge.rpc.transact(gauge.chain.trader, VOTER, calldata("killGauge(address)", GAUGE))
    state = gauge.chain.state(gauge.pool)
    with pytest.raises(TransactionWouldRevert, match="GK"):
        gauge.chain.chain.simulate(gauge.programme.plan_stake(state, second, gauge.wallet))
    (staked,) = gauge.staked()
    assert gauge.paid(gauge.chain.run(gauge.unstaking(staked))) > 0


def test_the_right_to_stake_is_one_positions_and_leaves_nothing_behind(gauge: StakedWorld) -> None:
    first, second = gauge.opened(), gauge.opened(width=4)
    state = gauge.chain.state(gauge.pool)
    grants = gauge.programme.staking_grants(state, first, gauge.wallet)
    gauge.chain.give(grants)
    assert [gauge.chain.left(grant) for grant in grants] == [int(GAUGE, 16)]
    assert all(gauge.chain.left(grant) == 0 for grant in gauge.programme.staking_grants(state, second, gauge.wallet))
    gauge.chain.take_back(grants)
    gauge.stake(first)
    assert [gauge.chain.left(grant) for grant in grants] == [0]


def test_the_programme_is_off_for_a_pool_without_its_contract(gauge: StakedWorld) -> None:
    gauge.stake(gauge.opened())
    gauge.wait(HOUR_S)
    plain = (gauge.world.usd_eth, gauge.world.eth_btc)
    assert (gauge.staked(pools=plain), gauge.earned(pools=plain), gauge.yields(plain)) == ((), (), ())
    assert gauge.staked(pools=gauge.pools[1:]) == ()


@pytest.mark.parametrize(
    ("roles", "word"),
    [
        ({"gauge": OTHER_GAUGE}, "pool"),
        ({"reward_token": VOTER}, "rewardToken"),
        ({"gauge": VOTER}, "pool"),
        ({"gauge": "0x" + "99" * 20}, "pool"),
    ],
)
def test_a_gauge_that_is_not_the_registrys_is_refused(gauge: StakedWorld, roles: dict[str, str], word: str) -> None:
    other = named(gauge.pool, **roles)
    for read in (gauge.staked, gauge.earned):
        with pytest.raises(BadAnswer, match=word):
            read(pools=[other])
    with pytest.raises(BadAnswer, match=word):
        gauge.yields([other])


def test_what_cannot_be_staked_or_taken_back_is_refused(gauge: StakedWorld) -> None:
    position, state = gauge.opened(), gauge.chain.state(gauge.pool)
    with pytest.raises(InvalidInput, match="not staked"):
        gauge.programme.plan_unstake(state, position, gauge.wallet)
    with pytest.raises(InvalidInput, match="not staked"):
        gauge.programme.plan_unstake(state, replace(position, staked_in=OTHER_GAUGE), gauge.wallet)
    with pytest.raises(InvalidInput, match="already"):
        gauge.programme.plan_stake(state, replace(position, staked_in=GAUGE), gauge.wallet)
    with pytest.raises(InvalidInput, match="no liquidity"):
        gauge.programme.plan_stake(state, replace(position, liquidity=0), gauge.wallet)
    with pytest.raises(InvalidInput, match="lies in"):
        gauge.programme.plan_stake(gauge.chain.state(gauge.pools[1]), position, gauge.wallet)


def test_somebody_elses_stake_is_not_ours_to_claim_or_take(gauge: StakedWorld) -> None:
    gauge.stake(gauge.opened())
    gauge.wait(HOUR_S)
    (staked,), (reward,) = gauge.staked(), gauge.earned()
    assert (gauge.staked(gauge.chain.other), gauge.earned(gauge.chain.other)) == ((), ())
    (claim,) = gauge.programme.plan_claim([reward], gauge.chain.other)
    for tx in (claim, gauge.unstaking(staked, gauge.chain.other)):
        with pytest.raises(TransactionWouldRevert, match="NA"):
            gauge.chain.chain.simulate(tx)
