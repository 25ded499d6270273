# From python3 and pip alone: every target makes the environment that it needs, once.

VENV    := .venv
PY      := $(VENV)/bin/python
PIP     := $(PY) -m pip --disable-pip-version-check --no-input
SERVING := $(VENV)/.serving
TESTING := $(VENV)/.testing
TOOLS   := build/tools
SUPPLY  := cyclonedx-bom==7.5.0 pip-audit==2.10.1
# Processes of pytest, four also on two cores: while tests wait for peers, others work. Each takes up
# to 4 GB once it has trained, and its peers 1: less memory takes fewer of them.
WORKERS := $(shell awk '/^MemAvailable/ {n = int($$2 / 5e6)} END {print (n < 2 ? 2 : n > 4 ? 4 : n)}' /proc/meminfo)

# Dozens of processes import the code: compiled once, whatever the caller's environment says.
unexport PYTHONDONTWRITEBYTECODE

CODE := dicom_node ai_engine sr_templates tests bench scripts
# An installed folder that does not exist yet is no reason for a tool to fail.
PRESENT = $(wildcard $(CODE))

.DEFAULT_GOAL := help
.PHONY: help demo tour serve test types tests test-long test-unit mutants bench figures docs pictures faults scale cases interop golden messages lint format architecture venv lock sbom vulnerabilities ui package images clean fuzz soak
.DELETE_ON_ERROR:

help: ## Say what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' Makefile

# The shell, not make, expands the path, so it may hold blanks and dollar signs.
demo: export STUDY := $(value STUDY)
demo: $(SERVING) ## Run a study through the whole corridor; STUDY=path takes your own
	@$(PY) -m dicom_node.demo $${STUDY:+"$$STUDY"}

tour: $(SERVING) ## Leave the whole product running with synthetic studies, for a look round; Ctrl-C removes it
	@$(PY) -m dicom_node.demo.tour

serve: $(SERVING) ## Run the node with the settings in config/
	@$(VENV)/bin/dicom-node serve

test: $(TESTING) ## Lint, check types and layers, and run every test but the longest
	@echo '── ruff'         && $(PY) -m ruff check $(PRESENT)
	@echo '── format'       && $(PY) -m ruff format --check $(PRESENT)
	@$(MAKE) --no-print-directory --jobs 2 types tests

# Beside each other: types take a core for as long as the longest test.
types: $(TESTING)
	@echo '── mypy'         && $(PY) -m mypy
	@echo '── import-linter' && $(VENV)/bin/lint-imports --no-logo

tests: $(TESTING)
	@echo '── pytest'       && $(PY) -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder -m "not long" $(PYTEST)

test-long: $(TESTING) ## The tests that `make test` leaves out: trainings, and more of what it shows
	@$(PY) -m pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder -m long $(PYTEST)

test-unit: $(TESTING) ## Only the tests without peers, processes and networks
	@$(PY) -m pytest tests/unit -q -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder -m 'not slow and not long and not peer' $(PYTEST)

bench: $(TESTING) ## Print the benchmark table and write bench/results.json
	@$(PY) -m bench

faults: KILLS ?= 100
faults: STUDIES ?= 300
faults: SEED ?= 20260101
faults: MINUTES ?= 0
faults: $(TESTING) ## Kill the node at random moments, many times, and count what is lost; KILLS, STUDIES, SEED, MINUTES
	@DICOM_NODE_FAULT_KILLS=$(KILLS) DICOM_NODE_FAULT_STUDIES=$(STUDIES) DICOM_NODE_FAULT_SEED=$(SEED) \
	  DICOM_NODE_FAULT_DATABASE=$(STUDIES) DICOM_NODE_FAULT_MINUTES=$(MINUTES) \
	  $(PY) -m pytest tests/acceptance/test_faults.py tests/acceptance/test_database_faults.py \
	    -s -n 0 --timeout 14400

scale: STUDIES ?= 60
scale: $(TESTING) ## Cut off, kill and upgrade four hosts of network namespaces while studies arrive; STUDIES
	@DICOM_NODE_SCALE_STUDIES=$(STUDIES) $(PY) -m pytest tests/acceptance/test_scale.py -s -n 0

fuzz: COUNT ?= 100000
fuzz: SEED ?= 0
fuzz: MINUTES ?= 0
fuzz: $(TESTING) ## Send objects that are spoiled by lot, and have each that is taken analysed; COUNT, SEED, MINUTES
	@nice $(PY) -W ignore -m tests.fuzz --count $(COUNT) --seed $(SEED) --minutes $(MINUTES)

soak: STUDIES ?= 10000
soak: CHEST_OF ?= 20
soak: MINUTES ?= 0
soak: $(TESTING) ## Send study after study, and print how memory, handles, threads, rows and latency grow; STUDIES, CHEST_OF, MINUTES
	@DICOM_NODE_SOAK_STUDIES=$(STUDIES) DICOM_NODE_SOAK_BATCHES=20 DICOM_NODE_SOAK_CHEST_OF=$(CHEST_OF) \
	  DICOM_NODE_SOAK_MINUTES=$(MINUTES) \
	  $(PY) -m pytest tests/acceptance/test_soak.py -s -n 0 --timeout 36000

