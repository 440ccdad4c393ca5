// Tiny generators of both conventions from their real checkpoints: mapping stage by stage, synthesis layer by layer,
// truncation, noise, style mixing, rounding. Recorded outputs: tests/data/golden/{rosi,nv}_tiny_*.
#include <doctest/doctest.h>

#include "runtime/face/image.h"
#include "tests/support/parity.h"

namespace {

using mien::parity::DataPath;
using mien::parity::Judge;
using mien::parity::Recorded;
using mien::parity::Subject;
using mien::parity::TempFolder;
using mien::parity::Tensor;

using Inputs = std::map<std::string, Tensor>;

// The first w of every sample, from w_plus [N,L,D] whose rows are all the same.
std::vector<double> FirstRows(const Tensor& w_plus) {
  std::vector<double> rows;
  const auto d = static_cast<size_t>(w_plus.shape[2]), l = static_cast<size_t>(w_plus.shape[1]);
  for (size_t i = 0; i < w_plus.values.size(); ++i) {
    if ((i / d) % l == 0) rows.push_back(w_plus.values[i]);
    CHECK(w_plus.values[i] == w_plus.values[i / (l * d) * l * d + i % d]);
  }
  return rows;
}

// Every recorded act/... tensor against the trace, and the fused image against the traced one.
void JudgeTrace(const std::string& group, const Subject& subject, const Recorded& io) {
  Inputs in = {{"w_plus", io.Get("wplus")}};
  Recorded trace = subject.Run({"--graph", "synthesis", "--trace"}, in);
  for (const std::string& name : io.Names()) {
    if (name.rfind("act/", 0) == 0) Judge(group + " layers", name, trace.Get(name).values, io);
  }
  std::vector<double> traced = trace.Get("image").values;
  Judge(group + " fused=trace", "image", subject.Run({"--graph", "synthesis"}, in).Get("image").values, traced,
        nullptr);
}

void TestRosinality(const std::string& name, int threads) {
  CAPTURE(name);
  TempFolder folder;
  Subject subject(folder, DataPath("golden/" + name + ".pt"), threads);
  Recorded io(DataPath("golden/" + name + ".io.safetensors"));
  const std::string group = name + " threads=" + std::to_string(threads);
  auto image_of = [&](const Tensor& w_plus, std::vector<std::string> more = {}, Inputs inputs = {}) {
    inputs["w_plus"] = w_plus;
    more.insert(more.begin(), {"--graph", "synthesis"});
    return subject.Run(more, inputs).Get("image").values;
  };

  Recorded mapping = subject.Run({"--graph", "mapping", "--trace"}, {{"z", io.Get("z")}});
  for (int k = 0; io.Has("mapping/style." + std::to_string(k)); ++k) {
    const std::string stage = "mapping/style." + std::to_string(k);
    Judge(group + " mapping", stage, mapping.Get(stage).values, io);
  }
  Tensor w_plus = subject.Run({"--graph", "mapping"}, {{"z", io.Get("z")}}).Get("w_plus");
  Judge(group + " mapping", "w_from_z", FirstRows(w_plus), io);
  Tensor truncated = subject.Run({"--graph", "mapping", "--psi", "0.6"}, {{"z", io.Get("z")}}).Get("w_plus");
  Judge(group + " mapping", "w_trunc0.6", truncated.values, io);

  Judge(group, "image_z", image_of(w_plus), io);
  Judge(group, "image_z_trunc0.6", image_of(truncated), io);
  Judge(group, "image_wplus", image_of(io.Get("wplus")), io);
  Judge(group, "image_wplus_no_noise", image_of(io.Get("wplus"), {"--noise", "none"}), io);
  Inputs noise;
  for (int i = 0; io.Has("ext_noise/" + std::to_string(i)); ++i) {
    noise["noise." + std::to_string(i)] = io.Get("ext_noise/" + std::to_string(i));
  }
  Judge(group, "image_wplus_ext_noise", image_of(io.Get("wplus"), {}, noise), io);

  // Style mixing: rows 0 to 2 of z, the others of z2.
  Tensor mixed = subject.Run({"--graph", "mapping"}, {{"z", io.Get("z2")}}).Get("w_plus");
  const auto d = static_cast<size_t>(mixed.shape[2]), l = static_cast<size_t>(mixed.shape[1]);
  for (size_t i = 0; i < mixed.values.size(); ++i) {
    if ((i / d) % l < 3) mixed.values[i] = w_plus.values[i];
  }
  Judge(group, "image_mix_inject3", image_of(mixed), io);
  JudgeTrace(group, subject, io);
}

void TestNvidia(const std::string& name, int threads) {
  CAPTURE(name);
  TempFolder folder;
  Subject subject(folder, DataPath("golden/" + name + ".pkl"), threads);
  Recorded io(DataPath("golden/" + name + ".io.safetensors"));
  const std::string group = name + " threads=" + std::to_string(threads);
  auto map = [&](std::vector<std::string> more) {
    more.insert(more.begin(), {"--graph", "mapping"});
    return subject.Run(more, {{"z", io.Get("z")}}).Get("w_plus");
  };
  auto image_of = [&](const Tensor& w_plus, const std::string& noise) {
    return subject.Run({"--graph", "synthesis", "--noise", noise}, {{"w_plus", w_plus}}).Get("image").values;
  };
  Tensor truncated = map({"--psi", "0.7"});
  Judge(group + " mapping", "ws", map({}).values, io);
  Judge(group + " mapping", "ws_psi0.7", truncated.values, io);
  Judge(group + " mapping", "ws_psi0.5_cut4", map({"--psi", "0.5", "--psi-cutoff", "4"}).values, io);
  Judge(group, "image_z_psi0.7_const", image_of(truncated, "const"), io);
  std::vector<double> image = image_of(io.Get("wplus"), "const");
  Judge(group, "image_wplus_const", image, io);
  Judge(group, "image_wplus_const_unfused", image, io);
  Judge(group, "image_wplus_none", image_of(io.Get("wplus"), "none"), io);
  JudgeTrace(group, subject, io);

  // 8 bits: trunc(clamp(127.5 x + 128, 0, 255)), [N,H,W,3], from the recorded image: every byte.
  Tensor bytes = io.Get("image_wplus_const_u8"), recorded = io.Get("image_wplus_const");
  const auto side = static_cast<int>(bytes.shape[1]);
  const size_t size = size_t{3} * static_cast<size_t>(side) * static_cast<size_t>(side);
  for (size_t n = 0; n < static_cast<size_t>(bytes.shape[0]); ++n) {
    std::vector<float> values(recorded.values.begin() + static_cast<std::ptrdiff_t>(n * size),
                              recorded.values.begin() + static_cast<std::ptrdiff_t>((n + 1) * size));
    auto picture = mien::FromFloats(values, side, mien::PixelRounding::kShifted);
    REQUIRE(picture.ok());
    std::vector<double> ours(picture->bytes().begin(), picture->bytes().end());
    std::vector<double> expected(bytes.values.begin() + static_cast<std::ptrdiff_t>(n * size),
                                 bytes.values.begin() + static_cast<std::ptrdiff_t>((n + 1) * size));
    CHECK(ours == expected);
  }
}

}  // namespace

TEST_CASE("rosinality generators") {
  for (int threads : {1, 2}) {
    TestRosinality("rosi_tiny_a", threads);
    TestRosinality("rosi_tiny_b_legacy", threads);
  }
}

TEST_CASE("NVIDIA generators") {
  for (int threads : {1, 2}) {
    TestNvidia("nv_tiny_a", threads);
    TestNvidia("nv_tiny_b_clamp", threads);
  }
}
