# Each command sets up what is missing first: the virtual environment, and for run, demo and test a Docker engine and an image.
#   make PYTHON=/path/to/python3 ...    choose the interpreter
#   make run ARGS="..."                 hand arguments to main.py (demo likewise)
#   make test ARGS="..."                hand arguments to pytest
#   make test WORKERS=8                 run tests in more processes, or in one: WORKERS=0
.DEFAULT_GOAL := help
SHELL := /bin/bash
PY := .venv/bin/python
SOURCES := main.py agents cli history sandbox teams utils tests
# The image that the settings name, or the one that the script had to build if no registry answers. The program gets it as a
# setting, so that what runs is what is shown.
NAMED_IMAGE = $(PY) -c 'import os, dotenv; print(os.environ.get("SANDBOX_IMAGE") or dotenv.dotenv_values(".env").get("SANDBOX_IMAGE") or "")'
WITH_IMAGE = image=$$(SANDBOX_IMAGE="$$($(NAMED_IMAGE))" bash tests/engine.sh) && export SANDBOX_IMAGE="$$image"

# Exact versions with hashes, for every Python and system at once. The hashes are those of PyPI, whichever index answers here.
LOCK = $(PY) -m uv pip compile --quiet --universal --python-version 3.10 --generate-hashes --no-annotate --custom-compile-command "make lock"
MATRIX := 3.10 3.13
# Hundreds of tests start the program, which would be compiled each time.
unexport PYTHONDONTWRITEBYTECODE
# Three processes keep two processors busy: one of them often waits for an engine. Files stay together as far as that goes.
WORKERS := 3
SIDE_BY_SIDE = -n $(WORKERS) --dist worksteal
NEEDS_NO_ENGINE = -m "not engine and not soak"

.PHONY: help run demo test check matrix lint lock docs golden bench outcome languages soak clean chosen-python

help: ## show this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | expand -t 10

run: .venv/run.stamp ## start a session (needs a model's key, see .env.example)
	@$(WITH_IMAGE) && exec $(PY) main.py $(ARGS)

demo: .venv/run.stamp ## start a session with a scripted model: no key needed
	@$(WITH_IMAGE) && exec $(PY) main.py --demo $(ARGS)

test: lint ## run every check and test, those on a real Docker engine too
	@$(WITH_IMAGE) && exec $(PY) -m pytest $(SIDE_BY_SIDE) $(ARGS)

check: lint ## run the checks and tests that need no Docker engine
	@$(PY) -m pytest -q $(NEEDS_NO_ENGINE) $(SIDE_BY_SIDE) $(ARGS)

matrix: ## run the tests that need no Docker engine on the oldest and the newest Python as well
	@for version in $(MATRIX); do \
	    PYTHON="python$$version $${PYENV_ROOT:-$$HOME/.pyenv}/versions/$$version.*/bin/python" \
	        bash tests/python.sh .venv-$$version requirements/dev.lock && \
	    .venv-$$version/bin/python -m pytest -q $(NEEDS_NO_ENGINE) $(SIDE_BY_SIDE) $(ARGS) || exit 1; \
	done

lock: .venv/dev.stamp ## choose the newest allowed versions again, and write the lock files
	@$(LOCK) --upgrade -o requirements/run.lock -c requirements/constraints.txt requirements.txt
	@$(LOCK) --upgrade -o requirements/dev.lock -c requirements/run.lock requirements/dev.txt

lint: .venv/dev.stamp ## check style, format and types
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy
	@$(PY) -m mypy --platform win32 --cache-dir .mypy_cache/win32 $(filter-out tests,$(SOURCES))

docs: .venv/dev.stamp ## update the tables of README.md from the code
	@$(PY) -m tests.docs

golden: .venv/dev.stamp ## accept the screens as they are now: tests/golden/
	@$(WITH_IMAGE) && GOLDEN=write $(PY) -m pytest -q tests/test_golden.py tests/test_screens.py -k "accepted or demo"

bench: .venv/dev.stamp ## measure against the plain AutoGen program, side by side
	@$(WITH_IMAGE) && $(PY) -m tests.bench $(ARGS) && $(PY) -m tests.bench_first_character && $(PY) -m tests.bench_history && $(PY) -m tests.bench_batch

outcome: .venv/dev.stamp ## count tasks that come out right with a model, beside plain AutoGen (MODEL_URL=..., MODEL=...)
	@test -n "$(MODEL_URL)" || { echo "usage: make outcome MODEL_URL=http://127.0.0.1:8080/v1 [MODEL=name] [ARGS=...]"; exit 2; }
	@$(WITH_IMAGE) && exec $(PY) -m tests.outcome.bench --url "$(MODEL_URL)" --model "$(or $(MODEL),local)" $(ARGS)

languages: .venv/dev.stamp ## run programs in every language, in an image with real toolchains (built once, up to ten minutes)
	@$(WITH_IMAGE) && POLYGLOT_IMAGE=$$(bash tests/polyglot.sh) && export POLYGLOT_IMAGE && exec $(PY) -m pytest -q -m languages $(ARGS)

soak: .venv/dev.stamp ## run the long tests, many sessions and attacks in a row, kill 300 more, and watch what is left behind
	@$(WITH_IMAGE) && $(PY) -m pytest -q -m soak && $(PY) -m tests.soak $(ARGS) && $(PY) -m tests.killing $(KILLS)

clean: ## remove the virtual environment and caches (not the workspace)
	rm -rf .venv .venv-* .mypy_cache .ruff_cache .pytest_cache
	find $(SOURCES) -name __pycache__ -prune -exec rm -rf {} +

# A stamp says that the environment holds what the files named then; PYTHON= looks again.
.venv/run.stamp: requirements/run.lock $(if $(PYTHON),chosen-python)
	@PYTHON="$(PYTHON)" bash tests/python.sh .venv requirements/run.lock
	@touch $@

.venv/dev.stamp: requirements/dev.lock $(if $(PYTHON),chosen-python)
	@PYTHON="$(PYTHON)" bash tests/python.sh .venv requirements/dev.lock
	@touch .venv/run.stamp $@
