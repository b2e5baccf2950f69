# What a newcomer needs: `make demo`, `make test`, `make help`. Works with GNU make 3.81 and newer.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# The first Python on the path that will do; `make demo PYTHON=python3.12` takes that one.
SUITABLE := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON := $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c '$(SUITABLE)' 2>/dev/null && echo $$python && break; done)

VENV := .venv
BIN := $(VENV)/bin
# A virtual environment stays with the Python that it was made with, until a PYTHON of another version is asked for.
MADE := $(if $(findstring command,$(origin PYTHON)),,$(shell $(BIN)/python -c '' 2>/dev/null && ls $(VENV)/.made-with-* 2>/dev/null))
MADE := $(or $(MADE),$(VENV)/.made-with-$(shell $(PYTHON) -c 'import platform; print(platform.python_version())' 2>/dev/null))
INSTALLER := $(VENV)/.requirements-installer.txt
RUN_PINS := $(VENV)/.requirements.txt
DEV_PINS := $(VENV)/.requirements-dev.txt
# Nobody's setting for installs outside of virtual environments may get in.
PIP := $(BIN)/python -m pip install --no-user --progress-bar off --disable-pip-version-check
PYTHON_FILES := dags plugins include docker tests

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { name = $$1; line = ""; words = split($$2, word, " "); \
		for (i = 1; i <= words; i++) { \
			if (length(line) + length(word[i]) > 56) { printf "  %-20s%s\n", name, line; name = ""; line = "" } \
			line = line " " word[i] } \
		printf "  %-20s%s\n", name, line }' Makefile

.PHONY: demo
demo: $(RUN_PINS) ## the sync on invented schools, with Airflow's UI, until Ctrl-C (ONCE=1: ends by itself; PORT=, STUDENTS=)
	@$(BIN)/python -m sandbox.demo $(if $(filter-out 0,$(ONCE)),--once) $(if $(PORT),--port $(PORT)) $(if $(STUDENTS),--students $(STUDENTS))

# Each run has an order of its own; it prints the seed, and `make test ARGS=--randomly-seed=1234` repeats it.
PYTEST := $(BIN)/python -m pytest -n 2 --dist loadfile
FAST := -m "not slow and not compose and not servers"
# What lives with one Airflow, or one installation, for minutes is told in the order of the file.
AS_TOLD := -p no:randomly

.PHONY: test
test: $(DEV_PINS) ## all tests but the slow ones (ARGS= for pytest: "tests/students -x"; --cov measures coverage)
	@$(PYTEST) $(FAST) $(ARGS)

.PHONY: test-slow
test-slow: $(DEV_PINS) ## the slow tests: hostile networks, killed tasks, nights through Airflow's scheduler (ARGS= likewise)
	@$(PYTEST) $(AS_TOLD) -m slow $(ARGS)

# Whichever of the two is there: Compose v2, or docker-compose 1.29.
COMPOSE = $(shell docker compose version >/dev/null 2>&1 && echo docker compose || echo docker-compose)
# Its own project, so that neither it nor `make compose-down` touches what runs for real.
DEMO = SCHOOLS_FOLDER=./include/sandbox/config AIRFLOW_URL=http://localhost:$${AIRFLOW_PORT:-8080} \
	$(COMPOSE) --project-name sims-student-sync-demo

# A file for each secret: containers get the files, no environment does. The folder keeps others of this machine out; the files
# themselves are readable, for the users in the containers are others. One that is there, or stands in .env, is kept.
SECRETS := ADMIN_PASSWORD API_SECRET_KEY FERNET_KEY JWT_SECRET POSTGRES_PASSWORD REDIS_PASSWORD SANDBOX_PASSWORD
SECRETS_FOLDER ?= secrets

.PHONY: env
env: ## secrets for docker-compose.yaml, once, into files below secrets/
	@hex() { head -c "$$1" /dev/urandom | od -An -v -tx1 | tr -d ' \n'; }; \
	invented() { \
		case $$1 in \
			FERNET_KEY) head -c 32 /dev/urandom | base64 | tr '+/' '-_' ;; \
			JWT_SECRET) hex 64 ;; \
			ADMIN_PASSWORD) hex 12 ;; \
			*) hex 32 ;; \
		esac; \
	}; \
	umask 077; mkdir -p "$(SECRETS_FOLDER)"; made=; \
	for name in $(SECRETS); do \
		file="$(SECRETS_FOLDER)/$$(echo "$$name" | tr '[:upper:]' '[:lower:]')"; \
		if [ -e "$$file" ]; then continue; fi; \
		value=$$(test ! -e .env || sed -n "s/^$$name=//p" .env | tail -n 1); \
		printf '%s' "$${value:-$$(invented "$$name")}" > "$$file.new"; chmod 444 "$$file.new"; mv "$$file.new" "$$file"; made=yes; \
	done; \
	test -n "$$made" || { echo "There are secrets in $(SECRETS_FOLDER)/ already, which may be in use: they stay as they are."; exit 1; }
	@echo "Wrote $(SECRETS_FOLDER)/: the secrets of docker-compose.yaml, among them admin_password of the user admin"

