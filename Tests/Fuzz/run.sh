#!/usr/bin/env bash
# Feeds every parser (or those named) with files that libFuzzer makes from Tests/Fuzz/corpus, FUZZ_SECONDS each, FUZZ_JOBS at once,
# and prints a line per parser: files fed, lines of code they reached (edges), findings. New files that reach new code go to
# BUILD/corpus, files that end a parser to BUILD/findings. Exit code 1 where there is a finding.
#
#   usage: run.sh BUILD PROGRAM [PARSER ...]
set -euo pipefail
build=$1 program=$2
shift 2
here=$(cd "$(dirname "$0")" && pwd)
seconds=${FUZZ_SECONDS:-60}
mkdir -p "$build/corpus" "$build/findings" "$build/logs"

feed() {
  local parser=$1 log="$build/logs/$1.log"
  mkdir -p "$build/corpus/$parser"
  # A file that takes 10 s or 1 GiB is a finding too.
  "$program" "$parser" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 \
    -malloc_limit_mb=768 -max_len=8192 -print_final_stats=1 -detect_leaks=0 \
    -artifact_prefix="$build/findings/$parser-" "$build/corpus/$parser" "$here/corpus/$parser" \
    > "$log" 2>&1 || true
  local files edges found
  files=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  edges=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -1)
  found=$(find "$build/findings" -name "$parser-*" | wc -l)
  # Without statistics the run ended early, whatever it left.
  if [ -z "$files" ] && [ "$found" -eq 0 ]; then found=1; fi
  printf '%-12s %10s files %6s edges %3d findings\n' "$parser" "${files:-none}" "${edges:-no}" "$found"
  [ "$found" -eq 0 ]
}
export -f feed
export build program here seconds

parsers=("$@")
if [ ${#parsers[@]} -eq 0 ]; then mapfile -t parsers < <("$program" list); fi
rm -f "$build"/findings/*
printf '%s\n' "${parsers[@]}" | xargs -P "${FUZZ_JOBS:-2}" -I{} bash -c 'set -euo pipefail; feed {}' || {
  echo "fuzz: findings are in $build/findings, logs in $build/logs" >&2
  exit 1
}
