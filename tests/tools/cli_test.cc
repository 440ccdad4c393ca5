// The program from outside: exit codes, files, streams, signals.
#include <doctest/doctest.h>
#include <malloc.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <thread>

#include "kernels/cpu/simd.h"
#include "runtime/builtin_model.h"
#include "runtime/engine.h"
#include "runtime/face/image.h"
#include "runtime/face/random.h"
#include "tests/support/allocations.h"
#include "tests/tools/run_program.h"
#include "tests/support/tiny_model.h"

namespace mien {
namespace {

namespace fs = std::filesystem;
using namespace testing;

TEST_CASE("Usage errors answer 2, help and version 0") {
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{},
                                             {"nonsense"},
                                             {"edit"},
                                             {"synth", "--nonsense"},
                                             {"run", "--graph", "nonsense"},
                                             {"synth", "-o", "x.png", "--threads", "0"},
                                             {"synth", "-o", "x.png", "--seed", "-1"}}) {
    CHECK(Run(arguments).code == 2);
  }
  for (const char* verb : {"edit", "encode", "synth", "info", "run", "bench", "selftest"}) {
    const Ran help = Run({"help", verb});
    CHECK(help.code == 0);
    CHECK(help.out.find(verb) != std::string::npos);
    CHECK(help.err.empty());
  }
  CHECK(Run({"help"}).code == 0);
  const std::string version = Run({"--version"}).out;
  CHECK(version.starts_with("mien "));
  CHECK(version.find("CPU kernels: " + SimdTarget() + " (of ") != std::string::npos);
}

TEST_CASE("An unknown verb is named, an empty value is no value, and --json answers usage errors too") {
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{"nonsense"}, {"help", "nonsense"}, {"nonsense", "--json"}}) {
    const Ran ran = Run(arguments);
    CHECK(ran.code == 2);
    CHECK_MESSAGE(ran.err.find("nonsense: a verb expected") != std::string::npos, ran.err);
    CHECK(ran.out.empty() == (arguments.back() != "--json"));
  }
  const std::string out = Fresh("out.png");
  for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{
           {"synth", "-m", "", "-o", out},
           {"synth", "-o", ""},
           {"synth", "-o", out, "--save-codes", ""},
           {"synth", "-o", out, "--codes", ""},
           {"edit", "", "-o", out},
           {"edit", Photo(1), "-o", out, "--layers", ""},
           {"convert", TinyModelPath(), "--card", "", "-o", out + ".model"},
           {"info", ""}}) {
    const Ran ran = Run(arguments);
    CAPTURE(arguments[0]);
    CHECK(ran.code == 2);
    CHECK_MESSAGE(ran.err.find("the value is empty (see mien help ") != std::string::npos, ran.err);
  }
  CHECK(FilesIn(FolderOf(out)) == 0);
  const Ran ran = Run({"synth", "-o", out, "--noise", "some", "--json"});
  CHECK(ran.code == 2);
  const auto report = nlohmann::json::parse(ran.out, nullptr, false);
  REQUIRE(report.is_object());
  CHECK(report["ok"] == false);
  CHECK(ran.err == "mien: error: " + report["error"].get<std::string>() + "\n");
}

TEST_CASE("The help of every verb names the global options and the exit codes") {
  for (const char* verb : {"convert", "edit", "encode", "synth", "info", "run", "bench", "selftest"}) {
    CAPTURE(verb);
    CHECK(Run({"help", verb}).out.find("Global options (-m, ") != std::string::npos);
  }
  const std::string edit = Run({"edit", "--help"}).out;
  for (const char* group : {"\nEdits:\n", "\nMade-up and saved faces:\n", "\nPictures:\n", "\nOptions:\n"})
    CHECK_MESSAGE(edit.find(group) != std::string::npos, edit);
  CHECK(Run({"help"}).out.find("checkpoint or tensor file") != std::string::npos);
}

