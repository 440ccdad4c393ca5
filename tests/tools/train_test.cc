// mien train from outside: a flow from data, what its bits depend on, going on from a snapshot, data that are wrong.
// What a step computes is judged in tests/parity/train_test.cc.
#include <doctest/doctest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/support/tiny_model.h"
#include "tests/tools/run_program.h"

namespace mien {
namespace {

using namespace testing;

constexpr float kUnknown = std::numeric_limits<float>::quiet_NaN();

// Ten pictures of four people, one of whom has a single one; the last label of some is unknown.
struct Data {
  int64_t rows = kTinyRows;
  std::vector<float> w_plus, labels;
  std::vector<int64_t> people = {5, 5, 5, 9, 9, 9, -1, -1, -1, 40};
  std::string names = R"(["smile","age"])";

  Data() {
    for (int i = 0; i < 10 * kTinyRows * kTinyDim; ++i)
      w_plus.push_back(std::sin(0.37f * static_cast<float>(i * i % 911)));
    for (int i = 0; i < 10; ++i) {
      labels.push_back(0.1f * static_cast<float>(i));
      labels.push_back(i % 3 == 0 ? kUnknown : 20.0f + static_cast<float>(i));
    }
  }
  std::string Write() const {
    const std::string path = Fresh("data.safetensors");
    const auto images = static_cast<int64_t>(people.size());
    const int64_t features = static_cast<int64_t>(w_plus.size()) / images / rows;
    const std::vector<TensorToWrite> tensors = {
        {"w_plus", DType::kF32, {images, rows, features}, std::as_bytes(std::span(w_plus))},
        {"identity", DType::kI64, {images}, std::as_bytes(std::span(people))},
        {"attributes", DType::kF32, {static_cast<int64_t>(labels.size()) / 2, 2}, std::as_bytes(std::span(labels))}};
    REQUIRE(WriteTensorFile(path, tensors, {{"attributes", names}}, TensorFile::Profile::kPlain).ok());
    return path;
  }
};

// A small flow, unless `more` says otherwise.
Ran Train(const std::string& data, const std::string& out, const std::vector<std::string>& more) {
  std::vector<std::string> arguments = {"train", data, "-o", out};
  for (const auto& [option, value] : {std::pair("--layers", "2"),
                                      {"--hidden", "12"},
                                      {"--batch", "6"},
                                      {"--attribute-epoch", "1"},
                                      {"--learning-rate", "0.01"},
                                      {"--epochs", "3"}}) {
    if (std::ranges::find(more, option) == more.end()) arguments.insert(arguments.end(), {option, value});
  }
  arguments.insert(arguments.end(), more.begin(), more.end());
  return Run(arguments);
}

TEST_CASE("train: a flow that run and edit take, its losses as text and drawn") {
  const std::string data = Data().Write(), model = Fresh("flow.model"), folder = FolderOf(model);
  const Ran ran = Train(data, model, {"--log", folder + "/log", "--curves", folder + "/curves.svg", "--epochs", "8"});
  REQUIRE_MESSAGE(ran.code == 0, ran.err);
  CHECK(Has(ran.err, "1 people have one picture"));
  CHECK(Has(ran.err, "epoch 8 of 8"));
  std::istringstream lines(Content(folder + "/log"));
  std::vector<nlohmann::json> epochs;
  for (std::string line; std::getline(lines, line);) epochs.push_back(nlohmann::json::parse(line));
  REQUIRE(epochs.size() == 8);
  CHECK(epochs[0]["attributes"] == 0.0);
  CHECK(epochs[1]["attributes"] != 0.0);
  CHECK(epochs[7]["identity"].get<double>() < 8 * epochs[0]["identity"].get<double>());  // its weight is the epoch
  CHECK(epochs[7]["attributes"] < epochs[1]["attributes"]);
  CHECK(Has(Content(folder + "/curves.svg"), "<polyline"));
  const std::string latent = Fresh("z.safetensors");
  const std::string codes =
      TensorInput("w_plus", {1, kTinyRows, kTinyDim}, std::vector<float>(kTinyRows * kTinyDim, 0.5f));
  CHECK(Run({"-m", model, "run", "--graph", "flow", "--in", codes, "--out", latent}).code == 0);
  CHECK(TensorOutput(latent, "latent").size() == kTinyRows * kTinyDim);
  const nlohmann::json info = nlohmann::json::parse(Run({"-m", model, "info", "--json"}).out);
  CHECK(info["config"]["flow"]["attribute_max"][1] == 28.0);
  CHECK(info["config"]["flow"]["attributes"] == nlohmann::json({"smile", "age"}));
}

TEST_CASE("train: with a model the flow takes the place of its own, and an edit works") {
  const std::string model = Fresh("whole.model"), picture = Fresh("edited.png");
  REQUIRE(Train(Data().Write(), model, {"-m", TinyModelPath()}).code == 0);
  const std::string codes =
      TensorInput("w_plus", {1, kTinyRows, kTinyDim}, std::vector<float>(kTinyRows * kTinyDim, 0.5f));
  const Ran edited =
      Run({"-m", model, "edit", "--codes", codes, "-o", picture, "--set", "age=25y", "--set", "smile=1"});
  CHECK_MESSAGE(edited.code == 0, edited.err);
  CHECK(Run({"-m", model, "edit", "--codes", codes, "-o", picture, "--set", "gender=1"}).code == 2);
}

TEST_CASE("train: the same bits for any number of threads, others for another seed") {
  const std::string data = Data().Write(), one = Fresh("one.model"), three = Fresh("three.model");
  REQUIRE(Train(data, one, {"--threads", "1"}).code == 0);
  REQUIRE(Train(data, three, {"--threads", "3"}).code == 0);
  CHECK(Content(one) == Content(three));
  REQUIRE(Train(data, three, {"--seed", "4"}).code == 0);
  CHECK(Content(one) != Content(three));
}

TEST_CASE("train: a run goes on from its snapshot with the same bytes") {
  const std::string data = Data().Write(), whole = Fresh("whole.model"), parts = Fresh("parts.model");
  for (const char* base : {"standard", "conditional"}) {
    REQUIRE(Train(data, whole, {"--base", base}).code == 0);
    REQUIRE(Train(data, parts, {"--epochs", "2", "--base", base}).code == 0);
    const Ran resumed = Train(data, parts, {"--resume", "--base", base});
    CHECK(Has(resumed.err, "goes on after epoch 2"));
    CHECK(Content(whole) == Content(parts));
    CHECK(Content(whole + ".snapshot") == Content(parts + ".snapshot"));
  }
  const std::string before = Content(parts + ".snapshot");
  const Ran other = Train(data, parts, {"--resume", "--base", "conditional", "--clip", "2"});
  CHECK(other.code == 2);
  CHECK(Has(other.err, "a snapshot of this training expected"));
  CHECK(Content(parts + ".snapshot") == before);
  WriteContent(parts + ".snapshot", before.substr(0, before.size() / 2));
  CHECK(Train(data, parts, {"--resume", "--base", "conditional"}).code == 4);
}

// A file of tensors in two parts.
struct Tensors {
  nlohmann::json header;
  std::string numbers;

