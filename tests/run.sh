#!/usr/bin/env bash
# Everything that must pass: installs what is missing (package names of Debian 12 and 13 and Ubuntu 24.04), builds, and
# runs two lanes beside each other, since most of what they do uses one core. Some work is too heavy for every commit
# and takes turns (tests/support/turns.sh): most rooms under the sanitizers; the fuzz targets; the host runner under the
# sanitizers, and the ops on an emulated aarch64; the CUDA kernels' machine code where there is nvcc, and their mutants.
# The last lines say what was left to other commits and what was skipped; the very last is "N passed, N failed", and
# exit status 0 means none failed.
#   MIEN_TURN             sanitizers, fuzz, emulators, machine_code, all or none: this turn and no other
#   MIEN_FUZZ_SECONDS     per fuzz target, default 30; 0 leaves fuzzing out
#   MIEN_MUTANT_SECONDS   default 120; 0 leaves the mutants out (all: tests/cuda/kernels/mutants.py build/release)
#   MIEN_WERROR           ON: the compiler's warnings are errors
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
. tests/support/packages.sh
. tests/support/steps.sh
. tests/support/turns.sh
turns=(sanitizers fuzz emulators machine_code)

give_up() {
  echo "run.sh: $1" >&2
  count 0 1 0 "$1"
  finish_counting
  exit 1
}
start_counting || {
  echo "run.sh: no temporary folder in ${TMPDIR:-/tmp}" >&2
  echo "0 passed, 1 failed"
  exit 1
}
trap 'rm -rf "$steps_folder"' EXIT
fuzz_seconds=${MIEN_FUZZ_SECONDS:-30}
mutant_seconds=${MIEN_MUTANT_SECONDS:-120}
[[ $fuzz_seconds =~ ^[0-9]+$ ]] || give_up "MIEN_FUZZ_SECONDS is $fuzz_seconds, a number of seconds is expected"
[[ $mutant_seconds =~ ^[0-9]+$ ]] || give_up "MIEN_MUTANT_SECONDS is $mutant_seconds, a number of seconds is expected"
turn=${MIEN_TURN:-$(next_turn "${turns[@]}")}
[[ " ${turns[*]} all none " == *" $turn "* ]] || give_up "MIEN_TURN is $turn, one of ${turns[*]} all none is expected"

has_turn() { [ "$turn" = all ] || [ "$turn" = "$1" ]; }

# configure_and_build FOLDER TARGETS... -- CMAKE_ARGUMENTS...
configure_and_build() {
  local folder=$1 targets=()
  shift
  while [ "$1" != -- ]; do targets+=("$1"); shift; done
  shift
  cmake -S . -B "$folder" -G Ninja "${launcher[@]}" -DMIEN_WERROR="${MIEN_WERROR:-OFF}" "$@" &&
    cmake --build "$folder" "${targets[@]/#/--target=}"
}

install_everything() {
  install_packages g++ cmake ninja-build pkg-config libpng-dev libjpeg-dev zlib1g-dev libhwy-dev nlohmann-json3-dev \
    libcli11-dev doctest-dev python3 python3-numpy valgrind || return
  if has_turn fuzz && [ "$fuzz_seconds" -gt 0 ]; then install_packages clang && install_clang_runtime; fi
}

# The host runner's come first: what they leave, the other lane waits for.
test_lane() {
  local name
  ctest_step build/release simt
  ctest_step build/release simt_hooks
  touch "$steps_folder/launches"
  for name in $tests; do
    case $name in simt | simt_hooks) ;; *) ctest_step build/release "$name" ;; esac
  done
  touch "$steps_folder/tests_ended"
}
wait_for_launches() {
  until [ -e "$steps_folder/launches" ] || ! kill -0 "$test_lane" 2>/dev/null; do sleep 1; done
}

# Each turn: status 0 where all of it passed.
build_sanitized() {
  configure_and_build build/asan test_base test_kernels test_weights test_graph test_runtime -- \
    -DCMAKE_BUILD_TYPE=RelWithDebInfo "-DCMAKE_CXX_FLAGS_RELWITHDEBINFO=-O1 -g1 -DNDEBUG" \
    -DMIEN_SANITIZE=address,undefined
}
sanitizers() {
  local name failed=0
  step "build with sanitizers" build_sanitized || return
  for name in base weights graph; do ctest_step build/asan "$name" || failed=1; done
  for name in runtime kernels; do
    step "$name under sanitizers" "build/asan/tests/test_$name" -tce='*: full size' || failed=1
  done
  return $failed
}

fuzz() {
  if [ "$fuzz_seconds" -gt 0 ]; then
    step "fuzz targets" tests/fuzz/run.sh "$fuzz_seconds"
  else
    skip "fuzz targets" "MIEN_FUZZ_SECONDS=0"
  fi
}

emulators() {
  local failed=0
  step aarch64 tests/aarch64.sh || failed=1
  step "build of simt with sanitizers" cmake --build build/release --target test_simt_asan || return
  wait_for_launches
  step "simt under sanitizers" build/release/tests/cuda/kernels/test_simt_asan \
    -tc="$(tests/cuda/kernels/cover.py build/release/mutants/simt.tsv)" || failed=1
  return $failed
}

machine_code() {
  local other=(80 86 87 89 100 103 110 120 121) failed=0  # beside sm_90 another for every commit
  other=${other[$(commit_number) % ${#other[@]}]}
  step "checks of machine code find what they are for" tests/cuda/compiled/checks_test.py || failed=1
  wait_for_launches
  if [ "$mutant_seconds" -gt 0 ]; then
    step mutants tests/cuda/kernels/mutants.py build/release --seconds "$mutant_seconds" --jobs "$(nproc)" || failed=1
  else
    skip mutants "MIEN_MUTANT_SECONDS=0"
  fi
  step "resources, sm_90 and sm_$other" tests/cuda/compiled/resources.py --arch 90 --arch "$other" || failed=1
  step "main loops, sm_90 and sm_$other" tests/cuda/compiled/sass.py --arch 90 --arch "$other" || failed=1
  return $failed
}

proof_lane() {
  local name
  step instructions tests/instructions/instructions.py build/release
  for name in "${turns[@]}"; do
    if ! has_turn "$name"; then
      leave "$name"
    elif "$name"; then
      took_turn "$name"
    fi
  done
}

install_everything || give_up "packages are missing"
launcher=()
if command -v ccache >/dev/null; then launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache); fi
step "release build" configure_and_build build/release all -- -DCMAKE_BUILD_TYPE=Release -DMIEN_TESTS=ON \
  -DMIEN_BENCH=ON ||
  give_up "the release build failed"
tests=$(ctest --test-dir build/release -N | sed -n 's/^ *Test *#[0-9]*: //p') && [ -n "$tests" ] ||
  give_up "ctest lists no tests"

test_lane &
test_lane=$!
proof_lane
wait "$test_lane"
[ -e "$steps_folder/tests_ended" ] || count 0 1 0 "the lane of tests ended early"
finish_counting
