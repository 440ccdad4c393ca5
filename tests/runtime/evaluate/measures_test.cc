// What pictures and lists are apart: values recorded from torchmetrics and torch, and cases that can be told by hand.
#include "runtime/evaluate/measures.h"

#include <doctest/doctest.h>

#include <cmath>
#include <numeric>

#include "base/stream.h"
#include "runtime/face/attribute_scores.h"
#include "weights/container.h"

namespace mien {
namespace {

template <class T>
std::vector<T> Recorded(const TensorFile& file, const std::string& name) {
  const TensorEntry* const entry = file.Find(name);
  REQUIRE(entry != nullptr);
  std::vector<T> values(static_cast<size_t>(entry->shape.elements()));
  REQUIRE(file.Read(*entry, std::as_writable_bytes(std::span(values))).ok());
  return values;
}

struct Pair {
  std::unique_ptr<TensorFile> file;
  std::vector<float> a, b;  // [3,128,128] in -1..1
};

Pair RecordedPair() {
  Pair pair;
  auto source = OpenInput(std::string(MIEN_SOURCE_DIR) + "/tests/data/golden/sh_lpips_alex.io.safetensors", 1 << 20,
                          Code::kFailure);
  REQUIRE(source.ok());
  auto file = TensorFile::Open(std::move(*source), TensorFile::Profile::kPlain);
  REQUIRE(file.ok());
  pair.file = std::make_unique<TensorFile>(std::move(*file));
  for (const auto& [name, values] : {std::pair("a_u8", &pair.a), {"b_u8", &pair.b}}) {
    const auto bytes = Recorded<uint8_t>(*pair.file, name);
    for (size_t channel = 0; channel < 3; ++channel)
      for (size_t i = channel; i < bytes.size(); i += 3) values->push_back(static_cast<float>(bytes[i]) / 127.5f - 1);
  }
  return pair;
}

TEST_CASE("measures of a recorded pair of pictures") {
  const Pair pair = RecordedPair();
  const auto number = [&](const char* name) { return Recorded<double>(*pair.file, name)[0]; };
  CHECK(MeanSquaredError(pair.a, pair.b) == doctest::Approx(number("mse")).epsilon(1e-6));
  CHECK(Psnr(pair.a, pair.b) == doctest::Approx(number("psnr_pred_y_target_x")).epsilon(1e-6));
  CHECK(Ssim(pair.a, pair.b, 128, 128) == doctest::Approx(number("f64/ssim")).epsilon(1e-7));
  CHECK(Ssim(pair.a, pair.b, 128, 128) ==
        doctest::Approx(double{Recorded<float>(*pair.file, "ssim_f32")[0]}).epsilon(1e-5));
}

TEST_CASE("measures of equal pictures, of one colour, of a few pixels") {
  const Pair pair = RecordedPair();
  CHECK(MeanSquaredError(pair.a, pair.a) == 0);
  CHECK(std::isinf(Psnr(pair.a, pair.a)));
  CHECK(Ssim(pair.a, pair.a, 128, 128) == doctest::Approx(1));
  const std::vector<float> grey(128 * 128, 0.5f);
  CHECK(std::isnan(Ssim(grey, grey, 128, 128)));
  CHECK(std::isnan(Ssim(std::span(pair.a).first(100), std::span(pair.b).first(100), 10, 10)));
  const std::vector<float> half = {0.5f, 2}, twice = {1, 4}, other = {-2, 0.5f};
  CHECK(CosineSimilarity(half, twice) == doctest::Approx(1));
  CHECK(CosineSimilarity(half, other) == doctest::Approx(0));
}

TEST_CASE("Spearman's correlation shares the ranks of equal numbers") {
  const std::vector<double> a = {1, 2, 2, 3, 9, 0.5}, b = {2, 1, 4, 4, 8, 3}, same(6, 3.0);
  CHECK(Spearman(a, b) == doctest::Approx(0.6617647058823529));
  CHECK(Spearman(a, a) == doctest::Approx(1));
  CHECK(std::isnan(Spearman(a, same)));
  CHECK(std::isnan(Spearman(std::span(a).first(1), std::span(b).first(1))));
}

TEST_CASE("bootstrap: around the mean, narrower for more values, the same for the same seed") {
  std::vector<double> few, many;
  for (int i = 0; i < 400; ++i) (i < 25 ? few : many).push_back(i % 4 == 0 ? 1.0 : 0.0);
  const Interval wide = BootstrapOfMean(few, 3), narrow = BootstrapOfMean(many, 3);
  CHECK(wide.low < Mean(few));
  CHECK(wide.high > Mean(few));
  // Percentiles of a binomial share: 1.96 standard deviations, which are 0.0876 and 0.0224.
  CHECK(wide.high - wide.low == doctest::Approx(2 * 1.96 * 0.0897).epsilon(0.15));
  CHECK(narrow.high - narrow.low == doctest::Approx(2 * 1.96 * 0.0224).epsilon(0.1));
  CHECK(BootstrapOfMean(few, 3).low == wide.low);
  CHECK(BootstrapOfMean(many, 4).low != narrow.low);
  const std::vector<double> one = {0.25};
  CHECK(BootstrapOfMean(one, 1).high == 0.25);
  CHECK(std::isnan(BootstrapOfMean({}, 1).low));
}

TEST_CASE("other sizes: torch's bilinear and adaptive average") {
  std::vector<float> picture(72);
  for (size_t i = 0; i < picture.size(); ++i) picture[i] = static_cast<float>(std::pow(static_cast<double>(i), 1.5));
  std::vector<float> small(32), cells(18);
  ResizeBilinear(picture, 6, 4, small);
  const std::vector<float> bilinear = {4.100692f, 7.178647f, 11.461760f, 16.605904f, 36.084408f, 43.654240f};
  for (size_t i = 0; i < bilinear.size(); ++i) CHECK(small[i] == doctest::Approx(bilinear[i]).epsilon(1e-6));
  AverageCells(picture, 6, 1, 1, 5, 3, cells);
  const std::vector<float> averages = {35.100761f, 42.621357f, 50.549614f, 88.181946f, 98.264069f, 108.65298f,
                                       152.79865f, 164.97916f, 177.41176f, 317.59656f, 333.07715f, 348.75653f,
                                       414.68729f, 431.56668f, 448.6287f,  518.44366f, 536.6328f,  554.9913f};
  for (size_t i = 0; i < averages.size(); ++i) CHECK(cells[i] == doctest::Approx(averages[i]).epsilon(1e-6));
  // From 1024 to 256 it is the mean of the two pixels in the middle of four.
  std::vector<float> eight(64), two(4);
  std::iota(eight.begin(), eight.end(), 0.0f);
  ResizeBilinear(eight, 8, 2, two);
  CHECK(two[3] == (45.f + 46 + 53 + 54) / 4);
}

}  // namespace
}  // namespace mien