  explicit Tensors(const std::string& content) {
    uint64_t length = 0;
    std::memcpy(&length, content.data(), sizeof length);
    header = nlohmann::json::parse(content.substr(sizeof length, length));
    numbers = content.substr(sizeof length + length);
  }
  void Put(const std::string& tensor, size_t at, float number) {
    const size_t begin = header.at(tensor).at("data_offsets")[0];
    numbers.replace(begin + at * sizeof number, sizeof number, reinterpret_cast<const char*>(&number), sizeof number);
  }
  std::string Whole() const {
    std::string text = header.dump();
    text.resize((text.size() + 7) / 8 * 8, ' ');
    const uint64_t length = text.size();
    return std::string(reinterpret_cast<const char*>(&length), sizeof length) + text + numbers;
  }
};

TEST_CASE("train: snapshots and recorded steps that were tampered with are refused") {
  const std::string data = Data().Write(), model = Fresh("flow.model"), snapshot = model + ".snapshot";
  REQUIRE(Train(data, model, {"--epochs", "1"}).code == 0);
  const Tensors whole(Content(snapshot));
  const auto resume = [&](const Tensors& tensors, const char* expected) {
    WriteContent(snapshot, tensors.Whole());
    const Ran ran = Train(data, model, {"--resume"});
    CHECK(ran.code == (*expected == '\0' ? 0 : 4));
    CHECK_MESSAGE(Has(ran.err, expected), ran.err);
  };
  resume(whole, "");
  const std::string mask = "_transform._transforms.0.identity_features";
  for (const float column : {2.0f, 0.5f, -1.0f, 1e9f, 1e30f, kUnknown}) {  // 2 is there already
    Tensors wrong = whole;
    wrong.Put(mask, 0, column);
    resume(wrong, "is out of range or there twice");
  }
  for (const size_t number : {0, 4, 5}) {  // steps, epochs without progress, epochs to wait
    for (const char* value : {"-0x1p+0", "0x1p+900"}) {
      Tensors wrong = whole;
      std::istringstream words(wrong.header["__metadata__"]["mien.training.progress"].get<std::string>());
      std::string changed;
      size_t at = 0;
      for (std::string word; words >> word; ++at) changed += (at == number ? value : word) + " ";
      wrong.header["__metadata__"]["mien.training.progress"] = changed;
      resume(wrong, "the progress of a training run expected");
    }
  }
  Tensors steps(Content(MIEN_SOURCE_DIR "/tests/data/golden/train_b_std_epoch0.safetensors"));
  const std::string recorded = Fresh("steps.safetensors"), out = Fresh("out.safetensors");
  const size_t begin = steps.header.at("init/" + mask).at("data_offsets")[0];
  steps.numbers[begin] = 2;  // of a whole number in 8 bytes
  WriteContent(recorded, steps.Whole());
  const Ran ran = Run({"train", "--replay", recorded, "-o", out});
  CHECK(ran.code == 4);
  CHECK_MESSAGE(Has(ran.err, "is out of range or there twice"), ran.err);
}

TEST_CASE("train: a full disk and a stop leave the last snapshot as it was") {
  const std::string data = Data().Write(), whole = Fresh("whole.model"), model = Fresh("flow.model");
  REQUIRE(Train(data, whole, {}).code == 0);
  CHECK(Train(data, model, {"--epochs", "2", "--log", "/dev/full"}).code == 1);
  CHECK(FilesIn(FolderOf(model)) == 1);  // the snapshot
  CHECK(Train(data, model, {"--resume"}).code == 0);
  CHECK(Content(model) == Content(whole));

  const std::string stopped = Fresh("stopped.model"), err = stopped + ".err";
  const pid_t child = Start(MIEN_PROGRAM,
                            {"train", data, "-o", stopped, "--layers", "2", "--hidden", "12", "--batch", "6",
                             "--epochs", "1000000", "--snapshot-every", "1"},
                            stopped + ".out", err);
  while (!Has(Content(err), "epoch 3 of")) usleep(1000);
  kill(child, SIGINT);
  CHECK(Wait(child) == 130);
  CHECK(Has(Content(err), "interrupted"));
  CHECK(FilesIn(FolderOf(stopped)) == 3);  // the snapshot, what was said
  const Ran resumed = Run(
      {"train", data, "-o", stopped, "--layers", "2", "--hidden", "12", "--batch", "6", "--epochs", "1", "--resume"});
  CHECK_MESSAGE(resumed.code == 0, resumed.err);
  CHECK(Has(resumed.err, "goes on after epoch"));
}

// The loss is the mean over the labels that are known: what two of them add to the sum does not depend on whether the
// other is known. One in the middle of the range is 0 when it is normalised, as what stands in the place of an unknown.
TEST_CASE("train: a label that is not known is left out") {
  constexpr double kLabels = 20, kLeast = 0.14;  // a quarter of log(0.7) + log(2 pi) / 2, that of a perfect z
  constexpr float kMiddle = 24.5f;
  const std::string out = Fresh("out.model");
  const auto losses = [&](float one, float other) {
    Data data;
    for (size_t i = 1; i < data.labels.size(); i += 2) data.labels[i] = 20.0f + static_cast<float>(i / 2);
    data.labels[5] = one;
    data.labels[7] = other;
    const Ran ran =
        Train(data.Write(), out, {"--epochs", "1", "--batch", "10", "--attribute-epoch", "0", "--log", out + ".log"});
    REQUIRE_MESSAGE(ran.code == 0, ran.err);
    return nlohmann::json::parse(Content(out + ".log"));
  };
  const auto both = losses(kMiddle, kMiddle), first = losses(kUnknown, kMiddle), second = losses(kMiddle, kUnknown),
             none = losses(kUnknown, kUnknown);
  CHECK(both["flow"] == none["flow"]);
  CHECK(both["identity"] == none["identity"]);
  const auto sum = [](const nlohmann::json& line, double labels) { return labels * line["attributes"].get<double>(); };
  const double of_first = sum(both, kLabels) - sum(first, kLabels - 1);
  CHECK(of_first > kLeast);
  CHECK(sum(second, kLabels - 1) - sum(none, kLabels - 2) == doctest::Approx(of_first).epsilon(1e-4));
}

TEST_CASE("train: data that are wrong are refused by name, and nothing is written") {
  const std::string out = Fresh("out.model");
  const auto refused = [&](const Data& data, int code, const std::string& part) {
    const Ran ran = Train(data.Write(), out, {});
    CAPTURE(ran.err);
    CHECK(ran.code == code);
    CHECK(Has(ran.err, part));
    CHECK(FilesIn(FolderOf(out)) == 0);
  };
  Data data;
  data.w_plus[77] = kUnknown;
  refused(data, 4, "tensor w_plus: element 77 is not finite");
  data = Data();
  data.labels.resize(18);
  refused(data, 4, "tensor attributes: [10,?] expected, [9,2] found");
  data = Data();
  data.names = R"(["smile"])";
  refused(data, 4, "a JSON list of 2 names expected");
  data = Data();
  for (size_t i = 0; i < data.labels.size(); i += 2) data.labels[i] = 1.0f;
  refused(data, 4, "attribute smile: different labels expected, all are 1");
  data = Data();
  for (size_t i = 1; i < data.labels.size(); i += 2) data.labels[i] = kUnknown;
  refused(data, 4, "attribute age: no image has a label");
  data = Data();
  data.labels[3] = std::numeric_limits<float>::infinity();
  refused(data, 4, "element 3 is infinite");
  CHECK(Run({"train", "-o", out}).code == 2);
  CHECK(Run({"train", Data().Write(), "--replay", Data().Write(), "-o", out}).code == 2);
  const Ran no_codes = Run({"train", TensorInput("codes", {1, 2}, {1, 2}), "-o", out});
  CHECK(no_codes.code == 4);
  CHECK(Has(no_codes.err, "a tensor w_plus [?,?,?] expected"));
}

TEST_CASE("train: recorded steps that are wrong are refused by name") {
  const std::string out = Fresh("out.safetensors"), golden = MIEN_SOURCE_DIR "/tests/data/golden/";
  const Ran no_steps = Run({"train", "--replay", golden + "flow_small_a.io.safetensors", "-o", out});
  CHECK(no_steps.code == 4);
  CHECK(Has(no_steps.err, "a tensor step0/ws [?,?,?] expected"));
  CHECK(FilesIn(FolderOf(out)) == 0);
}

// The library that programs link for inference carries no rule for gradients; this program does.
TEST_CASE("libmien has no gradients") {
  const std::string words = "has no rule for gradients";
  CHECK(Has(Content(MIEN_PROGRAM), words));
  CHECK_FALSE(Has(Content(MIEN_LIBRARY), words));
  CHECK(Has(Content(MIEN_LIBRARY), "pointwise"));  // the content was there
}

}  // namespace
}  // namespace mien
