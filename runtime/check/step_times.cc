#include "runtime/check/step_times.h"

#include <algorithm>
#include <cmath>

namespace mien {

double Quantile(std::vector<double> times, double share) {
  if (times.empty()) return 0.0;
  const auto rank = static_cast<size_t>(std::ceil(share * static_cast<double>(times.size())));
  const auto at = times.begin() + static_cast<std::ptrdiff_t>(std::max<size_t>(rank, 1) - 1);
  std::nth_element(times.begin(), at, times.end());
  return *at;
}

Spread SpreadOf(const std::vector<double>& times) {
  return {Quantile(times, 0.1), Quantile(times, 0.5), Quantile(times, 0.9)};
}

StepBound BoundOf(const FastCost& cost, const Ceilings& ceilings, size_t cache_bytes) {
  constexpr const char* kUnits[] = {"fp32", "tf32", "fp16"};
  const auto unit = static_cast<size_t>(cost.unit);
  const bool cached = static_cast<uint64_t>(cost.bytes) <= cache_bytes;
  const double moving = 1e3 * static_cast<double>(cost.bytes) / (cached ? ceilings.cache : ceilings.memory);
  const double multiplying = 1e3 * static_cast<double>(cost.multiply_adds) / ceilings.multiply_adds[unit];
  if (multiplying > moving) return {kUnits[unit], multiplying};
  return {cached ? "cache" : "memory", moving};
}

Status NoSuchLayer(const std::string& program, const std::string& layer) {
  return Status::Error(Code::kUsage, "%s has no layer '%s'; bench --layers names them", program.c_str(), layer.c_str());
}

}  // namespace mien
