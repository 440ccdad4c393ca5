#include <map>

#include "tests/support/oracle_case.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "tests/support/parity.h"

namespace mien::parity {
namespace {

using Json = nlohmann::ordered_json;

Shape ShapeOf(const Json& dims) {
  std::vector<uint64_t> values = dims.get<std::vector<uint64_t>>();
  auto shape = Shape::Checked(values);
  REQUIRE(shape.ok());
  return *shape;
}

hashgen::NamedFloats Generated(const std::string& name, const std::string& key, const Json& shape_and_scale) {
  Shape shape = ShapeOf(shape_and_scale[0]);
  return {name, shape, hashgen::Values(key, shape.elements(), shape_and_scale[1].get<double>())};
}

// The model files of the case; without any, one made from the recipe.
std::vector<std::string> Checkpoints(const Recorded& file, const TempFolder& folder) {
  const auto& meta = file.metadata();
  const Json models = Json::parse(meta.at("models")), shapes = Json::parse(meta.at("tensors")),
             more = Json::parse(meta.at("extra"));
  std::vector<std::string> paths;
  for (const Json& model : models) paths.push_back(DataPath("oracle/" + model.get<std::string>()));
  if (!paths.empty()) return paths;
  std::vector<hashgen::Tensor> tensors;
  for (const auto& item : shapes.items()) tensors.push_back({item.key(), ShapeOf(item.value())});
  std::vector<hashgen::NamedFloats> extra;
  for (const auto& item : more.items()) {
    extra.push_back(Generated(item.key(), meta.at("tag") + "/" + item.key(), item.value()));
  }
  auto rule = hashgen::RuleByName(meta.at("rule"));
  REQUIRE(rule.ok());
  Status status =
      hashgen::WriteWeights(folder.Path("checkpoint.safetensors"), meta.at("tag"), *rule, tensors, extra);
  REQUIRE_MESSAGE(status.ok(), status.message());
  return {folder.Path("checkpoint.safetensors")};
}

}  // namespace

void TestOracleCase(const std::string& name, int threads) {
  CAPTURE(name);
  TempFolder folder;
  Recorded file(DataPath("oracle/" + name + ".safetensors"));
  const Json inputs = Json::parse(file.metadata().at("inputs")), runs = Json::parse(file.metadata().at("runs"));
  for (const std::string& checkpoint : Checkpoints(file, folder)) {
    CAPTURE(checkpoint);
    Subject subject(folder, checkpoint, threads);
    for (const Json& run : runs) {
      std::map<std::string, Tensor> in;
      for (const std::string& input : run["inputs"].get<std::vector<std::string>>()) {
        auto made = Generated(input, file.metadata().at("tag") + "/in/" + input, inputs[input]);
        in[input] = {made.shape, {made.values.begin(), made.values.end()}};
      }
      std::vector<std::string> words = run["arguments"];
      const std::string prefix = run["name"].get<std::string>() + "/";
      Recorded out = subject.Run(words, in);
      std::map<std::string, std::vector<double>> fused;
      for (const std::string& recorded : file.Names()) {
        if (recorded.rfind(prefix, 0) != 0) continue;
        const std::string output = recorded.substr(prefix.size());
        fused[output] = out.Get(output).values;
        Judge(name, recorded, fused[output], file);
      }
      CHECK(!fused.empty());
      Recorded fast = subject.RunFast(words, in);
      for (const auto& [output, direct] : fused) {
        if (!file.Has("f64/" + prefix + output)) continue;
        const std::vector<double> f64 = file.Get("f64/" + prefix + output).values;
        JudgeDecibels(name, prefix + output, fast.Get(output).values, f64, output == "image" ? 2 : Rms(f64));
      }
      words.push_back("--trace");
      Recorded traced = subject.Run(words, in);
      for (const auto& [output, values] : fused) {
        Judge(name + " fused=trace", prefix + output, values, traced.Get(output).values, nullptr);
      }
    }
  }
}

}  // namespace mien::parity
