// Images to maps and back in both precisions: every element exactly, zeros in the channels of padding, equal in every
// thread order.
#include "kernels/tensor/convert_map.h"

#include <doctest/doctest.h>

#include <bit>
#include <cstring>
#include <string>
#include <vector>

#include "kernels/executor/executor.h"
#include "tests/cuda/kernels/support.h"

namespace mien::simt {
namespace {

struct Case {
  int batch, channels, height, width;
  bool scaled;
};
constexpr int kMoreScales = 3;  // numbers of other layers between the scales of two samples

void RunConversion(const FastOp& op, std::vector<void*> in, void* out) {
  const Status status = TheExecutor().run(op, in, std::vector<void*>{out}, nullptr, Stream());
  REQUIRE_MESSAGE(status.ok(), std::string(status.message()));
}

// What a map keeps of a number.
float Stored(Precision precision, float value) {
  if (precision == Precision::kHalf) return HalfToFloat(FloatToHalf(value));
  return std::bit_cast<float>((std::bit_cast<uint32_t>(value) + 0x1000u) & 0xffffe000u);
}

void TestConversion(Precision precision, const Case& c) {
  const auto samples = static_cast<size_t>(c.batch), channels = static_cast<size_t>(c.channels);
  const size_t pixels = static_cast<size_t>(c.height * c.width), stride = channels + kMoreScales;
  const auto stored = static_cast<size_t>(MapChannels(c.channels));
  GlobalArray<float> image(samples * channels * pixels), scale(samples * stride), back(image.size());
  for (size_t i = 0; i < image.size(); ++i) image[i] = Value(i);
  for (size_t i = 0; i < scale.size(); ++i) scale[i] = Value(i + 1'000'000);
  GlobalArray<std::byte> map(MapBytes(precision, c.batch, c.height, c.width, c.channels));
  const ImportMap::Params import = {{}, precision, c.batch, c.channels, c.height, c.width, static_cast<int>(stride)};
  const ExportMap::Params exported = {{}, precision, c.batch, c.channels, c.height, c.width};
  RunConversion(FastOpCall<ImportMap>{import}, {image.data(), c.scaled ? scale.data() : nullptr}, map.data());
  RunConversion(FastOpCall<ExportMap>{exported}, {map.data()}, back.data());
  int wrong = 0;
  for (size_t n = 0; n < samples; ++n) {
    for (size_t pixel = 0; pixel < pixels; ++pixel) {
      for (size_t k = 0; k < stored; ++k) {
        const size_t at = (n * channels + k) * pixels + pixel;
        float expected = 0.0f;
        if (k < channels) {
          expected = Stored(precision, c.scaled ? image[at] * scale[n * stride + k] : image[at]);
          wrong += back[at] != expected;
        }
        const std::byte* element = map.data() + ((n * pixels + pixel) * stored + k) *
                                                    static_cast<size_t>(ElementBytes(precision));
        uint32_t bits = 0;
        std::memcpy(&bits, element, static_cast<size_t>(ElementBytes(precision)));
        const float found =
            precision == Precision::kHalf ? HalfToFloat(static_cast<uint16_t>(bits)) : std::bit_cast<float>(bits);
        wrong += found != expected;  // NaN where nothing was written
      }
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("images to maps and back") {
  for (const Precision precision : {Precision::kTf32, Precision::kHalf}) {
    for (const Case& c : {Case{2, 3, 5, 7, false}, Case{1, 16, 4, 4, true}, Case{3, 37, 3, 11, true}}) {
      CAPTURE(static_cast<int>(precision));
      CAPTURE(c.channels);
      ForEachOrder([&] { TestConversion(precision, c); });
    }
  }
}

}  // namespace
}  // namespace mien::simt
