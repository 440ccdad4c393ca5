#!/usr/bin/env bash
# What depends on the processor, cross-compiled for aarch64 and run by qemu's user mode: every op's CPU kernel (NEON)
# against the double reference, without the sizes of full networks, the host runner's own tests (its fibers, every
# planted bug, the proof kernels), and the program: it describes itself and edits a photo whole. For Debian:
# its libraries for aarch64 are unpacked in build/aarch64, not installed.
# Exit status 77, after a line with the reason: this is another system.
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/support/packages.sh
if ! grep -q '^ID=debian' /etc/os-release; then
  echo "this is not Debian"
  exit 77
fi
folder=$PWD/build/aarch64
root=$folder/root

# Debian's package lists and packages for arm64, in a folder of their own: the system's apt stays as it is. The folder
# of the libraries appears when all of them are there, so that an interrupted download is begun anew.
unpack_libraries() {
  local package unfinished=$folder/unfinished development=(libhwy-dev libpng-dev libjpeg62-turbo-dev zlib1g-dev)
  local apt=(-o APT::Architecture=arm64 -o APT::Architectures::=arm64 -o Dir::State::Status=/dev/null
    -o "Dir::State::Lists=$folder/lists" -o "Dir::Cache=$folder/cache" -o APT::Sandbox::User= -o Acquire::Retries=3)
  rm -rf "$unfinished" "$root"
  mkdir -p "$folder/lists/partial" "$folder/cache/archives/partial" "$unfinished/packages" "$unfinished/root"
  apt-get "${apt[@]}" -q update
  # Each of them depends on the package of its library, whose name differs between releases.
  local libraries
  libraries=$(apt-cache "${apt[@]}" depends "${development[@]}" |
    sed -nE 's/^ *Depends: ((libhwy|libpng16|libjpeg62-turbo|zlib1g)[^ ]*)$/\1/p' | sort -u)
  # shellcheck disable=SC2086
  (cd "$unfinished/packages" && apt-get "${apt[@]}" -q download "${development[@]}" $libraries)
  for package in "$unfinished"/packages/*.deb; do dpkg-deb -x "$package" "$unfinished/root"; done
  mv "$unfinished/root" "$root"
  rm -rf "$unfinished"
}

install_packages cmake ninja-build pkg-config nlohmann-json3-dev libcli11-dev doctest-dev \
  g++-aarch64-linux-gnu qemu-user-static
# The one that was added last: a folder without it is from an older list.
[ -e "$root/usr/lib/aarch64-linux-gnu/pkgconfig/libjpeg.pc" ] || unpack_libraries
# pkg-config cannot speak of a root whose path has spaces: there a link without any stands for it.
case $root in
  *[[:space:]]*)
    link=${TMPDIR:-/tmp}/mien-aarch64-$(cksum <<<"$root" | cut -d ' ' -f 1)
    ln -sfn "$root" "$link"
    root=$link
    ;;
esac
launcher=()
if command -v ccache >/dev/null; then launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache); fi
cmake -S . -B "$folder" -G Ninja "${launcher[@]}" -DCMAKE_BUILD_TYPE=Release "-DMIEN_AARCH64_ROOT=$root" \
  "-DCMAKE_TOOLCHAIN_FILE=$PWD/tests/support/aarch64.cmake"
cmake --build "$folder" --target test_kernels test_simt_runner mien
emulate() {
  local libraries=$root/usr/lib/aarch64-linux-gnu:$root/lib/aarch64-linux-gnu
  qemu-aarch64-static -L /usr/aarch64-linux-gnu -E "LD_LIBRARY_PATH=$libraries" "$folder/$1" "${@:2}"
}
emulate tests/test_kernels --test-case-exclude='*: full size'
emulate tests/cuda/kernels/test_simt_runner
emulate tools/mien --version
edited=$folder/edited.png
rm -f "$edited"
emulate tools/mien edit tests/data/faces/portrait_a_neutral.png -o "$edited" --set smile=1
emulate tools/mien info "$edited"
