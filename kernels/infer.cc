#include "kernels/infer.h"

#include <algorithm>
#include <string>

namespace mien {
namespace {

bool Matches(const Shape& pattern, const Shape& found) {
  if (pattern.rank != found.rank) return false;
  for (int i = 0; i < found.rank; ++i) {
    if (found[i] < 1 || (pattern[i] != kAny && pattern[i] != found[i])) return false;
  }
  return true;
}

std::string PatternText(const Shape& pattern) {
  std::string text = "[";
  for (int i = 0; i < pattern.rank; ++i) {
    if (i > 0) text += ',';
    text += pattern[i] == kAny ? "?" : std::to_string(pattern[i]);
  }
  return text + "]";
}

}  // namespace

Status ExpectAtLeast(const char* op, const char* parameter, double least, double found) {
  if (found >= least) return {};  // false for NaN
  return Status::Error(Code::kUsage, "%s: %s: at least %g expected, %g found", op, parameter, least, found);
}

Status ExpectAtMost(const char* op, const char* parameter, double most, double found) {
  if (found <= most) return {};  // false for NaN
  return Status::Error(Code::kUsage, "%s: %s: at most %g expected, %g found", op, parameter, most, found);
}

Status ExpectInputs(const char* op, Shapes in, int expected) {
  if (static_cast<int>(in.size()) == expected) return {};
  return Status::Error(Code::kUsage, "%s: %d operands expected, %zu found", op, expected, in.size());
}

Status ExpectShape(const char* op, const char* operand, const Shape& pattern, const Shape& found) {
  if (Matches(pattern, found)) return {};
  return Status::Error(Code::kUsage, "%s: %s: %s expected, %s found", op, operand, PatternText(pattern).c_str(),
                       found.ToString().c_str());
}

Status ExpectShapeIfPresent(const char* op, const char* operand, const Shape& pattern, const Shape& found) {
  return found.present() ? ExpectShape(op, operand, pattern, found) : Status();
}

Status ExpectAbsent(const char* op, const char* operand, const Shape& found) {
  if (!found.present()) return {};
  return Status::Error(Code::kUsage, "%s: %s: absent expected, %s found", op, operand, found.ToString().c_str());
}

Status ExpectNorm(const char* op, Shapes norm, int64_t channels) {
  const char* const names[] = {"gamma", "beta", "mean", "var"};
  for (size_t i = 0; i < 4; ++i) {
    if (norm[0].present() && (i < 2 || norm[2].present())) {
      MIEN_TRY(ExpectShape(op, names[i], {channels}, norm[i]));
    } else {
      MIEN_TRY(ExpectAbsent(op, names[i], norm[i]));
    }
  }
  return {};
}

Status ExpectWindow(const char* op, const SlidingWindow& window, const Shape& x) {
  MIEN_TRY(ExpectAtLeast(op, "stride", 1, static_cast<double>(window.stride)));
  MIEN_TRY(ExpectAtMost(op, "stride", 2, static_cast<double>(window.stride)));
  MIEN_TRY(ExpectAtLeast(op, "pad", 0, static_cast<double>(window.pad)));
  MIEN_TRY(ExpectAtLeast(op, "end_pad", 0, static_cast<double>(window.end_pad)));
  MIEN_TRY(ExpectAtMost(op, "pad and end_pad together", static_cast<double>(window.kernel - 1),
                        static_cast<double>(window.pad + window.end_pad)));
  if (std::min(x[2], x[3]) + 2 * window.pad + window.end_pad >= window.kernel) return {};
  return Status::Error(Code::kUsage, "%s: x: at least %lld padded rows and columns expected, %s found", op,
                       static_cast<long long>(window.kernel), x.ToString().c_str());
}

Status ExpectWithinLimits(const char* op, const Shape& output) {
  uint64_t dims[Shape::kMaxRank];
  for (int i = 0; i < output.rank; ++i) dims[i] = static_cast<uint64_t>(output[i]);
  const auto checked = Shape::Checked({dims, static_cast<size_t>(output.rank)});
  if (checked.ok()) return {};
  return Status::Error(Code::kUsage, "%s: output: %s, %s found", op, checked.status().message(),
                       output.ToString().c_str());
}

}  // namespace mien
