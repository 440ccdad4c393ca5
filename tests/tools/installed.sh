#!/bin/sh
# Installs the build into a folder and builds the example there, once through find_package and once through pkg-config;
# both must run. installed.sh BUILD EXAMPLE MODEL PHOTO FOLDER
set -eu
build=$1 example=$2 model=$3 photo=$4 folder=$5
mkdir -p "$folder/example"
cmake --install "$build" --prefix "$folder/installed"
cmake -S "$example" -B "$folder/example" -G Ninja -DCMAKE_PREFIX_PATH="$folder/installed"
cmake --build "$folder/example"
"$folder/example/edit_with_c_api" "$model" "$photo" "$folder/cmake.png" smile 1.5

libraries=$(dirname "$(find "$folder/installed" -name libmien.so)")
# The file finds the prefix from where it lies itself. pkg-config quotes for the shell, hence eval.
flags=$(PKG_CONFIG_PATH="$libraries/pkgconfig" pkg-config --cflags --libs mien)
eval "cc -std=c11 -Wall -Wextra -Werror \"\$example/edit_with_c_api.c\" $flags" \
  '-Wl,-rpath,"$libraries" -o "$folder/by_pkg_config"'
"$folder/by_pkg_config" "$model" "$photo" "$folder/pkg_config.png" smile 1.5
cmp "$folder/cmake.png" "$folder/pkg_config.png"

# The name that programs are linked with tells the ABI, so that those of another one do not start.
abi=$(sed -n 's/^#define MIEN_ABI_VERSION //p' "$folder/installed/include/mien.h")
objdump -p "$libraries/libmien.so" | grep -q "SONAME *libmien.so.$abi\$"

# What man and shells read.
share="$folder/installed/share"
grep -q '^\.SS "mien edit"' "$share/man/man1/mien.1"
bash -n "$share/bash-completion/completions/mien"
[ -s "$share/zsh/site-functions/_mien" ] && [ -s "$share/fish/vendor_completions.d/mien.fish" ]

# Nothing but the C API is visible.
hidden=$(nm -D --defined-only "$libraries/libmien.so" | awk '{print $3}' | grep -v '^mien_' || true)
[ -z "$hidden" ] || { echo "visible: $hidden"; exit 1; }
"$folder/installed/bin/mien" edit -m "$model" "$photo" -o "$folder/program.png" --set smile=1.5
cmp "$folder/cmake.png" "$folder/program.png"
"$folder/installed/bin/mien" synth -m "$model" --seeds 1 -o "$folder/seed.png"

cmake -D BUILD="$build" -P "$example/../uninstall.cmake"
[ -z "$(find "$folder/installed" -type f)" ] || { echo "left: $(find "$folder/installed" -type f)"; exit 1; }
