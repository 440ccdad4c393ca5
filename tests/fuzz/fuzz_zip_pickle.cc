// Zip archives (torch and npz); CRC-32 counts as right.
#include "tests/fuzz/touch.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto source = mien::fuzz::Borrow(data, size);
  if (const auto file = mien::ReadTorchZip(source); file.ok()) mien::fuzz::Touch(*file);
  if (const auto file = mien::ReadNpz(source); file.ok()) mien::fuzz::Touch(*file);
  if (const auto file = mien::ReadNpy(source); file.ok()) mien::fuzz::Touch(*file);
  return 0;
}