TEST_CASE(
    "bench and selftest measure this machine's CPU; without a device cuda answers 5, and auto says why") {
  const Ran bench = Mien({"bench", "--backend", "cpu", "--graph", "flow", "--repeat", "3", "-o", "csv"});
  CHECK(bench.code == 0);
  CHECK(bench.out.starts_with("program,precision,batch,p50 ms"));
  CHECK(bench.out.find("flow,fp32,1,") != std::string::npos);
  const Ran all = Mien({"bench", "--backend", "cpu", "--repeat", "1", "-o", "json"});
  CHECK(all.code == 0);
  CHECK(all.out.find("\"program\": \"recognizer\"") != std::string::npos);
  const Ran selftest = Run({"selftest", "--backend", "cpu", "--quick"});
  CHECK(selftest.code == 0);
  CHECK(selftest.out.find("22 passed, 0 failed") != std::string::npos);
  if (Run({"selftest", "--backend", "cuda", "--quick"}).code == 0) return;  // there is a device
  for (const char* verb : {"bench", "selftest"}) CHECK(Mien({verb, "--backend", "cuda"}).code == 5);
  CHECK(Mien({"synth", "--backend", "cuda", "-o", Fresh("x.png")}).code == 5);
  CHECK(Mien({"synth", "-v", "-o", Fresh("x.png")}).err.find("auto chose cpu: ") != std::string::npos);
}

TEST_CASE("Bad arguments of the verbs answer 2 and leave no output") {
  const std::string out = Fresh("out.png"), photo = Photo(1);
  for (const std::vector<std::string>& more :
       std::vector<std::vector<std::string>>{{"--set", "joy=1"},
                                             {"--set", "smile"},
                                             {"--add", "smile=1deg"},
                                             {"--layers", "4-9"},
                                             {"--layers", "x"},
                                             {"--keep-identity", "1.5"},
                                             {"--sweep", "smile=1:2"},
                                             {"--sweep", "smile=1:2:1"},
                                             {"--sweep", "smile=1:2:99"},
                                             {"--sweep", "joy=1:2:3"},
                                             {"--precision", "fp16"},
                                             {"--graphs", "off"},  // on the CPU
                                             {"--graphs", "some"},
                                             {"--backend", "gpu"},
                                             {"--preview", "24"},
                                             {"--preview", "64"},
                                             {"--memory", "rows"},
                                             {"--noise", "some"}}) {
    std::vector<std::string> arguments = {"edit", photo, "-o", out};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Ran ran = Mien(arguments);
    CAPTURE(more[0]);
    CAPTURE(more[1]);
    CHECK(ran.code == 2);
    CHECK_FALSE(ran.err.empty());
    CHECK(ran.out.empty());
  }
  for (const char* seeds : {"x", "5-3", "4294967296", "1,,2", "0-99999", "-1", "1-"}) {
    CHECK(Mien({"synth", "-o", out, std::string("--seeds=") + seeds}).code == 2);
  }
  CHECK(FilesIn(FolderOf(out)) == 0);
}

TEST_CASE("Files, devices and memory have their own codes") {
  const std::string out = Fresh("out.png"), photo = Photo(1);
  CHECK(Mien({"edit", Fresh("missing.png"), "-o", out}).code == 1);
  const std::string text = Fresh("text.png"), cut = Fresh("cut.png"), bad_model = Fresh("bad.safetensors");
  WriteContent(text, "no picture");
  WriteContent(cut, Content(photo).substr(0, 200));
  CHECK(Mien({"edit", text, "-o", out}).code == 1);
  CHECK(Mien({"edit", cut, "-o", out}).code == 1);
  CHECK(Mien({"edit", "/", "-o", out}).code == 1);
  CHECK(Mien({"edit", photo, "-o", "/nonexistent/folder/out.png"}).code == 1);
  std::string model = Content(TinyModelPath());
  model[model.size() / 2] = static_cast<char>(model[model.size() / 2] ^ 1);
  WriteContent(bad_model, model);
  CHECK(Run({"edit", photo, "-o", out, "-m", bad_model, "--set", "smile=1"}).code == 4);
  CHECK(Run({"edit", photo, "-o", out, "-m", photo}).code == 4);
  CHECK(Mien({"edit", photo, "-o", out, "--backend", "cuda"}).code == 5);
  const Ran little = Mien({"edit", photo, "-o", out, "--max-memory", "10kB"});
  CHECK(little.code == 5);
  CHECK(little.err.find("10000") != std::string::npos);
  CHECK(FilesIn(FolderOf(out)) == 0);
  CHECK(Mien({"edit", photo, "-o", out, "--max-memory", "1GiB", "--set", "smile=1", "-q"}).code == 0);
  CHECK(FilesIn(FolderOf(out)) == 1);
}

