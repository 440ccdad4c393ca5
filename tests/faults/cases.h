// What the tests of failing calls share: how many fail, and a model that needs few.
#pragma once

#include <string>

namespace mien::testing {

// Of a large case every `usual`-th call fails; with MIEN_FAULT_STRIDE=N in the environment every N-th.
long Stride(long usual);

// The smallest model that can edit: no encoder, pictures of 8 pixels.
const std::string& SmallModelPath();

}  // namespace mien::testing
