// Manifests of TensorFlow.js with their binary files behind them.
#include "tests/fuzz/touch.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto source = mien::fuzz::Borrow(data, size);
  if (const auto file = mien::ReadManifest(source); file.ok()) mien::fuzz::Touch(*file);
  return 0;
}
