#!/usr/bin/env bash
# Tests of tests/run.sh and what it is made of: what must not count as a pass does not. The scripts run in a copy of
# their folder where cmake, ctest, git, the packages and every step are stand-ins of a few lines; each case breaks one
# of them.
#   run_test.sh EARLY_EXIT     the test program that calls exit(0) within a test case
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
source=$PWD early_exit=$1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failures=0

# program PATH: an executable script from stdin.
program() {
  mkdir -p "$(dirname "$1")"
  { echo '#!/usr/bin/env bash'; cat; } >"$1"
  chmod +x "$1"
}

# A tree in which everything passes: 4 tests of ctest with 5 cases each, and one script for every other step.
fresh_tree() {
  rm -rf "$work/tree" "$work/bin" "$work/turns"
  mkdir -p "$work/tree/tests/support" "$work/tree/build/asan/tests" "$work/tree/build/release/tests/cuda/kernels"
  cp "$source/tests/run.sh" "$work/tree/tests/"
  cp "$source"/tests/support/{packages,steps,turns}.sh "$work/tree/tests/support/"
  local script
  for script in fuzz/run.sh aarch64.sh instructions/instructions.py cuda/kernels/mutants.py cuda/kernels/cover.py \
    cuda/compiled/checks_test.py cuda/compiled/resources.py cuda/compiled/sass.py; do
    program "$work/tree/tests/$script" <<<"echo fine"
  done
  for script in asan/tests/test_runtime asan/tests/test_kernels release/tests/cuda/kernels/test_simt_asan; do
    program "$work/tree/build/$script" <<<"echo '[doctest] doctest version is stub'
echo '[doctest] test cases: 5 | 5 passed | 0 failed | 0 skipped'"
  done
  program "$work/bin/dpkg-query" <<<"echo install ok installed"
  program "$work/bin/cmake" <<<"exit 0"
  program "$work/bin/clang++" <<<"exit 0"
  program "$work/bin/git" <<<'echo "${STUB_COMMITS:-0}"'
  program "$work/bin/ctest" <<'STUB'
names="simt simt_hooks base kernels"
case " $* " in
  *" -N "*) for name in $names; do echo "  Test #1: $name"; done ;;
  *) name=$(sed -n 's/.*-R ^\([a-z_]*\)\$.*/\1/p' <<<"$*")
    if [[ " ${STUB_UNKNOWN:-} " == *" $name "* ]]; then
      echo "No tests were found!!!"
      case " $* " in *" --no-tests=error "*) exit 8 ;; *) exit 0 ;; esac
    fi
    echo "1: [doctest] doctest version is stub"
    echo "1: [doctest] test cases: ${STUB_CASES:-5 | 5 passed | 0 failed | 0 skipped}" ;;
esac
STUB
}

# run NAME EXPECTED_LAST_LINE EXPECTED_STATUS [VARIABLE=VALUE...]; what was said stays in $work/said.
run() {
  local name=$1 last=$2 expected=$3 status
  shift 3
  env -u MIEN_TURN -u MIEN_FUZZ_SECONDS -u MIEN_MUTANT_SECONDS PATH="$work/bin:$PATH" \
    MIEN_TURNS_FILE="$work/turns" "$@" "$work/tree/tests/run.sh" >"$work/said" 2>&1
  status=$?
  if [ "$(tail -n 1 "$work/said")" != "$last" ] || [ $status != "$expected" ]; then
    failures=$((failures + 1))
    echo "FAIL $name: status $status and last line '$(tail -n 1 "$work/said")'; $expected and '$last' expected"
    tail -n 30 "$work/said" | sed 's/^/     > /; s/\[doctest\]/(doctest)/'
  else
    echo "ok   $name"
  fi
}
# says NAME TEXT: the last run said it.
says() {
  grep -q -F -- "$2" "$work/said" && { echo "ok   $1"; return; }
  failures=$((failures + 1))
  echo "FAIL $1: '$2' is not in what was said"
}

# 20 cases of ctest, the release build and the instructions; each turn brings what it has.
fresh_tree
run "everything passes, no turn" "22 passed, 0 failed" 0 MIEN_TURN=none
says "what is left is told" "4 left to other commits: sanitizers, fuzz, emulators, machine_code"
says "no skips are told too" "0 skipped: "
grep -q -F -- "--- failed" "$work/said" && { failures=$((failures + 1)); echo "FAIL a pass is called a failure"; }
run "everything passes, all turns" "60 passed, 0 failed" 0 MIEN_TURN=all
run "the first turn" "48 passed, 0 failed" 0
says "the sanitizers' turn" "3 left to other commits: fuzz, emulators, machine_code"
run "the next turn" "23 passed, 0 failed" 0
says "the fuzz targets' turn" "3 left to other commits: sanitizers, emulators, machine_code"
run "the third turn" "29 passed, 0 failed" 0
says "the emulators' turn" "3 left to other commits: sanitizers, fuzz, machine_code"
run "the last turn" "26 passed, 0 failed" 0
says "the machine code's turn" "3 left to other commits: sanitizers, fuzz, emulators"
run "round again" "48 passed, 0 failed" 0
says "the sanitizers' turn again" "3 left to other commits: fuzz, emulators, machine_code"

