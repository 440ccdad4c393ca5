// Legacy torch streams, and whatever the first bytes make the reader choose.
#include "tests/fuzz/touch.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto source = mien::fuzz::Borrow(data, size);
  if (const auto file = mien::ReadTorchLegacy(source); file.ok()) mien::fuzz::Touch(*file);
  mien::Budget budget(size);
  (void)mien::ReadEmbeddedStorage(source, 0, size, budget);
  if (const auto file = mien::ReadForeign(source); file.ok()) mien::fuzz::Touch(*file);
  return 0;
}
