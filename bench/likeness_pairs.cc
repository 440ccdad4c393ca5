// How well the face recogniser tells people apart: distances of pairs of pictures of a sheet, and the equal error rate.
//   render_portraits people sheet.png 0 100 31 256 4
//   likeness_pairs sheet.png --side 256 --shots 4 [--redraw]
// The sheet has aligned faces of `side` pixels, row by row without gaps, `shots` of each person one after the other.
// --redraw: as the built-in model's encoder and generator draw them again. One line of a table for all people and for
// those with even and with odd numbers, which render_portraits draws differently (tools/portraits/README.md).
#include <CLI/CLI.hpp>
#include <cstdio>
#include <numeric>

#include "runtime/builtin_model.h"
#include "runtime/face/likeness.h"
#include "runtime/face/pipeline.h"
#include "runtime/face/resample.h"

namespace mien {
namespace {

struct Options {
  std::string sheet;
  int side = 256, shots = 4;
  bool redraw = false;
};

Result<std::unique_ptr<Pipeline>> Redrawer() {
  MIEN_ASSIGN(const auto model, OpenBuiltinModel());
  PipelineOptions options;
  options.encode = options.synthesize = true;
  return Pipeline::Create(model, options);
}

Result<Image> Redrawn(Pipeline& pipeline, const Image& picture) {
  std::vector<float> codes(static_cast<size_t>(pipeline.rows()) * static_cast<size_t>(pipeline.w_dim()));
  MIEN_TRY(pipeline.Encode(picture, codes));
  return pipeline.Synthesize(codes, 0);
}

// One per picture of the sheet.
Result<std::vector<std::vector<float>>> Described(const Options& options) {
  MIEN_ASSIGN(const Image sheet, ReadImage(options.sheet));
  if (sheet.width % options.side != 0 || sheet.height % options.side != 0)
    return Status::Error(Code::kUsage, "%s: %d x %d pixels are no pictures of %d", options.sheet.c_str(), sheet.width,
                         sheet.height, options.side);
  MIEN_ASSIGN(const auto model, OpenBuiltinFaces());
  FaceNetworksOptions wanted;
  AddDescriptors(&wanted);
  MIEN_ASSIGN(const auto networks, FaceNetworks::Create(model, wanted));
  std::unique_ptr<Pipeline> pipeline;
  if (options.redraw) {
    MIEN_ASSIGN(pipeline, Redrawer());
  }
  std::vector<std::vector<float>> descriptors;
  for (int y = 0; y < sheet.height; y += options.side) {
    for (int x = 0; x < sheet.width; x += options.side) {
      MIEN_ASSIGN(Image picture, CropImage(sheet, x, y, options.side, options.side));
      if (pipeline) {
        MIEN_ASSIGN(picture, Redrawn(*pipeline, picture));
      }
      MIEN_ASSIGN(std::vector<float> descriptor, DescribeCrop(*networks, picture));
      descriptors.push_back(std::move(descriptor));
    }
  }
  return descriptors;
}

double Mean(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double ShareBelow(const std::vector<double>& values, double threshold) {
  const auto below = std::count_if(values.begin(), values.end(), [&](double value) { return value < threshold; });
  return static_cast<double>(below) / static_cast<double>(values.size());
}

// Of the people whose number leaves this remainder when divided by `every`.
Status PrintRow(const char* name, const std::vector<std::vector<float>>& all, int shots, int every, int remainder) {
  std::vector<double> same, different;
  const auto person = [&](size_t i) { return static_cast<int>(i) / shots; };
  for (size_t i = 0; i < all.size(); ++i) {
    if (person(i) % every != remainder) continue;
    for (size_t j = 0; j < i; ++j) {
      if (person(j) % every != remainder) continue;
      (person(i) == person(j) ? same : different).push_back(Distance(all[i], all[j]));
    }
  }
  MIEN_ASSIGN(const EqualError error, EqualErrorRate(same, different));
  const double published = RuleOf(Portrayal::kPhotograph).threshold;
  std::printf("| %s | %zu | %zu | %.3f | %.3f | %.3f | %.1f %% | %.0f %% | %.0f %% |\n", name, same.size(),
              different.size(), Mean(same), Mean(different), error.threshold, 100 * error.rate,
              100 * (1 - ShareBelow(same, published)), 100 * ShareBelow(different, published));
  return {};
}

Status Measure(const Options& options) {
  MIEN_ASSIGN(const auto all, Described(options));
  std::printf(
      "| people | pairs of one | of two | mean of one | of two | threshold | equal error rate | of one at or above "
      "%g | of two below |\n|---|---|---|---|---|---|---|---|---|\n",
      RuleOf(Portrayal::kPhotograph).threshold);
  MIEN_TRY(PrintRow("all", all, options.shots, 1, 0));
  MIEN_TRY(PrintRow("even", all, options.shots, 2, 0));
  return PrintRow("odd", all, options.shots, 2, 1);
}

}  // namespace
}  // namespace mien

int main(int count, char** words) {
  CLI::App app("how well the face recogniser tells people apart", "likeness_pairs");
  mien::Options options;
  app.add_option("SHEET", options.sheet, "aligned faces, row by row")->required();
  app.add_option("--side", options.side, "of a picture in pixels")->check(CLI::Range(16, 4096))->capture_default_str();
  app.add_option("--shots", options.shots, "pictures of a person")->check(CLI::Range(2, 1000))->capture_default_str();
  app.add_flag("--redraw", options.redraw, "as the built-in model draws them again");
  CLI11_PARSE(app, count, words);
  const mien::Status status = mien::Measure(options);
  if (!status.ok()) std::fprintf(stderr, "likeness_pairs: %s\n", status.message());
  return mien::ExitCode(status.code());
}