fresh_tree
program "$work/tree/tests/aarch64.sh" <<<"exit 1"
run "a turn that fails" "28 passed, 1 failed" 1 STUB_COMMITS=2
says "what failed stands again at the end" "--- failed: aarch64"
run "a turn that failed is not taken" "28 passed, 1 failed" 1 STUB_COMMITS=2

fresh_tree
program "$work/bin/git" <<<"echo 'fatal: detected dubious ownership' >&2; exit 128"
run "git cannot say anything" "48 passed, 0 failed" 0
fresh_tree
run "ctest knows no test of that name" "17 passed, 1 failed" 1 MIEN_TURN=none STUB_UNKNOWN=base
run "no test case ran" "2 passed, 4 failed" 1 MIEN_TURN=none STUB_CASES="0 | 0 passed | 0 failed | 9 skipped"
run "a test case fails" "18 passed, 4 failed" 1 MIEN_TURN=none STUB_CASES="5 | 4 passed | 1 failed | 0 skipped"
program "$work/bin/ctest" <<'STUB'
case " $* " in
  *" -N "*) echo "  Test #1: base"; exit 1 ;;
  *) echo "1: [doctest] test cases: 5 | 5 passed | 0 failed | 0 skipped" ;;
esac
STUB
run "ctest cannot list its tests" "1 passed, 1 failed" 1 MIEN_TURN=none
program "$work/bin/ctest" <<<"exit 0"
run "ctest lists nothing" "1 passed, 1 failed" 1 MIEN_TURN=none

fresh_tree
program "$work/tree/build/asan/tests/test_kernels" <<<"echo '[doctest] doctest version is stub'; exit 0"
run "a program of doctest without its summary" "43 passed, 1 failed" 1 MIEN_TURN=sanitizers
program "$work/tree/build/asan/tests/test_kernels" <<<"echo '[doctest] test cases: 5 | 5 passed | 0 failed | 0 skipped'
kill -9 \$\$"
run "a program that dies after its summary" "48 passed, 1 failed" 1 MIEN_TURN=sanitizers
fresh_tree
chmod -x "$work/tree/tests/fuzz/run.sh"
run "a step that cannot be started" "22 passed, 1 failed" 1 MIEN_TURN=fuzz
rm "$work/tree/tests/fuzz/run.sh"
run "a step that is not there" "22 passed, 1 failed" 1 MIEN_TURN=fuzz
fresh_tree
program "$work/bin/cmake" <<<"exit 1"
run "a build that fails" "0 passed, 2 failed" 1 MIEN_TURN=none
fresh_tree
run "no temporary folder" "0 passed, 1 failed" 1 TMPDIR="$work/absent"
[ ! -e /counts ] || { failures=$((failures + 1)); echo "FAIL /counts is there"; }

fresh_tree
for value in 1m -1 x 1.5; do
  run "MIEN_FUZZ_SECONDS=$value" "0 passed, 1 failed" 1 MIEN_FUZZ_SECONDS="$value"
  run "MIEN_MUTANT_SECONDS=$value" "0 passed, 1 failed" 1 MIEN_MUTANT_SECONDS="$value"
done
run "an unknown turn" "0 passed, 1 failed" 1 MIEN_TURN=sanitisers
run "no fuzzing" "59 passed, 0 failed" 0 MIEN_TURN=all MIEN_FUZZ_SECONDS=0
says "the skip is told" "1 skipped: fuzz targets (MIEN_FUZZ_SECONDS=0)"
run "no mutants" "59 passed, 0 failed" 0 MIEN_TURN=all MIEN_MUTANT_SECONDS=0
says "the skip is told" "1 skipped: mutants (MIEN_MUTANT_SECONDS=0)"
program "$work/tree/tests/cuda/compiled/sass.py" <<<"echo 'there is no nvcc'; exit 77"
run "what a step needs is not there" "59 passed, 0 failed" 0 MIEN_TURN=all
says "the skip is told with its reason" "(there is no nvcc)"

fresh_tree
program "$work/bin/dpkg-query" <<<"exit 1"
program "$work/bin/id" <<<"echo 1000"
program "$work/bin/apt-get" <<<"exit 0"
ln -sf "$(command -v env)" "$(command -v bash)" "$work/bin/"
for tool in dirname mktemp rm sed awk grep tail head sort paste wc cat date git; do
  [ -e "$work/bin/$tool" ] || ln -s "$(command -v $tool)" "$work/bin/$tool"
done
run "packages are missing and there is no sudo" "0 passed, 1 failed" 1 MIEN_TURN=none PATH="$work/bin"
says "how to get them is told" "as root: apt-get install"

"$early_exit" >"$work/said" 2>&1 && {
  failures=$((failures + 1))
  echo "FAIL exit(0) within a test case counts as a pass"
}
says "exit(0) within a test case is told" "the program ended before its tests did"

[ $failures = 0 ]
