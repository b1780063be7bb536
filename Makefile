PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# No usage report from tests and demo.
export RAY_USAGE_STATS_ENABLED = 0

.PHONY: demo example test test-cluster test-slow lint clean

# The packages, pinned by constraints.txt; made again when they change.
$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --editable '.[dev]' --constraint constraints.txt
	touch $@

demo: $(VENV)/installed  ## Run the demo study and print its table.
	$(BIN)/mine-study sweep demo --results results/demo
	$(BIN)/mine-study table results/demo --format terminal

example: $(VENV)/installed  ## The example report and its pictures, from the committed results.
	$(BIN)/mine-study report docs/example/results --out docs/example/report

test: $(VENV)/installed  ## All tests but the slow ones and those on clusters, in two processes.
	$(BIN)/pytest -m 'not slow and not cluster' -n 2

test-cluster: $(VENV)/installed  ## Faults, S3 and autoscaling on real Ray nodes on this machine: minutes.
	$(BIN)/pytest -m 'cluster and not slow' --timeout 900

test-slow: $(VENV)/installed  ## Tests that take minutes each; some need MINE_STUDY_DATA.
	$(BIN)/pytest -m slow --timeout 2400

lint: $(VENV)/installed  ## Style, format, types and import rules.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

clean:
	rm -rf $(VENV) *.egg-info .pytest_cache .ruff_cache .mypy_cache
