// Collects everything that is wrong with a file, so that its owner hears it all at once, in a bounded
// message.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"

namespace mien {

class Problems {
 public:
  [[gnu::format(printf, 2, 3)]] void Add(const char* format, ...);
  bool empty() const { return count_ == 0; }
  size_t count() const { return count_; }
  // "first; second; ... and 12 more"; ok when there are none.
  Status ToStatus(Code code) const;

 private:
  static constexpr size_t kKept = 24;  // more than a message holds; the rest is only counted
  std::vector<std::string> texts_;
  size_t count_ = 0;
};

}  // namespace mien