TEST_CASE("A failed edit leaves the old file as it was") {
  const std::string out = Fresh("out.png"), text = Fresh("text.png");
  WriteContent(out, "old");
  WriteContent(text, "no picture");
  CHECK(Mien({"edit", text, "-o", out}).code == 1);
  CHECK(Content(out) == "old");
  CHECK(FilesIn(FolderOf(out)) == 1);
}

TEST_CASE("edit: one picture, texts, sweep, stdin and stdout") {
  const std::string photo = Photo(2), out = Fresh("out.png"), plain = Fresh("plain.png"),
                    sheet = Fresh("sheet.png");
  REQUIRE(
      Mien({"edit", photo, "-o", out, "--set", "smile=1.5", "--add", "yaw=10deg", "--layers", "2-5"}).code ==
      0);
  CHECK(ReadImage(out)->width == 32);
  const std::string content = Content(out);
  CHECK(content.find("smile=1.5") != std::string::npos);
  CHECK(content.find("rainedAlgorithmicMedia") != std::string::npos);
  REQUIRE(Mien({"edit", photo, "-o", plain, "--set", "smile=1.5", "--add", "yaw=10deg", "--layers", "2-5",
                "--no-metadata"})
              .code == 0);
  CHECK(Content(plain).find("smile") == std::string::npos);
  CHECK(std::ranges::equal(ReadImage(plain)->bytes(), ReadImage(out)->bytes()));
  const Ran piped =
      Mien({"edit", "-", "-o", "-", "--set", "smile=1.5", "--add", "yaw=10deg", "--layers", "2-5"}, photo);
  CHECK(piped.code == 0);
  CHECK(piped.out == content);
  REQUIRE(Mien({"edit", photo, "-o", sheet, "--sweep", "smile=-2:2:5"}).code == 0);
  const auto pictures = ReadImage(sheet);
  REQUIRE(pictures->width == 5 * 32 + 6 * 4);
  const char* const values[] = {"smile=-2", "smile=-1", "smile=0", "smile=1", "smile=2"};
  for (int i : {0, 3, 4}) {  // edited together, the same pixels as alone
    REQUIRE(Mien({"edit", photo, "-o", plain, "--set", values[i]}).code == 0);
    const auto alone = ReadImage(plain);
    int wrong = 0;
    for (int y = 0; y < 32; ++y) {
      const size_t in_sheet = (static_cast<size_t>(4 + y) * pictures->width + 4 + i * (32 + 4)) * 3;
      wrong += !std::ranges::equal(alone->bytes().subspan(static_cast<size_t>(y) * 32 * 3, 32 * 3),
                                   pictures->bytes().subspan(in_sheet, 32 * 3));
    }
    CHECK(wrong == 0);
  }
  const std::string small = Fresh("small.png");
  REQUIRE(Mien({"edit", photo, "-o", small, "--sweep", "smile=-2:2:5", "--preview", "16"}).code == 0);
  CHECK(ReadImage(small)->width == 5 * 16 + 6 * 4);
  // Only rows from 5 on change from picture to picture: the sweep is computed in part, the last picture is
  // the same.
  const std::string part = Fresh("part.png"), last = Fresh("last.png");
  REQUIRE(Mien({"edit", photo, "-o", part, "--sweep", "smile=-2:2:5", "--layers", "5-7"}).code == 0);
  REQUIRE(Mien({"edit", photo, "-o", last, "--set", "smile=2", "--layers", "5-7"}).code == 0);
  const Image strip = std::move(*ReadImage(part)), whole = std::move(*ReadImage(last));
  for (int y = 0; y < 32; ++y)
    CHECK(std::memcmp(strip.row(4 + y) + 3 * (4 + 4 * 36), whole.row(y), 3 * 32) == 0);
  const std::string kept = Fresh("kept.png"), rebuilt = Fresh("rebuilt.png");
  REQUIRE(
      Mien({"edit", photo, "-o", kept, "--set", "smile=2", "--keep-identity", "1", "--no-metadata"}).code ==
      0);
  const Ran none = Mien({"edit", photo, "-o", rebuilt, "--no-metadata"});
  CHECK(none.code == 0);
  CHECK(none.err.find("reconstruction") != std::string::npos);
  CHECK(Content(kept) == Content(rebuilt));
}

