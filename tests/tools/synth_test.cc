// mien synth from outside: faces mixed and in between, classes, options that change nothing.
#include <algorithm>

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "runtime/face/image.h"
#include "runtime/face/random.h"
#include "tests/support/tiny_model.h"
#include "tests/tools/run_program.h"

namespace mien {
namespace {

using namespace testing;

constexpr size_t kNumbers = kTinyRows * kTinyDim;

// The w_plus of what synth makes.
std::vector<float> CodesOf(std::vector<std::string> arguments) {
  const std::string codes = Fresh("codes.safetensors");
  arguments.insert(arguments.begin(), "synth");
  arguments.insert(arguments.end(), {"-o", Fresh("x.png"), "--save-codes", codes});
  const Ran ran = Mien(arguments);
  REQUIRE_MESSAGE(ran.code == 0, ran.err);
  return TensorOutput(codes, "w_plus");
}

TEST_CASE("synth: seeds, sheets, folders, codes; bytes do not depend on threads") {
  const std::string one = Fresh("one.png"), again = Fresh("again.png"), sheet = Fresh("sheet.png");
  const std::string codes = Fresh("codes.safetensors"), folder = Fresh("many");
  REQUIRE(Mien({"synth", "--seeds", "7", "-o", one, "--psi", "0.7"}).code == 0);
  REQUIRE(Run({"synth", "--seed", "7", "-o", again, "--psi", "0.7", "-m", TinyModelPath(), "--threads", "5"})
              .code == 0);
  CHECK(Content(one) == Content(again));
  REQUIRE(Mien({"synth", "--seeds", "0-3", "8", "-o", sheet, "--columns", "5", "--save-codes", codes}).code ==
          0);
  CHECK(ReadImage(sheet)->width == 5 * 32 + 6 * 4);
  REQUIRE(Mien({"synth", "--codes", codes, "-o", folder + "/", "--no-metadata"}).code == 0);
  CHECK(FilesIn(folder) == 5);
  REQUIRE(Mien({"synth", "--seeds", "2", "-o", one, "--no-metadata"}).code == 0);
  CHECK(Content(folder + "/codes-2.png") == Content(one));
  const std::string first = Fresh("1.png"), second = Fresh("2.png"), none = Fresh("3.png");
  REQUIRE(Mien({"synth", "--seeds", "2", "-o", first, "--noise", "random", "--no-metadata"}).code == 0);
  REQUIRE(Mien({"synth", "--seeds", "2", "-o", second, "--noise", "random", "--no-metadata"}).code == 0);
  REQUIRE(Mien({"synth", "--seeds", "2", "-o", none, "--noise", "none", "--no-metadata"}).code == 0);
  CHECK(Content(first) == Content(second));
  CHECK(Content(first) != Content(one));
  CHECK(Content(none) != Content(one));
  CHECK(Mien({"synth", "--codes", Photo(8), "-o", one}).code == 4);
}

TEST_CASE("synth: --mix takes rows of the first face, the others of the second") {
  const std::vector<float> both = CodesOf({"--seeds", "3,8"}),
                           mixed = CodesOf({"--seeds", "3,8", "--mix", "0-2,5"});
  REQUIRE(mixed.size() == kNumbers);
  size_t wrong = 0;
  for (size_t i = 0; i < kNumbers; ++i) {
    const size_t row = i / kTinyDim;
    wrong += mixed[i] != both[row <= 2 || row == 5 ? i : kNumbers + i];
  }
  CHECK(wrong == 0);
  const std::string code = Fresh("eight.safetensors"), folder = Fresh("out/");
  REQUIRE(Mien({"synth", "--seeds", "8", "-o", Fresh("x.png"), "--save-codes", code}).code == 0);
  CHECK(CodesOf({"--seeds", "3", "--codes", code, "--mix", "0-2,5"}) == mixed);
  REQUIRE(Mien({"synth", "--seeds", "3,8", "--mix", "0", "-o", folder}).code == 0);
  CHECK(ReadImage(folder + "seed3-seed8.png").ok());
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"--seeds", "3", "--mix", "0-2"},
                                             {"--seeds", "3-5", "--mix", "0-2"},
                                             {"--seeds", "3,8", "--mix", "5-8"}}) {
    std::vector<std::string> all = {"synth", "-o", Fresh("x.png")};
    all.insert(all.end(), words.begin(), words.end());
    CHECK(Mien(all).code == 2);
  }
}

