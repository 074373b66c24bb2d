"""Python runs this at its start in processes that were started by one whose module has a fault."""

import os

if "ALM_MUTANT" in os.environ:
    from alm_tests.mutants.loading import load_from_environment

    load_from_environment()
