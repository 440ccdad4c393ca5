#!/usr/bin/env bash
# Runs every fuzz target for the given number of seconds (default 60), starting from seeds, the kept corpus and the
# inputs of past findings, and prints how many executions each made. Exit status 1: something was found.
#   MIEN_FUZZ_BUILD    build folder, default build/fuzz
#   MIEN_FUZZ_CORPUS   where the corpus is kept between runs, default <build folder>/corpus
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
seconds=${1:-60}
build=${MIEN_FUZZ_BUILD:-build/fuzz}
corpus=${MIEN_FUZZ_CORPUS:-$build/corpus}
targets=(fuzz_container fuzz_container_checked fuzz_zip_pickle fuzz_pickle fuzz_legacy fuzz_manifest fuzz_png
  fuzz_jpeg)
launcher=()
if command -v ccache >/dev/null; then launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache); fi
cmake -S . -B "$build" -G Ninja "${launcher[@]}" -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_CXX_COMPILER=clang++ \
  -DMIEN_FUZZ=ON -DMIEN_SANITIZE=address,undefined >/dev/null || exit 1
cmake --build "$build" --target fuzz_seeds "${targets[@]}" || exit 1
"$build/tests/fuzz/fuzz_seeds" "$build/seeds" || exit 1

# A finding stops its target; the input stays in the build folder as finding-*.
status=0
total=0
for target in "${targets[@]}"; do
  mkdir -p "$corpus/$target"
  log="$build/$target.log"
  folders=("$corpus/$target")
  for folder in "$build/seeds/$target" "tests/fuzz/regress/$target"; do
    [ -d "$folder" ] && folders+=("$folder")
  done
  if ! ASAN_OPTIONS=detect_leaks=1 "$build/tests/fuzz/$target" -max_total_time="$seconds" -timeout=10 \
    -rss_limit_mb=1024 -max_len=2048 -dict=tests/fuzz/dictionary.txt \
    -artifact_prefix="$build/finding-$target-" -print_final_stats=1 "${folders[@]}" >"$log" 2>&1; then
    status=1
    echo "$target: FOUND SOMETHING, see $log"
    tail -n 30 "$log"
  fi
  count=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log" | tail -n 1)
  rate=$(sed -n 's/^stat::average_exec_per_sec: *//p' "$log" | tail -n 1)
  total=$((total + ${count:-0}))
  echo "$target: ${count:-0} executions, ${rate:-0} per second"
done
echo "fuzz: $total executions"
exit $status
