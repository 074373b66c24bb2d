# Every target works from a bare machine: it makes its own environment first.
SHELL := bash
unexport PYTHONDONTWRITEBYTECODE
export UV_PROJECT_ENVIRONMENT := .venv
PYTHON ?= python3
RUN := .venv/bin/python
COVERED := alm_tests/core/portfolio alm_tests/controls alm_tests/core/execution alm_tests/cli \
	$(wildcard alm_tests/resources/signer alm_tests/resources/journal alm_tests/resources/limits)

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

chaos: env ## kill -9 at every boundary of every way of the money (some 3,400 kills; CI 200), and lies of sources
	@rm -rf .alm/kills
	ALM_KILLS=$${ALM_KILLS:-3400} ALM_KILLS_DIR=$(CURDIR)/.alm/kills \
	$(RUN) -m pytest -n 2 --dist loadfile alm_tests/chaos $(ARGS)
	@$(RUN) -m alm_tests.chaos.kills .alm/kills

mutants: env ## mutation score of the safety core: 600 faults, a seeded choice (ALM_MUTANTS=all tries every one)
	$(RUN) -m alm_tests.mutants $(ARGS)

coverage: env ## branches of limits, signer and journal that no test takes; fails below 100 %
	$(RUN) -m coverage erase
	$(RUN) -m coverage run -m pytest -n 0 $(COVERED) $(ARGS)
	$(RUN) -m coverage combine --quiet
	$(RUN) -m coverage report --skip-covered --show-missing --fail-under=100

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
