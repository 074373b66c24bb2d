"""Plans that collect, add to positions, or only leave."""

import math
from dataclasses import replace

import pytest

from alm_core.math.tick import sqrt_price_x96_at_tick
from alm_core.model.decisions import AllocationPlan, Decision, DecisionKind, Move, PositionClose, Target
from alm_core.model.market import MarketSnapshot, PoolRefusal, SourceProblem, Twap
from alm_core.model.pools import Token
from alm_core.portfolio.plan_limits import check_plan, twap_deviation_frac
from alm_tests.core.portfolio.deciding import LIMITS, invested
from alm_tests.core.portfolio.scene import PRICE

SNAPSHOT = invested().snapshot()
FIRST, SECOND = SNAPSHOT.holdings[0].positions


def move(position_id: int, number: int = 0, chain_id: int = 8453) -> PositionClose:
    return PositionClose(pool_id=SNAPSHOT.pools[number].pool.pool_id, chain_id=chain_id, token_id=position_id)


def added(**changes: object) -> Target:
    made = Target(
        pool_id=FIRST.pool_id,
        chain_id=8453,
        share_frac=0.01,
        capital_usd=400.0,
        expected_apr=0.1,
        tick_lower=FIRST.tick_lower,
        tick_upper=FIRST.tick_upper,
        token_id=1,
    )
    return replace(made, **changes)


def made(kind: DecisionKind = DecisionKind.COMPOUND, **changes: object) -> AllocationPlan:
    compounding = AllocationPlan(
        pair="WETH-USDC",
        epoch_at=SNAPSHOT.epoch_at,
        policy="test",
        inputs_hash="",
        code_version="",
        config_version="",
        price=PRICE,
        nav_usd=40_000.0,
        targets=(),
        decision=Decision(kind=kind, reason="", binding="", current_apr=0, optimal_apr=0, alternatives=()),
        closes=(),
        opens=(added(),),
        collects=(move(1),),
    )
    return replace(compounding, **changes)


def leaving(**changes: object) -> AllocationPlan:
    return made(DecisionKind.EXIT, **{"closes": (move(1), move(2, 1)), "opens": (), "collects": (), **changes})


def refused(of: AllocationPlan, snapshot: MarketSnapshot = SNAPSHOT) -> set[str]:
    return {violation.limit for violation in check_plan(of, snapshot, LIMITS)}


@pytest.mark.control("collects", "passes")
@pytest.mark.control("adds", "passes")
@pytest.mark.control("moves", "passes")
def test_collecting_and_adding_to_the_same_position_is_sound() -> None:
    assert refused(made()) == set()


@pytest.mark.control("collects", "fires")
@pytest.mark.control("adds", "fires")
@pytest.mark.control("moves", "fires")
@pytest.mark.parametrize(
    ("changes", "limit"),
    [
        ({"collects": (move(7),)}, "collects"),
        ({"collects": (move(1, 1),)}, "collects"),
        ({"collects": (move(1, chain_id=1),)}, "collects"),
        ({"collects": (move(1), move(1))}, "moves"),
        ({"closes": (move(1),), "opens": ()}, "moves"),
        ({"closes": (move(1),), "collects": ()}, "moves"),
        ({"opens": (added(), added())}, "moves"),
        ({"opens": (added(token_id=7),)}, "adds"),
        ({"opens": (added(chain_id=1),)}, "adds"),
        ({"opens": (added(tick_lower=FIRST.tick_lower - 10),)}, "adds"),
        ({"opens": (added(share_frac=0.9), added(share_frac=0.2, token_id=None))}, "share_frac"),
        ({"opens": (added(capital_usd=120_001.0),)}, "max_epoch_turnover_frac x nav_usd"),
        ({"price": PRICE * 1.02}, "max_price_deviation_frac"),
    ],
)
def test_each_unsound_compounding_is_refused_by_name(changes: dict[str, object], limit: str) -> None:
    assert limit in refused(made(**changes))


def test_only_what_is_added_counts_as_turnover() -> None:
    """The position holds 28,000 USD already; adding 400 to it moves 400."""
    tight = replace(LIMITS, max_epoch_turnover_frac=0.011)
    assert check_plan(made(), SNAPSHOT, tight) == ()
    assert check_plan(made(opens=(added(capital_usd=441.0),)), SNAPSHOT, tight) != ()


def test_collecting_alone_is_sound_and_looks_at_the_pools_price() -> None:
    assert refused(made(opens=())) == set()
    assert refused(made(opens=(), price=PRICE * 1.02)) == {"max_price_deviation_frac"}


