// The full-size networks with generated weights, against the recorded statistics, samples, rows, crops and codes of
// the public code (tests/data/golden/sh_*). Weights are written to a temporary folder: up to 5 GB while e4e runs.
#include <doctest/doctest.h>

#include <cmath>

#include "tests/support/parity.h"

namespace {

using mien::parity::DataPath;
using mien::parity::Judge;
using mien::parity::JudgeDecibels;
using mien::parity::JudgeSampled;
using mien::parity::Recorded;
using mien::parity::Rms;
using mien::parity::Subject;
using mien::parity::TempFolder;
using mien::parity::Tensor;

// A golden network: its generated checkpoint, its recorded outputs, its generated inputs.
struct Golden {
  explicit Golden(const std::string& kind)
      : name("sh_" + kind), io(DataPath("golden/sh_" + kind + ".io.safetensors")), subject(folder, Write(kind)) {}

  // The generated input `key` under its name in `mien run`.
  Tensor Input(const std::string& key) const { return Recorded(folder.Path("inputs")).Get(key); }
  // The recorded picture in [-1,1], as torchvision's to_tensor and normalize make it: [1,3,S,S].
  Tensor Image() const {
    Tensor bytes = io.Get("in/image_u8");
    const int64_t side = bytes.shape[0];
    Tensor image{{1, 3, side, side}, std::vector<double>(bytes.values.size())};
    for (size_t i = 0; i < bytes.values.size(); ++i) {
      float x = (static_cast<float>(bytes.values[i]) / 255.0f - 0.5f) / 0.5f;
      image.values[i % 3 * static_cast<size_t>(side * side) + i / 3] = x;
    }
    return image;
  }

  std::string name;
  TempFolder folder;
  Recorded io;
  Subject subject;

 private:
  std::string Write(const std::string& kind) const {
    mien::Status status =
        mien::hashgen::WriteGolden(kind, folder.Path("checkpoint.safetensors"), folder.Path("inputs"));
    REQUIRE_MESSAGE(status.ok(), status.message());
    return folder.Path("checkpoint.safetensors");
  }
};

// Every sampled tensor that starts with `prefix`.
void JudgeAllSampled(const std::string& group, const std::string& prefix, const Recorded& ours, const Recorded& io) {
  int judged = 0;
  for (const std::string& name : io.Names()) {
    if (name.rfind(prefix, 0) != 0 || !name.ends_with("/stats")) continue;
    const std::string tensor = name.substr(0, name.size() - 6);
    JudgeSampled(group, tensor, ours.Get(tensor.substr(0, 6) == "layer/" ? tensor + "/out" : tensor).values, io);
    ++judged;
  }
  CHECK(judged > 0);
}

// Rows, crops, box averages, samples and statistics of an image [1,3,S,S].
void JudgeImage(const std::string& group, const std::vector<double>& image, const Recorded& io) {
  const auto side = static_cast<size_t>(std::lround(std::sqrt(static_cast<double>(image.size()) / 3)));
  auto block = [&](size_t y0, size_t x0, size_t height, size_t width) {
    std::vector<double> values;
    for (size_t c = 0; c < 3; ++c) {
      for (size_t y = y0; y < y0 + height; ++y) {
        for (size_t x = x0; x < x0 + width; ++x) values.push_back(image[(c * side + y) * side + x]);
      }
    }
    return values;
  };
  for (const std::string& name : io.Names()) {
    unsigned y = 0, x = 0;
    if (std::sscanf(name.c_str(), "image_row/%u", &y) == 1) Judge(group, name, block(y, 0, 1, side), io);
    if (std::sscanf(name.c_str(), "image_crop64/%u_%u", &y, &x) == 2) Judge(group, name, block(y, x, 64, 64), io);
  }
  const size_t cell = side / 128;
  std::vector<double> box;
  for (size_t i = 0; i < 3 * 128 * 128; ++i) {
    const size_t c = i / (128 * 128), y = i / 128 % 128 * cell, x = i % 128 * cell;
    double sum = 0;
    for (size_t k = 0; k < cell * cell; ++k) sum += image[(c * side + y + k / cell) * side + x + k % cell];
    box.push_back(sum / static_cast<double>(cell * cell));
  }
  Judge(group, "image_box128", box, io);
  JudgeSampled(group, "image", image, io);
}

// What a user gets: 90 dB, where float64 was recorded and everywhere against the direct form; the same bytes by any
// number of threads, by layers or in bands.
void JudgeFastImage(const Golden& golden, const std::map<std::string, Tensor>& in, const std::vector<double>& direct) {
  const auto run = [&](const char* threads, const char* memory) {
    return golden.subject.RunFast({"--graph", "synthesis", "--threads", threads, "--memory", memory}, in)
        .Get("image")
        .values;
  };
  const std::vector<double> image = run("1", "layers");
  std::vector<double> ours, f64 = golden.io.Get("f64/image/val").values;
  for (double index : golden.io.Get("image/idx").values) ours.push_back(image[static_cast<size_t>(index)]);
  const auto side = static_cast<size_t>(std::lround(std::sqrt(static_cast<double>(image.size()) / 3)));
  for (const std::string& name : golden.io.Names()) {
    unsigned y = 0;
    if (std::sscanf(name.c_str(), "f64/image_row/%u", &y) != 1) continue;
    for (size_t i = 0; i < 3 * side; ++i) ours.push_back(image[(i / side * side + y) * side + i % side]);
    const std::vector<double> row = golden.io.Get(name).values;
    f64.insert(f64.end(), row.begin(), row.end());
  }
  JudgeDecibels(golden.name, "image, float64", ours, f64, 2);
  JudgeDecibels(golden.name, "image, direct form", image, direct, 2);
  for (const char* threads : {"2", "3", "8"}) CHECK(run(threads, "layers") == image);
  for (const char* threads : {"1", "2", "8"}) CHECK(run(threads, "bands") == image);
}

void TestGenerator(const std::string& kind) {
  Golden golden(kind);
  Tensor w_plus = golden.subject.Run({"--graph", "mapping"}, {{"z", golden.Input("z")}}).Get("w_plus");
  w_plus.values.resize(512);  // all rows are this one
  Judge(golden.name, "w_from_z", w_plus.values, golden.io);
  std::map<std::string, Tensor> in = {{"w_plus", golden.Input("w_plus")}};
  std::vector<double> image = golden.subject.Run({"--graph", "synthesis"}, in).Get("image").values;
  JudgeImage(golden.name, image, golden.io);
  Recorded trace = golden.subject.Run({"--graph", "synthesis", "--trace"}, in);
  JudgeAllSampled(golden.name, "act/", trace, golden.io);
  Judge(golden.name + " fused=trace", "image", image, trace.Get("image").values, nullptr);
  JudgeFastImage(golden, in, image);
}

}  // namespace

