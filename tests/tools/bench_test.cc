// mien bench and selftest from outside.
#include <doctest/doctest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "kernels/ops.h"
#include "tests/tools/run_program.h"

namespace mien {
namespace {

using namespace testing;

TEST_CASE(
    "bench and selftest measure this machine's CPU; without a device cuda answers 5, and auto says why") {
  const Ran bench = Mien({"bench", "--backend", "cpu", "--graph", "flow", "--repeat", "3", "-o", "csv"});
  CHECK(bench.code == 0);
  CHECK(bench.out.starts_with("program,precision,batch,ms,p10 ms,p90 ms,p99 ms"));
  CHECK(bench.out.find("flow,fp32,1,") != std::string::npos);
  const Ran all = Mien({"bench", "--backend", "cpu", "--repeat", "1", "-o", "json"});
  CHECK(all.code == 0);
  CHECK(all.out.find("\"program\": \"recognizer\"") != std::string::npos);
  const Ran selftest = Run({"selftest", "--backend", "cpu", "--quick"});
  CHECK(selftest.code == 0);
  const size_t ops = std::variant_size_v<AnyOp> - 1;  // but the empty one
  CHECK(selftest.out.find(std::to_string(ops) + " passed, 0 failed") != std::string::npos);
  if (Run({"selftest", "--backend", "cuda", "--quick"}).code == 0) return;  // there is a device
  for (const char* verb : {"bench", "selftest"}) CHECK(Mien({verb, "--backend", "cuda"}).code == 5);
  CHECK(Mien({"synth", "--backend", "cuda", "-o", Fresh("x.png")}).code == 5);
  CHECK(Mien({"synth", "-v", "-o", Fresh("x.png")}).err.find("auto chose cpu: ") != std::string::npos);
}

TEST_CASE("bench --layers: every step with numbers as numbers; the slowest first; one alone; all said of the run") {
  const auto flow = [](std::vector<std::string> more) {
    more.insert(more.begin(), {"bench", "--backend", "cpu", "--graph", "flow", "--repeat", "2"});
    return Mien(more);
  };
  const Ran ran = flow({"--layers", "--sort", "time", "-o", "json"});
  REQUIRE_MESSAGE(ran.code == 0, ran.err);
  const nlohmann::json report = nlohmann::json::parse(ran.out);
  for (const char* part : {"machine", "build", "options", "ceilings", "programs", "steps"})
    CHECK(report.contains(part));
  CHECK(report["build"]["commit"].get<std::string>().size() >= 7);
  CHECK(report["options"]["repeat"] == 2);
  double before = 1e300;
  for (const auto& step : report["steps"]) {
    for (const char* number : {"us", "p10 us", "p90 us", "runs", "million products", "MB", "GB/s", "GFLOP/s"})
      CHECK((step[number].is_number() && std::isfinite(step[number].get<double>())));
    CHECK(step["us"].get<double>() <= before);
    before = step["us"];
  }
  CHECK(report["steps"].size() > 3);
  const std::string layer = report["steps"][0]["layer"];
  const Ran one = flow({"--step", layer, "-o", "csv"});
  CHECK(one.code == 0);
  CHECK(one.out.starts_with("program,layer,op,runs,us,"));
  CHECK(one.out.find("\nflow," + layer + ",") != std::string::npos);
  const Ran none = flow({"--step", "nobody"});
  CHECK(none.code == 2);
  CHECK(none.err.find("flow has no layer 'nobody'") != std::string::npos);
  CHECK(Mien({"bench", "--step", layer}).code == 2);
}

TEST_CASE("bench --compare: ratios, and a verdict beyond the noise of both; what is no report is refused") {
  const std::string old_path = Fresh("old.json");
  nlohmann::json old = {{"programs", nlohmann::json::array()}};
  const auto add = [&](double low, double median, double high) {
    old["programs"] = {
        {{"program", "flow"}, {"precision", "fp32"}, {"batch", 1}, {"ms", median}, {"p10 ms", low}, {"p90 ms", high}}};
    WriteContent(old_path, old.dump());
    const Ran ran =
        Mien({"bench", "--backend", "cpu", "--graph", "flow", "--repeat", "2", "-o", "json", "--compare", old_path});
    REQUIRE_MESSAGE(ran.code == 0, ran.err);
    const auto compared = nlohmann::json::parse(ran.out)["compared"];
    REQUIRE(compared.size() == 1);
    CHECK(compared[0]["before us"] == 1e3 * median);
    return compared[0]["verdict"].get<std::string>();
  };
  CHECK(add(1e-9, 1e-9, 1e-9) == "slower");
  CHECK(add(1e9, 1e9, 1e9) == "faster");
  CHECK(add(1e-9, 1.0, 1e9) == "within noise");
  for (const char* text : {"", "[]", "{}", "{\"programs\": [{\"ms\": \"1\"}]}", "{\"programs\": 3}"}) {
    CAPTURE(text);
    WriteContent(old_path, text);
    const Ran ran = Mien({"bench", "--graph", "flow", "--repeat", "1", "--compare", old_path});
    CHECK(ran.code == 4);
    CHECK(ran.err.find("a report of `mien bench -o json` is expected") != std::string::npos);
  }
}

}  // namespace
}  // namespace mien
