// Every wrapper of ptx.cuh in a kernel of its own (instruction_probes.cu), and what it has to answer: so a device is
// compared with what the host runner takes its instructions for. A kernel runs kWrapperBlocks warps.
//   AsyncCopy      lane l copies pieces l of words 0 to 3 and of words 4 to 7 in two groups, when bit 0 and bit 1
//                  of its word 8 say so, waits for the first group and for the second, and answers pieces 31 - l of
//                  both
//   LoadMatrices   words 0 to 3 of lane l are the row whose address lane 31 - l gives
//   Multiply       words 0 to 3 are a, 4 and 5 are b, 6 to 9 are d
//   ToTf32         of words 0 to 3
//   Warp...        of word 0 over all lanes, and of word 1 over the first kSomeLanes; the others answer word 1
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/device/device_api.h"

namespace mien {

enum class Wrapper : uint8_t {
#define MIEN_WRAPPER(name, text, words) k##name,
#include "kernels/executor/instruction_probes.def"
#undef MIEN_WRAPPER
  kCount
};
const char* WrapperName(Wrapper wrapper);

// Word i of lane l of block b is at (b kWrapperIn + i) 32 + l, and at (b kWrapperOut + i) 32 + l. Piece l of
// p words each is at l p of its four words.
constexpr int kWrapperBlocks = 64, kWrapperIn = 10, kWrapperOut = 8, kSomeLanes = 20;
constexpr size_t kWrapperInWords = size_t{kWrapperBlocks} * kWrapperIn * 32;
constexpr size_t kWrapperOutWords = size_t{kWrapperBlocks} * kWrapperOut * 32;

struct WrapperCall {
  const uint32_t* in;
  uint32_t* out;
  Stream stream;
};

// Random bits: finite numbers of all sizes for the rounding, a quarter of them ties and a quarter subnormal;
// numbers near 1 for the products; few bits that differ for and, or.
std::vector<uint32_t> WrapperInput(Wrapper wrapper);

// Multiply: the largest |d - expected| over the sum of the magnitudes of c and of all K products. At most K
// 2^-22: a device that adds in steps of four or more and cuts every term off at the last place of the largest
// is wrong by 1.25 K 2^-23, our own sum by K 2^-24. All others: the share of the words that differ; none may.
struct WrapperError {
  double error = 0.0, tolerance = 0.0;
};
WrapperError CompareWrapper(Wrapper wrapper, const std::vector<uint32_t>& in,
                            const std::vector<uint32_t>& out);

}  // namespace mien
