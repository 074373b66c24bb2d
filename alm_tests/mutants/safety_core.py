"""What stands between a plan and the money, and which tests are to see a fault in it; quick ones first."""

from fnmatch import fnmatch
from pathlib import Path

_PORTFOLIO = "alm_tests/core/portfolio"
_EXECUTION = "alm_tests/core/execution"
_JOURNAL = ("alm_tests/resources/journal", f"{_EXECUTION}/test_state_machine.py")
_SIGNER = ("alm_tests/resources/signer",)
_LIMITS = (f"{_PORTFOLIO}/test_limit*.py", f"{_PORTFOLIO}/test_plan_limits*.py", "alm_tests/controls")
_ENGINE = (f"{_EXECUTION}/test_engine*.py", f"{_EXECUTION}/test_state_machine.py")

CORE: dict[str, tuple[str, ...]] = {
    "alm_core/portfolio/limits.py": _LIMITS,
    "alm_core/portfolio/plan_limits.py": _LIMITS,
    "alm_core/portfolio/*_limits.py": _LIMITS,
    "alm_core/portfolio/limit_bounds.py": _LIMITS,
    "alm_core/portfolio/violations.py": _LIMITS,
    "alm_core/portfolio/breakers*.py": (f"{_PORTFOLIO}/test_breakers*.py", *_LIMITS),
    "alm_core/portfolio/eligibility.py": (f"{_PORTFOLIO}/test_eligibility*.py", *_LIMITS),
    "alm_core/portfolio/standing.py": (f"{_PORTFOLIO}/test_standing*.py", *_LIMITS),
    "alm_core/portfolio/transaction_context.py": _LIMITS,
    "alm_core/portfolio/worth.py": (f"{_PORTFOLIO}/test_worth*.py", *_LIMITS),
    "alm_core/execution/engine.py": _ENGINE,
    "alm_core/execution/attempts.py": _ENGINE,
    "alm_core/execution/bidding.py": (f"{_EXECUTION}/test_bidding*.py", *_ENGINE),
    "alm_core/execution/finality.py": (f"{_EXECUTION}/test_finality*.py", *_ENGINE),
    "alm_core/execution/nonces.py": _ENGINE,
    "alm_core/execution/pursuit.py": _ENGINE,
    "alm_core/execution/settling.py": _ENGINE,
    "alm_core/execution/outcome.py": _ENGINE,
    "alm_core/execution/intents.py": _ENGINE,
    "alm_core/execution/leading.py": (f"{_EXECUTION}/test_leading.py",),
    "alm_core/execution/guard.py": (f"{_EXECUTION}/test_guard*.py", f"{_EXECUTION}/test_chain_saga.py", *_LIMITS),
    "alm_core/execution/allow_list.py": (f"{_EXECUTION}/test_allow_list*.py", "alm_tests/golden/test_calldata*.py"),
    "alm_core/execution/calldata.py": (
        f"{_EXECUTION}/test_allow_list*.py",
        f"{_EXECUTION}/test_*call*.py",
        "alm_tests/golden/test_calldata*.py",
    ),
    "alm_core/execution/transfers.py": (f"{_EXECUTION}/test_transfers*.py",),
    "alm_resources/signer/*.py": _SIGNER,
    "alm_resources/journal/*.py": _JOURNAL,
    "alm_resources/dragonfly/leases.py": ("alm_tests/resources/dragonfly/test_leases.py",),
}
"""Patterns of modules; the first that fits a module counts. Tables are declarations, and compared with migrations."""


def modules_and_tests(root: Path) -> dict[str, tuple[str, ...]]:
    """Return the tests that exist, for each module that exists."""
    found: dict[str, tuple[str, ...]] = {}
    for pattern, tests in CORE.items():
        for module in sorted(root.glob(pattern)):
            name = module.relative_to(root).as_posix()
            if module.name not in ("__init__.py", "tables.py") and not any(
                fnmatch(name, old) for old in CORE if old in found
            ):
                paths = [path.relative_to(root).as_posix() for test in tests for path in sorted(root.glob(test))]
                found.setdefault(name, tuple(dict.fromkeys(paths)))
    return found
