// Inverts the squares of faces, one after the other (networks.md, "Inversion of photos"): by steps of Adam from given
// codes, at a learning rate that rises and falls.
#pragma once

#include <functional>

#include "runtime/face/image.h"
#include "runtime/train/inversion.h"

namespace mien {

// The learning rate at `t`, from 0 to 1: it rises over the first part of the time and falls over the last.
struct LearningRate {
  double most = 0.1, rise = 0.05, fall = 0.25;
  double At(double t) const;
};

struct InversionRules {
  int steps = 100;
  double learning_rate = 0.05;  // the largest
  std::vector<double> scales;   // InversionOptions::scales; empty: 1 for each of four sizes, if the picture has so many
  double start_weight = 0.02;
  bool same_rows = false, learn_noise = false;
  double noise_weight = 100;  // where noise is learnt
};

struct InvertedFace {
  double psnr_before = 0, psnr_after = 0;  // of the generator's picture as it is, before rounding to 8 bits; dB
  InversionLosses before, after;
  Image picture_before, picture_after;  // what the generator makes, with the noise maps as they are
};

// Where an inversion is kept while it runs.
struct InversionSnapshots {
  std::string path;  // empty: nowhere
  int every = 50;    // steps
  bool resume = false;
};

class PhotoInverter {
 public:
  // Beside the rules, `how` says threads, exact, max_memory and stop.
  static Result<std::unique_ptr<PhotoInverter>> Create(const std::shared_ptr<const ModelFile>& model,
                                                       const InversionRules& rules, const InversionOptions& how);

  // Called before each step with its number from 0 on, and the losses that it begins with.
  using Told = std::function<void(int step, const InversionLosses& losses)>;
  // `w_plus` [L,D] becomes the code of the square, of any size. With same_rows the mean of its rows is begun with.
  // Going on from a snapshot gives the same bits; kUsage: it is one of another inversion.
  Result<InvertedFace> Invert(const Image& square, std::span<float> w_plus, const Told& told = {},
                              const InversionSnapshots& snapshots = {});
  // What was learnt beside the last code.
  const Inversion& inversion() const { return *inversion_; }

 private:
  PhotoInverter() = default;
  std::string Settings() const;
  Status Begin(const Image& square, std::span<const float> w_plus);

  InversionRules rules_;
  std::string model_;  // fingerprint
  bool exact_ = false;
  int side_ = 0;
  PixelRounding rounding_ = PixelRounding::kUnit;
  std::unique_ptr<Inversion> inversion_;
};

}  // namespace mien
