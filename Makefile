# The two that matter: `make run` and `make test`. Both install what they need into .venv first.

VENV ?= .venv
BIN := $(VENV)/bin
# Programs the end-to-end tests drive.
TEST_TOOLS := tmux nginx git curl node ssh sshd
PYTEST_ARGS ?=
# One worker more than there are processors: end-to-end tests wait for programs half of their time.
WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)
FUZZ_SECONDS ?= 60
export VENV

.PHONY: run test demo bench conformance fuzz soak lint types format coverage clean distclean help

run: ## start the daemon (balanced preset) and open the dashboard
	@scripts/setup.sh run
	@scripts/run.sh

# Tests start programs by the hundred: these are compiled once, even where the environment wants nothing kept.
test soak coverage: export PYTHONDONTWRITEBYTECODE :=

test: $(VENV)/.installed-dev ## run all tests but the long ones
	@scripts/tools.sh $(TEST_TOOLS)
	@$(BIN)/python -m pytest -m "not soak" -n $(WORKERS) --dist loadfile $(PYTEST_ARGS)

demo: ## a scripted agent: allowed, stopped, held
	@scripts/setup.sh run
	@$(BIN)/python scripts/demo.py

bench: ## measure beside mitmdump, nginx and bubblewrap on loopback
	@scripts/setup.sh run
	@scripts/tools.sh nginx bwrap
	@$(BIN)/python bench/startup.py
	@$(BIN)/python bench/scan.py --quick
	@$(BIN)/python bench/proxy.py $(BENCH_ARGS)
	@$(BIN)/python bench/inside.py $(BENCH_ARGS)
	@$(BIN)/python bench/dashboard.py
	@$(BIN)/python bench/sandbox.py

conformance: ## other people's test suites through the proxy (CONFORMANCE_ARGS=--quick)
	@scripts/setup.sh run
	@$(BIN)/python conformance/run.py $(CONFORMANCE_ARGS)

fuzz: $(VENV)/.installed-dev ## fuzz decoders and scanners for a minute (FUZZ_SECONDS)
	@$(BIN)/python tests/fuzz/fuzz_detect.py --seconds $(FUZZ_SECONDS)

soak: $(VENV)/.installed-dev ## the long tests
	@scripts/tools.sh $(TEST_TOOLS)
	@$(BIN)/python -m pytest -m soak -rP $(PYTEST_ARGS)

lint: $(VENV)/.installed-dev ## style, layout, layering
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports

types: $(VENV)/.installed-dev ## static types
	@$(BIN)/mypy

format: $(VENV)/.installed-dev ## put the layout right, and the quick form of the rules
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .
	@$(BIN)/python scripts/rules.py

coverage: $(VENV)/.installed-dev ## tests with coverage, report in htmlcov/
	@scripts/tools.sh $(TEST_TOOLS)
	@$(BIN)/python -m pytest -m "not soak" -n $(WORKERS) --dist loadfile --cov --cov-report=term --cov-report=html $(PYTEST_ARGS)

clean: ## remove what tools leave behind
	@rm -rf build dist htmlcov .coverage .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache bench/results conformance/results
	@find pipelock tui linux macos tests bench conformance scripts -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean ## and the virtual environment
	@rm -rf $(VENV)

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 18

$(VENV)/.installed-dev: pyproject.toml scripts/setup.sh
	@scripts/setup.sh dev
	@touch $@