TEST_CASE("generator, 256 pixels") { TestGenerator("g256"); }
TEST_CASE("generator, 1024 pixels") { TestGenerator("g1024"); }

TEST_CASE("e4e encoder") {
  Golden golden("e4e");
  auto codes = [&](std::vector<std::string> more) {
    more.insert(more.begin(), {"--graph", "encoder"});
    return golden.subject.Run(more, {{"image", golden.Image()}}).Get("w_plus").values;
  };
  std::vector<double> with_average = codes({});
  Judge(golden.name, "codes", codes({"--no-latent-avg"}), golden.io);
  Judge(golden.name, "codes_plus_latent_avg", with_average, golden.io);
  for (int stage : {0, 3, 9}) {
    std::vector<double> all = codes({"--no-latent-avg", "--stages", std::to_string(stage)}), rows;
    for (size_t row : {0, 3, 7, 17}) {
      for (size_t i = 0; i < 512; ++i) rows.push_back(all[row * 512 + i]);
    }
    Judge(golden.name, "codes_stage" + std::to_string(stage) + "_rows0_3_7_17", rows, golden.io);
  }
  const auto fast = [&](const char* threads, const char* memory) {
    // By layers 2.1 GB; bands keep the weights as the file has them.
    const char* const most = std::string_view(memory) == "bands" ? "1050MB" : "4GB";
    const std::vector<std::string> words = {"--graph", "encoder", "--threads",    threads,
                                            "--memory", memory,   "--max-memory", most};
    return golden.subject.RunFast(words, {{"image", golden.Image()}}).Get("w_plus").values;
  };
  const std::vector<double> with_winograd = fast("1", "layers");
  JudgeDecibels(golden.name, "codes_plus_latent_avg", with_winograd, golden.io.Get("f64/codes_plus_latent_avg").values,
                Rms(with_average));
  CHECK(fast("3", "layers") == with_winograd);
  for (const char* threads : {"1", "3"}) CHECK(fast(threads, "bands") == with_winograd);
  Recorded trace = golden.subject.Run({"--graph", "encoder", "--trace"}, {{"image", golden.Image()}});
  JudgeAllSampled(golden.name, "act/", trace, golden.io);
  Judge(golden.name + " fused=trace", "codes", with_average, trace.Get("w_plus").values, nullptr);
}

TEST_CASE("attribute classifier") {
  Golden golden("rn18");
  std::map<std::string, Tensor> in = {{"image", golden.Image()}};
  std::vector<double> scores = golden.subject.Run({"--graph", "attributes"}, in).Get("scores").values;
  Judge(golden.name, "out", scores, golden.io);
  Recorded trace = golden.subject.Run({"--graph", "attributes", "--trace"}, in);
  JudgeAllSampled(golden.name, "act/", trace, golden.io);
  Judge(golden.name + " fused=trace", "out", scores, trace.Get("scores").values, nullptr);
  JudgeDecibels(golden.name, "out", golden.subject.RunFast({"--graph", "attributes"}, in).Get("scores").values,
                golden.io.Get("f64/out").values, Rms(scores));
}

TEST_CASE("flow, 512 features") {
  Golden golden("flow512");
  Recorded trace = golden.subject.Run({"--graph", "flow", "--trace"}, {{"w_plus", golden.Input("w_plus")}});
  JudgeAllSampled(golden.name, "layer/", trace, golden.io);
  for (int i = 0; i < 20; ++i) {
    const std::string name = "layer/" + std::to_string(i) + "/logabsdet";
    Judge(golden.name + " samples", name, trace.Get(name).values, golden.io);
  }
  std::vector<double> traced = trace.Get("latent").values;
  Recorded ahead = golden.subject.Run({"--graph", "flow"}, {{"w_plus", golden.Input("w_plus")}});
  Tensor z = ahead.Get("latent");
  Judge(golden.name, "z", z.values, golden.io);
  Judge(golden.name, "logabsdet", ahead.Get("logabsdet").values, golden.io);
  Judge(golden.name + " fused=trace", "z", z.values, traced, nullptr);
  for (size_t row = 0; row < 18; ++row) {
    z.values[row * 512] = -2;
    z.values[row * 512 + 5] = 2;
  }
  Recorded back = golden.subject.Run({"--graph", "flow_inverse"}, {{"latent", z}});
  std::vector<double> truth = golden.io.Get("f64/x_edit").values;
  Judge(golden.name, "x_edit", back.Get("w_plus").values, golden.io.Get("x_edit_attr0_m2_attr5_p2").values, &truth);
  Judge(golden.name, "logabsdet_inv", back.Get("logabsdet").values, golden.io);
}
