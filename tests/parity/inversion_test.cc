// The gradients of the tiny generators, and the recorded steps of a projector, taken again by mien invert --replay.
// Recorded outputs: grad/* of tests/data/golden/{rosi,nv}_tiny_*, tests/data/golden/sh_projector_*, in float32 alone.
// Gradients are far smaller than 1, so beside the gate they have to be within a few millionths of the largest.
#include "runtime/train/inversion.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "runtime/train/noise_maps.h"
#include "tests/support/parity.h"

namespace {

using mien::Inversion;
using mien::parity::DataPath;
using mien::parity::Judge;
using mien::parity::Recorded;
using mien::parity::RunMien;
using mien::parity::TempFolder;

constexpr double kOfLargest = 1.7e-6;  // measured x 1.5

void JudgeGradient(const std::string& group, const std::string& name, std::span<const float> gradient,
                   const Recorded& io) {
  const std::vector<double> ours(gradient.begin(), gradient.end()), recorded = io.Get(name).values;
  Judge(group, name, ours, io);
  double largest = 0, error = 0;
  for (size_t i = 0; i < recorded.size(); ++i) {
    largest = std::max(largest, std::fabs(recorded[i]));
    error = std::max(error, std::fabs(recorded[i] - ours[i]));
  }
  CHECK_MESSAGE(error <= kOfLargest * largest, name << ": error " << error << " of " << largest);
  std::printf("parity gradients: %s %s: error %.2g of the largest\n", group.c_str(), name.c_str(), error / largest);
}

void TestGradients(const std::string& checkpoint, const std::string& recorded) {
  CAPTURE(checkpoint);
  TempFolder folder;
  std::string errors;
  const std::string path = folder.Path("a.model");
  REQUIRE_MESSAGE(RunMien({"convert", DataPath("golden/" + checkpoint), "-o", path}, &errors) == 0, errors);
  auto model = mien::ModelFile::Open(path);
  REQUIRE_MESSAGE(model.ok(), std::string(model.status().message()));
  const Recorded io(DataPath("golden/" + recorded));
  mien::InversionOptions options;
  options.batch = 2;
  options.exact = true;
  options.threads = 2;
  auto made = Inversion::Create(*model, options);
  REQUIRE_MESSAGE(made.ok(), std::string(made.status().message()));
  Inversion& inversion = **made;
  const auto fill = [&](const std::string& name, std::span<float> out) {
    const std::vector<double> values = io.Get(name).values;
    REQUIRE(values.size() == out.size());
    std::ranges::copy(values, out.begin());
  };
  fill("wplus", inversion.codes());
  fill("grad/target", inversion.target());
  const bool own_noise = io.Has("ext_noise/0");
  double autocorrelation = 0;
  for (size_t i = 0; i < inversion.noise_maps() && own_noise; ++i) {
    fill("ext_noise/" + std::to_string(i), inversion.noise(i));
    std::vector<float> unused(inversion.noise(i).size());
    autocorrelation += mien::NoiseAutocorrelation(inversion.noise(i), inversion.noise_shape(i)[2], 1, unused);
  }
  const auto losses = inversion.Losses();
  REQUIRE_MESSAGE(losses.ok(), std::string(losses.status().message()));
  Judge(checkpoint, "grad/mse_loss", {losses->squares}, io);
  JudgeGradient(checkpoint, "grad/d_wplus", inversion.code_gradient(), io);
  if (!own_noise) return;
  Judge(checkpoint, "noise_reg_value", {autocorrelation}, io);
  for (size_t i = 0; i < inversion.noise_maps(); ++i)
    JudgeGradient(checkpoint, "grad/d_noise/" + std::to_string(i), inversion.noise_gradient(i), io);
}

void TestReplay(const std::string& threads) {
  CAPTURE(threads);
  TempFolder folder;
  std::string errors;
  const std::string model = folder.Path("a.model"), out = folder.Path("out.safetensors");
  REQUIRE_MESSAGE(RunMien({"convert", DataPath("golden/rosi_tiny_a.pt"), "-o", model}, &errors) == 0, errors);
  const std::string recorded = DataPath("golden/sh_projector_rosi_tiny_a.safetensors");
  const int status = RunMien({"-m", model, "--threads", threads, "invert", "--replay", recorded, "-o", out}, &errors);
  REQUIRE_MESSAGE(status == 0, errors);
  const Recorded ours(out), golden(recorded);
  int judged = 0;
  for (const std::string& name : golden.Names()) {
    if (name == "target" || name.starts_with("init/")) continue;
    Judge("projector threads=" + threads, name, ours.Get(name).values, golden);
    ++judged;
  }
  CHECK(judged == 25);
  CHECK(ours.Names().size() == 25);
}

}  // namespace

TEST_CASE("inversion: recorded gradients") {
  TestGradients("rosi_tiny_a.pt", "rosi_tiny_a.io.safetensors");
  TestGradients("rosi_tiny_b_legacy.pt", "rosi_tiny_b_legacy.io.safetensors");
  TestGradients("nv_tiny_a.pkl", "nv_tiny_a.io.safetensors");
  TestGradients("nv_tiny_b_clamp.pkl", "nv_tiny_b_clamp.io.safetensors");
}

TEST_CASE("inversion: recorded steps of a projector") {
  TestReplay("1");
  TestReplay("3");
}
