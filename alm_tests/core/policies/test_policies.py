from alm_core.forces.signals import compute_force_signals
from alm_core.model.config import LimitsConfig, StrategyConfig
from alm_core.model.past import PastEpochs
from alm_core.policies.default import DefaultPolicy
from alm_core.policies.policy import Policy
from alm_core.policies.seed.params import DEFAULTS, params_from_vector, vector_from_params
from alm_core.portfolio.decision import plan_allocation
from alm_core.ranges.optimizer import optimize_range
from alm_tests.core.forces.tapes import walk
from alm_tests.core.portfolio.scene import EPOCH, Scene


def test_the_default_policy_is_the_functions_of_the_core() -> None:
    policy: Policy = DefaultPolicy()
    series = walk(6, price=2000.0)
    scene = Scene(price=float(series.close[-1]))
    past = PastEpochs(snapshots=scene.history(4), last_rebalance_at=None)
    config = StrategyConfig()
    signals = policy.force_signals(EPOCH, series)
    assert signals == compute_force_signals(EPOCH, series)
    found = policy.optimized_range(EPOCH, series, signals, scene.snapshot(), past, None, config)
    assert found == optimize_range(
        EPOCH, series, signals, scene.snapshot(), None, config, past_snapshots=past.snapshots
    )
    plan = policy.allocation(EPOCH, signals, found, scene.snapshot(), past, config, LimitsConfig(), "1", "1")
    assert plan == plan_allocation(EPOCH, signals, found, scene.snapshot(), past, config, LimitsConfig(), "1", "1")
    assert plan.policy == policy.name == "default"


def test_the_seeds_search_vector_is_clamped_to_its_bounds() -> None:
    assert vector_from_params(DEFAULTS) == (0.0005, 0.028, -0.4, 300.0, 0.25)
    assert vector_from_params(params_from_vector((1.0, 1.0, 1.0, 1.0, 1.0))) == (0.005, 0.1, -0.05, 50.0, 0.35)
