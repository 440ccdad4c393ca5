#include "runtime/train/photo_inverter.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <numbers>
#include <utility>

#include "runtime/face/resample.h"
#include "runtime/train/inversion_snapshot.h"

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
  inverter->model_ = model->file().fingerprint();
  inverter->exact_ = how.exact;
  InversionOptions options = how;
  if (rules.scales.empty()) {
    constexpr int kSizes = 4;
    inverter->rules_.scales.assign(static_cast<size_t>(std::min(kSizes, g.log2_resolution() - 1)), 1.0);
  }
  options.scales = inverter->rules_.scales;
  options.start_weight = rules.start_weight;
  options.same_rows = rules.same_rows;
  options.learn_noise = rules.learn_noise;
  options.noise_weight = rules.noise_weight;
  MIEN_ASSIGN(inverter->inversion_, Inversion::Create(model, options));
  return inverter;
}

// What the numbers depend on, when it has begun.
std::string PhotoInverter::Settings() const {
  const auto crc = [](std::span<const float> numbers) { return std::to_string(Crc32c(std::as_bytes(numbers))); };
  std::string text = "model " + model_ + ", target " + crc(inversion_->target()) + ", start " +
                     crc(inversion_->codes()) + ", steps " + std::to_string(rules_.steps) + ", scales";
  char number[40];
  const auto add = [&](double value) {
    std::snprintf(number, sizeof number, " %.17g", value);
    text += number;
  };
  for (const double scale : rules_.scales) add(scale);
  text += ", rate and weights";
  for (const double value : {rules_.learning_rate, rules_.start_weight, rules_.noise_weight}) add(value);
  for (const auto& [is, word] :
       {std::pair(rules_.same_rows, ", w"), {rules_.learn_noise, ", noise"}, {exact_, ", exact"}})
    text += is ? word : "";
  return text;
}

Status PhotoInverter::Begin(const Image& square, std::span<const float> w_plus) {
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
  return {};
}

Result<InvertedFace> PhotoInverter::Invert(const Image& square, std::span<float> w_plus, const Told& told,
                                           const InversionSnapshots& snapshots) {
  MIEN_TRY(Begin(square, w_plus));
  const std::string settings = Settings();
  InvertedFace face;
  MIEN_ASSIGN(face.before, inversion_->Losses());
  MIEN_ASSIGN(face.picture_before, FromFloats(inversion_->image(), side_, rounding_));
  std::error_code error;
  if (snapshots.resume && std::filesystem::exists(snapshots.path, error))
    MIEN_TRY(ReadInversion(snapshots.path, settings, inversion_.get()));
  LearningRate rate;
  rate.most = rules_.learning_rate;
  for (auto step = static_cast<int>(inversion_->steps()); step < rules_.steps; ++step) {
    MIEN_ASSIGN(const InversionLosses losses, inversion_->Step(rate.At((step + 0.5) / rules_.steps)));
    if (told) told(step, losses);
    if (!snapshots.path.empty() && (step + 1) % snapshots.every == 0)
      MIEN_TRY(WriteInversion(snapshots.path, inversion_.get(), settings));
  }
  MIEN_ASSIGN(face.after, inversion_->Losses());
  MIEN_ASSIGN(face.picture_after, FromFloats(inversion_->image(), side_, rounding_));
  face.psnr_before = PsnrOf(face.before.squares);
  face.psnr_after = PsnrOf(face.after.squares);
  const std::span<const float> codes = inversion_->codes();
  for (size_t i = 0; i < w_plus.size(); ++i) w_plus[i] = codes[i % codes.size()];
  return face;
}

}  // namespace mien
