# Underdog: everything a person or a build does here, by name. `make` alone lists the targets.
# ARGS goes through to the command: make serve ARGS="--port 9000", make test ARGS="-k threshold".
# make train DATA=FOLDER NAME=default/1 ARGS=--evaluate makes the shipped artifact again.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.NOTPARALLEL:
.SUFFIXES:
.DELETE_ON_ERROR:

ARGS :=
DATA := data/sample
NAME := custom/1
LOCK_ARGS :=
PYTHON := python3
TORCH := torch==2.13.0

# Relative on purpose: the checkout may lie under a path with spaces.
VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --no-input --disable-pip-version-check
LOCKED := $(PIP) install --quiet --no-deps --require-hashes

export PIP_ROOT_USER_ACTION := ignore
export PIP_USER := 0
unexport PYTHONPATH PYTHONHOME MAKEFLAGS MAKELEVEL

# A stamp is newer than what it was made from; where nothing changed, no Python starts before the one that serves.
CREATED := $(VENV)/.created
INSTALLED := $(VENV)/.installed
INSTALLED_DEV := $(VENV)/.installed-dev
INSTALLED_DISTILL := $(VENV)/.installed-distill
VENV_CLIENTS := .venv-clients
INSTALLED_CLIENTS := $(VENV_CLIENTS)/.installed
VENV_DEPLOYMENT := .venv-deployment
INSTALLED_DEPLOYMENT := $(VENV_DEPLOYMENT)/.installed
VENV_ALL := .venv-all-providers
INSTALLED_ALL := $(VENV_ALL)/.installed
# Holds the path of the fetched LLM, as `underdog fetch` printed it.
LLM := $(VENV)/.llm

.PHONY: help
help: ## list the targets
	@echo "make TARGET [ARGS=\"...\"]"
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' Makefile

# --- run -------------------------------------------------------------------------------------------------------------

# A configuration may name a weak model of its own. Where it does not, the server fetches the LLM when it starts.
CONFIGURED = $(wildcard underdog.toml)$(findstring --config,$(ARGS))$(findstring --weak-,$(ARGS))

.PHONY: serve
serve: install ## start the server on 127.0.0.1:8787, with the embedded LLM (ARGS: flags of `underdog serve`)
	@if [ -z "$$UNDERDOG_WEAK_URL$$UNDERDOG_WEAK_MODEL$$UNDERDOG_CONFIG$$UNDERDOG_DEPLOYMENTS" ] && [ -z "$(CONFIGURED)" ] && \
		[ ! -s "$$(cat $(LLM) 2>/dev/null)" ]; then \
		echo "fetching the local LLM (98 MB, once)"; $(PY) -m router fetch >$(LLM) || true; fi
	@exec $(PY) -m router serve $(ARGS)

.PHONY: train
train: install-dev ## fit, calibrate and export a classifier from DATA into models/NAME (ARGS: more flags, such as --evaluate)
	@exec $(PY) -m training --data "$(DATA)" --name "$(NAME)" $(ARGS)

.PHONY: bench
bench: install-dev ## measure speed and memory, and print them with the machine
	@exec $(PY) -m tests.bench $(ARGS)

# --- check -----------------------------------------------------------------------------------------------------------

# Two processes share the tests, a file at a time, in the order of tests/conftest.py. With PARALLEL= one runs them all, as a debugger needs.
PARALLEL := --numprocesses 2 --dist loadfile --no-loadscope-reorder

.PHONY: test
test: install-dev ## run the tests (ARGS: arguments of pytest)
	@exec $(PY) -m pytest $(PARALLEL) $(ARGS)

.PHONY: soak
soak: install-dev ## run the long proofs in full: load, fuzz, kill
	@exec $(PY) -m pytest -m soak --full --timeout 0 -o faulthandler_timeout=0 $(ARGS)

.PHONY: test-distill
test-distill: distill-install ## run the tests of the distilling extra
	@exec $(PY) -m pytest -m distill $(ARGS)

.PHONY: test-clients
test-clients: clients-install ## run LangChain's and LlamaIndex's clients against a live server
	@exec $(PY) -m pytest -m clients $(ARGS)

.PHONY: test-deployment
test-deployment: deployment-install ## lint and render the Dockerfile, compose.yaml and the Helm chart
	@exec $(PY) -m pytest -m deployment $(ARGS)

.PHONY: test-all-providers
test-all-providers: all-providers-install ## run the tests of the extra for all other providers
	@exec $(VENV_ALL)/bin/python -m pytest tests/upstream/test_any_llm.py $(ARGS)

.PHONY: check
check: install-dev ## lint, formatting, types, import contracts
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(VENV)/bin/lint-imports --no-logo

