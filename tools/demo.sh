#!/usr/bin/env bash
# From a fresh clone to edited pictures: installs what is missing (Debian 12 and 13, Ubuntu 24.04), builds the program
# and the library in build/release, and edits a portrait with the built-in model: one page with all pictures,
# out/demo/index.html.
#   tools/demo.sh [PORTRAIT]     a PNG or JPEG; by default one of those that the built-in model's people are made of
set -euo pipefail

usage() {
  sed -n '2,/^set/{s/^# \{0,1\}//p}' "$0"
  exit "$1"
}
refuse() {
  echo "demo.sh: $1" >&2
  exit 2
}

[ $# -le 1 ] || usage 2 >&2
case ${1:-} in
  -h | --help) usage 0 ;;
  -*) refuse "there is no option $1; --help tells the rest" ;;
esac
here=$(dirname "$0")/..
portrait=${1:-$here/tools/people/weights/portrait.png}
aligned=()
[ $# = 1 ] || aligned=(--aligned)  # what is bundled is the square around a face already
[ -f "$portrait" ] || refuse "$portrait: there is no such file"
[ -r "$portrait" ] || refuse "$portrait: this file cannot be read"
case $(head -c 8 "$portrait" | od -An -tx1 | tr -d ' \n') in
  89504e470d0a1a0a | ffd8ff*) ;;
  *) refuse "$portrait: a PNG or JPEG is expected" ;;
esac
portrait=$(realpath "$portrait")
cd "$here"
. tests/support/packages.sh

echo "Two quiet cores take about seven minutes for this; installing packages comes on top where they are missing."
install_packages g++ cmake ninja-build pkg-config libpng-dev libjpeg-dev zlib1g-dev libhwy-dev nlohmann-json3-dev \
  libcli11-dev
launcher=()
if command -v ccache >/dev/null; then launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache); fi
cmake -S . -B build/release -G Ninja "${launcher[@]}" -DCMAKE_BUILD_TYPE=Release -DMIEN_TESTS=OFF \
  -DMIEN_BENCH=OFF >/dev/null
cmake --build build/release --target mien mien_shared
mien=build/release/tools/mien

mkdir -p out/demo
"$mien" gallery "$portrait" "${aligned[@]}" --seeds 0-3 -o out/demo/index.html
echo
echo "out/demo/index.html shows $portrait as the built-in model draws it again, with every attribute"
echo "moved both ways, and four people who do not exist. Open it in a browser; mien gallery made it."
echo "These are drawings of the built-in 128-pixel model; README.md tells how to use photographs and the public models."
