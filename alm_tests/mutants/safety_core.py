"""What stands between a plan and the money, and which tests are to see a fault in it; quick ones first."""

from fnmatch import fnmatch
from pathlib import Path

_PORTFOLIO = "alm_tests/core/portfolio"
_EXECUTION = "alm_tests/core/execution"
_JOURNAL_FOLDER = "alm_tests/resources/journal"
_JOURNAL = (
    *(
        f"{_JOURNAL_FOLDER}/test_{name}.py"
        for name in ("rows", "postings", "journal", "standstills", "startup", "unsettle", "faults", "migrations")
    ),
    f"{_EXECUTION}/test_books_check.py",
)
_SIGNER_FOLDER = "alm_tests/resources/signer"
_SIGNER = (
    "alm_tests/docs/test_keys.py",
    *(
        f"{_SIGNER_FOLDER}/test_{name}.py"
        for name in (
            "signing_policy",
            "signer_desk",
            "keystore",
            "environment",
            "kms",
            "policy_file",
            "vault",
            "server",
            "keeping",
        )
    ),
)
_LIMITS = (
    "alm_tests/docs/test_limits.py",
    *(
        f"{_PORTFOLIO}/test_{name}.py"
        for name in ("limits", "limit_scenarios", "plan_limits", "breakers", "eligibility")
    ),
    f"{_EXECUTION}/test_guard.py",
    f"{_EXECUTION}/test_watch.py",
    f"{_EXECUTION}/test_leading.py",
    f"{_EXECUTION}/test_quotes.py",
    "alm_tests/resources/limits/test_in_force.py",
    "alm_tests/resources/limits/test_marks.py",
)
_ENGINE = (f"{_EXECUTION}/test_engine*.py", f"{_EXECUTION}/test_outcome.py", f"{_EXECUTION}/test_position_logs.py")
_CALLS = (
    f"{_EXECUTION}/test_allow_list.py",
    f"{_EXECUTION}/test_*_calls.py",
    f"{_EXECUTION}/test_erc20.py",
    "alm_tests/golden/test_calldata*.py",
    "alm_tests/resources/lifi/test_bridging.py",
)
_TRANSFERS = (f"{_EXECUTION}/test_arrivals.py", f"{_EXECUTION}/test_transfers.py")
_PROCESS = (f"{_SIGNER_FOLDER}/test_server.py", f"{_SIGNER_FOLDER}/test_signer_process.py")

CORE: dict[str, tuple[str, ...]] = {
    "alm_core/portfolio/limits.py": _LIMITS,
    "alm_core/portfolio/*_limits.py": _LIMITS,
    "alm_core/portfolio/limit_bounds.py": _LIMITS,
    "alm_core/portfolio/violations.py": _LIMITS,
    "alm_core/portfolio/breakers.py": _LIMITS,
    "alm_core/portfolio/eligibility.py": _LIMITS,
    "alm_core/portfolio/standing.py": _LIMITS,
    "alm_core/portfolio/transaction_context.py": _LIMITS,
    "alm_core/portfolio/worth.py": _LIMITS,
    "alm_core/execution/guard.py": _LIMITS,
    "alm_core/execution/spending.py": _LIMITS,
    "alm_core/execution/quotes.py": _LIMITS,
    "alm_core/execution/marking.py": _LIMITS,
    "alm_core/execution/watch.py": _LIMITS,
    "alm_core/execution/leading.py": _LIMITS,
    "alm_resources/limits/*.py": _LIMITS,
    "alm_core/execution/engine.py": _ENGINE,
    "alm_core/execution/attempts.py": _ENGINE,
    "alm_core/execution/bidding.py": _ENGINE,
    "alm_core/execution/finality.py": _ENGINE,
    "alm_core/execution/nonces.py": _ENGINE,
    "alm_core/execution/pursuit.py": _ENGINE,
    "alm_core/execution/settling.py": _ENGINE,
    "alm_core/execution/outcome.py": _ENGINE,
    "alm_core/execution/intents.py": _ENGINE,
    "alm_core/execution/allow_list.py": _CALLS,
    "alm_core/execution/calldata.py": _CALLS,
    "alm_core/execution/transfers.py": _TRANSFERS,
    "alm_core/execution/arrivals.py": _TRANSFERS,
    "alm_resources/signer/safe.py": (
        "alm_tests/docs/test_keys.py",
        f"{_SIGNER_FOLDER}/test_vault.py",
        "alm_tests/chain/test_safe_roles.py",
    ),
    "alm_resources/signer/server.py": _PROCESS,
    "alm_resources/signer/socket_client.py": _PROCESS,
    "alm_resources/signer/*.py": _SIGNER,
    "alm_resources/journal/movements.py": (f"{_JOURNAL_FOLDER}/test_movements.py",),
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
