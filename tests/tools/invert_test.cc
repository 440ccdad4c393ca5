// mien invert from outside: photos, what its bits depend on, files of recorded steps that are wrong. What a step
// computes is judged in tests/parity/inversion_test.cc.
#include <doctest/doctest.h>
#include <signal.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>

#include "tests/support/tiny_model.h"
#include "tests/tools/run_program.h"

namespace mien {
namespace {

using namespace testing;

nlohmann::json Invert(const std::string& out, std::vector<std::string> more) {
  std::vector<std::string> arguments = {"--json", "invert", "--aligned", Photo(10), "-o", out};
  arguments.insert(arguments.end(), more.begin(), more.end());
  const Ran ran = Mien(arguments);
  REQUIRE_MESSAGE(ran.code == 0, ran.err);
  return nlohmann::json::parse(ran.out)["inversions"][0]["faces"][0];
}

TEST_CASE("invert: the picture comes closer to the photo, and edit takes the codes") {
  const std::string out = Fresh("w.safetensors"), encoded = Fresh("e.safetensors");
  const nlohmann::json face = Invert(out, {"--steps", "12"});
  CHECK(face["after"]["psnr"].get<double>() > face["before"]["psnr"].get<double>() + 0.5);
  CHECK(face["after"]["loss"] < face["before"]["loss"]);
  CHECK(face["before"]["distance_to_start"] == 0.0);
  CHECK(face["after"]["distance_to_start"] > 0.0);
  CHECK(face["after"]["recognizer_distance"] > 0.0);
  CHECK(face["after"]["recognizer_distance"] != face["before"]["recognizer_distance"]);
  REQUIRE(Mien({"encode", "--aligned", Photo(10), "-o", encoded}).code == 0);
  const std::vector<float> codes = TensorOutput(out, "w_plus"), begun = TensorOutput(encoded, "w_plus");
  REQUIRE(codes.size() == begun.size());
  CHECK(codes != begun);
  CHECK(Mien({"edit", "--codes", out, "--set", "smile=1", "-o", Fresh("a.png")}).code == 0);
  CHECK(Mien({"synth", "--codes", out, "-o", Fresh("a.png")}).code == 0);

  // What holds the code where it was does.
  const nlohmann::json held = Invert(Fresh("w.safetensors"), {"--steps", "12", "--keep-start", "1000"});
  CHECK(held["after"]["distance_to_start"] < face["after"]["distance_to_start"]);
}

TEST_CASE("invert: the same bits for any number of threads and beside other photos") {
  const std::string one = Fresh("w.safetensors"), two = Fresh("w.safetensors"), folder = Fresh("codes");
  Invert(one, {"--steps", "3"});
  REQUIRE(Run({"-m", TinyModelPath(), "--threads", "1", "invert", "--aligned", Photo(10), "-o", two, "--steps", "3"})
              .code == 0);
  CHECK(Content(one) == Content(two));
  REQUIRE(Mien({"invert", "--aligned", Photo(11), Photo(10), "-o", folder, "--steps", "3"}).code == 0);
  CHECK(Content(folder + "/photo10.safetensors") == Content(one));
}

TEST_CASE("invert: space W, the mean, noise maps") {
  const std::string out = Fresh("w.safetensors");
  const nlohmann::json face = Invert(out, {"--steps", "12", "--space", "w", "--start", "mean", "--learn-noise",
                                           "--noise-weight", "0", "--scales", "1,0.5", "--no-likeness"});
  CHECK(face["after"]["loss"] < face["before"]["loss"]);
  CHECK_FALSE(face["after"].contains("recognizer_distance"));
  const std::vector<float> codes = TensorOutput(out, "w_plus");
  for (size_t i = kTinyDim; i < codes.size(); ++i) REQUIRE(codes[i] == codes[i % kTinyDim]);
  const std::vector<float> noise = TensorOutput(out, "noise.6");
  REQUIRE(noise.size() == kTinySide * kTinySide);
  double sum = 0, squares = 0;
  for (const float x : noise) {
    sum += x;
    squares += double{x} * x;
  }
  CHECK(std::fabs(sum) < 1e-2);
  CHECK(std::fabs(squares - (kTinySide * kTinySide - 1)) < 1e-2);
  CHECK(Mien({"invert", "--aligned", Photo(10), "-o", Fresh("w.npy"), "--learn-noise"}).code == 2);
}

TEST_CASE("invert: options that have no effect, and what is wrong") {
  const std::string out = Fresh("w.safetensors");
  MienWithoutEffect({"invert", "--aligned", Photo(10), "-o", out, "--steps", "1", "--noise-weight", "3"},
                    "--noise-weight");
  CHECK(Mien({"invert", "-o", out}).code == 2);
  CHECK(Mien({"invert", Photo(10), "--replay", out, "-o", out}).code == 2);
  CHECK(Mien({"invert", "--aligned", Photo(10), "-o", out, "--space", "z"}).code == 2);
  const Ran scales = Mien({"invert", "--aligned", Photo(10), "-o", out, "--scales", "1,1,1,1,1"});
  CHECK(scales.code == 2);
  CHECK_MESSAGE(Has(scales.err, "1 to 4 scales expected, 5 found"), scales.err);
  const Ran little = Mien({"--max-memory", "300KB", "invert", "--aligned", Photo(10), "-o", Fresh("w.safetensors"),
                           "--start", "mean", "--no-likeness"});
  CHECK(little.code == 5);
  CHECK_MESSAGE(Has(little.err, "inversion: "), little.err);
}

TEST_CASE("invert: a run goes on from its snapshot with the same bytes") {
  const std::string whole = Fresh("w.safetensors"), out = Fresh("w.safetensors"), snapshot = Fresh("s.snapshot");
  const std::vector<std::string> how = {"--steps", "5", "--learn-noise", "--no-likeness", "--scales", "1,1"};
  Invert(whole, how);
  const auto run = [&](std::vector<std::string> more) {
    std::vector<std::string> arguments = {"invert", "--aligned", Photo(10), "-o", out, "--snapshot", snapshot};
    arguments.insert(arguments.end(), how.begin(), how.end());
    arguments.insert(arguments.end(), more.begin(), more.end());
    return Mien(arguments);
  };
  REQUIRE(run({"--snapshot-every", "3", "--resume"}).code == 0);  // there is none to go on from
  CHECK(Content(out) == Content(whole));
  const std::string third = Content(snapshot);
  WriteContent(out, "");
  const Ran resumed = run({"--resume", "-v"});
  REQUIRE_MESSAGE(resumed.code == 0, resumed.err);
  CHECK(Content(out) == Content(whole));
  CHECK(Has(resumed.err, "PSNR"));
  CHECK_FALSE(Has(resumed.err, "step 1 of"));

  // One of another run, and ones that were tampered with.
  const Ran other = run({"--resume", "--learning-rate", "0.5"});
  CHECK(other.code == 2);
  CHECK_MESSAGE(Has(other.err, "a snapshot of this inversion expected"), other.err);
  WriteContent(snapshot, third.substr(0, third.size() - 4));
  CHECK(run({"--resume"}).code == 4);
  std::string infinite = third;
  for (size_t i = 0; i < 4; ++i) infinite[infinite.size() - 1 - i] = '\xff';
  WriteContent(snapshot, infinite);
  const Ran refused = run({"--resume"});
  CHECK(refused.code == 4);
  CHECK_MESSAGE(Has(refused.err, "numbers that are not finite"), refused.err);
  std::string renamed = third;
  renamed.replace(renamed.find("adam/second/codes"), 4, "Adam");
  WriteContent(snapshot, renamed);
  const Ran missing = run({"--resume"});
  CHECK(missing.code == 4);
  CHECK_MESSAGE(Has(missing.err, "a tensor adam/second/codes [1,8,32] of F32 expected, found none"), missing.err);
  std::string counted = third;
  counted[counted.find("inversion.steps") + 18] = '-';  // of ":"3"
  WriteContent(snapshot, counted);
  const Ran uncounted = run({"--resume"});
  CHECK(uncounted.code == 4);
  CHECK_MESSAGE(Has(uncounted.err, "how many steps were taken expected"), uncounted.err);

  CHECK(run({"--snapshot-every", "1", Photo(11)}).code == 2);
  CHECK(Mien({"invert", "--aligned", Photo(10), "-o", out, "--resume"}).code == 2);
}

TEST_CASE("invert: a stop leaves nothing half written") {
  const std::string out = Fresh("w.safetensors"), err = out + ".err";
  const pid_t child = Start(
      MIEN_PROGRAM, {"-m", TinyModelPath(), "-v", "invert", "--aligned", Photo(10), "-o", out, "--steps", "100000"},
      out + ".out", err);
  while (!Has(Content(err), "step 11 of")) usleep(1000);
  kill(child, SIGINT);
  CHECK(Wait(child) == 130);
  CHECK(Has(Content(err), "interrupted"));
  CHECK(FilesIn(FolderOf(out)) == 2);  // what was said
}

TEST_CASE("edit --refine: the photo's code is inverted first") {
  const std::string plain = Fresh("a.png"), refined = Fresh("a.png");
  const std::vector<std::string> edit = {"edit", "--aligned", "--crop", "--no-likeness", Photo(10), "--set", "smile=1"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), edit.begin(), edit.end());
    return Mien(more);
  };
  REQUIRE(with({"-o", plain}).code == 0);
  const Ran ran = with({"-o", refined, "--refine", "5"});
  REQUIRE_MESSAGE(ran.code == 0, ran.err);
  CHECK(Has(ran.err, "after 5 steps"));
  CHECK(Content(plain) != Content(refined));
  CHECK(Has(Content(refined), "\"refine\":5"));
  CHECK(with({"-o", Fresh("a.png"), "--refine", "0"}).code == 0);
  MienWithoutEffect({"edit", "--seeds", "1", "--set", "smile=1", "--refine", "2", "-o", Fresh("b.png")}, "--refine");
}