TEST_CASE("edit: photos of another size are cropped, resized and warned about") {
  const std::string out = Fresh("out.png");
  const Ran ran = Mien({"edit", Photo(3, 80, 61), "-o", out, "--set", "age=60y"});
  CHECK(ran.code == 0);
  CHECK(ran.err.find("aligned") != std::string::npos);
  CHECK(Mien({"edit", Photo(3), "-o", out, "--set", "age=60y"}).err.empty());
}

TEST_CASE("edit: several inputs go to a folder, the same bytes as alone") {
  const std::vector<std::string> photos = {Photo(4), Photo(5), Photo(6)};
  const std::string folder = Fresh("results"), alone = Fresh("alone.png");
  REQUIRE(Mien({"edit", photos[0], photos[1], photos[2], "-o", folder, "--set", "smile=1"}).code == 0);
  CHECK(FilesIn(folder) == 3);
  REQUIRE(Mien({"edit", photos[1], "-o", alone, "--set", "smile=1"}).code == 0);
  CHECK(Content(folder + "/photo5.png") == Content(alone));
  CHECK(Mien({"edit", photos[0], photos[0], "-o", folder, "--set", "smile=1"}).code == 2);
  CHECK(Mien({"edit", photos[0], photos[1], "-o", alone, "--set", "smile=1"}).code == 2);
  CHECK(Mien({"edit", photos[0], photos[1], "-o", "-", "--set", "smile=1"}).code == 2);
  CHECK(Mien({"edit", photos[0], "-o", photos[0], "--set", "smile=1"}).code == 2);
}

TEST_CASE("--json prints one document") {
  const std::string out = Fresh("out.png");
  const Ran good = Mien({"edit", Photo(7), "-o", out, "--set", "smile=1", "--json"});
  const auto report = nlohmann::json::parse(good.out, nullptr, false);
  REQUIRE_FALSE(report.is_discarded());
  CHECK(report["ok"] == true);
  CHECK(report["files"][0]["output"] == out);
  const Ran bad = Mien({"edit", Photo(7), "-o", out, "--set", "joy=1", "--json"});
  CHECK(bad.code == 2);
  const auto error = nlohmann::json::parse(bad.out, nullptr, false);
  REQUIRE_FALSE(error.is_discarded());
  CHECK(error["ok"] == false);
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

TEST_CASE("run: mapping and synthesis are what synth computes; shapes are checked") {
  const std::string codes = Fresh("codes.safetensors"), w_plus = Fresh("w.safetensors"),
                    image = Fresh("i.safetensors");
  REQUIRE(Mien({"synth", "--seeds", "4", "-o", Fresh("x.png"), "--save-codes", codes}).code == 0);
  std::vector<float> z(16);
  RandomState(4).Normals(z);
  REQUIRE(Mien({"run", "--graph", "mapping", "--in", TensorInput("z", {1, 16}, z), "--out", w_plus}).code ==
          0);
  CHECK(TensorOutput(w_plus, "w_plus") == TensorOutput(codes, "w_plus"));
  REQUIRE(Mien({"run", "--graph", "synthesis", "--in", codes, "--out", image}).code == 0);
  CHECK(TensorOutput(image, "image").size() == 3 * 32 * 32);
  REQUIRE(Mien({"run", "--graph", "synthesis", "--in", codes, "--out", image, "--trace"}).code == 0);
  CHECK(TensorOutput(image, "act/conv1").size() == 24 * 16);

  const auto code = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "run");
    return Mien(arguments).code;
  };
  const std::string wrong = TensorInput("z", {1, 15}, std::vector<float>(15)), out = Fresh("out.safetensors");
  CHECK(code({"--graph", "mapping", "--in", wrong, "--out", out}) == 2);
  CHECK(code({"--graph", "flow", "--in", wrong, "--out", out}) == 2);
  CHECK(code({"--graph", "mapping", "--in", TensorInput("z", {65, 16}, std::vector<float>(65 * 16)), "--out",
              out}) == 2);
  CHECK(code({"--graph", "mapping", "--in", TinyModelPath() + "x", "--out", out}) == 1);
  CHECK(code({"--graph", "mapping", "--in", Photo(9), "--out", out}) == 4);
  CHECK(code({"--graph", "flow", "--in", codes, "--out", out, "--psi", "0.5"}) == 2);
  CHECK(code({"--graph", "mapping", "--in", wrong}) == 2);
  for (const auto& [option, value, graph] : std::vector<std::array<std::string, 3>>{{"--psi", "0.7", "mapping"},
                                                                                    {"--psi-cutoff", "3", "mapping"},
                                                                                    {"--noise", "none", "synthesis"},
                                                                                    {"--stages", "2", "encoder"}}) {
    const Ran refused = Mien({"run", "--graph", "flow", "--plan", option, value});
    CHECK(refused.code == 2);
    CHECK(refused.err.find(option + " is an option of graph " + graph) != std::string::npos);
    CHECK(Mien({"run", "--graph", graph, "--plan", option, value}).code == 0);
  }
  CHECK(FilesIn(FolderOf(out)) == 0);
}

