"""Snapshots that were read afterwards: used only with what is assumed, and never with a zero in place of a price."""

from dataclasses import replace

import pytest

from alm_core.backtest.assumed import READ_AFTERWARDS, Closes, completed_snapshot
from alm_core.model.backtest import BacktestConfig, NativeFrom
from alm_core.model.market import MarketSnapshot, SourceProblem
from alm_tests.core.backtest.venue_market import BINS, NATIVE_USDC, OTHER, PAIR, Market

LIVE = Market(pools=(NATIVE_USDC, BINS, OTHER), rewards_apr=0.1).snapshot()
CHAINS = tuple(state.block.chain_id for state in LIVE.chains)
CLOSES = Closes(own=2500.0, others={"COIN-USDC": 0.5, "BASE-COIN": 5000.0})


def afterwards(*problems: SourceProblem) -> MarketSnapshot:
    return replace(
        LIVE,
        quote_usd=None,
        chains=tuple(replace(state, native_usd=None) for state in LIVE.chains),
        markets=(),
        problems=(SourceProblem(source=READ_AFTERWARDS, detail="not known then"), *problems),
    )


def told(**changes: object) -> BacktestConfig:
    return replace(BacktestConfig(pair=PAIR), **changes)


ALL = {"assumed_quote_usd": 0.99, "assumed_native_usd": tuple((chain_id, 7.0) for chain_id in CHAINS)}


def test_with_all_that_is_assumed_it_can_be_decided_on_and_says_what_that_was() -> None:
    done = completed_snapshot(afterwards(), told(**ALL), CLOSES)
    assert done.snapshot.problems == ()
    assert done.snapshot.quote_usd == 0.99
    assert [state.native_usd for state in done.snapshot.chains] == [7.0] * len(CHAINS)
    words = "\n".join(done.assumptions)
    assert "USD per USDC assumed: 0.99" in words
    assert all(f"native coin of chain {chain_id} assumed: 7" in words for chain_id in CHAINS)
    assert "without volumes" in words


def test_without_them_the_problem_names_every_option_that_is_missing() -> None:
    done = completed_snapshot(afterwards(), told(), CLOSES)
    options = " ".join(["--quote-usd USD", *(f"--native-usd {chain_id}=USD" for chain_id in CHAINS)])
    (problem,) = done.snapshot.problems
    assert problem.detail == f"USD prices of that time are not known: {options} lets a backtest use it"
    assert (done.snapshot.quote_usd, done.assumptions) == (None, ())
    assert {state.native_usd for state in done.snapshot.chains} == {None}


@pytest.mark.parametrize(
    ("source", "usd"),
    [
        ((PAIR, "base", "quote"), 0.99 * 2500.0),
        ((PAIR, "quote", "base"), 0.99),
        (("COIN-USDC", "base", "quote"), 0.99 * 0.5),
        (("BASE-COIN", "quote", "base"), 0.99 * 2500.0 / 5000.0),
        (("NOT-RECORDED", "base", "quote"), 7.0),
    ],
)
def test_native_coins_follow_from_closes_before_anything_is_assumed_of_them(
    source: tuple[str, str, str], usd: float
) -> None:
    pair, side, against = source
    native_from = (NativeFrom(chain_id=CHAINS[0], pair=pair, side=side, against=against),)  # type: ignore[arg-type]
    done = completed_snapshot(afterwards(), told(**ALL, native_from=native_from), CLOSES)
    assert done.snapshot.chain(CHAINS[0]).native_usd == pytest.approx(usd, rel=1e-12)
    only_natives = told(native_from=native_from, assumed_native_usd=ALL["assumed_native_usd"])
    (problem,) = completed_snapshot(afterwards(), only_natives, CLOSES).snapshot.problems
    assert "known: --quote-usd USD lets" in problem.detail


def test_other_problems_and_missing_gas_are_not_assumed_away() -> None:
    broken = SourceProblem(source="rpc:1", detail="no pool as the registry describes it")
    done = completed_snapshot(afterwards(broken), told(**ALL), CLOSES)
    assert (done.snapshot.problems, done.assumptions) == ((broken,), ())
    (problem,) = completed_snapshot(replace(afterwards(), chains=()), told(**ALL), CLOSES).snapshot.problems
    assert "gas of chain" in problem.detail


def test_a_snapshot_of_a_live_epoch_stays_as_it_is() -> None:
    failed = replace(LIVE, quote_usd=None, problems=(SourceProblem(source="geckoterminal", detail="down"),))
    for snapshot in (LIVE, failed):
        assert completed_snapshot(snapshot, told(**ALL), CLOSES).snapshot is snapshot
