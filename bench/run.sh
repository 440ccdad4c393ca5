#!/usr/bin/env bash
# mien beside PyTorch, ONNX Runtime, OpenVINO and oneDNN's convolutions: installs them (Debian packages; Python packages
# into build/rivals), builds, makes full-size generated weights once (build/rivals/data, 6 GB), proves every contestant
# on the recorded outputs, measures. Options go to compare.py:
#   bench/run.sh [--graphs synthesis256,synthesis1024,encoder,flow,edit] [--threads 1,2] [--rounds N] [--layers]
#                [-o md|csv|json]
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/support/packages.sh
install_packages g++ cmake ninja-build pkg-config libpng-dev libjpeg-dev zlib1g-dev libhwy-dev nlohmann-json3-dev \
  libcli11-dev doctest-dev libdnnl-dev python3-torch python3-numpy python3-venv libopenblas0-pthread
launcher=()
if command -v ccache >/dev/null; then launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache); fi
{
  cmake -S . -B build/release -G Ninja -DCMAKE_BUILD_TYPE=Release -DMIEN_BENCH=ON "${launcher[@]}"
  cmake --build build/release --target mien hash_weights program_bench onednn_convs
  [ -x build/rivals/bin/python ] || /usr/bin/python3 -m venv build/rivals
  build/rivals/bin/python -c 'import onnxruntime, openvino' 2>/dev/null ||
    build/rivals/bin/python -m pip install onnxruntime openvino
} >&2
exec build/rivals/bin/python bench/compare.py build/release build/rivals/data build/rivals/bin/python "$@"
