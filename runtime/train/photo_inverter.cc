#include "runtime/train/photo_inverter.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "runtime/face/resample.h"

namespace mien {
namespace {

// Of pictures in [-1,1].
double PsnrOf(double squares) { return 10 * std::log10(4 / std::max(squares, 1e-20)); }

}  // namespace

double LearningRate::At(double t) const {
  const double ramp = 0.5 - 0.5 * std::cos(std::numbers::pi * std::min(1.0, (1 - t) / fall));
  return most * ramp * std::min(1.0, t / rise);
}

Result<std::unique_ptr<PhotoInverter>> PhotoInverter::Create(const std::shared_ptr<const ModelFile>& model,
                                                             const InversionRules& rules, const InversionOptions& how) {
  if (!model->config().generator) {
    return Status::Error(Code::kUsage, "inversion needs the component generator, which this model file does not have");
  }
  auto inverter = std::unique_ptr<PhotoInverter>(new PhotoInverter);
  const GeneratorConfig& g = *model->config().generator;
  inverter->rules_ = rules;
  inverter->side_ = g.resolution;
  inverter->rounding_ = g.rounding;
  InversionOptions options = how;
  options.scales = rules.scales;
  const auto most = static_cast<size_t>(g.log2_resolution() - 1);
  if (options.scales.size() > most) options.scales.resize(most);
  options.start_weight = rules.start_weight;
  options.same_rows = rules.same_rows;
  options.learn_noise = rules.learn_noise;
  options.noise_weight = rules.noise_weight;
  MIEN_ASSIGN(inverter->inversion_, Inversion::Create(model, options));
  return inverter;
}

Result<InvertedFace> PhotoInverter::Invert(const Image& square, std::span<float> w_plus, const Told& told) {
  MIEN_TRY(inversion_->Reset());
  MIEN_ASSIGN(const Image target, ResizeImage(square, side_, side_, Filter::kLanczos));
  ToFloats(target, inversion_->target());
  const std::span<float> codes = inversion_->codes();
  const size_t rows = w_plus.size() / codes.size();  // 1, or all of them for one
  for (size_t i = 0; i < codes.size(); ++i) {
    double sum = 0;
    for (size_t l = 0; l < rows; ++l) sum += w_plus[l * codes.size() + i];
    codes[i] = static_cast<float>(sum / static_cast<double>(rows));
  }
  InvertedFace face;
  LearningRate rate;
  rate.most = rules_.learning_rate;
  for (int step = 0; step < rules_.steps; ++step) {
    MIEN_ASSIGN(const InversionLosses losses, inversion_->Step(rate.At((step + 0.5) / rules_.steps)));
    if (told) told(step, losses);
    if (step > 0) continue;
    face.before = losses;
    MIEN_ASSIGN(face.picture_before, FromFloats(inversion_->image(), side_, rounding_));
  }
  MIEN_ASSIGN(face.after, inversion_->Losses());
  MIEN_ASSIGN(face.picture_after, FromFloats(inversion_->image(), side_, rounding_));
  face.psnr_before = PsnrOf(face.before.squares);
  face.psnr_after = PsnrOf(face.after.squares);
  for (size_t i = 0; i < w_plus.size(); ++i) w_plus[i] = codes[i % codes.size()];
  return face;
}

}  // namespace mien