TEST_CASE("run: the memory plan as table, JSON and picture") {
  const Ran table = Mien({"run", "--graph", "synthesis", "--plan"});
  CHECK(table.code == 0);
  CHECK(table.out.find("arena") != std::string::npos);
  const Ran bands = Mien({"run", "--graph", "synthesis", "--plan", "--memory", "bands", "-v"});
  CHECK(bands.code == 0);
  CHECK(bands.out.find(" rows") != std::string::npos);
  CHECK(bands.err.find("memory bands: asked for") != std::string::npos);
  const std::string picture = Fresh("plan.svg");
  const Ran json = Mien({"run", "--graph", "synthesis", "--plan-svg", picture, "--json", "--batch", "2"});
  const auto report = nlohmann::json::parse(json.out, nullptr, false);
  REQUIRE_FALSE(report.is_discarded());
  CHECK(report["memory"]["arena"].get<uint64_t>() >= report["memory"]["arena_lower_bound"].get<uint64_t>());
  CHECK(Content(picture).find("<svg") != std::string::npos);
}

// What malloc has given out and not taken back.
uint64_t BytesInUse() {
  const struct mallinfo2 now = mallinfo2();
  return now.uordblks + now.hblkhd;
}

// A row of the memory table beside the engine it speaks of, made; and the bytes that making it took.
void CheckMemoryRow(const nlohmann::json& row, const std::shared_ptr<const ModelFile>& model, int batch) {
  EngineOptions options;
  options.batch = batch;
  options.threads = 2;
  options.memory = row["memory"];
  for (const NetworkOptions& network : NetworksOf(model->config())) {
    if (row["network"] == NameOf(network) || row["network"] == "all") options.programs.push_back({network});
  }
  const auto store = std::make_shared<WeightStore>(model);
  const uint64_t before = BytesInUse();
  const auto engine = Engine::Create(store, options);
  const uint64_t taken = BytesInUse() - before;
  REQUIRE(engine.ok());
  const MemoryNeed& need = (*engine)->need();
  uint64_t steps = 0, scratch = 0, arena = 0;
  int64_t multiply_adds = 0;
  for (int i = 0; i < static_cast<int>(options.programs.size()); ++i) {
    const Graph& graph = (*engine)->graph(i);
    for (const Node& node : graph.nodes) multiply_adds += OpCount(node.op, graph.InputShapes(node)).multiply_adds;
    steps += (*engine)->program(i).executable().steps.size();
    for (const Placement& place : (*engine)->plan(i).scratch) scratch = std::max(scratch, place.bytes);
    arena = std::max(arena, (*engine)->plan(i).arena_bytes);
  }
  CHECK(row["steps"] == steps);
  CHECK(row["multiply_adds"] == multiply_adds);
  CHECK(row["scratch"] == scratch);
  CHECK(row["arena"] == arena);
  CHECK(row["weights"] == need.weights);
  CHECK(row["loading"] == need.loading);
  CHECK(row["total"] == need.total());
  if (!testing::kCountsAllocations) return;  // another malloc
  // Beyond the need: graphs and steps; and large buffers begin up to a huge page after what malloc has mapped for them.
  constexpr uint64_t kTables = 1 << 20, kHugePage = 2 << 20;
  const uint64_t lost = (arena >= kHugePage ? 1 : 0) + (need.weights >= kHugePage ? options.programs.size() : 0);
  CHECK(taken >= arena + need.weights);
  CHECK(taken <= arena + need.weights + kTables + lost * kHugePage);
}

