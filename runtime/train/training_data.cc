#include "runtime/train/training_data.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/split_mix.h"

namespace mien {

int64_t TrainingData::alone() const {
  std::map<int64_t, int64_t> counts;
  for (const int64_t person : people) ++counts[person];
  return std::ranges::count_if(counts, [](const auto& person) { return person.second == 1; });
}

Status TrainingData::Ranges(std::vector<float>* smallest, std::vector<float>* largest) const {
  const size_t count = attributes.size();
  smallest->assign(count, std::numeric_limits<float>::infinity());
  largest->assign(count, -std::numeric_limits<float>::infinity());
  for (size_t i = 0; i < labels.size(); ++i) {
    if (std::isnan(labels[i])) continue;
    float &low = (*smallest)[i % count], &high = (*largest)[i % count];
    low = std::min(low, labels[i]);
    high = std::max(high, labels[i]);
  }
  for (size_t k = 0; k < count; ++k) {
    if ((*smallest)[k] < (*largest)[k]) continue;
    return (*smallest)[k] == (*largest)[k]
               ? Status::Error(Code::kRefused, "attribute %s: different labels expected, all are %g",
                               attributes[k].c_str(), double{(*smallest)[k]})
               : Status::Error(Code::kRefused, "attribute %s: no image has a label", attributes[k].c_str());
  }
  return {};
}

// Fisher and Yates, from the back.
std::vector<int64_t> OrderOf(const TrainingData& data, uint32_t seed, int epoch) {
  std::vector<int64_t> order(static_cast<size_t>(data.images));
  std::iota(order.begin(), order.end(), 0);
  uint64_t random = SplitMix((uint64_t{seed} << 32) + static_cast<uint32_t>(epoch) + kSplitMixStep);
  for (size_t i = order.size(); i > 1; --i) {
    random += kSplitMixStep;
    std::swap(order[i - 1], order[SplitMix(random) % i]);
  }
  return order;
}

BatchOfImages::BatchOfImages(const TrainingData& data, const std::vector<float>& smallest,
                             const std::vector<float>& largest, std::span<const int64_t> images) {
  const auto numbers = data.rows * data.features;
  const auto count = static_cast<int64_t>(data.attributes.size());
  for (const int64_t image : images) {
    const auto code = data.w_plus.begin() + image * numbers;
    w_plus_.insert(w_plus_.end(), code, code + numbers);
    people_.push_back(data.people[static_cast<size_t>(image)]);
    for (int64_t k = 0; k < count; ++k) {
      const float low = smallest[static_cast<size_t>(k)], high = largest[static_cast<size_t>(k)];
      labels_.push_back(2 * (data.labels[static_cast<size_t>(image * count + k)] - low) / (high - low) - 1);
    }
  }
}

double Plateau::Next(const PlateauRules& rules, double loss, double rate) {
  if (!seen || loss < best * (1 - rules.threshold)) {
    best = loss;
    seen = true;
    bad = 0;
  } else {
    ++bad;
  }
  if (cooling > 0) {
    --cooling;
    bad = 0;
  }
  if (bad <= rules.patience) return rate;
  bad = 0;
  cooling = rules.cooldown;
  const double next = std::max(rate * rules.factor, rules.least);
  return rate - next > 1e-8 ? next : rate;
}

}  // namespace mien