.PHONY: compose-demo
compose-demo: ## two nights of an invented school on Celery workers in Docker, left running (AIRFLOW_PORT=, MAIL_PORT=)
	@test -e $(SECRETS_FOLDER)/admin_password || $(MAKE) env
	@echo "Building the image (some minutes at first)"
	@$(DEMO) build airflow-init
	@$(DEMO) --profile sandbox up -d
	@$(DEMO) run --rm sandbox-nights

.PHONY: compose-down
compose-down: ## remove what compose-demo started, and its data
	@$(DEMO) --profile sandbox --profile nights down --volumes --timeout 10

.PHONY: test-compose
test-compose: $(DEV_PINS) ## docker-compose.yaml for real: nights on workers, and killed containers; needs Docker (ARGS= likewise)
	@$(BIN)/python -m pytest $(AS_TOLD) -m compose tests/compose $(ARGS)

# An environment for each SCIM server that nobody here wrote, made once, and anew when its pins change.
SERVERS := $(VENV)/servers
NPM_OPTIONS := --ignore-scripts --no-audit --no-fund --loglevel=error
SERVERS_OF_NODE := $(patsubst tests/servers/%/package-lock.json,$(SERVERS)/%/.made,$(wildcard tests/servers/*/package-lock.json))
SERVERS_OF_PYTHON := $(patsubst tests/servers/%/requirements.txt,$(SERVERS)/%/.made,$(wildcard tests/servers/*/requirements.txt))

.PHONY: test-servers
test-servers: $(DEV_PINS) $(SERVERS_OF_NODE) $(SERVERS_OF_PYTHON) ## nights on SCIM servers that nobody here wrote; needs Node and npm (ARGS= likewise)
	@$(BIN)/python -m pytest $(AS_TOLD) -m servers tests/servers $(ARGS)

$(SERVERS_OF_NODE): $(SERVERS)/%/.made: tests/servers/%/package-lock.json tests/servers/%/package.json | $(DEV_PINS)
	@node --eval 'process.exit(Number(parseInt(process.versions.node) < 18))' 2> /dev/null && npm --version > /dev/null 2>&1 \
		|| { echo "make test-servers needs Node 18 or newer, and npm (Debian: apt-get install nodejs npm), for the server $*"; exit 1; }
	@echo "Installing the server $* (npm)"
	@rm -rf $(@D); mkdir -p $(@D); cp $^ $(@D)
	@$(call quietly,npm ci --prefix $(@D) $(NPM_OPTIONS) > /dev/null)
	@touch $@

$(SERVERS_OF_PYTHON): $(SERVERS)/%/.made: tests/servers/%/requirements.txt | $(DEV_PINS)
	@echo "Installing the server $* (pip)"
	@$(BIN)/python -m venv --clear --without-pip $(@D)
	@$(call quietly,PIP_PYTHON=$(@D) $(PIP) --quiet --require-hashes -r $<)
	@touch $@

.PHONY: check
check: lint types imports requirements-check ## everything that is checked without running it

.PHONY: lint
lint: $(DEV_PINS) ## style and layout of the code
	@echo "Checking style and layout (ruff)"
	@$(BIN)/ruff check --no-cache --quiet $(PYTHON_FILES)
	@$(BIN)/ruff format --quiet --check $(PYTHON_FILES)

.PHONY: types
types: $(DEV_PINS) ## types of the library and the sandbox
	@echo "Checking types (mypy)"
	@$(BIN)/mypy --no-error-summary

.PHONY: imports
imports: $(DEV_PINS) ## that imports go one way
	@echo "Checking that imports go one way (import-linter)"
	@$(BIN)/lint-imports --no-cache --no-logo > $(VENV)/imports.log || { cat $(VENV)/imports.log; exit 1; }

.PHONY: format
format: $(DEV_PINS) ## lay out the code, and correct what can be corrected safely
	@$(BIN)/ruff check --no-cache --fix-only $(PYTHON_FILES)
	@$(BIN)/ruff format $(PYTHON_FILES)

