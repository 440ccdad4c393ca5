// The kernels that are no ops (kernels/executor/instruction_probes.h, ceilings.h), launched.
#pragma once

#include <doctest/doctest.h>

#include <vector>

#include "kernels/device/simt/runner.h"
#include "kernels/executor/executor.h"

namespace mien::simt {

inline WrapperError TryWrapper(Wrapper wrapper) {
  const std::vector<uint32_t> input = WrapperInput(wrapper);
  GlobalArray<uint32_t> in(kWrapperInWords), out(kWrapperOutWords);
  std::copy(input.begin(), input.end(), in.begin());
  const Status status = TheExecutor().run_wrapper(wrapper, {in.data(), out.data(), Stream()});
  REQUIRE_MESSAGE(status.ok(), std::string(status.message()));
  return CompareWrapper(wrapper, input, {out.begin(), out.end()});
}

// What the first thread of the last block answers after two rounds over numbers that are all 1.
inline float TryCeiling(Ceiling ceiling) {
  constexpr int kBlocks = 2, kRounds = 2;
  GlobalArray<float> memory((64 << 10) / sizeof(float)), out(size_t{kBlocks} * kCeilingThreads);
  std::fill(memory.begin(), memory.end(), 1.0f);
  const CeilingCall call = {kBlocks,    kRounds, memory.data(), memory.size() * sizeof(float),
                            out.data(), Stream()};
  const Status status = TheExecutor().run_ceiling(ceiling, call);
  REQUIRE_MESSAGE(status.ok(), std::string(status.message()));
  return out[kCeilingThreads];
}

}  // namespace mien::simt
