#include "base/text.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

namespace mien {

size_t Utf8Character(std::string_view text, uint32_t* code) {
  if (text.empty()) return 0;
  const auto lead = static_cast<unsigned char>(text[0]);
  *code = lead;
  if (lead < 0x80) return 1;
  const size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < length) return 0;
  *code = lead & (0x7fu >> length);
  for (size_t k = 1; k < length; ++k) {
    const auto c = static_cast<unsigned char>(text[k]);
    if ((c & 0xc0) != 0x80) return 0;
    *code = *code << 6 | (c & 0x3fu);
  }
  const uint32_t least = length == 2 ? 0x80 : length == 3 ? 0x800 : 0x10000;
  return *code < least || *code > 0x10ffff || (*code >= 0xd800 && *code < 0xe000) ? 0 : length;
}

namespace {

bool Steers(uint32_t code) {
  if (code == '\n' || code == '\t') return false;
  return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x61c || code == 0x200e || code == 0x200f ||
         (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069) || code == 0xfeff;
}

}  // namespace

size_t SafeForTerminal(char* text, size_t length) {
  size_t kept = 0;
  for (size_t at = 0; at < length;) {
    uint32_t code = 0;
    const size_t bytes = Utf8Character(std::string_view(text + at, length - at), &code);
    if (bytes == 0 || Steers(code)) {
      text[kept++] = '?';
    } else {
      std::memmove(text + kept, text + at, bytes);
      kept += bytes;
    }
    at += std::max<size_t>(bytes, 1);
  }
  return kept;
}

std::string ForTerminal(std::string_view text) {
  std::string out(text);
  out.resize(SafeForTerminal(out.data(), out.size()));
  return out;
}

std::string DurationInWords(double seconds) {
  constexpr double kMinute = 60, kHour = 3600;
  char text[32];
  if (!(seconds >= 0)) seconds = 0;
  if (seconds < 1.5 * kMinute) {
    std::snprintf(text, sizeof text, "%.0f s", seconds);
  } else if (seconds < 1.5 * kHour) {
    std::snprintf(text, sizeof text, "%.0f min", seconds / kMinute);
  } else {
    std::snprintf(text, sizeof text, "%.1f h", seconds / kHour);
  }
  return text;
}

}  // namespace mien
