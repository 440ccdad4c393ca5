// What a flow is trained on: codes of pictures, who is on them, what is known of them; and in which order they are
// seen.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "runtime/train/flow_trainer.h"

namespace mien {

struct TrainingData {
  int64_t images = 0, rows = 0, features = 0;  // N, L, D
  std::vector<float> w_plus;                   // [N,L,D]
  std::vector<int64_t> people;                 // [N]
  std::vector<std::string> attributes;         // names, K of them
  std::vector<float> labels;                   // [N,K] raw; NaN: unknown
  std::vector<float> age_band, skin_tone;      // [N] or nothing: to sort people by, not learned from; NaN: unknown
  std::map<std::string, size_t> consents;      // what people agreed to, in words, and how many: not learned from

  int64_t alone() const;  // images that are the only ones of their person
  // Per attribute the smallest and the largest known label. kRefused, naming the attribute: nothing is known of it, or
  // all labels are the same.
  Status Ranges(std::vector<float>* smallest, std::vector<float>* largest) const;
};

// The images of an epoch in the order they are seen, a permutation that depends on seed and epoch alone.
std::vector<int64_t> OrderOf(const TrainingData& data, uint32_t seed, int epoch);

// Some of the images as a batch that owns its numbers; labels a become 2 (a - min) / (max - min) - 1.
class BatchOfImages {
 public:
  BatchOfImages(const TrainingData& data, const std::vector<float>& smallest, const std::vector<float>& largest,
                std::span<const int64_t> images);
  FlowBatch batch() const { return {w_plus_, people_, labels_}; }

 private:
  std::vector<float> w_plus_, labels_;
  std::vector<int64_t> people_;
};

// The learning rate falls where the mean loss of an epoch has not for long: torch's ReduceLROnPlateau.
struct PlateauRules {
  double factor = 0.1, threshold = 1e-4, least = 1e-6;
  int patience = 10, cooldown = 400;
};
struct Plateau {
  double best = 0;  // where seen
  bool seen = false;
  int bad = 0, cooling = 0;

  // After an epoch: the rate for the next one.
  double Next(const PlateauRules& rules, double loss, double rate);
};

}  // namespace mien