def test_hold_that_collects_is_refused() -> None:
    assert refused(made(DecisionKind.HOLD, opens=())) == {"hold"}


@pytest.mark.control("exit", "passes")
def test_an_exit_needs_neither_price_nor_nav() -> None:
    assert refused(leaving()) == set()
    assert refused(leaving(price=PRICE * 1.5, nav_usd=None)) == set()
    assert refused(leaving(), replace(SNAPSHOT, quote_usd=None)) == set()


@pytest.mark.control("exit", "fires")
@pytest.mark.parametrize(
    ("changes", "limit"),
    [
        ({"opens": (added(),)}, "exit"),
        ({"collects": (move(2, 1),), "closes": (move(1),)}, "exit"),
        ({"closes": ()}, "exit"),
        ({"closes": (move(7),)}, "closes"),
        ({"closes": (move(1), move(1))}, "moves"),
    ],
)
def test_an_exit_that_does_anything_but_leave_is_refused(changes: dict[str, object], limit: str) -> None:
    assert limit in refused(leaving(**changes))


def test_whatever_a_hold_or_an_exit_does_besides_is_counted() -> None:
    mixed = leaving(closes=(move(1),), opens=(added(),), collects=(move(2, 1),), moves=(sent(),))
    (violation,) = (one for one in check_plan(mixed, SNAPSHOT, LIMITS) if one.limit == "exit")
    assert violation.value == "3 other moves"
    (violation,) = check_plan(replace(mixed, decision=made(DecisionKind.HOLD).decision), SNAPSHOT, LIMITS)
    assert (violation.limit, violation.value) == ("hold", "4 moves")


def test_a_price_below_one_is_a_price_and_zero_is_none() -> None:
    assert "price" not in refused(made(price=0.5))
    for unknown in (0.0, -1.0, math.nan, math.inf):
        assert "price" in refused(made(price=unknown))


def test_a_pool_that_was_not_seen_is_refused_for_its_price_and_not_for_its_ticks() -> None:
    unseen = added(pool_id="8453:0x" + "99" * 20, token_id=None, tick_lower=-7, tick_upper=7)
    assert refused(made(opens=(unseen,))) == {"max_price_deviation_frac"}


def test_a_plan_that_sends_nothing_is_not_refused_for_what_it_sends() -> None:
    assert "max_day_bridge_frac x nav_usd" not in refused(made(nav_usd=math.nan))
    assert "max_day_bridge_frac x nav_usd" in refused(made(nav_usd=math.nan, moves=(sent(),)))


def test_an_exit_from_a_chain_that_was_not_seen_is_refused() -> None:
    for source, found in (("rpc:8453", {"sources"}), ("rpc:1", set()), ("geckoterminal", set())):
        blind = replace(SNAPSHOT, problems=(SourceProblem(source=source, detail="down"),))
        assert refused(leaving(), blind) == found


def test_pools_of_two_stables_must_be_closer_to_the_independent_price() -> None:
    def pegged(token: Token) -> Token:
        return replace(token, asset_class="stable")

    pools = [replace(s.pool, token0=pegged(s.pool.token0), token1=pegged(s.pool.token1)) for s in SNAPSHOT.pools]
    states = tuple(replace(state, pool=pool) for state, pool in zip(SNAPSHOT.pools, pools, strict=True))
    stables = replace(SNAPSHOT, pools=states)
    for off, refusal in ((1.001, set()), (1.005, {"max_price_deviation_stable_frac"})):
        assert refused(made(opens=(), price=PRICE * off), stables) == refusal
        assert refused(made(opens=(), price=PRICE * off)) == set()


def test_without_a_nav_turnover_is_not_judged_since_the_plan_is_refused_already() -> None:
    assert refused(made(nav_usd=None)) == {"nav_usd"}


@pytest.mark.parametrize("nav", [0.0, -1.0, math.inf, math.nan])
def test_a_nav_that_is_no_amount_is_unknown(nav: float) -> None:
    assert "nav_usd" in refused(made(nav_usd=nav))


@pytest.mark.parametrize("price", [0.0, -1.0, math.inf])
def test_a_price_that_is_no_price_is_unknown(price: float) -> None:
    assert "price" in refused(made(price=price))


