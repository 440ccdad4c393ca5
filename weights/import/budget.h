// What reading one file may cost, whatever the file says: time and memory grow with its size and no faster.
// One budget per file; everything that copies, walks, parses again, names or unpacks on its behalf charges
// here before it does so, the readers of what is embedded in the file included.
#pragma once

#include <cstdint>

#include "base/status.h"

namespace mien {

class Budget {
 public:
  static constexpr uint64_t kFreeSteps = 8 << 20;    // well below two seconds
  static constexpr uint64_t kFreeMemory = 40 << 20;  // leaves room below 64 MiB for what works on the result

  explicit Budget(uint64_t file_bytes);

  // False: more than the file's size allows; the caller then returns Spent().
  bool Work(uint64_t steps);  // a step: as long as copying a few values takes, some ten nanoseconds
  bool Memory(
      uint64_t bytes);  // memory that stays; growing vectors are charged with what they hold while they grow
  Status Spent() const;

  uint64_t steps() const { return steps_; }
  uint64_t memory() const { return memory_; }

 private:
  const uint64_t max_steps_, max_memory_;
  uint64_t steps_ = 0, memory_ = 0;
};

}  // namespace mien
