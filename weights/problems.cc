#include "weights/problems.h"

#include <cstdio>

namespace mien {

void Problems::Add(const char* format, ...) {
  ++count_;
  if (texts_.size() >= kKept) return;
  char text[320];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  texts_.emplace_back(text);
}

Status Problems::ToStatus(Code code) const {
  if (count_ == 0) return {};
  constexpr size_t kRoom = Status::kTextBytes - 192;  // leaves space for a path in front and the count behind
  std::string list;
  size_t shown = 0;
  for (const std::string& text : texts_) {
    if (shown > 0 && list.size() + text.size() + 2 > kRoom) break;
    if (shown > 0) list += "; ";
    list += text;
    ++shown;
  }
  if (shown < count_) list += "; ... and " + std::to_string(count_ - shown) + " more";
  return Status::Error(code, "%s", list.c_str());
}

}  // namespace mien
