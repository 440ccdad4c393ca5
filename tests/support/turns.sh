# Sourced: work that is too heavy for every commit takes turns. Whatever has waited longest has its turn, by a list that
# this machine keeps of what passed; where there is no list yet, the number of commits decides.

turns_file() { echo "${MIEN_TURNS_FILE:-${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/mien/turns}"; }

# Commits up to this one; 0 where git cannot say (no clone, no git, somebody else's folder).
commit_number() { git rev-list --count HEAD 2>/dev/null || echo 0; }

# next_turn NAME...: prints one of them.
next_turn() {
  local names=("$@") first name best='' oldest=-1 last i
  first=$(($(commit_number) % ${#names[@]}))
  for ((i = 0; i < ${#names[@]}; ++i)); do
    name=${names[(first + i) % ${#names[@]}]}
    last=$(grep -n -x -F "$name" "$(turns_file)" 2>/dev/null | tail -n 1 | cut -d : -f 1)
    if [ -z "$best" ] || [ "${last:-0}" -lt "$oldest" ]; then best=$name oldest=${last:-0}; fi
  done
  echo "$best"
}

# took_turn NAME: to be said once it has passed. A machine that cannot keep the list is no failure.
took_turn() {
  local file
  file=$(turns_file)
  { mkdir -p "$(dirname "$file")" && echo "$1" >>"$file"; } 2>/dev/null || true
}
