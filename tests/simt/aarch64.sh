#!/usr/bin/env bash
# The host runner on aarch64: its own tests (every planted bug, the proof kernels), cross-compiled and run by qemu's user
# mode. Debian: apt-get install g++-aarch64-linux-gnu qemu-user-static doctest-dev
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/include"
cp -r /usr/include/doctest "$folder/include"  # headers alone; the rest of that folder is the build machine's
flags=(-std=c++20 -O1 -Wall -Wextra -Werror -ffp-contract=off -I. -I"$folder/include" "-DMIEN_SOURCE_DIR=\"$PWD\"")
sources=(kernels/simt/*.cc runtime/base/{status,tensor}.cc tests/support/main.cc tests/simt/{runner,proof}_test.cc
  tests/simt/{planted,proof}.cu)
objects=()
for source in "${sources[@]}"; do
  objects+=("$folder/${source//\//_}.o")
  aarch64-linux-gnu-g++ "${flags[@]}" -x c++ -c "$source" -o "${objects[-1]}"
done
aarch64-linux-gnu-g++ -static "${objects[@]}" -o "$folder/test"
qemu-aarch64-static "$folder/test" "$@"
