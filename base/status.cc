#include "base/status.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

namespace mien {
namespace {

constexpr size_t kLongestText = 16 << 10;  // two of the longest paths and a sentence

bool IsContinuation(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

// Copies `text` into `room` bytes with the final zero. What does not fit loses its middle, never half a character of
// UTF-8: a message begins with what it is about and ends with the reason. The length of the copy.
size_t Shorten(const char* text, size_t room, char* out) {
  constexpr char kGap[] = " ... ";
  const size_t length = std::strlen(text);
  if (length < room) {
    std::memcpy(out, text, length + 1);
    return length;
  }
  const size_t kept = room - sizeof kGap;
  size_t head = kept / 2, tail = length - (kept - head);
  while (head > 0 && IsContinuation(text[head])) --head;
  while (IsContinuation(text[tail])) ++tail;
  std::memcpy(out, text, head);
  std::memcpy(out + head, kGap, sizeof kGap - 1);
  std::memcpy(out + head + sizeof kGap - 1, text + tail, length - tail + 1);
  return head + sizeof kGap - 1 + length - tail;
}

}  // namespace

int ExitCode(Code code) {
  switch (code) {
    case Code::kOk: return 0;
    case Code::kFailure:
    case Code::kNumeric: return 1;
    case Code::kUsage: return 2;
    case Code::kNoFace: return 3;
    case Code::kRefused: return 4;
    case Code::kDevice:
    case Code::kMemory: return 5;
    case Code::kGate: return 6;
    case Code::kInterrupted: return 130;
  }
  return 1;
}

Status Status::Error(Code code, const char* format, ...) {
  Status status;
  status.code_ = code;
  char text[kLongestText];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  Shorten(text, kTextBytes, status.text_);
  return status;
}

Status Status::Within(const char* format, ...) const {
  Status status;
  status.code_ = code_;
  char context[kLongestText];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(context, sizeof context, format, arguments);
  va_end(arguments);
  // The reason has the room that it needs, short of a quarter, which is the least that the context keeps.
  const size_t reason = std::min(std::strlen(text_), kTextBytes - kTextBytes / 4);
  size_t used = Shorten(context, kTextBytes - reason - 2, status.text_);
  for (const char* c = ": "; *c != '\0'; ++c) status.text_[used++] = *c;
  Shorten(text_, kTextBytes - used, status.text_ + used);
  return status;
}

}  // namespace mien
