# ConvexCNN. Every target first installs what the package needs, or says what to install.

PREFIX ?= /usr/local
DESTDIR ?=

# What `make train` trains; the README shows its output.
TRAIN_FLAGS ?= --dataset digits --filter 3x3 --pooling average:2x2 --bias --loss softmax \
  --lambda-ratio 0.003 --gap 1e-2 --max-seconds 45

# What `make bench` runs; --full has more and larger values.
BENCH_FLAGS ?= --quick
# What `make bench-peers` runs; `all` without --quick takes about an hour.
PEERS_FLAGS ?= all --quick
# Without --quick the comparison of convolutions takes about a quarter of an hour.
CONVOLUTION_FLAGS ?= --quick
INTEROP_PYTHON := Tests/Interop/.venv/bin/python
PEERS_PYTHON := Benchmarks/.venv/bin/python

APT_PACKAGES := pkg-config libfftw3-dev libopenblas-dev zlib1g-dev libpng-dev
BREW_PACKAGES := fftw openblas zlib libpng pkg-config
LIBRARIES := fftw3 openblas zlib libpng
DOCUMENTED := ConvexCNN Reports Tensors Formats Convolutions Arrangements ConvexPrograms Solvers Certificates

# Homebrew keeps openblas and zlib out of the default search path.
ifeq ($(shell uname -s),Darwin)
  BREW_PREFIX := $(shell brew --prefix 2>/dev/null || echo /opt/homebrew)
  empty :=
  space := $(empty) $(empty)
  KEGS := $(foreach keg,$(BREW_PACKAGES),$(BREW_PREFIX)/opt/$(keg)/lib/pkgconfig)
  export PKG_CONFIG_PATH := $(subst $(space),:,$(KEGS)):$(PKG_CONFIG_PATH)
endif

# CCNN_STRICT=1 makes warnings and undeclared imports errors, in a build folder of its own.
ifdef CCNN_STRICT
  STRICT := --scratch-path .build-check --explicit-target-dependency-import-check error
endif

.PHONY: help train build test check lint snippets bench bench-test bench-peers docs install setup mpi mpi-test browser report-test onnx-code interop python-test fuzz sanitize

help:
	@echo 'make train    build, train a network on the digits, leave model, JSON, trace and report in runs/'
	@echo 'make test     build and run all tests'
	@echo 'make check    lint, then all tests with warnings and undeclared imports as errors'
	@echo 'make bench    fitted laws of growth, threads, floors: runs/bench.html, .json, .csv (minutes)'
	@echo 'make bench-test  run the tests of the benchmarks'
	@echo 'make bench-peers  compare with CVXPY, PyTorch, pyscnn, adelie in a virtual environment'
	@echo 'make mpi      build the tool for several processes (.build-mpi/release/ccnn); needs Open MPI'
	@echo 'make mpi-test  train with 1, 2 and 4 processes, kill one, resume; compare with one process'
	@echo 'make report-test  read reports in a headless Chromium and compare them with their JSON'
	@echo 'make interop  compare exported files with onnxruntime and torch in a virtual environment'
	@echo 'make python-test  build the Python package in a virtual environment (python/.venv) and test it'
	@echo 'make snippets  write the Swift blocks of README and articles to files that the tests compile and run'
	@echo 'make fuzz     feed every parser with made-up files, FUZZ_SECONDS=60 each (libFuzzer)'
	@echo 'make sanitize  run tests of unsafe code and of threads under the address and the thread sanitizer'
	@echo 'make docs     write the API documentation to docs/ as a web site'
	@echo 'make install  install bin/ccnn, share/convexcnn and shell completions under PREFIX ($(PREFIX))'
	@echo 'make setup    only install what the package needs (Debian, Ubuntu), or say what to install'

train: build
	@mkdir -p runs
	.build/release/ccnn train $(TRAIN_FLAGS) \
	  --output runs/digits.safetensors --json runs/digits.json --trace runs/digits.csv \
	  --report runs/digits.html

build: setup
	swift build -c release --product ccnn

test: setup
	swift test -c release $(STRICT)

check: lint
	CCNN_STRICT=1 $(MAKE) test

lint: setup
	swift format lint --strict -r Sources Tests Benchmarks

# The result is committed; the tests say when it is out of date.
snippets: setup
	swift run -c release SnippetWriter

