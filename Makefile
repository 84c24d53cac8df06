# Thin names over .ci/prepare, the billwright command and pytest. PYTHON= chooses the interpreter of a new .venv.
# ARGS= is passed on to the program behind the name, as in: make test ARGS="tests/unit -k money"
BIN := .venv/bin
ARGS ?=

# Type checker's Node package: kept in the environment, no remarks about newer versions.
export PYRIGHT_PYTHON_CACHE_DIR := $(CURDIR)/.venv/pyright
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1

# Locked versions stay unless pyproject.toml forbids them; `make lock ARGS=--upgrade` takes the newest.
COMPILE := .venv/lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header

.PHONY: help run test check bench faults fmt lock migration clean

help:
	@echo "make run        start Billwright with demo data (no Docker, nothing to set)"
	@echo "make test       all tests, on a real PostgreSQL and Redis"
	@echo "make check      lint, format, types, architecture"
	@echo "make faults     SEEDS=\"1 2 3\": kill, cut and stop everything under load, then prove that nothing is lost or doubled"
	@echo "make bench      [NAME=<benchmark>] [N=<size>]; without a name all of them"
	@echo "make fmt        format the code and sort out what ruff can fix"
	@echo "make lock       resolve the lock files anew from pyproject.toml"
	@echo "make migration  NAME=<what it does> TREE=control|tenant; DATABASE_URL: an empty scratch database"
	@echo "make clean      remove the environment and caches; data in .billwright stay"

run:
	@.ci/prepare run
	@$(BIN)/billwright up --demo $(ARGS)

test:
	@.ci/prepare test
	@$(BIN)/python -m pytest -n 2 --dist worksteal $(ARGS)

# All of them, even if the first one fails: one run shows everything that is to be done.
CHECKS = "ruff check" "ruff format --check" "mypy" "pyright" "lint-imports"

check:
	@.ci/prepare check
	@failed=; for check in $(CHECKS); do echo "== $$check"; $(BIN)/$$check || failed="$$failed [$$check]"; done; \
	test -z "$$failed" || { echo "Failed:$$failed" >&2; exit 1; }

# Every module of tests/bench whose name does not start with an underscore is one benchmark.
BENCHES = $(filter-out _%,$(basename $(notdir $(wildcard tests/bench/*.py))))

bench:
	@.ci/prepare check
	@cd tests && for name in $(or $(NAME),$(BENCHES)); do ../$(BIN)/python -m bench.$$name $(N) || exit; done

faults:
	@.ci/prepare test
	@cd tests && ../$(BIN)/python -m faults $(foreach seed,$(or $(SEEDS),1 2 3 4 5 6 7 8 9 10),--seed $(seed)) $(ARGS)

fmt:
	@.ci/prepare check
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

lock:
	@.ci/prepare check
	$(BIN)/python -m venv .venv/lock && .venv/lock/bin/pip install --quiet uv
	$(COMPILE) --extra build pyproject.toml --output-file requirements.lock $(ARGS)
	$(COMPILE) --extra build --extra dev --constraint requirements.lock pyproject.toml --output-file requirements-dev.lock $(ARGS)

migration:
	@test -n "$(NAME)" -a -n "$(TREE)" || { echo "Usage: make migration NAME=<what it does> TREE=control|tenant" >&2; exit 2; }
	@.ci/prepare check
	@$(BIN)/python -m billwright_migrations.revise $(TREE) "$(NAME)"

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis dist build
