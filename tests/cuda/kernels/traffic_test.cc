// The memory traffic of every access of every kernel against its budget: wavefronts per request to shared
// memory, 32-byte sectors per request to global memory. Measured on calls of round sizes; the budgets, and
// the reason where one is more than the ideal, are in traffic_budget.txt. MIEN_UPDATE_BUDGET=1 writes that
// file anew and keeps the reasons.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "kernels/all_cases.h"
#include "tests/cuda/kernels/cuda_files.h"
#include "tests/cuda/kernels/lowered.h"
#include "tests/cuda/kernels/networks.h"
#include "tests/cuda/kernels/probes.h"
#include "tests/cuda/kernels/proof.h"

namespace mien::simt {
namespace {

const char* const kBudgetFile = MIEN_SOURCE_DIR "/tests/cuda/kernels/traffic_budget.txt";

struct Budget {
  double actual = 0.0, ideal = 0.0;  // per request
  std::string reason;                // why it is not the ideal
};
using Budgets = std::map<std::string, Budget>;  // by "file | access | source line"

// A line "actual | ideal | file | access | source line" per access, and behind it, indented, the reason.
Budgets ReadBudgets() {
  Budgets budgets;
  std::ifstream file(kBudgetFile);
  Budget* last = nullptr;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    if (line.starts_with("  ")) {
      if (last != nullptr) last->reason = line.substr(2);
      continue;
    }
    const size_t first = line.find(" | "), second = line.find(" | ", first + 3);
    last = &budgets[line.substr(second + 3)];
    *last = {std::strtod(line.c_str(), nullptr), std::strtod(line.c_str() + first + 3, nullptr), ""};
  }
  return budgets;
}

bool NeedsReason(const Budget& budget) { return budget.actual > 1.02 * budget.ideal; }

void WriteBudgets(const Budgets& budgets) {
  std::ofstream file(kBudgetFile);
  file << "# Per request: wavefronts (shared) or 32-byte sectors (global), and the fewest that could carry "
          "the bytes. Made by\n"
          "#   MIEN_UPDATE_BUDGET=1 build/release/tests/cuda/kernels/test_simt_hooks -tc='memory traffic*'\n"
          "# which keeps the reasons; one is wanted where the traffic is more than the ideal.\n";
  for (const auto& [key, budget] : budgets) {
    char numbers[64];
    std::snprintf(numbers, sizeof(numbers), "%.2f | %.2f | ", budget.actual, budget.ideal);
    file << numbers << key << '\n';
    if (NeedsReason(budget)) file << "  " << budget.reason << '\n';
  }
}

// "kernels/add/add.cu | global read | the text of the line".
std::string KeyOf(const SiteTraffic& site, const std::map<std::string, std::string>& texts) {
  const size_t colon = site.path.rfind(':'), start = site.path.rfind("/kernels/") + 1;
  const std::string path = site.path.substr(start, colon - start);
  const auto text = texts.find(path);
  if (start == 0 || text == texts.end()) return "";
  std::istringstream lines(text->second);
  std::string line;
  for (int n = std::atoi(site.path.c_str() + colon + 1); n > 0; --n) std::getline(lines, line);
  line.erase(0, line.find_first_not_of(' '));
  return path + " | " + site.kind + " | " + line;
}

// Adds what was counted since the last call. Of an access known from before, nothing.
void Collect(Budgets& measured, const std::map<std::string, std::string>& texts) {
  std::map<std::string, SiteTraffic> by_key;
  for (const SiteTraffic& site : TakeTraffic()) {
    const std::string key = KeyOf(site, texts);
    if (key.empty()) continue;
    SiteTraffic& sum = by_key[key];
    sum.requests += site.requests;
    sum.actual += site.actual;
    sum.ideal += site.ideal;
  }
  for (const auto& [key, sum] : by_key) {
    const auto per_request = [requests = sum.requests](uint64_t count) {  // as the file has it
      return std::round(100.0 * static_cast<double>(count) / static_cast<double>(requests)) / 100.0;
    };
    measured.try_emplace(key, Budget{per_request(sum.actual), per_request(sum.ideal), ""});
  }
}

template <class Op>
void Call(const typename Op::Params& params, const std::vector<Shape>& shapes,
          const std::array<Fill, 12>& fill = {}, Precision precision = Precision::kFloat,
          uint32_t more_weights = 0) {
  const OpCase<Op> c = {"", Tag::kTiny, {params}, shapes, 0.0, fill};
  RunLowered<Op>(params, shapes, DrawInputs(c), precision, more_weights);
}

void CallPlainOps() {
  const Shape map = {1, 8, 16, 32}, none, rows = {2, 128}, channel = {8};
  const Fill positive = Fill::Uniform(0.1, 2);
  Call<PixelNorm>({}, {rows});
  Call<L2Normalize>({}, {rows});
  Call<Linear>({}, {rows, {64, 128}, {64}, none, none, none});
  Call<Concat>({}, {rows, rows});
  Call<BroadcastRows>({.rows = 4, .psi = 0.7f}, {rows, {128}});
  Call<RepeatBatch>({.batch = 2}, {{8, 16, 32}});
  Call<ModConv>({}, {map, {1, 8}, {8, 8, 3, 3}, none, {1, 1, 16, 32}, {1}, channel});
  Call<ModConv>({.up = true}, {map, {1, 8}, {8, 8, 3, 3}, {4, 4}, none, none, channel});
  Call<ToRgb>({}, {map, {1, 8}, {3, 8, 1, 1}, {3}, {1, 3, 8, 16}, {4, 4}});
  Call<Upsample>({}, {map, {4, 4}});
  Call<BiasAct>({.act = Activation::kPRelu}, {map, {1, 1, 16, 32}, {1}, channel, channel});
  Call<Conv2d>({.pad = 1, .act = Activation::kPRelu},
               {map, {8, 8, 3, 3}, channel, channel, channel, channel, channel, map, channel},
               {Fill(), Fill(), Fill(), Fill(), Fill(), Fill(), positive});
  Call<DepthwiseConv>({.pad = 1}, {map, {8, 1, 3, 3}, channel, channel, channel, channel, channel},
                      {Fill(), Fill(), Fill(), Fill(), Fill(), Fill(), positive});
  Call<BatchNorm>({}, {map, channel, channel, channel, channel}, {Fill(), Fill(), Fill(), Fill(), positive});
  Call<SqueezeExcite>({}, {{1, 64, 16, 32}, {32, 64, 1, 1}, {64, 32, 1, 1}, {1, 64, 16, 32}});
  Call<ScaleChannels>({}, {map, {1, 8}});
  Call<Subsample>({}, {map});
  Call<Pool2d>({}, {map});
  Call<ZeroPad>({.channels = 8}, {map});
  Call<Resize>({.height = 32, .width = 64, .align_corners = true}, {map, {1, 8, 32, 64}});
  Call<GlobalAvgPool>({}, {map});
  Call<Add>({}, {map, map});
  Call<StackRows>({.rows = 2}, {rows, rows, rows});
  Call<SelectColumns>({}, {{1, 2, 128}, {64}}, {Fill(), Fill::Indices(128)});
  Call<SelectColumns>({.scatter = 128}, {{1, 2, 64}, {64}}, {Fill(), Fill::Indices(128)});
  Call<MatMul>({}, {rows, {128, 64}});
  Call<Pointwise>({pointwise_cases::EveryCode()}, pointwise_cases::Operands({{1, 4, 128}, {128}}));
  Call<Pointwise>({pointwise_cases::EveryCode(), 0, 0, 1}, pointwise_cases::Operands({{1, 4, 128}, {128}}));
  Call<AffineCoupling>({}, {{1, 2, 128}, {1, 2, 128}, {64}}, {Fill(), Fill(), Fill::Indices(128)});
  Call<FlowNorm>({}, {{1, 2, 128}, {128}, {128}, {128}, {128}}, {Fill(), Fill(), Fill(), Fill(), positive});
}

// Forms that the networks below do not have.
void CallFastOps(Precision precision) {
  const Shape map = {1, 64, 16, 32}, none, style = {1, 64}, channel = {64};
  Call<SqueezeExcite>({}, {map, {32, 64, 1, 1}, {64, 32, 1, 1}, map}, {}, precision,
                      1u << SqueezeExcite::kFc1 | 1u << SqueezeExcite::kFc2);
  Call<ToRgb>({}, {map, style, {3, 64, 1, 1}, {3}, {1, 3, 8, 16}, {4, 4}}, {}, precision,
              1u << ToRgb::kWeight | 1u << ToRgb::kBias | 1u << ToRgb::kFilter);
  Call<ModConv>({.up = true}, {map, style, {64, 64, 3, 3}, {4, 4}, none, none, channel}, {}, precision,
                1u << ModConv::kWeight | 1u << ModConv::kFilter | 1u << ModConv::kBias);
}

// Small networks whose channels and rows fill what the fast kernels compute at once.
std::vector<ModelConfig> RoundConfigs() {
  ModelConfig generator = testing::FullGenerator(32);
  generator.generator->z_dim = generator.generator->w_dim = 64;
  generator.generator->mapping_layers = 1;
  generator.generator->channels = {128, 128, 64, 32};
  ModelConfig encoder = testing::SmallEncoder(9);
  encoder.encoder->trunk = {32, {32, 64, 64, 64}, {1, 1, 1, 1}, 4};
  encoder.encoder->w_dim = encoder.encoder->head_channels = 64;
  ModelConfig flow = testing::SmallFlow(false, false, true);
  flow.flow->features = flow.flow->hidden = 64;
  flow.flow->layers = flow.flow->blocks = 1;
  ModelConfig attributes = testing::SmallAttributes();
  attributes.attributes->stage_channels = {32, 32, 32, 64};
  attributes.attributes->stage_blocks = {1, 2, 1, 1};
  ModelConfig recognizer = testing::SmallRecognizer();
  recognizer.recognizer->trunk = encoder.encoder->trunk;
  recognizer.recognizer->embedding = 64;
  return {generator, encoder, flow, attributes, recognizer};
}

void RunNetworks(Precision precision) {
  for (const ModelConfig& config : RoundConfigs()) {
    const WeightSource weights = testing::MadeUpWeights(config);
    for (const Result<Graph>& graph : testing::BuildAll(config, 1, false)) {
      REQUIRE_MESSAGE(graph.ok(), std::string(graph.status().message()));
      const Result<Executable> device = LowerForDevice(*graph, precision);
      REQUIRE(device.ok());
      const testing::Tensors inputs = testing::MadeUpInputs(*graph);
      std::vector<std::vector<float>> in;
      for (const ValueId v : graph->inputs)
        in.push_back(Floats(inputs.at(graph->values[static_cast<size_t>(v)].name)));
      DeviceRunner(*device, TensorsOf(*graph, weights)).Run(in);
    }
  }
}

[[maybe_unused]] void Check(const Budgets& measured, const Budgets& allowed) {
  for (const auto& entry : measured) {
    const std::string& key = entry.first;
    const Budget& found = entry.second;
    CAPTURE(key);
    const auto budget = allowed.find(key);
    CHECK_MESSAGE(budget != allowed.end(), "has no budget");
    if (budget == allowed.end()) continue;
    CHECK(found.actual <= budget->second.actual);
    if (NeedsReason(budget->second))
      CHECK_MESSAGE(!budget->second.reason.empty(), "more than the ideal without a reason");
  }
  for (const auto& entry : allowed)
    CHECK_MESSAGE(measured.contains(entry.first), entry.first << " is not there any more");
}

TEST_CASE("memory traffic is within its budget") {
  if (!HooksPresent()) return;
  std::map<std::string, std::string> texts;
  const std::string root = MIEN_SOURCE_DIR "/";
  for (const auto& [path, text] : CudaFiles("kernels")) texts[path.substr(root.size())] = text;
  Options options;
  options.traffic = true;
  Configure(options);
  TakeTraffic();
  Budgets measured;
  CallPlainOps();
  for (int w = 0; w < static_cast<int>(Wrapper::kCount); ++w) TryWrapper(static_cast<Wrapper>(w));
  for (int c = 0; c < static_cast<int>(Ceiling::kCount); ++c) TryCeiling(static_cast<Ceiling>(c));
  Collect(measured, texts);
  for (const Precision precision : {Precision::kHalf, Precision::kTf32}) {
    RunNetworks(precision);
    CallFastOps(precision);
  }
  Collect(measured, texts);
  Configure({});
  for (const auto& file : texts) {
    const std::string& path = file.first;
    if (file.second.find("__global__") == std::string::npos) continue;
    const auto first = measured.lower_bound(path);
    CHECK_MESSAGE((first != measured.end() && first->first.starts_with(path)),
                  "no kernel of " << path << " ran");
  }
  Budgets allowed = ReadBudgets();
  if (std::getenv("MIEN_UPDATE_BUDGET") != nullptr) {
    for (auto& [key, budget] : measured) budget.reason = allowed[key].reason;
    WriteBudgets(measured);
    allowed = ReadBudgets();
  }
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ == 12
  Check(measured, allowed);  // other compilers share loads otherwise
#endif
}

TEST_CASE("memory traffic of the matrix product") {
  if (!HooksPresent()) return;
  Options options;
  options.traffic = true;
  Configure(options);
  TakeTraffic();
  const int m = 128, n = 64, k = 128;
  GlobalArray<uint16_t> a(m * k), b(n * k);
  std::fill(a.begin(), a.end(), uint16_t{0});
  std::fill(b.begin(), b.end(), uint16_t{0});
  GlobalArray<float> c(m * n);
  const Status status = RunGemmHalf(a.data(), b.data(), c.data(), m, n, k);
  Configure({});
  REQUIRE_MESSAGE(status.ok(), std::string(status.message()));
  const auto traffic = TakeTraffic();
  int fragment_loads = 0, tile_stores = 0;
  for (const SiteTraffic& site : traffic) {
    CAPTURE(site.place);
    CAPTURE(site.kind);
    if (site.kind == "global write") {
      CHECK(site.actual ==
            site.requests * 8);  // eight rows of eight floats, four lanes each: one sector a row
      continue;
    }
    fragment_loads += site.kind == "shared read";
    tile_stores += site.kind == "shared write";
    CHECK(site.actual == site.ideal);  // free of bank conflicts, whole sectors
  }
  CHECK(fragment_loads == 2);
  CHECK(tile_stores == 1);
}

}  // namespace
}  // namespace mien::simt
