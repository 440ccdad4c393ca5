// What a call of an executable launches, found without running it: its launches go to a device that only takes notes.
// So full-size networks can be looked at in no time and without their memory.
#pragma once

#include <string>
#include <vector>

#include "graph/lowering/executable.h"
#include "kernels/device/simt/runner.h"
#include "kernels/executor/executor.h"

namespace mien::simt {

struct RehearsedLaunch {
  std::string kernel;  // KernelName
  int64_t blocks = 0;
  int threads = 0;  // per block
  size_t shared_bytes = 0;
};

inline Result<std::vector<RehearsedLaunch>> Rehearse(const Executable::Call& call) {
  std::vector<RehearsedLaunch> launches;
  DeviceApi api = {};
  api.kind = "rehearsal";
  api.launch = [](const KernelLaunch& launch, void* stream) {
    static_cast<std::vector<RehearsedLaunch>*>(stream)->push_back(
        {KernelName(launch.name), int64_t{launch.grid[0]} * launch.grid[1] * launch.grid[2],
         static_cast<int>(launch.threads), launch.shared_bytes});
    return 0;
  };
  const auto pointers = [](const std::vector<ValueId>& ids) {
    static std::byte nothing;  // never read
    std::vector<void*> list;
    for (const ValueId v : ids) list.push_back(v == kAbsent ? nullptr : &nothing);
    return list;
  };
  const std::vector<void*> in = pointers(call.in), out = pointers(call.out), scratch = pointers({0});
  MIEN_TRY(TheExecutor().run(call.fast(), in, out, scratch[0], {&api, &launches}));
  return launches;
}

}  // namespace mien::simt
