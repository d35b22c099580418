# make demo       classify standard photos on an emulated board
# make studio     open the studio in the browser (PROJECT=folder of photos)
# make studio-demo  film a round in the studio; takes the pictures of docs/studio.md
# make test       run all tests, on every core
# make test-fast  run the tests that need neither TensorFlow nor minutes
# make check      lint, types, tests, documentation, demo: what CI runs
# make docs       build the documentation site into site/; make screenshots takes its pictures
# make models     retrain the shipped models (DATA=folder of photos); writes docs/models.md
# make zoo        measure the pretrained models on DATA; writes models/zoo.json and docs/models.md
# make bench      measure and count; writes docs/benchmarks.md
# make web        measure the exported pages in Chromium and compare their tensors; writes docs/web.md
# make compiler   count the compiler's kernels against viper; writes docs/compiler.md
# make k210       compile and simulate ImageNet networks for the K210; writes docs/k210.md (half an hour)
# make chips      run MicroPython images of your own on emulated chips; writes docs/chips.md
# make photos     count whole pictures on QEMU images of your own; writes docs/benchmarks.md
# make pictures   decode real and damaged photos with machine code, against the host (DATA=folder of photos)
# make runtimes   try every runtime with every shipped model and some of the zoo; writes docs/runtimes.md
# make fresh      install the wheel as a user does, and run the example project's tests with it
# make platforms  look up for which platforms and Pythons packages exist; writes docs/platforms.md
# make wild       try a model of every kind that people have; writes docs/models-in-the-wild.md
# make sweep-cluster  sweep on Ray clusters of this computer, one of which loses a node; writes a part of docs/sweep.md
# make faults     inject faults while flashing; writes docs/reliability.md
# make attack     attack all that comes from a file, a cable or a user; writes a part of docs/reliability.md
# make fuzz       run 20,000 damaged models in the engine
# Everything is installed into .venv; nothing needs root or a compiler.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

DATA ?= ../shared/data
# The network that published figures of other engines are about (MLPerf Tiny).
VWW ?= ../shared/data/weights/vww_96_int8.tflite

# Seconds that make attack may take, and what its inputs are drawn from.
BUDGET ?= 900
SEED ?= 1

.PHONY: small-form sweep-cluster setup demo test test-fast lint types docs screenshots check models zoo models-table package bench chips photos pictures runtimes wild k210 fresh platforms faults attack fuzz clean compiler web studio studio-demo

# Shows a line for each package that pip fetches, a sign of life every ten seconds, and all of pip's output if it fails.
install = { while sleep 10; do echo "… still installing, $$SECONDS s"; done & } ; trap "kill $$! 2>/dev/null" EXIT; \
	$(BIN)/python -m pip install --disable-pip-version-check --progress-bar off --editable '.[$(EXTRAS)]' 2>&1 \
	| tee $(VENV)/pip.log \
	| awk '/^ *(Downloading|Using cached|Processing) |^Installing collected/ {sub(/packages:.*/, "packages …"); print; fflush()}' \
	|| { cat $(VENV)/pip.log; exit 1; }

setup: $(VENV)/.base

# One stamp per set of extras, so that `make demo` and `make docs` do not wait for TensorFlow.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Galago needs Python 3.11 or newer: make PYTHON=python3.12 …")'
	@echo "creating $(VENV) …"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.base: EXTRAS := demo
$(VENV)/.base: pyproject.toml | $(BIN)/python
	@echo "installing Galago into $(VENV) …"
	@$(install)
	@touch $@

$(VENV)/.docs: EXTRAS := docs
$(VENV)/.docs: pyproject.toml | $(BIN)/python
	@echo "installing MkDocs into $(VENV) …"
	@$(install)
	@touch $@

$(VENV)/.studio: EXTRAS := demo,train,studio
$(VENV)/.studio: pyproject.toml | $(BIN)/python
	@echo "installing Galago, TensorFlow and the studio into $(VENV): this takes some minutes …"
	@$(install)
	@touch $@ $(VENV)/.base

# axe-core, which examines the pages of the studio; its test is skipped where npm is absent.
AXE := tests/browser/node_modules/.package-lock.json
$(AXE): tests/browser/package-lock.json
	@if command -v npm > /dev/null; then npm ci --prefix tests/browser --no-audit --no-fund --silent || \
		echo "npm could not bring axe-core: one test will be skipped"; fi