TEST_CASE("info: the memory of every network is what an engine with it takes") {
  const auto builtin = OpenBuiltinModel();
  REQUIRE(builtin.ok());
  for (const auto& model : {TinyModel(), *builtin}) {
    std::vector<std::string> words = {"info", "--json", "--threads", "2", "--batch", "3"};
    if (model != *builtin) words.insert(words.end(), {"-m", TinyModelPath()});
    const auto report = nlohmann::json::parse(Run(words).out, nullptr, false);
    REQUIRE_FALSE(report.is_discarded());
    std::vector<std::string> expected, found;
    for (const NetworkOptions& network : NetworksOf(model->config())) {
      expected.push_back(NameOf(network) + std::string(" layers"));
      if (std::holds_alternative<SynthesisOptions>(network)) expected.push_back("synthesis bands");
    }
    expected.insert(expected.end(), {"all layers", "all bands"});
    for (const auto& row : report["memory"]["engines"]) {
      CAPTURE(row.dump());
      found.push_back(row["network"].get<std::string>() + " " + row["memory"].get<std::string>());
      CheckMemoryRow(row, model, 3);
    }
    CHECK(found == expected);
    CHECK(report["memory"]["batch"] == 3);
    CHECK(report["memory"]["threads"] == 2);
  }
}

TEST_CASE("info: its table has the numbers that run --plan and bench give") {
  const auto plan = nlohmann::json::parse(
      Run({"run", "--graph", "synthesis", "--memory", "bands", "--plan", "--json", "--threads", "1"}).out);
  const auto by_bands = Run({"info", "--memory", "bands", "--threads", "1"});
  REQUIRE(by_bands.code == 0);
  std::string line = by_bands.out.substr(by_bands.out.find("  synthesis "));
  line = line.substr(0, line.find('\n'));
  std::erase(line, ',');
  CAPTURE(line);
  CHECK(line.find(" bands ") != std::string::npos);
  for (const char* part : {"arena", "weights", "loading"})
    CHECK(line.find(" " + std::to_string(plan["memory"][part].get<uint64_t>()) + " ") != std::string::npos);
  CHECK(by_bands.out.find("synthesis    layers") == std::string::npos);
  const auto bench = nlohmann::json::parse(
      Run({"bench", "--graph", "synthesis", "--memory", "bands", "--repeat", "1", "--threads", "1", "-o", "json"}).out);
  char mebibytes[32];
  std::snprintf(mebibytes, sizeof mebibytes, "%.1f", plan["memory"]["arena"].get<double>() / (1 << 20));
  CHECK(bench["programs"][0]["arena MiB"] == mebibytes);
  CHECK(Run({"info", "--batch", "65"}).code == 2);
}

TEST_CASE("info: a file that is refused, wherever it is wrong, answers 4 and leaves no half of a list") {
  const std::string good = Content(TinyModelPath()), bad = Fresh("bad.safetensors");
  CHECK(Run({"info", TinyModelPath()}).out.find("memory, in bytes") != std::string::npos);
  for (const size_t at : {size_t{3}, size_t{200}, good.size() / 2, good.size() - 1}) {
    CAPTURE(at);
    std::string wrong = good;
    wrong[at] = static_cast<char>(wrong[at] ^ 1);
    WriteContent(bad, wrong);
    const Ran ran = Run({"info", bad});
    CHECK(ran.code == 4);
    CHECK(ran.out.empty());
    CHECK(ran.err.starts_with("mien: error: "));
    const auto report = nlohmann::json::parse(Run({"info", bad, "--json"}).out, nullptr, false);
    REQUIRE_FALSE(report.is_discarded());
    CHECK(report.size() == 2);  // "ok" and "error"
    CHECK(report["ok"] == false);
  }
  WriteContent(bad, good.substr(0, good.size() - 5));
  CHECK(Run({"info", bad}).code == 4);
  CHECK(Run({"info", "--any", Photo(13)}).out.empty());
}