bench: setup
	@mkdir -p runs
	swift build --package-path Benchmarks -c release --product Scaling
	Benchmarks/.build/release/Scaling all $(BENCH_FLAGS) \
	  --html runs/bench.html --json runs/bench.json --csv runs/bench.csv

bench-test: setup
	swift test --package-path Benchmarks -c release

# A peer that cannot be installed is left out; its rows say so.
bench-peers: build
	@test -x $(PEERS_PYTHON) || python3 -m venv Benchmarks/.venv
	@grep -v '^#' Benchmarks/Peers/requirements.txt | while read -r package; do \
	  $(PEERS_PYTHON) -m pip install --quiet --constraint Benchmarks/Peers/requirements.txt \
	    "$$package" || echo "make: $$package could not be installed; its rows are empty." >&2; \
	done
	@$(PEERS_PYTHON) -m pip install --quiet --no-deps -r Benchmarks/Peers/requirements-loose.txt \
	  || echo 'make: adelie could not be installed; its row is empty.' >&2
	cd Benchmarks && swift build -c release --product Peers
	cd Benchmarks && .build/release/Peers $(PEERS_FLAGS)
	@$(PEERS_PYTHON) Benchmarks/Peers/convolution.py $(CONVOLUTION_FLAGS)

# The tool for several processes; APT_PACKAGES of `setup` then has Open MPI too.
mpi mpi-test: APT_PACKAGES += libopenmpi-dev openmpi-bin
mpi mpi-test: BREW_PACKAGES += open-mpi
mpi mpi-test: LIBRARIES += ompi-c

mpi: setup
	swift build -c release --traits MPI --scratch-path .build-mpi --product ccnn

mpi-test: mpi
	Tests/MPI/run.sh .build-mpi/release/ccnn

# A browser and Python for the test of reports, where there are none yet.
browser report-test: APT_PACKAGES += $(if $(shell command -v python3),,python3) \
  $(if $(shell command -v chromium || command -v google-chrome),,chromium)

browser: setup

# CCNN names a tool that is built already, for example .build-check/release/ccnn.
report-test: $(if $(CCNN),setup,build)
	python3 Tests/Browser/report.py $(or $(CCNN),.build/release/ccnn)

# The shared library is a build of its own, in .build-python.
python-test: APT_PACKAGES += $(if $(shell command -v python3),,python3 python3-venv) binutils
python-test: setup
	@test -x python/.venv/bin/python || python3 -m venv python/.venv
	python/.venv/bin/python -m pip install --quiet './python[test]'
	cd python/tests && ../.venv/bin/pytest -q -p no:cacheprovider

# Built for debugging, so that overflow and out-of-bounds trap; FUZZ_PARSERS="npy csv" for some only.
fuzz: setup
	CCNN_FUZZ=1 swift build --scratch-path .build-fuzz --product Fuzz
	FUZZ_SECONDS=$(or $(FUZZ_SECONDS),60) Tests/Fuzz/run.sh .build-fuzz .build-fuzz/debug/Fuzz $(FUZZ_PARSERS)

# Suites below ConvexCNN; SANITIZED="SolversTests|CertificatesTests" runs the rest, which takes longer.
SANITIZED ?= TensorsTests|FormatsTests|ConvolutionsTests|ArrangementsTests|ConvexProgramsTests

sanitize: setup
	Tests/sanitize.sh address '$(SANITIZED)'
	Tests/sanitize.sh thread '$(SANITIZED)'

# An unresolved link or any other warning of DocC is an error.
docs: setup
	CCNN_DOCS=1 swift package --scratch-path .build-docs --allow-writing-to-directory docs \
	  generate-documentation $(DOCUMENTED:%=--target %) --enable-experimental-combined-documentation \
	  --transform-for-static-hosting --warnings-as-errors --output-path docs
	@echo 'Look at it: cd docs && python3 -m http.server, then http://localhost:8000/documentation'

# The exported files against onnxruntime and torch; fails where a package cannot be installed.
interop: CCNN ?= .build/release/ccnn
interop:
	@test -x $(CCNN) || $(MAKE) build
	@test -x $(INTEROP_PYTHON) || python3 -m venv Tests/Interop/.venv
	@$(INTEROP_PYTHON) -m pip install --quiet -r Tests/Interop/requirements.txt \
	  || { echo 'make: pip could not install Tests/Interop/requirements.txt.' >&2; exit 1; }
	$(INTEROP_PYTHON) Tests/Interop/interop.py $(CCNN)

