# Two commands do everything on a fresh machine: `make probe` and `make test`.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
BUILD_REQUIREMENTS := scikit-build-core>=0.11 pybind11>=3.0 cmake>=3.21 ninja llama-cpp-python==0.3.36
EXTRAS ?= plots
# Files of versions that pip must choose, such as constraints/development.txt.
CONSTRAINTS ?=
PIP_INSTALL = $(BIN)/python -m pip install $(addprefix --constraint ,$(CONSTRAINTS))
CORE_STAMP := $(VENV)/.core-built
CORE_SOURCES := $(wildcard csrc/* csrc/*/*) CMakeLists.txt pyproject.toml

CXX ?= g++
SANITIZE_TESTS ?= tests/test_session.py tests/test_token_sets.py tests/test_statistics_rows.py \
	tests/test_damaged_gguf.py tests/test_vocabulary_pieces.py tests/test_vocabulary_reachability.py tests/test_quantize_engine.py \
	tests/test_threads.py tests/test_tokenizer_limits.py tests/test_core_robustness.py
SANITIZE_THREADS_TESTS ?= tests/test_threads.py

.PHONY: help probe test test-devices test-lowest lint build docs constraints dist test-dist sanitize sanitize-threads models clean

help:
	@sed -n 's/^## //p' $(MAKEFILE_LIST)

## make probe             compile, and probe the embedded model
probe: build
	$(BIN)/pyengine probe

## make test              compile, and run all tests
# Many tests wait for processes that sleep or are killed, so three workers keep two cores busy.
# The order is that of tests/conftest.py: the longest files first, so that none is left for the end.
test: build $(VENV)/.test-installed
	$(BIN)/python -m pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder

## make test-devices      run the tests of devices on a software GPU, and over RPC
# Builds llama.cpp anew with its Vulkan and RPC backends: a quarter of an hour on one core. Needs
# Debian's glslc, spirv-headers, libvulkan-dev and mesa-vulkan-drivers, or a GPU's own driver.
# llama.cpp passes over a device in software unless it is named. The first run compiles shaders.
# Over RPC alone: a GPU would take a part of the layers.
DEVICES_TESTS := tests/test_devices.py tests/test_offloading.py
test-devices: export CPLUS_INCLUDE_PATH := $(CURDIR)/tests/headers
test-devices: export CMAKE_ARGS ?= -DGGML_VULKAN=ON -DGGML_RPC=ON
test-devices:
	$(MAKE) .venv-devices/.llama-built VENV=.venv-devices
	$(MAKE) .venv-devices/.test-installed .venv-devices/.core-built VENV=.venv-devices PIP_BUILD_OPTIONS="--config-settings=build-dir=build/devices"
	GGML_VK_VISIBLE_DEVICES=0 .venv-devices/bin/python -m pytest $(DEVICES_TESTS)
	GGML_VK_VISIBLE_DEVICES= .venv-devices/bin/python -m pytest $(DEVICES_TESTS) tests/test_settings.py

.venv-devices/.llama-built: .venv-devices/.created
	$(BIN)/python -m pip install --no-cache-dir --force-reinstall --no-deps --no-binary llama-cpp-python "$(filter llama-cpp-python%,$(BUILD_REQUIREMENTS))"
	touch $@

## make lint              run ruff, mypy and clang-format
lint: build $(VENV)/.test-installed $(VENV)/.lint-installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/clang-format --dry-run --Werror csrc/*/*.cpp csrc/*/*.hpp

## make build             compile into .venv, editable
build: $(CORE_STAMP)

## make docs              build the documentation site into build/site, strictly
docs: build $(VENV)/.test-installed
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

## make constraints       write the versions of .venv, as CI passed with them, into constraints/
constraints: build $(VENV)/.test-installed $(VENV)/.lint-installed
	sed -n '/^#/p' constraints/development.txt > $(VENV)/constraints
	$(BIN)/python -m pip freeze --exclude-editable >> $(VENV)/constraints
	mv $(VENV)/constraints constraints/development.txt

## make test-lowest       run a choice of tests with the lowest versions that pyproject.toml allows
# Golden reports are of the current rich, whose tables are a column narrower; what is deprecated by
# now may be used by old packages.
LOWEST_PYTHON ?= python3.10
LOWEST_TESTS ?= tests/test_import.py tests/test_syntax_classes.py tests/test_run_record.py tests/test_api.py \
	tests/test_statistics_rows.py tests/test_reports_command.py tests/test_discovery_hub.py
