# make demo    classify standard photos on an emulated board
# make test    run the tests
# make check   lint, types, tests, demo: what CI runs
# make models  train the shipped models anew (DATA=folder of photos); writes docs/models.md
# make zoo     measure the pretrained models on DATA; writes models/zoo.json and docs/models.md
# make bench   measure and count; writes docs/benchmarks.md
# make k210    compile and simulate ImageNet networks for the K210; writes docs/k210.md (half an hour)
# make runtimes   try every runtime with every shipped model and some of the zoo; writes docs/runtimes.md
# make faults  let things go wrong while flashing; writes docs/reliability.md
# make fuzz    20,000 damaged models against the engine
# Everything lives in .venv; nothing needs root or a compiler.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

DATA ?= ../shared/data
# The network that the published figures of other engines are about (MLPerf Tiny).
VWW ?= ../shared/data/weights/vww_96_int8.tflite

.PHONY: models models-table zoo setup demo test lint types check bench runtimes k210 faults fuzz clean

setup: $(VENV)/.base

# One stamp per extra, so that `make demo` does not wait for TensorFlow.
$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Galago needs Python 3.11 or newer: make PYTHON=python3.12 …")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.base: pyproject.toml | $(BIN)/python
	@echo "installing Galago into $(VENV) …"
	$(BIN)/python -m pip install --quiet --editable '.[demo]'
	@touch $@

$(VENV)/.test: pyproject.toml | $(BIN)/python
	@echo "installing what the tests need into $(VENV), TensorFlow among it: some minutes …"
	$(BIN)/python -m pip install --quiet --editable '.[demo,train,test,check,k230]'
	@touch $@ $(VENV)/.base

demo: $(VENV)/.base
	@$(BIN)/galago classify $$($(BIN)/python -m galago.dataset.standard_photos)

test: $(VENV)/.test
	$(BIN)/python -m pytest

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.test
	$(BIN)/pyright

check: lint types test demo

# Trains every shipped model anew from its recipe; DATA is the folder that holds the recipes' photos. One that
# cannot be made (no weights and no network) does not stop the others.
models: $(VENV)/.test
	@failed=0; for recipe in models/*/recipe.toml; do \
		$(BIN)/galago train $$recipe --data $(DATA) -o $$(dirname $$recipe) || failed=1; done; \
	$(BIN)/python -m docgen.model_table docs/models.md && exit $$failed

# Measures the zoo's models whose weights Keras has (KERAS_HOME): an hour or so for the five in the test data.
zoo: $(VENV)/.test
	$(BIN)/python -m docgen.zoo_accuracy models/zoo.json --data $(DATA)
	$(MAKE) models-table

models-table: $(VENV)/.test
	$(BIN)/python -m docgen.model_table docs/models.md

bench: $(VENV)/.test
	$(BIN)/python -m docgen.benchmarks docs/benchmarks.md --vww $(VWW)

runtimes: $(VENV)/.test
	$(BIN)/python -m docgen.compatibility docs/runtimes.md --data $(DATA)

k210: $(VENV)/.test
	$(BIN)/python tests/k210/measure.py tables docs/k210.md

faults: $(VENV)/.test
	$(BIN)/python tests/faults docs/reliability.md

fuzz: $(VENV)/.test
	$(BIN)/python tests/fuzz 20000

clean:
	rm -rf $(VENV) build dist .pytest_cache .ruff_cache
