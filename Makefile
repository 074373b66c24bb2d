# Every target works from a bare machine: it makes its own environment first.
SHELL := bash
unexport PYTHONDONTWRITEBYTECODE
export UV_PROJECT_ENVIRONMENT := .venv
PYTHON ?= python3
RUN := .venv/bin/python
# What stands between a plan and the money, and the tests that are to come by its every branch.
GUARDED := alm_core/portfolio/limits.py,alm_core/portfolio/*_limits.py,alm_core/portfolio/limit_bounds.py
GUARDED := $(GUARDED),alm_core/portfolio/breakers.py,alm_core/portfolio/eligibility.py,alm_core/portfolio/standing.py
GUARDED := $(GUARDED),alm_core/portfolio/transaction_context.py,alm_core/portfolio/violations.py
GUARDED := $(GUARDED),alm_core/portfolio/worth.py,alm_core/execution/guard.py,alm_core/execution/spending.py
GUARDED := $(GUARDED),alm_core/execution/quotes.py,alm_core/execution/marking.py,alm_core/execution/watch.py
GUARDED := $(GUARDED),alm_core/execution/leading.py
GUARDED := $(GUARDED),alm_resources/limits/*,alm_resources/signer/*,alm_resources/journal/*
COVERING := $(patsubst %,alm_tests/core/portfolio/test_%.py,limits limit_scenarios plan_limits breakers eligibility) \
	$(patsubst %,alm_tests/core/execution/test_%.py,guard watch leading quotes) \
	alm_tests/resources/limits alm_tests/resources/signer alm_tests/resources/journal alm_tests/chain/test_safe_roles.py

.PHONY: demo dev test check chaos mutants coverage conformance fuzz bench format env clean

env: .venv/.synced

# uv goes into a folder of ours: no venv module, no root and no change to the system's Python is needed.
.tools/bin/uv:
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --root-user-action ignore --target .tools uv

.venv/.synced: pyproject.toml uv.lock .tools/bin/uv
	@echo "Installing the locked packages into .venv (about a minute the first time)"
	@UV_PYTHON_DOWNLOADS=never .tools/bin/uv sync --python $(PYTHON) --frozen --compile-bytecode --quiet
	@touch $@

demo: env ## full cycles for both pairs through Dagster on a local chain
	$(RUN) -m alm_cli.main demo $(ARGS)

dev: env ## Dagster UI on http://127.0.0.1:3000 with the embedded world
	$(RUN) -m alm_cli.main dev $(ARGS)

test: env ## whole test suite
	$(RUN) -m pytest -n 2 --dist loadfile $(ARGS)

check: env ## what CI runs: format, lint, types, import rules, definitions, tests
	$(RUN) -m ruff format --check .
	$(RUN) -m ruff check .
	$(RUN) -m basedpyright
	.venv/bin/lint-imports
	$(MAKE) test

chaos: env ## kill -9 at every boundary of every way of the money (some 6,500 kills, half an hour on two idle cores; CI 200), and lies of sources
	@rm -rf .alm/kills
	@ALM_KILLS=$${ALM_KILLS:-7000} ALM_KILLS_DIR=$(CURDIR)/.alm/kills \
	$(RUN) -m pytest -n 2 --dist loadfile alm_tests/chaos $(ARGS); failed=$$?; \
	$(RUN) -m alm_tests.chaos.kills .alm/kills && exit $$failed

mutants: env ## mutation score of the safety core: 600 faults, a seeded choice (ALM_MUTANTS=all tries every one)
	$(RUN) -m alm_tests.mutants $(ARGS)

coverage: env ## branches of limits, signer and journal that no test takes; fails below 100 %
	$(RUN) -m coverage erase
	$(RUN) -m coverage run --include='$(GUARDED)' -m pytest -n 2 --dist loadfile $(COVERING) $(ARGS)
	$(RUN) -m coverage combine --quiet
	@rm -f .coverage.* # half written by processes that tests killed
	$(RUN) -m coverage report --include='$(GUARDED)' --show-missing --skip-covered --fail-under=100

conformance: env ## every DEX family in every market, with the price in range, below and above (CI tries a third)
	ALM_CONFORMANCE=all $(RUN) -m pytest -n 2 --dist loadgroup alm_tests/chain/conformance $(ARGS)

fuzz: env ## a million broken bodies per parser, 100,000 plans, 2,400 lives of positions: some four hours (CI a small part)
	ALM_FUZZ_CASES=$${ALM_FUZZ_CASES:-1000000} ALM_FUZZ_PLANS=$${ALM_FUZZ_PLANS:-100000} \
	ALM_FUZZ_MINTS=$${ALM_FUZZ_MINTS:-2400} $(RUN) -m pytest -n 2 alm_tests/fuzz $(ARGS)

bench: env ## one JSON line per figure
	@$(RUN) -m alm_tests.bench $(ARGS)

format: env
	$(RUN) -m ruff format .
	$(RUN) -m ruff check --fix .

clean:
	rm -rf .venv .tools .alm alm_localnet/node_modules