LOWEST := VENV=.venv-lowest CONSTRAINTS=constraints/lowest.txt PYTHON=$(LOWEST_PYTHON)
test-lowest:
	$(MAKE) build $(LOWEST) EXTRAS=plots,hub,parquet,pandas,dask PIP_BUILD_OPTIONS="--config-settings=build-dir=build/lowest"
	.venv-lowest/bin/python -m pip install --quiet --constraint constraints/lowest.txt --group test
	.venv-lowest/bin/python -m pytest -p no:anyio -W ignore::DeprecationWarning $(LOWEST_TESTS)

## make dist              make the source distribution in dist/
dist: $(VENV)/.created
	rm -rf dist
	$(BIN)/python -c "from scikit_build_core.build import build_sdist; build_sdist('dist')"

## make test-dist         make wheels from it for PYTHONS, and try them offline as a user
PYTHONS ?= $(PYTHON)
test-dist: dist
	$(BIN)/python tests/try_distribution.py $(PYTHONS)

$(VENV)/.created:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(PIP_INSTALL) $(foreach r,$(BUILD_REQUIREMENTS),"$(r)")
	touch $@

# Without build isolation the compiled objects in build/ are reused by the next build.
$(CORE_STAMP): $(VENV)/.created $(CORE_SOURCES)
	$(PIP_INSTALL) --no-build-isolation $(PIP_BUILD_OPTIONS) --editable ".[$(EXTRAS)]"
	touch $@

$(VENV)/.test-installed: $(VENV)/.created pyproject.toml
	$(PIP_INSTALL) --quiet --group test --group docs
	touch $@

$(VENV)/.lint-installed: $(VENV)/.created pyproject.toml
	$(PIP_INSTALL) --quiet --group lint
	touch $@

## make sanitize          run the engine's tests with AddressSanitizer and UndefinedBehaviorSanitizer
## make sanitize-threads  run threads over kernels and sessions with ThreadSanitizer
# The sanitizers' runtime must be in the process before Python's own allocator. What they find is
# written to the file descriptor, which pytest must not capture.
sanitize:
	$(MAKE) build VENV=.venv-sanitize PIP_BUILD_OPTIONS="--config-settings=build-dir=build/sanitize --config-settings=cmake.define.PYENGINE_SANITIZE=address,undefined --config-settings=cmake.build-type=RelWithDebInfo"
	.venv-sanitize/bin/python -m pip install --quiet --group test
	LD_PRELOAD="$$($(CXX) -print-file-name=libasan.so) $$($(CXX) -print-file-name=libubsan.so)" \
	ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1 UBSAN_OPTIONS=halt_on_error=1 \
	.venv-sanitize/bin/python -m pytest -p no:cacheprovider --capture=sys $(SANITIZE_TESTS)

# Addresses must not be random for ThreadSanitizer.
sanitize-threads:
	$(MAKE) build VENV=.venv-sanitize-threads PIP_BUILD_OPTIONS="--config-settings=build-dir=build/sanitize-threads --config-settings=cmake.define.PYENGINE_SANITIZE=thread --config-settings=cmake.build-type=RelWithDebInfo"
	.venv-sanitize-threads/bin/python -m pip install --quiet --group test
	LD_PRELOAD="$$($(CXX) -print-file-name=libtsan.so)" \
	TSAN_OPTIONS="halt_on_error=1 suppressions=tests/thread_sanitizer.txt" \
	setarch -R .venv-sanitize-threads/bin/python -m pytest -p no:cacheprovider --capture=sys $(SANITIZE_THREADS_TESTS)

## make models            train the embedded models again (hours)
# Trains the shipped models again: hours, and about 2 GB outside the repository.
models: build
	$(BIN)/python -m pip install --quiet -r training/requirements.txt
	$(BIN)/python -m training.corpus
	$(BIN)/python -m training.tokenizer
	$(BIN)/python -m training.data
	$(BIN)/python -m training.family

## make clean             remove what was built
clean:
	rm -rf build dist $(VENV) .venv-lowest .venv-sanitize .venv-sanitize-threads
