// Small flows from their real checkpoints: forward, inverse, layer by layer, batches, edits.
// Recorded outputs: tests/data/golden/flow_small_*.
#include <doctest/doctest.h>

#include "tests/support/parity.h"

namespace {

using mien::parity::DataPath;
using mien::parity::Judge;
using mien::parity::Recorded;
using mien::parity::Subject;
using mien::parity::TempFolder;
using mien::parity::Tensor;

constexpr int kRows = 18;

// [N * 18, D] as [N,18,D].
Tensor ByImage(Tensor tensor) {
  tensor.shape = {tensor.shape[0] / kRows, kRows, tensor.shape[1]};
  return tensor;
}

void TestFlow(const std::string& name, int threads) {
  CAPTURE(name);
  TempFolder folder;
  Subject subject(folder, DataPath("golden/" + name + ".pt"), threads);
  Recorded io(DataPath("golden/" + name + ".io.safetensors"));
  const std::string group = name + " threads=" + std::to_string(threads);
  auto forward = [&](const Tensor& x, bool trace) {
    std::vector<std::string> words = {"--graph", "flow"};
    if (trace) words.push_back("--trace");
    return subject.Run(words, {{"w_plus", x}});
  };
  auto inverse = [&](const Tensor& z) { return subject.Run({"--graph", "flow_inverse"}, {{"latent", z}}); };

  Recorded trace = forward(ByImage(io.Get("x")), true);
  for (const std::string& tensor : io.Names()) {
    if (tensor.rfind("layer/", 0) == 0) Judge(group + " layers", tensor, trace.Get(tensor).values, io);
  }
  Tensor traced = trace.Get("latent");
  Recorded ahead = forward(ByImage(io.Get("x")), false);
  Tensor z = ahead.Get("latent");
  Judge(group + " fused=trace", "z", z.values, traced.values, nullptr);
  Judge(group, "z", z.values, io);
  Judge(group, "logabsdet", ahead.Get("logabsdet").values, io);

  Recorded back = inverse(z);
  Judge(group, "x_roundtrip", back.Get("w_plus").values, io);
  Judge(group, "logabsdet_inv", back.Get("logabsdet").values, io);
  Recorded edited = inverse(ByImage(io.Get("z_edit")));
  Judge(group, "x_edit", edited.Get("w_plus").values, io);
  Judge(group, "x_edit_api", edited.Get("w_plus").values, io);
  Judge(group, "logabsdet_inv_edit", edited.Get("logabsdet").values, io);

  Recorded batch = forward(ByImage(io.Get("batch/x")), false);
  Judge(group, "batch/z", batch.Get("latent").values, io);
  Judge(group, "batch/logabsdet", batch.Get("logabsdet").values, io);
}

}  // namespace

TEST_CASE("flows") {
  for (int threads : {1, 2}) {
    TestFlow("flow_small_a", threads);
    TestFlow("flow_small_b_dist_legacy", threads);
  }
}
