// The instructions of a device against what the kernels take them for (kernels/executor/instruction_probes.h): before
// any op is looked at, whether the device and the assembly of ptx.cuh mean the same.
#pragma once

#include "runtime/check/op_check.h"

namespace mien {

Result<std::vector<OpCheck>> CheckWrappersOnDevice(const Device& device);

}  // namespace mien