TEST_CASE("encode writes w_plus, one file per photo") {
  const std::string one = Fresh("w.safetensors"), folder = Fresh("codes");
  REQUIRE(Mien({"encode", Photo(10), "-o", one}).code == 0);
  CHECK(TensorOutput(one, "w_plus").size() == testing::kTinyRows * testing::kTinyDim);
  REQUIRE(Mien({"encode", Photo(10), Photo(11), "-o", folder, "--npz"}).code == 0);
  CHECK(fs::exists(folder + "/photo11.npz"));
}

TEST_CASE("npz files carry w_plus both ways") {
  const std::string photo = Photo(12), plain = Fresh("w.safetensors"), npz = Fresh("w.npz");
  REQUIRE(Mien({"encode", photo, "-o", plain}).code == 0);
  REQUIRE(Mien({"encode", photo, "-o", npz}).code == 0);
  const std::string a = Fresh("a.safetensors"), b = Fresh("b.safetensors");
  REQUIRE(Mien({"run", "--graph", "synthesis", "--in", plain, "--out", a}).code == 0);
  REQUIRE(Mien({"run", "--graph", "synthesis", "--in", npz, "--out", b}).code == 0);
  CHECK(Content(a) == Content(b));
}

TEST_CASE("Without --model the program uses the one it carries, wherever it runs") {
  const std::string out = Fresh("out.png"), portrait = MIEN_SOURCE_DIR "/tools/people/weights/portrait.png";
  const Ran ran = Run({"edit", portrait, "-o", out, "--sweep", "smile=-1:1:3"});
  CHECK_MESSAGE(ran.code == 0, ran.err);
  CHECK(ReadImage(out).ok());
  const std::string with = Fresh("with.png"), without = Fresh("without.png");
  CHECK(Run({"synth", "--seed", "3", "-o", without}).code == 0);
  CHECK(Run({"synth", "--seed", "3", "-o", with, "-m", MIEN_SOURCE_DIR "/weights/builtin/mien.safetensors"})
            .code == 0);
  CHECK(Content(with) == Content(without));
}

TEST_CASE("SIGINT and SIGTERM stop with 130 and leave whole files only") {
  for (const int signal : {SIGINT, SIGTERM}) {
    const std::string folder = Fresh("many");
    fs::create_directory(folder);
    const pid_t child =
        Start(MIEN_PROGRAM, {"synth", "--seeds", "0-4095", "-o", folder, "-m", TinyModelPath()}, Fresh("out"),
              Fresh("err"));
    // Three pictures and one that is being written, under its temporary name.
    for (int i = 0; i < 6000 && FilesIn(folder) < 4; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    kill(child, signal);
    CHECK(Wait(child) == 130);
    size_t files = 0;
    for (const auto& entry : fs::directory_iterator(folder)) {
      CHECK(entry.path().extension() == ".png");
      CHECK(ReadImage(entry.path().string()).ok());
      ++files;
    }
    CHECK(files >= 3);
    CHECK(files < 4096);
  }
}

TEST_CASE("An installed copy serves a C program through CMake and pkg-config") {
  if (!testing::kCountsAllocations)
    return;  // a library built for a sanitizer does not load into a plain program
  const std::string out = Fresh("out"), err = Fresh("err");
  const int code = Wait(Start("/bin/sh",
                              {MIEN_SOURCE_DIR "/tests/tools/installed.sh", MIEN_BINARY_DIR,
                               MIEN_SOURCE_DIR "/tools/example", TinyModelPath(), Fresh("pre fix")},
                              out, err));
  const std::string said = Content(out) + Content(err);
  CHECK_MESSAGE(code == 0, said);
}

}  // namespace
}  // namespace mien
