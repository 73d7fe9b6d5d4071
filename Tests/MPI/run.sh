#!/usr/bin/env bash
# Trains with 1, 2 and 4 ranks and compares with one process: the same model file to the bit, the same claim. Then kills a
# rank, and resumes from its checkpoint with other numbers of ranks.
#
#     Tests/MPI/run.sh .build-mpi/release/ccnn
set -euo pipefail
tool=$(realpath "$1")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

ranks() {
  local count=$1
  shift
  mpirun --oversubscribe --allow-run-as-root -n "$count" "$tool" "$@"
}

fail() {
  echo "Tests/MPI: $*" >&2
  exit 1
}

# What a result says, without what a clock measured.
said() { grep -E '^ *"(claim|status|objective|lowerBound|neuronCount|cellCount|pricing)"' "$1"; }

compare() {
  local name=$1
  shift
  "$tool" "$@" --threads 1 --quiet --json one.json --output one.safetensors
  for count in 1 2 4; do
    ranks "$count" "$@" --threads 1 --quiet --json many.json --output many.safetensors
    cmp one.safetensors many.safetensors || fail "$name, $count ranks: another model"
    diff <(said one.json) <(said many.json) || fail "$name, $count ranks: another claim"
  done
  echo "$name: the same bits for 1, 2 and 4 ranks"
  said one.json | grep claim
}

gated=(train --dataset digits --filter 3x3 --pooling average:2x2 --activation gated
  --cells sample:32 --lambda-ratio 0.03 --gap 1e-3)
compare 'gated, squared' "${gated[@]}" --loss squared
compare 'gated, softmax, output bias' "${gated[@]}" --loss softmax --output-bias
relu=(train --dataset digits-parity --filter 2x2 --pooling sum --loss squared)
compare 'relu, all cells priced' "${relu[@]}" --lambda-ratio 0.5 --gap 5e-2

# Only one rank prints.
diff <("$tool" --version) <(ranks 4 --version) || fail '--version: 4 ranks print otherwise'
# A command that fails leaves no rank behind and keeps its code.
code=0
ranks 2 train --dataset nothing >refused.txt 2>&1 || code=$?
[ "$code" -eq 64 ] || fail "a refused option: code $code, expected 64"

# A rank dies: the job ends, says so, and its checkpoint is good for any number of ranks.
long=("${relu[@]}" --lambda-ratio 0.3 --gap 5e-2 --threads 1 --quiet)
"$tool" "${long[@]}" --output whole.safetensors --json whole.json
mpirun --oversubscribe --allow-run-as-root -n 3 "$tool" "${long[@]}" --checkpoint state \
  --checkpoint-seconds 0 --output never.safetensors >killed.txt 2>&1 &
job=$!
for _ in $(seq 600); do
  [ -s state/checkpoint.safetensors ] && break
  sleep 0.05
done
# Of the three children the one that was started last is no leader.
victim=$(pgrep -P "$job" | tail -1)
kill -9 "$victim"
code=0
wait "$job" || code=$?
[ "$code" -ne 0 ] || fail 'the job outlived one of its ranks'
grep -qi 'killed' killed.txt || fail "no word about the dead rank: $(cat killed.txt)"
[ ! -e never.safetensors ] || fail 'a killed job wrote a model'
[ -s state/checkpoint.safetensors ] || fail 'a killed job left no checkpoint'
for count in 2 4; do
  cp -r state resumed
  ranks "$count" "${long[@]}" --checkpoint resumed --output resumed.safetensors --json resumed.json
  cmp whole.safetensors resumed.safetensors || fail "resumed by $count ranks: another model"
  diff <(said whole.json) <(said resumed.json) || fail "resumed by $count ranks: another claim"
  rm -r resumed
done
echo 'killed and resumed: the same bits'
