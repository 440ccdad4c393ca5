#!/usr/bin/env bash
# Everything that must pass: installs what is missing (Debian 12 and Ubuntu 24.04 package names), builds, and runs
# two lanes beside each other, for most of what they do uses one core: all tests, then each fuzz target for a minute; under
# the sanitizers most rooms and the host runner, the ops again on an emulated aarch64, counts of instructions, a few
# minutes of mutants of the CUDA kernels, their machine code where there is nvcc. The last line is "N passed, N failed"; exit
# status 0 means none failed.
#   MIEN_FUZZ_SECONDS     per fuzz target, default 60; 0 leaves fuzzing out
#   MIEN_MUTANT_SECONDS   default 180; 0 leaves the mutants out (all of them: tests/simt/mutants.py build/release)
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
. tests/support/packages.sh
fuzz_seconds=${MIEN_FUZZ_SECONDS:-60}
mutant_seconds=${MIEN_MUTANT_SECONDS:-180}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# count PASSED FAILED SECONDS NAME
count() { echo "$*" >>"$work/counts"; }
finish() {
  awk '{ passed += $1; failed += $2; if ($4 ~ /^(simt|mutants)/) proof += $3 }
       END { print "the CUDA kernels on the host runner: " proof + 0 " s"; print passed + 0 " passed, " failed + 0 " failed"
             exit failed > 0 }' "$work/counts"
  exit
}
give_up() {
  echo "run.sh: $1" >&2
  count 0 1 0 "$1"
  finish
}

# configure_and_build FOLDER TARGETS... -- CMAKE_ARGUMENTS...
configure_and_build() {
  local folder=$1 targets=()
  shift
  while [ "$1" != -- ]; do targets+=("$1"); shift; done
  shift
  cmake -S . -B "$folder" -G Ninja "${launcher[@]}" "$@" && cmake --build "$folder" "${targets[@]/#/--target=}"
}

# step NAME COMMAND...: a doctest program counts by its cases, anything else as one; a program that dies before its summary
# counts as one failure. Status 77: what it needs is not here, as it has said. Printed when it has ended, of a doctest
# program that passed its lines of results only.
step() {
  local name=$1 log start=$SECONDS status summary passed=0 failed=0
  log=$(mktemp -p "$work")
  shift
  "$@" >"$log" 2>&1
  status=$?
  summary=$(grep -a -o '\[doctest\] test cases: .*' "$log" | tail -n 1)
  if [ -n "$summary" ]; then
    passed=$(sed -E 's/.*\| *([0-9]+) passed.*/\1/' <<<"$summary")
    failed=$(sed -E 's/.*\| *([0-9]+) failed.*/\1/' <<<"$summary")
  elif [ $status = 0 ]; then
    passed=1
  fi
  case $status in 0 | 77) ;; *) [ "$failed" -gt 0 ] || failed=1 ;; esac
  count "$passed" "$failed" $((SECONDS - start)) "$name"
  if [ $status = 0 ] && [ -n "$summary" ]; then
    grep -a -E '^([0-9]+: )?(parity|\[doctest\] test cases)' "$log" >"$log.shown"
  else
    mv "$log" "$log.shown"
  fi
  echo "--- $name: $((SECONDS - start)) s"$'\n'"$(cat "$log.shown")"
  return $status
}

# ctest_step FOLDER NAME: one ctest test.
ctest_step() { step "$2" ctest --test-dir "$1" -R "^$2\$" -V; }

# The host runner's come first: what they leave, the other lane waits for.
test_lane() {
  ctest_step build/release simt
  ctest_step build/release simt_hooks
  touch "$work/launches"
  for name in $(ctest --test-dir build/release -N | sed -n 's/^ *Test *#[0-9]*: //p' | grep -v '^simt'); do
    ctest_step build/release "$name"
  done
  if [ -x tests/fuzz/run.sh ] && [ "$fuzz_seconds" -gt 0 ]; then step fuzz tests/fuzz/run.sh "$fuzz_seconds"; fi
  return 0
}

build_sanitized() {
  configure_and_build build/asan test_base test_kernels test_weights test_graph test_runtime test_layering -- \
    -DCMAKE_BUILD_TYPE=RelWithDebInfo -DMIEN_SANITIZE=address,undefined &&
    cmake --build build/release --target test_simt_asan
}

proof_lane() {
  local other=(80 86 87 89 100 103 110 120 121)  # beside sm_90 another for every commit
  other=${other[$(git rev-list --count HEAD) % ${#other[@]}]}
  if step "build with sanitizers" build_sanitized; then
    for name in base weights graph runtime layering; do ctest_step build/asan "$name"; done
    step "kernels under sanitizers" build/asan/tests/test_kernels -tce='*: full size'
  fi
  step aarch64 tests/aarch64.sh
  step instructions tests/instructions/instructions.py build/release
  until [ -e "$work/launches" ] || ! kill -0 "$tests" 2>/dev/null; do sleep 1; done
  step "simt under sanitizers" build/release/tests/simt/test_simt_asan \
    -tc="$(tests/simt/cover.py build/release/mutants/simt.tsv)"
  if [ "$mutant_seconds" -gt 0 ]; then
    step mutants tests/simt/mutants.py build/release --seconds "$mutant_seconds" --jobs "$(nproc)"
  fi
  step "static: checks_test" tests/cuda/checks_test.py
  for check in resources sass; do
    step "static: $check, sm_90 and sm_$other" tests/cuda/$check.py --arch 90 --arch "$other"
  done
}

install_packages g++ cmake ninja-build pkg-config libpng-dev zlib1g-dev libhwy-dev nlohmann-json3-dev \
  libcli11-dev doctest-dev python3 valgrind || give_up "packages are missing"
if [ "$fuzz_seconds" -gt 0 ]; then
  install_packages clang && install_clang_runtime || give_up "clang is missing"
fi
launcher=()
if command -v ccache >/dev/null; then launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache); fi
configure_and_build build/release all -- -DCMAKE_BUILD_TYPE=Release -DMIEN_BENCH=ON || give_up "the release build failed"

test_lane &
tests=$!
proof_lane
wait "$tests" || count 0 1 0 "the lane of tests ended early"
finish