cases: $(TESTING) ## Run the tests of inputs that went wrong once, and print expected and seen; CASES="C I4" takes some
	@$(PY) -m tests.cases $(CASES)

interop: $(TESTING) ## Try each service with each peer, and write docs/interoperability.md
	@$(PY) -m tests.interop

messages: $(TESTING) ## Bring the catalogues of languages up to code and pages, and say what is untranslated
	@$(PY) -m scripts.messages

golden: $(TESTING) ## Write down what VERSION's durable steps keep, for the tests of later versions
	@$(PY) -m tests.golden $(VERSION)

mutants: $(TESTING) ## Spoil the code in a few hundred places by lot, and count what the tests notice
	@nice $(PY) scripts/mutants.py $(MUTANTS)

lint: $(TESTING) ## Only the checks of `make test` that run nothing
	@$(PY) -m ruff check $(PRESENT)
	@$(PY) -m ruff format --check $(PRESENT)
	@$(PY) -m mypy
	@$(VENV)/bin/lint-imports --no-logo

format: $(TESTING) ## Format the code and mend what can be mended
	@$(PY) -m ruff check --fix --exit-zero --quiet $(PRESENT)
	@$(PY) -m ruff format $(PRESENT)

figures: $(TESTING) ## Write what the default models reach, from their cards, into docs/figures.md, and draw it
	@$(PY) scripts/figures.py
	@$(PY) scripts/model_pictures.py

architecture: $(TESTING) ## Draw the rooms of the code from its imports, into docs/architecture.md
	@$(PY) scripts/architecture.py

venv: $(TESTING) ## Make the environment for development

lock: ## Resolve the dependencies again (needs uv); OPTIONS=--upgrade takes newer versions
	@command -v uv >/dev/null || { echo 'make lock needs uv: pip install uv' >&2; exit 1; }
	uv pip compile --quiet --universal --python-version 3.11 --extra dev --no-header \
	  --no-annotate --no-emit-index-url $(OPTIONS) pyproject.toml -o requirements/dev.txt
	uv pip compile --quiet --universal --python-version 3.11 --no-header \
	  --no-annotate --no-emit-index-url $(OPTIONS) -c requirements/dev.txt pyproject.toml \
	  -o requirements/serve.txt

# In an environment of their own: what they install is no part of what they look at.
$(TOOLS)/.made:
	@python3 -m venv $(TOOLS)
	@$(TOOLS)/bin/python -m pip --disable-pip-version-check --no-input install --quiet $(SUPPLY)
	@touch $@

sbom: $(SERVING) $(TOOLS)/.made ## List every installed package with its licence, into build/sbom.json (CycloneDX)
	@$(TOOLS)/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible \
	  --output-file build/sbom.json $(PY)
	@echo "Written to build/sbom.json"

vulnerabilities: $(TOOLS)/.made ## Ask whether pinned packages have known weaknesses (asks over the network)
	@$(TOOLS)/bin/pip-audit --strict --disable-pip --no-deps --progress-spinner off \
	  --requirement requirements/serve.txt

docs: $(TESTING) ## Build the documentation as a site into build/site, with strict links
	@NO_MKDOCS_2_WARNING=1 $(PY) -m mkdocs build --quiet
	@echo 'build/site/index.html'

pictures: $(TESTING) ## Take the pictures of the documentation from the tour (needs Chromium, Orthanc, OHIF)
	@$(PY) scripts/pictures.py

ui: ## Build the pages' scripts (needs Node.js and npm)
	@command -v npm >/dev/null || { echo 'make ui needs Node.js with npm' >&2; exit 1; }
	cd dicom_node/web/ui && npm ci --no-audit --no-fund && npm run --silent build

package: ## Build the wheel into build/dist, and use it in an empty place as somebody without sources does
	@scripts/package-check

images: ## Run each step of docker/ in plain root file systems (root, buildah, mmdebstrap), and a study in what comes out
	@scripts/image-check

clean: ## Remove what the tools and the demo left; never data/
	@rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist demo mutants
	@find $(PRESENT) -name __pycache__ -type d -prune -exec rm -rf {} +

$(PY):
	@sh scripts/make-venv $(VENV)

$(SERVING): requirements/serve.txt pyproject.toml | $(PY)
	@echo 'Installing the packages of requirements/serve.txt (once, one to three minutes)…'
	@$(PIP) install --quiet -r requirements/serve.txt
	@$(PIP) install --quiet --no-deps -e .
	@touch $@

$(TESTING): requirements/dev.txt $(SERVING)
	@echo 'Installing the packages of requirements/dev.txt (once, some minutes)…'
	@$(PIP) install --quiet -r requirements/dev.txt
	@touch $@