$(VENV)/.test: EXTRAS := demo,train,import,test,check,docs,k230,chips,sign,studio,sweep
$(VENV)/.test: pyproject.toml | $(BIN)/python $(AXE)
	@echo "installing Galago, TensorFlow and the test tools into $(VENV): this takes some minutes …"
	@$(install)
	@touch $@ $(VENV)/.base $(VENV)/.docs $(VENV)/.studio

demo: $(VENV)/.base
	@$(BIN)/galago classify $$($(BIN)/python -m galago.dataset.standard_photos)

PROJECT ?= studio

studio: $(VENV)/.studio
	$(BIN)/galago studio $(PROJECT)

studio-demo: $(VENV)/.test
	$(BIN)/python -m docgen.studio_film docs/screenshots

test: $(VENV)/.test
	$(BIN)/python -m pytest -n auto --dist worksteal

test-fast: $(VENV)/.test
	$(BIN)/python -m pytest -n auto --dist worksteal --fast

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.test
	$(BIN)/pyright

docs: $(VENV)/.docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

# Takes the terminal screenshots of the documentation anew; on an idle computer, because they show times.
screenshots: $(VENV)/.base
	$(BIN)/python -m docgen.screenshots docs

check: lint types test docs demo

# Retrains every shipped model from its recipe; DATA is the folder with the recipes' photos. A model that cannot
# be trained (no weights and no network) does not stop the others.
models: $(VENV)/.test
	@failed=0; for recipe in models/*/recipe.toml; do \
		$(BIN)/galago train $$recipe --data $(DATA) -o $$(dirname $$recipe) || failed=1; done; \
	$(BIN)/python -m docgen.model_table docs/models.md && exit $$failed

# Measures the zoo's models whose weights are in KERAS_HOME: about an hour for the five in the test data.
zoo: $(VENV)/.test
	$(BIN)/python -m docgen.zoo_accuracy models/zoo.json --data $(DATA)
	$(MAKE) models-table

models-table: $(VENV)/.test
	$(BIN)/python -m docgen.model_table docs/models.md
	$(BIN)/python -m docgen.board_models docs/models-on-boards.md

# Lists the files of the device package, for `mpremote mip install`; needed after a file is added or removed.
package: $(VENV)/.base
	$(BIN)/python -m docgen.package_list firmware/package.json

web: $(VENV)/.test
	$(BIN)/python -m docgen.web_pages docs/web.md
	$(BIN)/python tests/web docs/web.md --data $(DATA)

compiler: $(VENV)/.test
	$(BIN)/python -m docgen.compiled_kernels docs/compiler.md

bench: $(VENV)/.test
	$(BIN)/python -m docgen.benchmarks docs/benchmarks.md --vww $(VWW)

# Runs the chips whose images the environment names: GALAGO_RP2040_IMAGE=RPI_PICO.uf2 make chips. Without any it
# says which there are. An emulated RP2040 takes about an hour, the others minutes.
chips: $(VENV)/.test
	$(BIN)/python -m docgen.chips docs/chips.md --vww $(VWW)

small-form: $(VENV)/.test
	$(BIN)/python -m docgen.small_form docs/small-form.md

photos: $(VENV)/.test
	$(BIN)/python -m docgen.photos docs/benchmarks.md

pictures: $(VENV)/.test
	$(BIN)/python tests/pictures $(DATA) --photos 500 --damaged 10000

runtimes: $(VENV)/.test
	$(BIN)/python -m docgen.compatibility docs/runtimes.md --data $(DATA)

wild: $(VENV)/.test
	$(BIN)/python -m docgen.wild docs/models-in-the-wild.md --data $(DATA)
	$(BIN)/python tests/wild docs/models-in-the-wild.md --data $(DATA)

k210: $(VENV)/.test
	$(BIN)/python -m docgen.kmodels tables docs/k210.md --data $(DATA)

# Needs the network.
fresh: $(VENV)/.test
	$(BIN)/python -m docgen.fresh_install

# Needs the network; includes `make fresh`.
platforms: $(VENV)/.test
	$(BIN)/python -m docgen.platforms docs/platforms.md

sweep-cluster: $(VENV)/.test
	$(BIN)/python tests/sweep docs/sweep.md

faults: $(VENV)/.test
	$(BIN)/python tests/faults docs/reliability.md

attack: $(VENV)/.test
	$(BIN)/python tests/attack docs/reliability.md --seconds $(BUDGET) --seed $(SEED)

fuzz: $(VENV)/.test
	$(BIN)/python tests/fuzz 20000

clean:
	rm -rf $(VENV) build dist site .pytest_cache .ruff_cache
