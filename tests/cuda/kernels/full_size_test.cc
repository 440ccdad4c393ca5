// The full-size networks as a device would run them, step by step, rehearsed: what a step says of itself (Count) agrees
// with what it launches. With MIEN_LAUNCHES=FOLDER in the environment the program leaves there what the static checks
// of tests/cuda read:
//   launched.tsv   kernel, threads, dynamic shared bytes: the most of all launches that were executed
//   steps.tsv      "step": program (synthesis/2: without noise, /3: noise as input), precision, layer, op, plain or
//                  fast, multiply-adds, bytes, outputs of a fast 3x3 convolution or 0
//                  "launch" (of the step above): kernel, blocks, threads, dynamic shared bytes
#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <map>

#include "graph/lowering/lower.h"
#include "tests/cuda/kernels/rehearsal.h"
#include "tests/graph/support.h"

namespace mien::simt {
namespace {

std::string PathOf(const char* file) {
  const char* folder = std::getenv("MIEN_LAUNCHES");
  return folder == nullptr ? "" : std::string(folder) + "/" + file;
}

// Written when the program ends. The constructor makes the list outlive this.
const struct LaunchedFile {
  LaunchedFile() { LaunchedKernels(); }
  ~LaunchedFile() {
    if (LaunchedKernels().empty()) return;
    std::ofstream file(PathOf("launched.tsv"));
    for (const auto& [kernel, size] : LaunchedKernels())
      file << kernel << '\t' << size.threads << '\t' << size.shared_bytes << '\n';
  }
} kLaunchedFile;

const char* PrecisionName(Precision precision) {
  return precision == Precision::kHalf ? "fp16" : precision == Precision::kTf32 ? "tf32" : "fp32";
}

// Output channels of a fast 3x3 convolution (of a group), else 0.
int ConvolvedOutputs(const FastOp& op) {
  return std::visit(
      [](const auto& call) -> int {
        if constexpr (requires { call.params.weights.taps; }) {
          return call.params.weights.taps == 3 ? call.params.weights.outputs : 0;
        } else if constexpr (requires { call.params.weights.up; }) {
          return call.params.weights.outputs;
        } else {
          return 0;
        }
      },
      op);
}

void RehearseGraph(const Graph& graph, const std::string& program, Precision precision, std::ostream& steps) {
  const Result<Executable> device = LowerForDevice(graph, precision);
  REQUIRE(device.ok());
  CAPTURE(program);
  for (const Executable::Call& call : device->calls) {
    CAPTURE(call.layer);
    const auto launches = Rehearse(call);
    REQUIRE_MESSAGE(launches.ok(), std::string(launches.status().message()));
    const FastCost cost = FastCount(call.fast());
    const bool plain = std::holds_alternative<PlainOp>(call.fast());
    if (!plain) CHECK(static_cast<int>(launches->size()) == cost.launches);
    steps << "step\t" << program << '\t' << PrecisionName(precision) << '\t' << call.layer << '\t'
          << FastName(call.fast()) << '\t' << (plain ? "plain" : "fast") << '\t' << cost.multiply_adds << '\t'
          << cost.bytes << '\t' << ConvolvedOutputs(call.fast()) << '\n';
    for (const RehearsedLaunch& launch : *launches)
      steps << "launch\t" << launch.kernel << '\t' << launch.blocks << '\t' << launch.threads << '\t'
            << launch.shared_bytes << '\n';
  }
}

TEST_CASE("steps of the full-size networks launch what they count") {
  std::ofstream steps(PathOf("steps.tsv"));
  for (const ModelConfig& config : {testing::FullGenerator(1024), testing::FullEncoder(18), testing::FullFlow(),
                                    testing::FullAttributes(), testing::FullRecognizer()}) {
    std::map<std::string, int> seen;  // the synthesis comes with three kinds of noise
    for (const Result<Graph>& graph : testing::BuildAll(config, 1, false)) {
      REQUIRE(graph.ok());
      const int form = ++seen[graph->name];
      const std::string program = form == 1 ? graph->name : graph->name + "/" + std::to_string(form);
      for (const Precision precision : {Precision::kFloat, Precision::kTf32, Precision::kHalf})
        RehearseGraph(*graph, program, precision, steps);
    }
  }
}

}  // namespace
}  // namespace mien::simt