// A file of recorded steps for the tiny model.
struct Steps {
  std::map<std::string, std::string> metadata = {{"steps", "2"},    {"total_steps_for_t", "10"},
                                                 {"mse", "1.0"},    {"noise_regularize", "100.0"},
                                                 {"wplus", "True"}, {"latent_noise", "0"}};
  std::map<std::string, Shape> shapes;
  std::map<std::string, std::vector<float>> values;
  DType type = DType::kF32;

  explicit Steps(int64_t batch = 1, int64_t maps = 1) {
    Put("init/latent", {batch, kTinyRows, kTinyDim});
    Put("target", {batch, 3, kTinySide, kTinySide});
    for (int i = 0; i < kTinyRows - 1; ++i) {
      const int64_t side = int64_t{4} << ((i + 1) / 2);
      Put("init/noise/" + std::to_string(i), {maps, 1, side, side});
    }
  }
  void Put(const std::string& name, const Shape& shape) {
    shapes[name] = shape;
    values[name].clear();
    for (int64_t i = 0; i < shape.elements(); ++i)
      values[name].push_back(std::sin(0.37f * static_cast<float>(i * i % 911)));
  }
  std::string Write() const {
    const std::string path = Fresh("steps.safetensors");
    std::vector<TensorToWrite> tensors;
    for (const auto& [name, shape] : shapes)
      tensors.push_back({name, type, shape, std::as_bytes(std::span(values.at(name)))});
    REQUIRE(WriteTensorFile(path, tensors, metadata, TensorFile::Profile::kPlain).ok());
    return path;
  }
};

