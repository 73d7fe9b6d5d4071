#!/usr/bin/env bash
# Runs the tests of the modules below ConvexCNN under a sanitizer of LLVM, in a build of its own, and ends with another code than 0
# where it has a finding: accesses out of bounds or after release (address), of two threads without order (thread).
#
#   usage: sanitize.sh address|thread FILTER
set -euo pipefail
sanitizer=$1 filter=$2
cd "$(dirname "$0")/.."
# The process ends at the first finding. Leaks are not looked for: Swift's runtime keeps metadata to the end.
export ASAN_OPTIONS=detect_leaks=0:halt_on_error=1 TSAN_OPTIONS=halt_on_error=1:suppressions=$PWD/Tests/thread.suppressions
export CCNN_SANITIZE=1
swift test -c release --sanitize="$sanitizer" --scratch-path ".build-$sanitizer" --filter "$filter"
