#!/usr/bin/env bash
# Runs the tests named by a filter under a sanitizer of LLVM, in a build of its own, and ends with code 1 where it has a finding:
# reads and writes out of bounds or after release (address), accesses of two threads without order (thread).
#
#   usage: sanitize.sh address|thread FILTER
set -euo pipefail
sanitizer=$1 filter=$2
cd "$(dirname "$0")/.."
# The process ends at the first finding. Leaks are not looked for: Swift's runtime keeps metadata to the end.
export ASAN_OPTIONS=detect_leaks=0:halt_on_error=1 TSAN_OPTIONS=halt_on_error=1
export CCNN_SANITIZER=$sanitizer
swift build -c release --build-tests --sanitize="$sanitizer" --scratch-path ".build-$sanitizer"
swift test -c release --skip-build --sanitize="$sanitizer" --scratch-path ".build-$sanitizer" --filter "$filter"
