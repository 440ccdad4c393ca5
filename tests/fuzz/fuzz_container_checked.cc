// The same with checksums on, as the program runs.
#include "tests/fuzz/container_body.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return mien::fuzz::FuzzContainer(data, size);
}