TEST_CASE("synth: --between has both ends and the straight line between them") {
  const std::vector<float> ends = CodesOf({"--seeds", "3,8", "--psi", "0.5"});
  const std::vector<float> frames = CodesOf({"--between", "3", "8", "--frames", "5", "--psi", "0.5"});
  REQUIRE(frames.size() == 5 * kNumbers);
  size_t wrong = 0;
  for (size_t i = 0; i < kNumbers; ++i) {
    wrong += frames[i] != ends[i] || frames[4 * kNumbers + i] != ends[kNumbers + i];
    wrong += frames[kNumbers + i] != 0.75f * ends[i] + 0.25f * ends[kNumbers + i];
  }
  CHECK(wrong == 0);
  const std::string code = Fresh("eight.npz"), folder = Fresh("steps"), sheet = Fresh("sheet.png"),
                    alone = Fresh("alone.png"), two = Fresh("two.npz");
  REQUIRE(Mien({"synth", "--seeds", "8", "-o", alone, "--save-codes", code}).code == 0);
  REQUIRE(Mien({"synth", "--between", code, "3", "--frames", "3", "-o", folder + "/"}).code == 0);
  CHECK(FilesIn(folder) == 3);
  CHECK(std::ranges::equal(ReadImage(folder + "/eight-seed3_0001.png")->bytes(), ReadImage(alone)->bytes()));
  CHECK(ReadImage(folder + "/eight-seed3_0003.png").ok());
  REQUIRE(Mien({"synth", "--between", "3", "8", "--frames", "6", "--columns", "6", "-o", sheet}).code == 0);
  CHECK(ReadImage(sheet)->width == 6 * 36 + 4);
  REQUIRE(Mien({"synth", "--seeds", "3,8", "-o", sheet, "--save-codes", two}).code == 0);
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"--between", "3"},
                                             {"--between", "3", "8", "--frames", "1"},
                                             {"--between", "3", "8", "--seeds", "1"},
                                             {"--between", "3", "8", "--mix", "1"},
                                             {"--between", "3", two},
                                             {"--between", "3", "4294967296"},
                                             {"--frames", "5"}}) {
    CAPTURE(words.back());
    std::vector<std::string> all = {"synth", "-o", Fresh("x.png")};
    all.insert(all.end(), words.begin(), words.end());
    CHECK(Mien(all).code == 2);
  }
}

TEST_CASE("synth: --label is the class of a conditional generator") {
  const auto synth = [](std::vector<std::string> words) {
    words.insert(words.begin(), {"synth", "-m", ConditionalModelPath(), "--threads", "2"});
    return Run(words);
  };
  const std::string codes = Fresh("w.safetensors"), out = Fresh("x.png"), mapped = Fresh("m.safetensors");
  REQUIRE_MESSAGE(synth({"--label", "1", "--seeds", "4", "-o", out, "--save-codes", codes}).code == 0,
                  "label 1");
  // The same as the mapping network gives for z and the one-hot label.
  std::vector<float> z(16), other(16);
  RandomState(4).Normals(z);
  const std::string in = Fresh("in.safetensors");
  const std::vector<float> label = {0, 1, 0};
  REQUIRE(WriteTensorFile(in,
                          {{"z", DType::kF32, {1, 16}, std::as_bytes(std::span(z))},
                           {"label", DType::kF32, {1, 3}, std::as_bytes(std::span(label))}},
                          {}, TensorFile::Profile::kPlain)
              .ok());
  REQUIRE(
      Run({"run", "-m", ConditionalModelPath(), "--graph", "mapping", "--in", in, "--out", mapped}).code ==
      0);
  CHECK(TensorOutput(mapped, "w_plus") == TensorOutput(codes, "w_plus"));
  CHECK(Has(Content(out), "\"label\":1"));
  const Ran none = synth({"-o", Fresh("x.png")});
  CHECK(none.code == 2);
  CHECK(Has(none.err, "label"));
  CHECK(Has(none.err, "0 to 2"));
  CHECK(synth({"--label", "3", "-o", Fresh("x.png")}).code == 2);
  CHECK(Mien({"synth", "--label", "0", "-o", Fresh("x.png")}).code == 2);
  // Above 1 NVIDIA's truncation extrapolates, and without maps no noise is the default.
  const Ran far = synth({"--label", "0", "--psi", "1.5", "-o", out});
  CHECK(far.err.empty());
  CHECK(Has(Content(out), "\"noise\":\"none\""));
  CHECK(Has(Content(out), "\"psi\":1.5"));
  const Ran maps = synth({"--label", "0", "--noise", "const", "-o", out});
  CHECK(maps.code == 0);
  CHECK(Has(maps.err, "--noise const has no effect"));
  CHECK(Has(Content(out), "\"noise\":\"none\""));
}

