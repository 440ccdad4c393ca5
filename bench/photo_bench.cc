// What a photo costs besides decoding and the model: faces found, landmarks, the aligned square, the recogniser,
// pasting.
//
//   photo_bench PHOTO [--megapixels 12] [--threads 1,2] [--rounds 15]
//
// The photo is enlarged to about so many pixels. Prints the least milliseconds of all rounds, by the clock.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <functional>
#include <memory>

#include "runtime/builtin_model.h"
#include "runtime/face/likeness.h"
#include "runtime/face/paste.h"
#include "runtime/face/photo_face.h"
#include "runtime/face/resample.h"

namespace mien {
namespace {

struct Options {
  std::string photo;
  double megapixels = 12;
  std::vector<int> threads = {1, 2};
  int rounds = 15;
};

Status Time(const char* what, int rounds, const std::function<Status()>& body) {
  double least = 1e30;
  for (int i = 0; i < rounds; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    MIEN_TRY(body());
    least =
        std::min(least, std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count());
  }
  std::printf("| %s | %.1f |\n", what, least);
  return {};
}

Status Measure(const Options& options, const Image& photo, int threads) {
  FaceNetworksOptions wanted;
  wanted.threads = threads;
  AddSearch(DetectorChoice::kAuto, &wanted);
  AddDescriptors(&wanted);
  MIEN_ASSIGN(const auto model, OpenBuiltinFaces());
  MIEN_ASSIGN(const auto networks, FaceNetworks::Create(model, wanted));
  ThreadPool* const pool = &networks->engine().pool();
  const Part whole = {0, 0, photo.width, photo.height};
  MIEN_ASSIGN(const FaceSearch search, SearchFaces(*networks, photo, DetectorChoice::kAuto));
  MIEN_ASSIGN(const auto faces, LocateFaces(*networks, search, {}, photo));
  if (faces.empty()) return Status::Error(Code::kNoFace, "no face in the photo");
  MIEN_ASSIGN(const FaceCrop crop, CutFace(photo, faces[0], kCropSide, pool));
  std::printf("\n%d threads, %d x %d pixels, square of %.0f\n\n| step | ms |\n|---|---|\n", threads, photo.width,
              photo.height, std::hypot(crop.place.right.x, crop.place.right.y));
  const auto time = [&](const char* what, const std::function<Status()>& body) {
    return Time(what, options.rounds, body);
  };
  MIEN_TRY(time("default detector's first look (tiny_416)",
                [&] { return networks->FindByCells(photo, whole, kFirstLook).status(); }));
  MIEN_TRY(time("stronger detector (ssd)", [&] { return networks->FindBySsd(photo, whole).status(); }));
  MIEN_TRY(time("landmarks", [&] { return LocateFaces(*networks, search, {}, photo).status(); }));
  MIEN_TRY(time("aligned square", [&] { return CutFace(photo, faces[0], kCropSide, pool).status(); }));
  MIEN_TRY(time("recogniser on a crop", [&] { return DescribeCrop(*networks, crop.picture).status(); }));
  for (const int side : {128, 1024}) {
    MIEN_ASSIGN(const Image before, ResizeImage(crop.picture, side, side));
    MIEN_ASSIGN(Image edited, ResizeImage(crop.picture, side, side));
    for (int y = side / 2; y < side; ++y)
      std::ranges::fill(std::span(edited.row(y) + side, size_t(side)), uint8_t{150});
    MIEN_ASSIGN(Image pasted, photo.Copy());
    for (const PasteMode mode : {PasteMode::kReplace, PasteMode::kDifference}) {
      const std::string what = "pasted from " + std::to_string(side) + ", " + NameOf(mode);
      MIEN_TRY(time(what.c_str(), [&] { return PasteFace(edited, before, crop.place, mode, &pasted, pool); }));
    }
  }
  return {};
}

Status Run(const Options& options) {
  MIEN_ASSIGN(const Image photo, ReadImage(options.photo));
  const double scale = std::sqrt(options.megapixels * 1e6 / (double(photo.width) * photo.height));
  MIEN_ASSIGN(const Image large,
              ResizeImage(photo, static_cast<int>(photo.width * scale), static_cast<int>(photo.height * scale)));
  for (const int threads : options.threads) MIEN_TRY(Measure(options, large, threads));
  return {};
}

}  // namespace
}  // namespace mien

int main(int count, char** words) {
  mien::Options options;
  CLI::App app("times of what is done with a photo besides decoding and the model");
  app.add_option("PHOTO", options.photo)->required();
  app.add_option("--megapixels", options.megapixels)->capture_default_str();
  app.add_option("--threads", options.threads)->delimiter(',')->capture_default_str();
  app.add_option("--rounds", options.rounds)->capture_default_str();
  CLI11_PARSE(app, count, words);
  const mien::Status status = mien::Run(options);
  if (!status.ok()) std::fprintf(stderr, "%s\n", status.message());
  return status.ok() ? 0 : 1;
}
