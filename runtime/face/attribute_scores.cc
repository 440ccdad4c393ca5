#include "runtime/face/attribute_scores.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace mien {

void ResizeBilinear(std::span<const float> in, int side, int new_side, std::span<float> out) {
  struct Source {
    size_t low, high;
    float share;  // of high
  };
  std::vector<Source> sources;
  const double scale = static_cast<double>(side) / new_side;
  for (int i = 0; i < new_side; ++i) {
    const double at = std::max(0.0, (i + 0.5) * scale - 0.5);
    const auto low = static_cast<size_t>(at);
    sources.push_back({low, std::min(low + 1, static_cast<size_t>(side) - 1), static_cast<float>(at - std::floor(at))});
  }
  const auto width = static_cast<size_t>(side);
  const size_t pixels = width * width;
  size_t to = 0;
  for (size_t channel = 0; channel < in.size() / pixels; ++channel) {
    const float* const from = in.data() + channel * pixels;
    for (const Source& y : sources) {
      const float *const upper = from + y.low * width, *const lower = from + y.high * width;
      for (const Source& x : sources) {
        const float above = upper[x.low] * (1 - x.share) + upper[x.high] * x.share;
        const float below = lower[x.low] * (1 - x.share) + lower[x.high] * x.share;
        out[to++] = above * (1 - y.share) + below * y.share;
      }
    }
  }
}

double CutScore(const std::string& name, double score) {
  if (name == "gender" || name == "glasses") return std::clamp(score, 0.0, 1.0);
  if (name == "pitch" || name == "roll" || name == "yaw") return std::clamp(score, -180.0, 180.0);
  return score;
}

}  // namespace mien
