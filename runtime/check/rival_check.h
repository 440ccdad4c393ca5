// A second opinion on a device: a convolution and a product of every kind by NVIDIA's libraries, compared
// with ours on the same numbers. Where ours misses its reference and agrees with theirs, it is not the kernel
// that is at fault.
#pragma once

#include "runtime/check/op_check.h"
#include "runtime/check/rivals.h"

namespace mien {

// The relative root mean square between both. What a rival refuses is left out and said in `rivals->lines`.
Result<std::vector<OpCheck>> CheckAgainstRivals(const Device& device, Rivals* rivals);

}  // namespace mien