TEST_CASE("invert --replay: batches, space W, one step") {
  const auto replay = [](const Steps& steps) {
    const std::string out = Fresh("out.safetensors");
    const Ran ran = Mien({"invert", "--replay", steps.Write(), "-o", out});
    REQUIRE_MESSAGE(ran.code == 0, ran.err);
    return out;
  };
  const std::string two = replay(Steps(2, 2));
  CHECK(TensorOutput(two, "after2/latent").size() == 2 * kTinyRows * kTinyDim);
  CHECK(TensorOutput(two, "after2/noise/0").size() == 2 * 16);
  CHECK(TensorOutput(two, "lr_noisereg_mse_loss").size() == 2 * 4);
  CHECK(TensorOutput(replay(Steps(2, 1)), "after1/noise/0").size() == 16);
  Steps w;
  w.Put("init/latent", {1, kTinyDim});
  w.metadata["wplus"] = "False";
  w.metadata["steps"] = "1";
  const std::string one = replay(w);
  CHECK(TensorOutput(one, "after1/latent").size() == kTinyDim);
  CHECK(TensorOutput(one, "lr_noisereg_mse_loss")[0] == 0.0f);
}

TEST_CASE("invert --replay: recorded steps that are wrong are refused by name") {
  const auto refused = [](const Steps& steps, const std::string& why) {
    const std::string out = Fresh("out.safetensors");
    const Ran ran = Mien({"invert", "--replay", steps.Write(), "-o", out});
    CHECK(ran.code == 4);
    CHECK_MESSAGE(Has(ran.err, why), ran.err);
    CHECK(FilesIn(FolderOf(out)) == 0);
  };
  const auto with = [](const char* key, const char* value) {
    Steps steps;
    steps.metadata[key] = value;
    return steps;
  };
  for (const char* key : {"steps", "total_steps_for_t", "mse", "noise_regularize"}) {
    Steps steps;
    steps.metadata.erase(key);
    refused(steps, std::string("metadata ") + key + " expected, none found");
  }
  refused(with("steps", "0"), "metadata steps: 1 to 1e+06 expected, 0 found");
  refused(with("steps", "2.5"), "metadata steps: a whole number expected, 2.5 found");
  refused(with("steps", "many"), "metadata steps: a number expected, many found");
  refused(with("steps", "1e9"), "metadata steps: 1 to 1e+06 expected");
  refused(with("total_steps_for_t", "0"), "metadata total_steps_for_t: 1 to 1e+06 expected");
  refused(with("mse", "nan"), "metadata mse: a number expected");
  refused(with("noise_regularize", "-1"), "metadata noise_regularize: 0 to 1e+12 expected");
  refused(with("latent_noise", "0.05"), "metadata latent_noise: 0 expected");
  refused(with("wplus", "yes"), "metadata wplus: True or False expected, yes found");
  refused(with("wplus", "False"), "tensor init/latent: [?,32] expected");
  refused(with("lr_rampup", "0"), "lr_rampup and lr_rampdown: above 0 expected");
  const auto shaped = [](const char* name, const Shape& shape) {
    Steps steps;
    steps.Put(name, shape);
    return steps;
  };
  refused(shaped("init/latent", {1, 7, kTinyDim}), "tensor init/latent: [?,8,32] expected, [1,7,32] found");
  refused(shaped("init/latent", {65, 8, kTinyDim}), "at most 64 pictures expected, 65 found");
  refused(shaped("target", {1, 3, 16, 16}), "tensor target: [1,3,32,32] expected, [1,3,16,16] found");
  refused(shaped("target", {2, 3, 32, 32}), "tensor target: [1,3,32,32] expected");
  refused(shaped("init/noise/3", {1, 1, 8, 8}), "tensor init/noise/3: [1,1,16,16] expected");
  refused(shaped("init/noise/0", {3, 1, 4, 4}), "maps for 1 or 1 pictures expected");
  refused(shaped("init/noise/7", {1, 1, 64, 64}), "7 noise maps expected, tensor init/noise/7 found");
  Steps missing;
  missing.shapes.erase("init/noise/2");
  refused(missing, "a tensor init/noise/2 [1,1,8,8] expected");
  Steps infinite;
  infinite.values["target"][5] = std::numeric_limits<float>::infinity();
  refused(infinite, "tensor target: element 5 is not finite");
  const std::string out = Fresh("out.safetensors");
  CHECK(Mien({"invert", "--replay", Photo(3), "-o", out}).code == 4);
  CHECK(Mien({"invert", "--replay", Steps().Write(), "-o", Fresh("out.npy")}).code == 2);
}

TEST_CASE("invert --replay: steps that leave all numbers end with an error") {
  Steps steps;
  steps.metadata["mse"] = "1e12";
  for (float& x : steps.values["target"]) x *= 1e25f;
  const std::string out = Fresh("out.safetensors");
  const Ran ran = Mien({"invert", "--replay", steps.Write(), "-o", out});
  CHECK(ran.code == 1);
  CHECK_MESSAGE(Has(ran.err, "step 1: inversion: a finite loss expected"), ran.err);
  CHECK(FilesIn(FolderOf(out)) == 0);
}

}  // namespace
}  // namespace mien
