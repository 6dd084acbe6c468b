# Each verb is a line that you could type. An environment of your own, as on a GPU machine with its
# own torch, is used as it is:  make bench VENV=/path/to/venv  or  make bench PYTHON=python3
VENV ?= .venv
PYTHON ?= $(VENV)/bin/python
SUITE ?=
ARGS ?=
RUN ?= $(shell ls -td results/*/run.json 2>/dev/null | head -n 1 | xargs -r dirname)
BASE ?= results/reference/cpu
HEAD ?= $(RUN)
N ?= 8000
ONLY ?=
MINUTES ?= 30

# Only the default environment is made and filled here: with what a run needs, or the tests as well.
ifeq ($(origin VENV) $(origin PYTHON),file file)
READY := .venv/ready
INSTALLED := .venv/installed
# The first import of a file that pip left uncompiled keeps it compiled, whatever the shell says.
unexport PYTHONDONTWRITEBYTECODE
endif

.DEFAULT_GOAL := help
.PHONY: help setup bench microbench fuzz soak fidelity panel doctor test test-gpu check lint types format report compare notebook dist smoke clean

help:  ## say what each verb does
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(INSTALLED)  ## make .venv and install all that the tests need; `make bench` needs less

# A run imports a fifth of the files: compiling all of them would take as long as all else here.
PIP = .venv/bin/python -m pip install --quiet --no-compile --constraint constraints.txt

# By a path: from the folder above, a finder of setuptools' would lose to the clone's own name.
EDITABLE = --config-settings editable_mode=compat --editable

.venv/ready: pyproject.toml constraints.txt
	python3 -m venv .venv
	$(PIP) $(EDITABLE) .
	@touch $@

# timm and torchvision, which only tests need, would ask for a torch of their own: they take this one.
.venv/installed: .venv/ready
	$(PIP) $(EDITABLE) '.[dev]'
	-$(PIP) --no-deps timm torchvision
	@touch $@

bench: $(READY)  ## measure the default suite: SUITE=smoke ARGS="--device cuda"
	$(PYTHON) -m cspbench run $(SUITE) $(ARGS)

microbench: $(INSTALLED)  ## pytest-benchmark over bench/
	$(PYTHON) -m pytest bench --benchmark-only --benchmark-group-by=group $(ARGS)

fuzz: $(INSTALLED)  ## damaged and hostile input, longer than the tests do: N=8000, or ONLY=K for one
	FUZZ=$(N) FUZZ_ONLY=$(ONLY) $(PYTHON) -m pytest tests/fuzz $(ARGS)

soak: $(INSTALLED)  ## random kills, signals and full disks on run, ab and report: MINUTES=30
	$(PYTHON) bench/soak.py --minutes $(MINUTES) $(ARGS)

fidelity: $(INSTALLED)  ## how far verdicts at the defaults can be trusted, half an hour: FULL=1 for all
	$(PYTHON) bench/fidelity.py $(if $(FULL),--full) $(ARGS)

panel: $(INSTALLED)  ## counts, peak and latency of 75 models of timm and 8 of torchvision
	PYTHONPATH=tests/panel $(PYTHON) bench/panel.py $(ARGS)

doctor: $(READY)  ## is this machine fit to measure on
	$(PYTHON) -m cspbench doctor $(ARGS)

# Two workers, each with half of the cores; the tests of a file stay together and share what they set up.
test: $(INSTALLED)  ## the tests: ARGS="-k name"
	$(PYTHON) -m pytest --numprocesses 2 --dist loadfile $(ARGS)

test-gpu: $(INSTALLED)  ## the tests that need a GPU, on one: ARGS="-k name"
	$(PYTHON) -m pytest -m gpu $(ARGS)

check: lint types test  ## all that a change must pass

lint: $(INSTALLED)  ## ruff: rules and formatting; import-linter: which wing may import which
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -c "import importlinter.cli as cli; cli.lint_imports_command()" --no-logo

types: $(INSTALLED)  ## mypy, strict, over package, tests and bench
	$(PYTHON) -m mypy

format: $(INSTALLED)  ## put the formatting right
	$(PYTHON) -m ruff check --fix .
	$(PYTHON) -m ruff format .

.PHONY: docs
docs: $(INSTALLED)  ## the documentation site, into site/: open site/index.html
	$(PYTHON) -m mkdocs build --strict $(ARGS)

report: $(READY)  ## draw a run's report anew: RUN=results/… (the newest)
	$(PYTHON) -m cspbench report $(RUN) $(ARGS)

compare: $(READY)  ## the newest run beside the reference: BASE=results/reference/cpu HEAD=results/…
	$(PYTHON) -m cspbench compare $(BASE) $(HEAD) $(ARGS)

notebook: $(INSTALLED)  ## run the tutorial notebook, and store it without outputs
	$(PYTHON) bench/tutorial.py

dist: $(INSTALLED)  ## build the sdist, and the wheel from it, into dist/
	rm -rf dist
	$(PYTHON) -m build

smoke: dist  ## try the wheel in a new environment outside the clone: FULL=1 installs torch there, too
	$(PYTHON) bench/dist_check.py $(if $(FULL),--full) $(ARGS)

clean:  ## remove caches and .venv; runs are kept
	rm -rf .venv build dist site *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .benchmarks
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
