"""Where the capital of all chains should be: the survey of an epoch, and one water-filling after it."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from alm_core.model.config import StrategyConfig
from alm_core.model.market import MarketSnapshot
from alm_core.portfolio.chainview import views_at
from alm_core.portfolio.survey import survey_chains
from alm_core.portfolio.waterfill import water_fill
from alm_tests.bench.figure import Figure, cpu_times_s, median, spread
from alm_tests.core.portfolio.filling.fills import wild_case
from alm_tests.core.portfolio.scene import Scene

REPEATS, PER_REPEAT = 15, 20
CASES = 20_000
ACTIVE_USD, FEES_USD_DAY = (50e6, 30e6, 20e6, 10e6), (20_000.0, 12_000.0, 9_000.0, 6_000.0)
HELD = ((1, 0, 1900.0, 2100.0, 12_000.0),)
CAPPED = StrategyConfig(max_chain_share=0.3, max_family_share=0.9, max_issuer_share=0.8)


def scenes() -> tuple[Scene, ...]:
    """Ten pools on three chains, two of them with a position."""
    return (
        Scene(chain_id=1, active_usd=ACTIVE_USD, fees_usd_day=FEES_USD_DAY, positions=HELD),
        Scene(chain_id=8453, active_usd=ACTIVE_USD[:3], fees_usd_day=FEES_USD_DAY[:3]),
        Scene(chain_id=42161, active_usd=ACTIVE_USD[:3], fees_usd_day=FEES_USD_DAY[1:], positions=HELD),
    )


def together(snapshots: Sequence[MarketSnapshot]) -> MarketSnapshot:
    """One snapshot of all chains."""
    first, *others = snapshots
    return replace(
        first,
        chains=sum((one.chains for one in others), first.chains),
        pools=sum((one.pools for one in others), first.pools),
        holdings=sum((one.holdings for one in others), first.holdings),
    )


def worst_residual() -> Iterator[Figure]:
    """How far the worst of many random allocations is from optimal."""
    random = np.random.default_rng(CASES)
    found = [water_fill(*wild_case(random)) for _ in range(CASES)]
    failed = sum(not one.success for one in found)
    note = (
        f"largest violation of the optimality conditions, relative to yields and limits, of {CASES} seeded random "
        f"allocations, far wilder than markets; {failed} without success"
    )
    yield Figure(
        name="allocation_worst_residual", value=max(one.kkt_residual_frac for one in found), unit="", note=note
    )


def allocation() -> Iterator[Figure]:
    """CPU of surveying the chains once, and of one water-filling, without and with limits over all chains."""
    chains, config = scenes(), StrategyConfig()
    snapshot = together([one.snapshot() for one in chains])
    past = tuple(together(moment) for moment in zip(*(one.history(96) for one in chains), strict=True))
    signals, optimized = chains[0].signals, chains[0].optimized

    def survey() -> None:
        for _ in range(PER_REPEAT):
            survey_chains(signals, optimized, snapshot, past, config)

    surveys = survey_chains(signals, optimized, snapshot, past, config)

    def fill(rules: StrategyConfig) -> None:
        for _ in range(PER_REPEAT):
            views_at(surveys, rules)

    works = {
        "allocation_survey_ms": survey,
        "allocation_fill_ms": lambda: fill(config),
        "allocation_fill_capped_ms": lambda: fill(CAPPED),
    }
    data = f"{len(snapshot.pools)} pools on {len(chains)} chains"
    residual = max(views_at(surveys, rules)[0].fill.kkt_residual_frac for rules in (config, CAPPED))
    notes = {
        "allocation_survey_ms": f"{data}, yields from {len(past)} past snapshots, once an epoch",
        "allocation_fill_ms": f"{data}, capital per chain and caps per pool; optimality residual {residual:.2g}",
        "allocation_fill_capped_ms": f"{data}, with binding shares of chain and issuer over all chains",
    }
    for name, work in works.items():
        work()
        spent = [1e3 * one / PER_REPEAT for one in cpu_times_s(work, REPEATS)]
        yield Figure(name=name, value=median(spent), unit="ms", note=f"{notes[name]}; process CPU; {spread(spent)}")
