# Each target does its own set-up in .venv; a machine needs only Python, pip and make.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test soak check docs image bench lock clean

demo: .venv/runtime ## the whole job against simulated tools, twice; the report lands in demo/
	$(BIN)/portico demo --dir demo

test: .venv/development ## every test that this machine can run
	$(BIN)/pytest -q $(PYTEST_OPTIONS)

soak: .venv/development ## the fault tests at length: thousands of histories, every hit of every crash point
	PORTICO_NIGHTLY=1 $(BIN)/pytest -q tests/reliability $(PYTEST_OPTIONS)

check: .venv/development ## style, types, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: .venv/development ## the reference pages, generated from the code
	$(BIN)/python -m tests.reference_pages

bench: .venv/development ## speed against the least work possible; BENCH_OPTIONS=--full with 100,000 issues
	$(BIN)/python -m tests.bench.measure $(BENCH_OPTIONS)

image: ## the container image
	docker build --tag portico .

lock: .venv/development ## new lock files from pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		pyproject.toml --output-file requirements.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		pyproject.toml --group dev --output-file requirements-dev.lock

clean:
	rm -rf .venv demo build dist

.venv/runtime: requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $@

.venv/development: requirements-dev.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $@ .venv/runtime
