# Two commands do everything on a fresh machine: `make probe` and `make test`.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
BUILD_REQUIREMENTS := scikit-build-core>=0.10 pybind11>=3.0 cmake>=3.21 ninja llama-cpp-python==0.3.36
CORE_STAMP := $(VENV)/.core-built
CORE_SOURCES := $(wildcard csrc/*) CMakeLists.txt pyproject.toml

.PHONY: probe test lint build sanitize clean

probe: build
	$(BIN)/pyengine probe

test: build $(VENV)/.test-installed
	$(BIN)/python -m pytest

lint: build $(VENV)/.test-installed $(VENV)/.lint-installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/clang-format --dry-run --Werror csrc/*.cpp csrc/*.hpp

build: $(CORE_STAMP)

$(VENV)/.created:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install $(foreach r,$(BUILD_REQUIREMENTS),"$(r)")
	touch $@

# Without build isolation the compiled objects in build/ are reused by the next build.
$(CORE_STAMP): $(VENV)/.created $(CORE_SOURCES)
	$(BIN)/python -m pip install --no-build-isolation $(PIP_BUILD_OPTIONS) --editable .
	touch $@

$(VENV)/.test-installed: $(VENV)/.created pyproject.toml
	$(BIN)/python -m pip install --quiet --group test
	touch $@

$(VENV)/.lint-installed: $(VENV)/.created pyproject.toml
	$(BIN)/python -m pip install --quiet --group lint
	touch $@

clean:
	rm -rf build $(VENV)
