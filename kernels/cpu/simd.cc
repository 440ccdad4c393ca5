#include "kernels/cpu/simd.h"

#include <cstdint>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/simd.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace mien::HWY_NAMESPACE {

int64_t Target() { return HWY_TARGET; }

}  // namespace mien::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mien {

HWY_EXPORT(Target);

std::string SimdTarget() { return hwy::TargetName(HWY_DYNAMIC_DISPATCH(Target)()); }

std::vector<std::string> SimdTargets() {
  std::vector<std::string> names;
  for (int64_t left = HWY_TARGETS; left != 0; left &= left - 1)
    names.push_back(hwy::TargetName(left & -left));
  return names;
}

std::string SimdInWords() {
  std::string words = SimdTarget() + " (of";
  for (const std::string& name : SimdTargets()) words += " " + name;
  return words + ")";
}

}  // namespace mien
#endif