# Needs protoc (Debian: protobuf-compiler) and protoc-gen-swift: `swift build --product
# protoc-gen-swift` in swift-protobuf, of the version in Package.swift. The result is committed.
onnx-code:
	cd Sources/Formats && protoc --swift_opt=Visibility=Package \
	  --swift_opt=UseAccessLevelOnImports=true --swift_out=. onnx.proto

install: build
	install -d '$(DESTDIR)$(PREFIX)/bin' '$(DESTDIR)$(PREFIX)/share/convexcnn/data'
	install -m 755 .build/release/ccnn '$(DESTDIR)$(PREFIX)/bin/ccnn'
	install -m 644 data/* '$(DESTDIR)$(PREFIX)/share/convexcnn/data'
	install -d '$(DESTDIR)$(PREFIX)/share/bash-completion/completions' \
	  '$(DESTDIR)$(PREFIX)/share/zsh/site-functions' \
	  '$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d'
	.build/release/ccnn --generate-completion-script bash \
	  > '$(DESTDIR)$(PREFIX)/share/bash-completion/completions/ccnn'
	.build/release/ccnn --generate-completion-script zsh \
	  > '$(DESTDIR)$(PREFIX)/share/zsh/site-functions/_ccnn'
	.build/release/ccnn --generate-completion-script fish \
	  > '$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/ccnn.fish'

setup:
	@found=$$(swift --version 2>/dev/null | sed -n 's/.*Swift version \([0-9]*\.[0-9]*\).*/\1/p'); \
	if [ -z "$$found" ]; then \
	  echo 'make: swift: expected Swift 6.2 or newer on the PATH, found none.' >&2; \
	  echo 'Install it from https://www.swift.org/install and run make again.' >&2; exit 1; \
	fi; \
	if [ "$${found%%.*}" -lt 6 ] || { [ "$${found%%.*}" -eq 6 ] && [ "$${found#*.}" -lt 2 ]; }; then \
	  echo "make: swift: expected version 6.2 or newer, found $$found." >&2; \
	  echo 'Install a newer one from https://www.swift.org/install and run make again.' >&2; exit 1; \
	fi
	@if command -v apt-get >/dev/null && command -v dpkg-query >/dev/null; then \
	  missing=''; \
	  for package in $(APT_PACKAGES); do \
	    dpkg-query -W -f='$${Status}' $$package 2>/dev/null | grep -q 'ok installed' \
	      || missing="$$missing $$package"; \
	  done; \
	  [ -z "$$missing" ] && exit 0; \
	  command='apt-get -o DPkg::Lock::Timeout=300'; \
	  if [ "$$(id -u)" -ne 0 ]; then \
	    if ! command -v sudo >/dev/null; then \
	      echo "make: expected the packages$$missing, found none of these, and no sudo." >&2; \
	      echo "Run as root: apt-get install -y --no-install-recommends$$missing" >&2; exit 1; \
	    fi; \
	    command="sudo env DEBIAN_FRONTEND=noninteractive $$command"; \
	  fi; \
	  echo "Installing$$missing"; \
	  export DEBIAN_FRONTEND=noninteractive; \
	  ls /var/lib/apt/lists/*_Packages* >/dev/null 2>&1 || $$command update; \
	  $$command install -y --no-install-recommends $$missing </dev/null \
	    || { $$command update && $$command install -y --no-install-recommends $$missing </dev/null; }; \
	else \
	  missing=''; \
	  for library in $(LIBRARIES); do \
	    pkg-config --exists $$library 2>/dev/null || missing="$$missing $$library"; \
	  done; \
	  [ -z "$$missing" ] && exit 0; \
	  echo "make: pkg-config: expected the libraries $(LIBRARIES), missing:$$missing." >&2; \
	  if [ "$$(uname -s)" = Darwin ]; then \
	    echo 'Install them: brew install $(BREW_PACKAGES)' >&2; \
	  else \
	    echo 'Install pkg-config and the development files of FFTW 3 (with threads), OpenBLAS, zlib' >&2; \
	    echo 'and libpng, for example: dnf install pkgconf fftw-devel openblas-devel zlib-devel libpng-devel' >&2; \
	  fi; \
	  exit 1; \
	fi
