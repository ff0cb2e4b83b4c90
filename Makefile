# Needs git, make and Python 3.11 to 3.13 with venv; all else comes from PyPI into .venv.
# make PYTHON=python3.12 … chooses the Python; make test ARGS="-k stream -x" passes arguments on.
PYTHON ?= python3
ARGS ?=
SECONDS ?= 600

BIN := .venv/bin
SAMPLE := .sample/conversation.wav
PIP_INSTALL := -m pip install --quiet --disable-pip-version-check
CHECK_PYTHON := import sys; (3, 11) <= sys.version_info[:2] <= (3, 13) or sys.exit( \
	f"Segue needs Python 3.11 to 3.13; this is {sys.version.split()[0]}. Name another: make PYTHON=python3.12")

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help run test drills soak check format fuzz audit bench bench-long bench-service accuracy screenshots clean

help: ## list these targets
	@sed -n 's/^\([a-z-]*\): .*## /  make \1\t/p' Makefile | expand -t 22

run: $(SAMPLE) ## install, make a sample recording and run the service (make run ARGS="--port 8000")
	@echo 'The service answers at the address URL below. In another terminal, after ". .venv/bin/activate":'
	@echo '  curl -F file=@$(SAMPLE) URL/v1/detect    segue switch MODEL_ID    segue status --watch'
	@echo 'Without a service: segue detect $(SAMPLE)'
	$(BIN)/segue serve $(ARGS)

test: .venv/.installed ## install and run the tests
	$(BIN)/python -m pytest $(ARGS)

drills: .venv/.installed ## run the long tests too: minutes each
	$(BIN)/python -m pytest -m drill $(ARGS)

soak: .venv/.installed ## an hour at half load with changes, disk faults and killed processes (SOAK_S=600: ten minutes)
	SOAK_S=$(SOAK_S) $(BIN)/python -m pytest -m drill -s tests/e2e/test_soak.py $(ARGS)

check: .venv/.installed-dev ## format, lint, types, layers, then the tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest $(ARGS)

format: .venv/.installed-dev ## format, and mend what the linter can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

fuzz: .fuzz/.installed ## fuzz by coverage whatever meets the network (make fuzz SECONDS=3600 ARGS="form audio")
	.fuzz/bin/python -m tests.fuzz.run --seconds $(SECONDS) $(ARGS)

audit: .audit/.installed ## ask PyPI for advisories about the pinned versions; fails where it cannot tell
	.audit/bin/pip-audit --strict --no-deps --disable-pip -r constraints.txt $(ARGS)

bench: .bench/.installed ## measure speed beside the peers, some minutes (large download: they bring their own frameworks)
	.bench/bin/python -m benchmarks.run $(ARGS)

bench-long: .bench/.installed ## measure six hours live and recordings of ten hours, a quarter of an hour
	.bench/bin/python -m benchmarks.run --long $(ARGS)

bench-service: .bench/.installed ## measure the service beside the usual design of one, a quarter of an hour
	.bench/bin/python -m benchmarks.run --service $(ARGS)

accuracy: .bench/.installed ## measure how right it is beside the peers, and which presets earn their place, some minutes
	.bench/bin/python -m benchmarks.accuracy $(ARGS)

screenshots: .venv/.installed ## take the pictures of the page in docs/images anew
	SEGUE_SCREENSHOTS=docs/images $(BIN)/python -m pytest tests/edges/ui/test_pictures_of_it.py

clean: ## remove all that these targets made, the tests' copy of the model included
	rm -rf .venv .bench .fuzz .audit .sample .model-store build dist
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(SAMPLE): scripts/speech.py .venv/.installed
	$(BIN)/python scripts/speech.py $@

# The stamps: what they depend on says when to install again.
.venv/.installed: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing into .venv (a minute the first time)"
	$(BIN)/python $(PIP_INSTALL) -c constraints.txt -e '.[test]'
	@touch $@

.venv/.installed-dev: .venv/.installed
	$(BIN)/python $(PIP_INSTALL) -c constraints.txt -e '.[dev]'
	@touch $@

# The peers' needs exclude each other's and ours, so no constraints here; the tables print the versions they used.
# torch first, from where pip finds it best. Segue last: it raises NumPy above what funasr-onnx's metadata allows, which
# costs it no speed (measured); on 2.4 it fails.
.bench/.installed: pyproject.toml benchmarks/peers.txt | .bench/bin/python
	@echo "Installing Segue and its peers into .bench (several minutes the first time)"
	.bench/bin/python $(PIP_INSTALL) $$(grep '^torch==' benchmarks/peers.txt)
	.bench/bin/python $(PIP_INSTALL) -r benchmarks/peers.txt
	.bench/bin/python $(PIP_INSTALL) -e . espeakng-loader numpy==2.3.5
	@touch $@

.fuzz/.installed: pyproject.toml constraints.txt | .fuzz/bin/python
	.fuzz/bin/python $(PIP_INSTALL) -c constraints.txt -e '.[test]' 'atheris>=3'
	@touch $@

.audit/.installed: | .audit/bin/python
	.audit/bin/python $(PIP_INSTALL) 'pip-audit>=2.7'
	@touch $@

.venv/bin/python .bench/bin/python .fuzz/bin/python .audit/bin/python:
	@$(PYTHON) -c '$(CHECK_PYTHON)'
	$(PYTHON) -m venv $(patsubst %/bin/python,%,$@)
