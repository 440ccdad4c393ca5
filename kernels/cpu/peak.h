// The most that one thread of this processor can multiply, for shares of a peak: no kernel computes with it.
#pragma once

#include <cstdint>

namespace mien {

// Independent chains of multiply-adds in registers, of the widest vectors that the kernels here use. Returns how many
// multiply-adds were done.
int64_t ChainsOfMultiplyAdds(int64_t steps);

// The sum of `count` numbers, read as fast as vectors can.
float SumOf(const float* numbers, int64_t count);

}  // namespace mien
