#include "kernels/infer.h"

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

Status ExpectWithinLimits(const char* op, const Shape& output) {
  uint64_t dims[Shape::kMaxRank];
  for (int i = 0; i < output.rank; ++i) dims[i] = static_cast<uint64_t>(output[i]);
  const auto checked = Shape::Checked({dims, static_cast<size_t>(output.rank)});
  if (checked.ok()) return {};
  return Status::Error(Code::kUsage, "%s: output: %s, %s found", op, checked.status().message(),
                       output.ToString().c_str());
}

}  // namespace mien
