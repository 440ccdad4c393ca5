#!/usr/bin/env bash
# From a fresh clone to edited pictures: installs what is missing (Debian 12, Ubuntu 24.04), builds the program,
# and edits a bundled portrait with the built-in model, one contact sheet per attribute in out/demo.
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/support/packages.sh
portrait=${1:-tools/people/weights/portrait.png}

install_packages g++ cmake ninja-build pkg-config libpng-dev zlib1g-dev libhwy-dev nlohmann-json3-dev libcli11-dev
cmake -S . -B build/demo -G Ninja -DCMAKE_BUILD_TYPE=Release -DMIEN_TESTS=OFF >/dev/null
cmake --build build/demo --target mien
mien=build/demo/tools/mien

mkdir -p out/demo
for attribute in smile age gender glasses beard yaw; do
  "$mien" edit "$portrait" -o "out/demo/$attribute.png" --sweep "$attribute=-1.5:1.5:5"
done
"$mien" synth --seeds 0-7 -o out/demo/new_people.png
echo "$portrait edited; contact sheets:"
ls out/demo/*.png
