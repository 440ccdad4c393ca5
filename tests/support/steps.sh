# Sourced by tests/run.sh: runs steps, says what it does while it does it, and counts. A step passes only where
# something was seen to pass: a program of doctest counts by its summary, which has to be there; status 0 alone counts
# for scripts.

# The folder of logs and counts; its removal is the caller's.
start_counting() {
  steps_folder=$(mktemp -d) && [ -d "$steps_folder" ] && : >"$steps_folder/counts"
}

# count PASSED FAILED CPU_SECONDS NAME
count() { printf '%s\t%s\t%s\t%s\n' "$@" >>"$steps_folder/counts"; }
# skip NAME REASON
skip() {
  printf '%s (%s)\n' "$1" "$2" >>"$steps_folder/skipped"
  echo "--- $1: skipped, $2"
}
# leave NAME: its turn comes with another commit.
leave() {
  echo "$1" >>"$steps_folder/left"
  echo "--- $1: left to another commit"
}

# One line a minute, until its input ends: what the log of a long step says last.
tell_progress() {
  local name=$1 log=$2 start=$SECONDS word
  until read -r -t 60 word || [ $? -le 128 ]; do
    echo "... $name, $((SECONDS - start)) s: $(tail -n 1 "$log" | tr -d '\r' | cut -c 1-100)"
  done
}

# judge LOG STATUS: prints "PASSED FAILED".
judge() {
  local log=$1 status=$2 summary passed=0 failed=0
  summary=$(grep -a -o '\[doctest\] test cases: .*' "$log" | tail -n 1)
  if [ -n "$summary" ]; then
    passed=$(sed -E 's/.*\| *([0-9]+) passed.*/\1/' <<<"$summary")
    failed=$(sed -E 's/.*\| *([0-9]+) failed.*/\1/' <<<"$summary")
  elif [ "$status" = 0 ] && ! grep -a -q '\[doctest\] doctest version' "$log"; then
    passed=1
  fi
  if [ "$failed" = 0 ] && { [ "$status" != 0 ] || [ "$passed" = 0 ]; }; then failed=1; fi
  echo "$passed $failed"
}

# step NAME COMMAND...: status 77 means that what it needs is not here, as its last line says.
step() {
  local name=$1 log seconds cpu status running passed failed start=$SECONDS
  log=$(mktemp -p "$steps_folder")
  shift
  echo "--- $name: begins"
  exec {running}> >(tell_progress "$name" "$log")
  local TIMEFORMAT='%U %S'
  { time "$@" >"$log" 2>&1 {running}>&-; } 2>"$log.time"
  status=$?
  exec {running}>&-
  seconds=$((SECONDS - start))
  cpu=$(awk 'END { print int($1 + $2 + 0.5) }' "$log.time")
  if [ $status = 77 ]; then
    skip "$name" "$(tail -n 1 "$log")"
    return 0
  fi
  read -r passed failed < <(judge "$log" $status)
  count "$passed" "$failed" "$cpu" "$name"
  echo "--- $name: $passed passed, $failed failed, $seconds s, $cpu s of processor time"
  if [ "$failed" = 0 ] && grep -a -q '\[doctest\] test cases' "$log"; then
    grep -a -E '^([0-9]+: )?(parity|faults|\[doctest\] test cases)' "$log"
  else
    cat "$log"
    [ $status = 0 ] || echo "$name: exit status $status" | tee -a "$log"
  fi
  [ "$failed" = 0 ] || printf '%s\t%s\n' "$name" "$log" >>"$steps_folder/failed"
  [ "$failed" = 0 ]
}

# ctest_step FOLDER NAME: one ctest test.
ctest_step() { step "$2" ctest --test-dir "$1" --no-tests=error -R "^$2\$" -V; }

# What failed, with its last words, where the time went, what was left and skipped; the last line is "N passed, N
# failed". Status 1: something failed.
finish_counting() {
  local list name log
  while IFS=$'\t' read -r name log; do
    echo "--- failed: $name"
    tail -n 40 "$log"
  done < <(cat "$steps_folder/failed" 2>/dev/null)
  awk -F '\t' '{ all += $3; print $3 "\t" $4 }
               END { printf "%d\tall steps\n", all }' "$steps_folder/counts" | sort -rn | head -n 8 |
    awk -F '\t' '{ printf "%5.1f minutes of processor time: %s\n", $1 / 60, $2 }'
  for list in left skipped; do
    [ -s "$steps_folder/$list" ] || : >"$steps_folder/$list"
  done
  echo "$(wc -l <"$steps_folder/left") left to other commits: $(paste -s -d , "$steps_folder/left" | sed 's/,/, /g')"
  echo "$(wc -l <"$steps_folder/skipped") skipped: $(paste -s -d ';' "$steps_folder/skipped" | sed 's/;/; /g')"
  awk -F '\t' '
    { passed += $1; failed += $2 }
    END { print passed + 0 " passed, " failed + 0 " failed"; exit failed > 0 }' "$steps_folder/counts"
}