.PHONY: format
format: install-dev ## write the formatting that `make check` asks for
	$(PY) -m ruff check --fix-only .
	$(PY) -m ruff format .

# --- install ---------------------------------------------------------------------------------------------------------

.PHONY: install
install: $(INSTALLED) ## make .venv with what serving needs, every package hash-checked

.PHONY: install-dev
install-dev: $(INSTALLED_DEV) ## the same, plus training, tests and linters

.PHONY: distill-install
distill-install: $(INSTALLED_DISTILL) ## the same, plus torch and sentence-transformers (large)

.PHONY: clients-install
clients-install: $(INSTALLED_CLIENTS) ## make .venv-clients with the clients that the tests run

.PHONY: deployment-install
deployment-install: $(INSTALLED_DEPLOYMENT) ## make .venv-deployment with linters, schemas and Helm

.PHONY: all-providers-install
all-providers-install: $(INSTALLED_ALL) ## make .venv-all-providers with the extra of that name

$(CREATED):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Underdog needs Python 3.11 or newer; name one with: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11" >&2; exit 1; }
	@echo "creating $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(INSTALLED): requirements/serve.txt requirements/build.txt pyproject.toml hatch_build.py | $(CREATED)
	@echo "installing what serving needs"
	@$(LOCKED) -r requirements/serve.txt -r requirements/build.txt
	@$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(INSTALLED_DEV): requirements/dev.txt $(INSTALLED)
	@echo "installing what training and testing need"
	@$(LOCKED) -r requirements/dev.txt
	@touch $@

$(INSTALLED_DISTILL): requirements/distill.txt $(INSTALLED_DEV)
	@echo "installing what distilling needs (large)"
	@$(LOCKED) -r requirements/distill.txt
	@$(PIP) install --quiet $(TORCH)
	@touch $@

$(INSTALLED_CLIENTS): requirements/clients.txt | $(INSTALLED_DEV)
	@echo "installing other houses' clients"
	@$(PYTHON) -m venv $(VENV_CLIENTS)
	@$(VENV_CLIENTS)/bin/python -m pip --no-input --disable-pip-version-check install --quiet --no-deps --require-hashes -r requirements/clients.txt
	@touch $@

$(INSTALLED_DEPLOYMENT): requirements/deployment.txt | $(INSTALLED_DEV)
	@echo "installing what lints and renders the files of a deployment"
	@$(PYTHON) -m venv $(VENV_DEPLOYMENT)
	@$(VENV_DEPLOYMENT)/bin/python -m pip --no-input --disable-pip-version-check install --quiet --no-deps --require-hashes -r requirements/deployment.txt
	@touch $@

$(INSTALLED_ALL): requirements/all-providers.txt | $(CREATED)
	@echo "installing the extra for all other providers"
	@$(PYTHON) -m venv $(VENV_ALL)
	@$(VENV_ALL)/bin/python -m pip --no-input --disable-pip-version-check install --quiet --no-deps --require-hashes -r requirements/all-providers.txt
	@touch $@

# --- keep ------------------------------------------------------------------------------------------------------------

COMPILE := $(VENV)/bin/uv pip compile --quiet --no-emit-index-url --no-annotate --no-header \
	--python-version 3.11 --generate-hashes $(LOCK_ARGS)

.PHONY: lock
lock: install-dev ## write requirements/*.txt again (LOCK_ARGS=--upgrade to move versions)
	$(COMPILE) pyproject.toml -o requirements/serve.txt
	$(COMPILE) --group build -c requirements/serve.txt -o requirements/build.txt
	$(COMPILE) pyproject.toml --extra train -c requirements/serve.txt -o requirements/train.txt
	$(COMPILE) pyproject.toml --extra dev -c requirements/train.txt -c requirements/build.txt -o requirements/dev.txt
	$(COMPILE) pyproject.toml --extra all-providers --group all-providers-tests -c requirements/serve.txt -o requirements/all-providers.txt
	$(COMPILE) --group clients -o requirements/clients.txt
	$(COMPILE) --group deployment -o requirements/deployment.txt
	$(COMPILE) pyproject.toml --extra distill -c requirements/dev.txt --no-emit-package torch -o requirements/distill.txt

.PHONY: docs
docs: install ## write docs/settings.md, docs/api.md and the tables of docs/ again from the code
	@$(PY) docs/settings_page.py
	@$(PY) docs/upstreams_page.py
	@$(PY) docs/api_page.py

.PHONY: clean
clean: ## remove .venv, caches and build output (keeps the ledger and the fetched LLM)
	rm -rf $(VENV) $(VENV_CLIENTS) $(VENV_DEPLOYMENT) $(VENV_ALL) build dist __pycache__ .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find router training tests -type d -name __pycache__ -prune -exec rm -rf {} +
