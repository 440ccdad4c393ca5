// Photos inverted: latent codes, and where wanted noise maps, that make the generator's pictures come close to given
// ones, by steps of Adam (networks.md, "Inversion"). On the CPU; the same bits for any number of threads.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "runtime/program.h"
#include "runtime/train/adam.h"

namespace mien {

struct InversionOptions {
  int batch = 1;
  bool same_rows = false;  // space W: one row stands for all
  bool learn_noise = true;
  bool noise_per_sample = false;
  std::vector<double> scales = {1.0};  // weights of the mean squared error at full size, half of it, ...
  double noise_weight = 0;             // of the noise maps' autocorrelation
  double start_weight = 0;             // of the mean squared distance to the codes it began with
  bool exact = false;                  // no algorithm that rounds more than the direct one
  int threads = 1;
  uint64_t max_memory = 0;  // bytes; 0: no limit
  const std::atomic<bool>* stop = nullptr;
  Profile* profile = nullptr;  // told of every run
};

struct InversionLosses {
  double squares = 0;  // the mean squared error at full size
  double scales = 0;   // the weighted sum over all sizes
  double noise = 0;    // the autocorrelation, without its weight
  double start = 0;    // the distance to the codes it began with, without its weight
  double total = 0;
};

class Inversion {
 public:
  // kUsage: no generator, more scales than the picture has; kMemory.
  static Result<std::unique_ptr<Inversion>> Create(const std::shared_ptr<const ModelFile>& model,
                                                   const InversionOptions& options);

  // What it begins with, to be filled before the first step: codes [B,L,D], with same_rows [B,D]; pictures [B,3,R,R];
  // noise maps, which are the model's own until then (zeros where it has none).
  std::span<float> codes() { return codes_.values; }
  std::span<float> target() { return target_; }
  std::span<float> noise(size_t i) { return noise_[i].values; }
  const Shape& noise_shape(size_t i) const { return noise_[i].shape; }
  std::span<const float> noise(size_t i) const { return noise_[i].values; }
  size_t noise_maps() const { return noise_.size(); }

  // Forgets all steps, and the noise maps are the model's again.
  Status Reset();

  uint64_t activation_bytes() const { return program_.plan().arena_bytes; }
  uint64_t weight_bytes() const { return weight_bytes_; }

  // What steps change: codes, noise maps where they are learnt, and what Adam keeps of them; how many were taken.
  struct NumbersOfState {
    std::string name;
    Shape shape;
    std::span<float> values;
  };
  std::vector<NumbersOfState> State();
  int64_t steps() const { return steps_; }
  void set_steps(int64_t steps) { steps_ = steps; }

  // The losses of the codes as they are, and then a step.
  Result<InversionLosses> Step(double learning_rate);
  // The picture [B,3,R,R] of the last Step or Losses, of the codes before it changed them.
  std::span<const float> image() const { return program_.output(outputs_.at("image")); }
  // Without a step.
  Result<InversionLosses> Losses();
  // Of the last of both; of a map, with what the autocorrelation adds.
  std::span<const float> code_gradient() const { return codes_.gradient; }
  std::span<const float> noise_gradient(size_t i) const { return noise_[i].gradient; }

 private:
  // Numbers that are learnt, and what Adam keeps of them.
  struct Learnt {
    Shape shape;
    std::vector<float> values, gradient, first, second;
    Learnt(const Shape& of, bool is_learnt);
  };
  Inversion() = default;
  Status Prepare();
  Status FillNoise();
  void TakeGradients();
  void AddStart(InversionLosses* losses);

  std::shared_ptr<const ModelFile> model_;
  InversionOptions options_;
  std::unique_ptr<ThreadPool> pool_;
  Backend backend_;
  Program program_;
  Memory arena_;
  uint64_t weight_bytes_ = 0;
  std::map<std::string, int> inputs_, outputs_;
  Learnt codes_ = Learnt(Shape(), false);
  std::vector<Learnt> noise_;
  std::vector<float> target_, start_;
  int64_t rows_ = 0, steps_ = 0;
};

}  // namespace mien
