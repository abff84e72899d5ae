# Everything runs in a virtual environment of its own, .venv, made with $(PYTHON).
PYTHON ?= python3
PY := .venv/bin/python

# Threads of several processes that spin for the same cores slow each other down a hundredfold.
export OMP_NUM_THREADS = 1
export OMP_WAIT_POLICY = PASSIVE
export GOMP_SPINCOUNT = 0
export TOKENIZERS_PARALLELISM = false
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: help demo test test-fast check bench clean

help:
	@echo "make demo    train on the penguins of examples/ and draw what came out"
	@echo "make test    the tests; PYTEST_ARGS='-k number' for some of them"
	@echo "make test-fast  those that show within two minutes whether something is broken"
	@echo "make check   ruff and mypy"
	@echo "make bench   ours against a loop written by hand; BENCH_ARGS=--quick for a first look"
	@echo "make clean   remove .venv, caches and build folders"

demo: .venv/.viz.stamp
	$(PY) examples/penguins/run.py

test: export HF_HUB_OFFLINE = 1
test: .venv/.test.stamp
	$(PY) -m pytest $$($(PY) -c 'import xdist' 2>/dev/null && echo '-n 2') $(PYTEST_ARGS)

# Every room, and the core of training; not the contract tests, language models, several processes, kills and services.
FAST = $(addprefix tests/,columns combiners config data decoders encoders features golden inference losses metrics nn outputs schema \
	training/test_trainer.py training/test_learner.py test_architecture.py test_bad_input.py test_error.py test_glossary.py \
	test_lifecycle.py test_shown.py)

test-fast:
	$(MAKE) test PYTEST_ARGS='-m "not slow" $(FAST) $(PYTEST_ARGS)'

check: .venv/.dev.stamp
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

bench: .venv/.dev.stamp
	$(PY) benchmarks/tabular.py $(BENCH_ARGS)
	$(PY) benchmarks/checkpoints.py
	$(PY) benchmarks/dropout.py
	$(PY) benchmarks/wide.py

clean:
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# One stamp per extra: pip runs again only when what is asked of it has changed. Editable, so that no stamp hides a change of the code.
.venv/.%.stamp: pyproject.toml constraints.txt | $(PY)
	$(PY) -m pip install --quiet -c constraints.txt -e '.[$*]'
	touch $@

$(PY):
	$(PYTHON) -m venv .venv
