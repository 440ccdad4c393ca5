// The masks of a coupling: two lists of columns that together name every column once. Otherwise an index would leave
// its row, or a column would be lost.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace mien {

class MaskColumns {
 public:
  // Of both lists together.
  explicit MaskColumns(int64_t count) : seen_(static_cast<size_t>(count)) {}

  // Takes the next column of either list; false: it is out of range, or was there before.
  bool Take(int64_t column) {
    if (column < 0 || column >= static_cast<int64_t>(seen_.size()) || seen_[static_cast<size_t>(column)]) return false;
    seen_[static_cast<size_t>(column)] = true;
    return true;
  }

 private:
  std::vector<bool> seen_;
};

}  // namespace mien
