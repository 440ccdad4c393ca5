#include "weights/import/budget.h"

#include <algorithm>
#include <cinttypes>

#include "base/checked.h"

namespace mien {
namespace {

bool Charge(uint64_t* spent, uint64_t amount, uint64_t most) {
  *spent = CheckedAdd(*spent, amount).value_or(UINT64_MAX);
  return *spent <= most;
}

}  // namespace

// Weights that were deflated unpack to a little more than the file has bytes.
Budget::Budget(uint64_t file_bytes)
    : max_steps_(kFreeSteps + std::min(file_bytes, UINT64_MAX / 4)),
      max_memory_(kFreeMemory + std::min(file_bytes, UINT64_MAX / 4) / 10 * 12) {}

bool Budget::Work(uint64_t steps) { return Charge(&steps_, steps, max_steps_); }

bool Budget::Memory(uint64_t bytes) { return Charge(&memory_, bytes, max_memory_); }

Status Budget::Spent() const {
  if (memory_ > max_memory_) {
    return Status::Error(Code::kRefused,
                         "it asks for more memory than a file of its size may take (%" PRIu64 " bytes)",
                         max_memory_);
  }
  return Status::Error(Code::kRefused,
                       "it asks for more work than a file of its size may take (%" PRIu64 " steps)",
                       max_steps_);
}

}  // namespace mien
