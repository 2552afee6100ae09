# Two commands matter: `make load` load-tests the embedded agent, `make test` runs the project's own tests.
# Needs Python >= 3.11 and make. With uv on PATH installing takes seconds, else venv and pip do the same.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
UV := $(shell command -v uv 2>/dev/null)
ARGS ?=

PEERS ?= .venv-peers

.PHONY: load test truth check docs bench bench-peers robust lock clean help

help:
	@echo "make load    load-test the embedded agent: pytest -m load --suite quick"
	@echo "make test    the project's own tests"
	@echo "make truth   what callers hear against what the embedded agent did; wants the machine for itself"
	@echo "make check   format, lint, types, architecture"
	@echo "make docs    the documentation as a site, in build/docs; a link that leads nowhere is an error"
	@echo "make bench   the tool's own speed, ratios in one run"
	@echo "make bench-peers  the same work by this plugin, Locust, httpx2 and, where installed, k6 and wrk"
	@echo "make robust  the quick suite 20 times, 5 of them beside a busy process: a table of verdicts"
	@echo "make lock    renew requirements.lock (needs uv)"

load: $(READY)
	$(BIN)/pytest -m load --suite quick $(ARGS) tests/load

test: $(READY)
	$(BIN)/pytest -n 3 --dist worksteal -m "not alone and not slow" $(ARGS)

truth: $(READY)
	$(BIN)/pytest -m alone -s $(ARGS)

check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(READY)
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet -b html docs build/docs

bench: $(READY)
	$(BIN)/pytest benchmarks -p no:cacheprovider --benchmark-disable-gc --benchmark-columns=median,iqr,rounds -s $(ARGS)

bench-peers: $(READY) $(PEERS)/.ready
	$(BIN)/python -m benchmarks.peers.compare --python $(PEERS)/bin/python $(ARGS)

robust: $(READY)
	$(BIN)/python -m benchmarks.repeat_suite $(ARGS)

lock:
	uv export --quiet --no-emit-project --all-extras --all-groups --no-annotate --no-header -o requirements.lock

clean:
	rm -rf $(VENV) $(PEERS) build dist results .pytest_cache .mypy_cache .ruff_cache .import_linter_cache

$(READY): pyproject.toml requirements.lock
ifdef UV
	uv venv --quiet --allow-existing --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')" $(VENV)
	uv pip install --quiet --python $(BIN)/python -r requirements.lock
	uv pip install --quiet --python $(BIN)/python --no-deps -e .
else
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
endif
	@touch $@

$(PEERS)/.ready: benchmarks/peers/requirements.txt
ifdef UV
	uv venv --quiet --allow-existing --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')" $(PEERS)
	uv pip install --quiet --python $(PEERS)/bin/python -r $<
else
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check -r $<
endif
	@touch $@