# A pin for every Python from 3.11 on and every platform. uv's configuration and find-links of this machine stay out.
PINS := requirements-installer requirements requirements-server requirements-dev \
	$(patsubst %.in,%,$(wildcard tests/servers/*/requirements.in))
COMPILE := env -u UV_FIND_LINKS uv pip compile --no-config --quiet --universal --python-version 3.11 \
	--constraint requirements-constraints.in --no-emit-index-url --no-emit-find-links --custom-compile-command "make requirements"

.PHONY: requirements
requirements: $(DEV_PINS) ## compile requirements*.in again; pins stay where they can (UPGRADE=1: the newest)
	@for name in $(PINS); do \
		echo "Compiling $$name.txt"; \
		PATH="$(BIN):$$PATH" $(COMPILE) --generate-hashes $(if $(filter-out 0,$(UPGRADE)),--upgrade) $$name.in -o $$name.txt; \
	done
	@command -v npm > /dev/null || { echo "There is no npm here: the pins of servers for Node stay as they are"; exit 0; }; \
	for folder in $(dir $(wildcard tests/servers/*/package.json)); do \
		echo "Compiling $${folder}package-lock.json"; \
		npm install --prefix $$folder --package-lock-only --omit-lockfile-registry-resolved $(NPM_OPTIONS) > /dev/null; \
	done

# New files of a release that is pinned already are no difference, so the hashes are left out.
.PHONY: requirements-check
requirements-check: $(DEV_PINS) ## that requirements*.txt are what requirements*.in compile to
	@echo "Checking that the pins are what requirements*.in compile to (uv)"
	@fresh=$$(mktemp -d); trap 'rm -rf "$$fresh"' EXIT; \
	tar -cf - requirements-constraints.in $(PINS:=.in) $(PINS:=.txt) | tar -xf - -C "$$fresh"; \
	for name in $(PINS); do \
		(cd "$$fresh" && PATH="$(CURDIR)/$(BIN):$$PATH" $(COMPILE) $$name.in -o $$name.txt); \
		diff <(sed -e '/^ *--hash=/d' -e 's/ *\\$$//' $$name.txt) <(sed -e '/^ *--hash=/d' -e 's/ *\\$$//' "$$fresh/$$name.txt") \
			|| { echo "$$name.txt is out of date: make requirements"; exit 1; }; \
	done

.PHONY: venv
venv: $(DEV_PINS) ## the virtual environment with all tools, in .venv
	@echo "$(VENV) is ready"

.PHONY: clean
clean: ## remove the virtual environment, the demo's folder and all caches
	@rm -rf $(VENV) .demo .coverage* .mypy_cache .pytest_cache .ruff_cache .hypothesis build include/*.egg-info
	@find $(PYTHON_FILES) -name __pycache__ -type d -prune -exec rm -rf {} +

# Made anew, so that neither another Python's packages nor half of an interrupted one stay.
$(MADE):
	@test -n "$(PYTHON)" || { echo "Python 3.11, 3.12 or 3.13 is needed. There is none on the path: install one, or say where: make $(MAKECMDGOALS) PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -c '$(SUITABLE)' || { echo "Python 3.11, 3.12 or 3.13 is needed, and $(PYTHON) is $$($(PYTHON) --version 2>&1)"; exit 1; }
	@echo "Making the virtual environment $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv --clear $(VENV)
	@touch $@

# Each stamp says that what it is named after is installed. The tools' pins hold those of the run time.
# The pip that a Python brings installs only the pinned one: before 23.3 it cannot take all the pins with hashes.
$(INSTALLER): requirements-installer.txt $(MADE)
	@$(call quietly,$(PIP) --quiet --require-hashes -r requirements-installer.txt)
	@touch $@

$(RUN_PINS): requirements.txt pyproject.toml $(INSTALLER)
	@$(call install,requirements.txt)
	@touch $@

$(DEV_PINS): requirements.txt requirements-dev.txt pyproject.toml $(INSTALLER)
	@$(call install,requirements-dev.txt)
	@touch $(RUN_PINS) $@

define install
echo "Installing $$(grep -c '^[a-z].*==' $(1)) pinned packages of $(1) (about a minute)"; set -o pipefail; \
$(call quietly,$(PIP) --require-hashes -r $(1) | awk '/^(Collecting|Processing)/ && ++n % 25 == 0 { print "  " n; fflush() }' \
	&& $(PIP) --quiet --no-deps --no-build-isolation -e .)
endef

# Shows what went wrong only if it did.
quietly = { $(1) ; } 2> $(VENV)/install.log || { cat $(VENV)/install.log; exit 1; }