def test_turnover_shares_and_ticks_at_their_bounds_pass() -> None:
    limits = replace(LIMITS, max_epoch_turnover_frac=0.01)
    assert check_plan(made(), SNAPSHOT, limits) == ()
    assert check_plan(made(opens=(added(capital_usd=400.1),)), SNAPSHOT, limits) != ()
    assert refused(made(opens=(added(share_frac=1.0),))) == set()
    assert refused(made(opens=(added(share_frac=1.000001),))) == {"share_frac"}
    assert refused(made(opens=(added(share_frac=0.0),))) == {"share_frac"}
    for ticks in ((FIRST.tick_lower, FIRST.tick_lower), (FIRST.tick_upper, FIRST.tick_lower)):
        new = added(token_id=None, tick_lower=ticks[0], tick_upper=ticks[1])
        assert refused(made(opens=(new,))) == {"ticks"}
    assert refused(made(opens=(added(token_id=None, tick_upper=FIRST.tick_upper + 1),))) == {"ticks"}


def sending(*moves: Move, **changes: object) -> set[str]:
    here = SNAPSHOT.holdings[0]
    there = replace(here, block=replace(here.block, chain_id=10), positions=())
    both = replace(SNAPSHOT, holdings=(here, there))
    return refused(made(DecisionKind.PRA, opens=(), collects=(), moves=moves, **changes), both)


def sent(**changes: object) -> Move:
    return replace(Move(from_chain=8453, to_chain=10, share_frac=0.1, capital_usd=4_000.0), **changes)


def test_capital_is_sent_between_chains_that_were_seen_each_way_once() -> None:
    assert sending(sent()) == set()
    assert sending(sent(), sent(from_chain=10, to_chain=8453)) == set()
    for wrong in ((sent(to_chain=8453),), (sent(to_chain=1),), (sent(from_chain=1),), (sent(), sent())):
        assert sending(*wrong) == {"moves"}
    for share in (0.0, -0.1, 1.1):
        assert "share_frac" in sending(sent(share_frac=share))
    assert sending(sent(share_frac=1.0)) == set()


def test_a_plan_sends_no_more_than_a_day_may() -> None:
    most = LIMITS.max_day_bridge_frac * 40_000.0
    assert sending(sent(capital_usd=most)) == set()
    assert sending(sent(capital_usd=most * 1.001)) == {"max_day_bridge_frac x nav_usd"}
    assert sending(sent(share_frac=0.6), sent(from_chain=10, to_chain=8453, share_frac=0.6)) == set()


def told(of: AllocationPlan) -> list[str]:
    return [str(violation) for violation in check_plan(of, SNAPSHOT, LIMITS)]


def test_what_is_unknown_is_said_with_its_value() -> None:
    assert told(made(nav_usd=None)) == [
        "nav_usd: NAV None at quote price 1.0 unknown (bound 0, WETH-USDC)",
    ]
    assert "price: independent price 0.0 unknown (bound 0, WETH-USDC)" in told(made(price=0.0))


def test_shares_of_a_chain_are_one_together() -> None:
    assert refused(made(opens=(added(share_frac=0.5), added(share_frac=0.5, token_id=None)))) == set()
    assert refused(made(opens=(added(share_frac=0.5), added(share_frac=0.50001, token_id=None)))) == {"share_frac"}


def test_how_far_a_pool_is_from_its_own_mean_is_told_by_ticks() -> None:
    (state, *_) = SNAPSHOT.pools
    for ticks, deviation in ((0, 0.0), (100, 1.0001**100 - 1), (-100, 1 - 1.0001**-100)):
        at_mean = replace(state, sqrt_price_x96=sqrt_price_x96_at_tick(-200_000 + ticks))
        far = twap_deviation_frac(replace(at_mean, twap=Twap(window_s=1800, tick=-200_000)))
        assert far == pytest.approx(deviation, abs=1e-10), "a square root has 96 bits after the point"


def test_without_a_nav_nothing_is_sent() -> None:
    assert sending(sent(), nav_usd=None) == {"nav_usd", "max_day_bridge_frac x nav_usd"}


def test_nothing_is_placed_in_a_pool_whose_tokens_were_refused_and_leaving_it_goes_on() -> None:
    barred = replace(SNAPSHOT, refusals=(PoolRefusal(pool_id=FIRST.pool_id, reason="taxes its sellers"),))
    assert refused(made(), barred) == {"tokens"}
    assert refused(made(opens=()), barred) == set()
    assert refused(leaving(), barred) == set()


def test_a_share_beyond_one_is_named_for_its_move_and_for_its_chain() -> None:
    here = SNAPSHOT.holdings[0]
    there = replace(here, block=replace(here.block, chain_id=10), positions=())
    both = replace(SNAPSHOT, holdings=(here, there))
    plan = made(DecisionKind.PRA, opens=(), collects=(), moves=(sent(share_frac=1.1),))
    found = [one.where for one in check_plan(plan, both, LIMITS) if one.limit == "share_frac"]
    assert found == ["chain 8453 to chain 10", "chain 8453"]
