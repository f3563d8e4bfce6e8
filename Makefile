# Two commands do everything: `make demo` and `make test`. The others are parts of them.
VENV := .venv
PYTHON := $(VENV)/bin/python
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

.PHONY: tpm demo test test-system check audit sbom bench dist packages test-packages runtime develop proto clean

demo: runtime $(if $(TPM),tpm)  ## a controller, a node, a container and a VM on this machine; CHECK=1 proves each step and ends; TPM=1: measured boots instead
	$(PYTHON) -m eaves demo $(if $(TPM),--tpm,) $(if $(CHECK),--check,)

runtime: packages $(VENV)/.runtime
develop: test-packages $(VENV)/.develop

packages:
	./packaging/ensure-packages

test-packages:
	./packaging/ensure-packages --with-tests
	./packaging/ensure-azurite >/dev/null

$(VENV)/bin/python:
	python3 -m venv $(VENV)

$(VENV)/.runtime: requirements/runtime.lock pyproject.toml | $(VENV)/bin/python
	test -e $(VENV)/.develop || $(PYTHON) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/runtime.lock
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

tpm: $(VENV)/.tpm

$(VENV)/.tpm: requirements/tpm.lock | runtime
	./packaging/ensure-packages --with-tpm
	$(PYTHON) -c 'import tpm2_pytss' 2>/dev/null || $(PYTHON) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/tpm.lock
	touch $@

$(VENV)/.develop: requirements/dev.lock pyproject.toml | $(VENV)/bin/python
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.lock
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

check: $(VENV)/.develop  ## static only: format, lint, types, structure
	ruff format --check .
	ruff check .
	mypy
	basedpyright
	lint-imports
	$(PYTHON) packaging/supply_chain.py check

audit: $(VENV)/.develop  ## as `make check` does it, and fails where the advisories cannot be asked
	$(PYTHON) packaging/supply_chain.py check --strict

sbom: $(VENV)/.develop  ## what others made and a release ships, as CycloneDX and SPDX below dist/
	$(PYTHON) packaging/supply_chain.py sbom

test: develop  ## everything CI runs, on this machine
	tests/all

test-system: develop  ## whole processes together, a soak of ten minutes, sinks away for three
	SOAK_S=$${SOAK_S:-600} SINKS_AWAY_S=$${SINKS_AWAY_S:-180} pytest -m "system or soak"

proto: $(VENV)/.develop
	proto/generate

bench: develop  ## all benchmarks, or one: make bench NAME=poll-unchanged; FULL=1 takes the long ones too
	bench/run $(NAME)

dist: $(VENV)/.develop  ## wheel and .deb below dist/
	packaging/dist

clean:
	rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