TEST_CASE("synth: what has no effect is mentioned, and not recorded") {
  struct Case {
    std::vector<std::string> words;
    std::string option;
    std::string recorded;  // must not be in the text
  };
  const std::string codes = Fresh("w.safetensors"), folder = Fresh("folder/");
  REQUIRE(Mien({"synth", "--seeds", "1", "-o", Fresh("x.png"), "--save-codes", codes}).code == 0);
  for (const Case& c : {Case{{"--psi", "1.5"}, "--psi 1.5", "\"psi\":1.5"},
                        {{"--psi", "0.5", "--psi-cutoff", "0"}, "--psi 0.5", "\"psi\":0.5"},
                        {{"--psi-cutoff", "4"}, "--psi-cutoff", "psi_cutoff"},
                        {{"--codes", codes, "--psi", "0.5"}, "--psi", "psi"},
                        {{"--codes", codes, "--label", "0"}, "--label", "label"},
                        {{"--codes", codes, "--seed", "3"}, "--seed", "\"seed"},
                        {{"--seeds", "3", "--seed", "3"}, "--seed", "\"seed\""},
                        {{"--seeds", "3", "--noise", "random", "--seed", "3"}, "--seed", "\"seed\""},
                        {{"--columns", "3"}, "--columns", "columns"},
                        {{"--preview", "32"}, "--preview 32", "preview"}}) {
    const std::string out = Fresh("out.png");
    std::vector<std::string> all = {"synth", "-o", out};
    all.insert(all.end(), c.words.begin(), c.words.end());
    MienWithoutEffect(all, c.option);
    CHECK_FALSE(Has(Content(out), c.recorded));
  }
  CHECK(
      Has(Mien({"synth", "--seeds", "1,2", "--columns", "2", "-o", folder}).err, "--columns has no effect"));
  CHECK(Mien({"synth", "--seed", "3", "-o", Fresh("x.png")}).err.empty());
  CHECK(Mien({"synth", "--codes", codes, "--noise", "random", "--seed", "3", "-o", Fresh("x.png")})
            .err.empty());
  CHECK(Mien({"synth", "--psi", "0.5", "--psi-cutoff", "4", "-o", Fresh("x.png")}).err.empty());
}

TEST_CASE("Every verb mentions the global options that it does not look at") {
  const std::string model = TinyModelPath(), z = TensorInput("z", {1, 16}, std::vector<float>(16, 0.5f)),
                    w_plus =
                        TensorInput("w_plus", {1, kTinyRows, kTinyDim}, std::vector<float>(kNumbers, 0.5f));
  struct Case {
    std::vector<std::string> words;
    std::string option;
  };
  for (const Case& c :
       {Case{{"encode", "--aligned", Photo(1), "-o", Fresh("w.npz"), "--seed", "1"}, "--seed"},
        {{"encode", "--aligned", Photo(1), "-o", Fresh("w.safetensors"), "--npz"}, "--npz"},
        {{"bench", "--graph", "flow", "--repeat", "1", "--seed", "1"}, "--seed"},
        {{"info", model}, "--model"},
        {{"info", "--max-memory", "1GiB"}, "--max-memory"},
        {{"run", "--graph", "synthesis", "--in", w_plus, "--out", Fresh("x.npz"), "--seed", "1"}, "--seed"},
        {{"run", "--graph", "mapping", "--in", z, "--out", Fresh("x.npz"), "--psi", "1.5"}, "--psi 1.5"},
        {{"convert", model, "--tensors-only", "-o", Fresh("x.safetensors")}, "--model"}}) {
    CAPTURE(c.words[0]);
    const Ran ran = Mien(c.words);
    CHECK_MESSAGE(ran.code == 0, ran.err);
    CHECK(Has(ran.err, "warning: " + c.option + " has no effect: "));
  }
}

}  // namespace
}  // namespace mien
