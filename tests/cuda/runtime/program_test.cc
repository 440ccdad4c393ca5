// The program itself with the host runner for its device: what its verbs print and answer with --backend
// cuda.
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/cuda/runtime/support.h"

namespace mien::testing {
namespace {

struct Ran {
  int code = -1;
  std::string out, err;
};

std::string Content(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

// `libraries`: where cuBLAS and cuDNN are looked for first.
Ran Mien(const std::string& words, const std::string& libraries = MIEN_FAKE_RIVALS) {
  const std::string out = ScratchFolder() + "/program.out", err = ScratchFolder() + "/program.err";
  const std::string command = "LD_LIBRARY_PATH='" + libraries + "' '" MIEN_ON_HOST_RUNNER "' " + words +
                              " -m '" + TinyModelPath() + "' >'" + out + "' 2>'" + err + "'";
  const int status = std::system(command.c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 1000, Content(out), Content(err)};
}

bool Has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST_CASE("bench: all tables complete, all numbers finite, rivals beside ours") {
  const Ran ran = Mien("bench --backend cuda --precision fp16 --repeat 2 --rivals -o json");
  REQUIRE_MESSAGE(ran.code == 0, ran.err);
  const nlohmann::json report = nlohmann::json::parse(ran.out);
  CHECK(report["ceilings"].size() == 5);
  for (const auto& ceiling : report["ceilings"]) CHECK(ceiling.get<double>() > 0.0);
  CHECK(report["rivals"] == nlohmann::json({"cuBLAS 130000", "cuDNN 91300"}));
  const auto check_row = [](const nlohmann::json& row, size_t columns,
                            const std::vector<std::string>& words) {
    CHECK(row.size() == columns);
    for (const auto& [column, cell] : row.items()) {
      CAPTURE(column);
      if (cell.is_null() && Has(column, "rival")) continue;
      const bool word = std::find(words.begin(), words.end(), column) != words.end();
      CHECK((word ? cell.is_string() : cell.is_number() && std::isfinite(cell.get<double>())));
    }
  };
  CHECK(report["programs"].size() == GraphNames().size());
  for (const auto& row : report["programs"]) check_row(row, 13, {"program", "precision"});
  CHECK(report["steps"].size() > 40);
  int with_rival = 0;
  for (const auto& row : report["steps"]) {
    check_row(row, 16, {"program", "layer", "op", "bound by", "rival"});
    with_rival += row["rival"].is_null() ? 0 : 1;
  }
  CHECK(with_rival > 20);
}

TEST_CASE("bench: without rivals no column of them; libraries that cannot be loaded are a line each") {
  const Ran plain = Mien("bench --backend cuda --graph mapping --repeat 1 --layers -o csv");
  CHECK(plain.code == 0);
  CHECK(Has(plain.out,
            "program,layer,op,runs,us,p10 us,p90 us,million products,MB,GB/s,GFLOP/s,bound by,% of bound\n"
            "mapping,"));
  CHECK(Has(plain.err, "host runner at the most, measured: memory"));
  const std::string empty = ScratchFolder() + "/empty";
  std::filesystem::create_directory(empty);
  for (const char* name : {"libcublas.so.13", "libcublas.so.12", "libcudnn.so.9", "libcudnn.so.8"})
    std::ofstream(empty + "/" + name);
  const Ran without = Mien("bench --backend cuda --graph mapping --repeat 1 --rivals -o csv", empty);
  CHECK(without.code == 0);
  CHECK(Has(without.err, "rival cuBLAS: "));
  CHECK(Has(without.err, "libcublas.so.13: file too short"));
  CHECK(Has(without.err, "rival cuDNN: "));
  CHECK(Has(without.out, "% of bound,rival,rival us,x rival\nmapping,"));
  CHECK(Mien("bench --backend cpu --graph mapping --rivals").code == 2);
}

TEST_CASE("--profile: each step as the device timed it, the same picture as without") {
  const std::string plain = ScratchFolder() + "/plain.png", profiled = ScratchFolder() + "/profiled.png",
                    file = ScratchFolder() + "/trace.json";
  CHECK(Mien("synth --seed 3 --backend cuda -o '" + plain + "'").code == 0);
  const Ran ran = Mien("synth --seed 3 --backend cuda --profile '" + file + "' -o '" + profiled + "'");
  REQUIRE_MESSAGE(ran.code == 0, ran.err);
  CHECK(Content(plain) == Content(profiled));
  const nlohmann::json trace = nlohmann::json::parse(Content(file));
  std::map<int, std::string> tracks;
  std::map<std::string, int> spans;
  double device_end = 0.0;
  for (const auto& event : trace["traceEvents"]) {
    if (event["ph"] == "M") tracks[event["tid"]] = event["args"]["name"];
    if (event["ph"] != "X") continue;
    ++spans[tracks.at(event["tid"])];
    if (tracks.at(event["tid"]) != "device") continue;
    // One after the other, each of some length; the marks are microseconds apart.
    const double begin = event["ts"], length = event["dur"];
    CHECK(length > 0.0);
    CHECK(begin >= device_end - 1.0);
    device_end = begin + length;
  }
  CHECK(spans.at("device") > 10);
  CHECK(spans.at("device") == spans.at("steps"));  // one of when it was sent, one of when it ran
}

TEST_CASE("selftest prints a line per instruction, op and rival; info names what is inside") {
  const Ran ran = Mien("selftest --backend cuda --quick --rivals");
  REQUIRE_MESSAGE(ran.code == 0, ran.out);
  const auto wrappers = static_cast<size_t>(Wrapper::kCount), ops = 3 * (std::variant_size_v<AnyOp> - 1);
  CHECK(Has(ran.out, "\n" + std::to_string(wrappers + ops + 21) + " passed, 0 failed"));
  for (const char* line :
       {"LoadMatrices<4, true>", "MultiplyTf32", "pixel_norm", "conv2d 3x3 stride 2", "rival    cuBLAS"})
    CHECK(Has(ran.out, line));
  const Ran info = Mien("info");
  CHECK(info.code == 0);
  CHECK(Has(info.out, "CUDA kernels: host runner: sm_80"));
}

TEST_CASE("--graphs off reaches every verb: the same picture on a device, one clear line on the CPU") {
  const std::string on = ScratchFolder() + "/captured.png", off = ScratchFolder() + "/uncaptured.png";
  CHECK(Mien("synth --seed 3 --backend cuda -o '" + on + "'").code == 0);
  CHECK(Mien("synth --seed 3 --backend cuda --graphs off -o '" + off + "'").code == 0);
  CHECK_FALSE(Content(on).empty());
  CHECK(Content(on) == Content(off));
  for (const char* verb :
       {"synth --seed 3 -o never.png", "run --graph mapping --plan", "bench --graph mapping --repeat 1"}) {
    CAPTURE(verb);
    const Ran ran = Mien(std::string(verb) + " --backend cpu --graphs off");
    CHECK(ran.code == 2);
    CHECK(Has(ran.err,
              "mien: error: graphs off: the cpu backend captures no graphs (backend cpu: asked for)\n"));
  }
}

TEST_CASE("info: the memory of every network is what an engine with it takes of the device") {
  for (const char* precision : {"fp32", "fp16"}) {
    const Ran ran = Mien(std::string("info --json --batch 2 --backend cuda --precision ") + precision);
    REQUIRE_MESSAGE(ran.code == 0, ran.err);
    const nlohmann::json memory = nlohmann::json::parse(ran.out)["memory"];
    CHECK(memory["backend"] == "cuda:0");
    CHECK(memory["engines"].size() == GraphNames().size() + 1);
    for (const auto& row : memory["engines"]) {
      CAPTURE(row.dump());
      std::vector<ProgramOptions> programs;
      for (const NetworkOptions& network : NetworksOf(TinyModel()->config())) {
        if (row["network"] == NameOf(network) || row["network"] == "all") programs.push_back({network});
      }
      const auto engine = Make(std::make_shared<WeightStore>(TinyModel()), OnHostRunner(programs, precision, 2));
      CHECK(row["arena"] == engine->need().arena);
      CHECK(row["weights"] == engine->need().weights);
      CHECK(row["total"] == engine->need().total());
      if (programs.size() == 1) CHECK(row["steps"] == engine->program(0).executable().steps.size());
    }
  }
}

TEST_CASE("the other verbs take the device") {
  const std::string picture = ScratchFolder() + "/picture.png";
  for (const char* precision : {"fp32", "tf32", "fp16"}) {
    const Ran ran =
        Mien(std::string("synth --seed 3 --backend cuda --precision ") + precision + " -o '" + picture + "'");
    CHECK_MESSAGE(ran.code == 0, ran.err);
  }
  CHECK(Has(Mien("synth --seed 3 -v -o '" + picture + "'").err, "auto chose cuda:0"));
}

}  // namespace
}  // namespace mien::testing
