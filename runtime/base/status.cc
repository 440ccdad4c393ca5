#include "runtime/base/status.h"

#include <algorithm>
#include <cstdio>

namespace mien {

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
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(status.text_, kTextBytes, format, arguments);
  va_end(arguments);
  return status;
}

Status Status::Within(const char* format, ...) const {
  Status status;
  status.code_ = code_;
  va_list arguments;
  va_start(arguments, format);
  int used = std::vsnprintf(status.text_, kTextBytes, format, arguments);
  va_end(arguments);
  size_t at = used < 0 ? 0 : std::min(static_cast<size_t>(used), kTextBytes - 1);
  for (const char* part : {": ", static_cast<const char*>(text_)}) {
    for (; *part != '\0' && at + 1 < kTextBytes; ++part) status.text_[at++] = *part;
  }
  status.text_[at] = '\0';
  return status;
}

}  // namespace mien
