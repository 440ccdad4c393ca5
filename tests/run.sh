#!/usr/bin/env bash
# Everything that must pass: installs what is missing (Debian 12, Ubuntu 22.04 and 24.04 package names), builds, runs
# all tests, the ops again on an emulated aarch64, counts instructions, the static checks of the CUDA kernels where there is
# nvcc, a few minutes of mutants of the CUDA kernels, the small rooms and the host runner again under the sanitizers, and
# each fuzz target for a minute. The last line is "N passed, N failed"; exit status 0 means none failed.
#   MIEN_FUZZ_SECONDS     per fuzz target, default 60; 0 leaves fuzzing out
#   MIEN_MUTANT_SECONDS   default 180; 0 leaves the mutants out (all of them: tests/simt/mutants.py build/release)
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
. tests/support/packages.sh
fuzz_seconds=${MIEN_FUZZ_SECONDS:-60}
mutant_seconds=${MIEN_MUTANT_SECONDS:-180}
passed=0
failed=0
proof_seconds=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT

finish() {
  echo "$passed passed, $failed failed"
  [ "$failed" -eq 0 ] || exit 1
  exit 0
}
give_up() {
  echo "run.sh: $1" >&2
  failed=$((failed + 1))
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

# run_test FOLDER NAME: one ctest test. A doctest program counts by its cases, anything else as one; a program that
# dies before its summary counts as one failure.
run_test() {
  local before=$failed line start=$SECONDS
  echo "--- $1: $2"
  if ctest --test-dir "$1" -R "^$2\$" -V >"$log" 2>&1; then local ok=1; else local ok=0; fi
  line=$(grep -a -o '\[doctest\] test cases: .*' "$log" | tail -n 1)
  if [ -n "$line" ]; then
    passed=$((passed + $(sed -E 's/.*\| *([0-9]+) passed.*/\1/' <<<"$line")))
    failed=$((failed + $(sed -E 's/.*\| *([0-9]+) failed.*/\1/' <<<"$line")))
  elif [ $ok = 1 ]; then
    passed=$((passed + 1))
  fi
  [ $ok = 1 ] || [ "$failed" -gt "$before" ] || failed=$((failed + 1))
  if [ $ok = 1 ]; then grep -a -E '^[0-9]+: (parity|\[doctest\] test cases)' "$log"; else cat "$log"; fi
  case $2 in simt*) proof_seconds=$((proof_seconds + SECONDS - start)) ;; esac
}

tests_of() { ctest --test-dir "$1" -N | sed -n 's/^ *Test *#[0-9]*: //p'; }

install_packages g++ cmake ninja-build pkg-config libpng-dev zlib1g-dev libhwy-dev nlohmann-json3-dev \
  libcli11-dev doctest-dev python3 valgrind || give_up "packages are missing"
launcher=()
if command -v ccache >/dev/null; then launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache); fi

configure_and_build build/release all -- -DCMAKE_BUILD_TYPE=Release -DMIEN_BENCH=ON || give_up "the release build failed"
for name in $(tests_of build/release); do run_test build/release "$name"; done

# What depends on the processor on another one, instructions of the CPU kernels, the machine code of the CUDA kernels; status
# 77: what the check needs is not here, as it has said.
for check in aarch64.sh "instructions/instructions.py build/release" cuda/{checks_test,resources,sass}.py; do
  echo "--- $check"
  # shellcheck disable=SC2086 # a command and its argument
  tests/$check
  case $? in
    0) passed=$((passed + 1)) ;;
    77) ;;
    *) failed=$((failed + 1)) ;;
  esac
done

if [ "$mutant_seconds" -gt 0 ]; then
  echo "--- mutants of the CUDA kernels"
  start=$SECONDS
  if tests/simt/mutants.py build/release --seconds "$mutant_seconds" --jobs "$(nproc)"; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
  fi
  proof_seconds=$((proof_seconds + SECONDS - start))
fi

small=(base weights layering)
if configure_and_build build/asan "${small[@]/#/test_}" -- -DCMAKE_BUILD_TYPE=RelWithDebInfo \
     -DMIEN_SANITIZE=address,undefined; then
  for name in "${small[@]}"; do run_test build/asan "$name"; done
else
  failed=$((failed + 1))
fi
echo "the CUDA kernels on the host runner: $proof_seconds s (tests, hooks, mutants)"

if [ -x tests/fuzz/run.sh ] && [ "$fuzz_seconds" -gt 0 ]; then
  install_packages clang && install_clang_runtime || give_up "clang is missing"
  echo "--- fuzz"
  if tests/fuzz/run.sh "$fuzz_seconds"; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
fi
finish
