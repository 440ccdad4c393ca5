// Age and gender: Xception (arXiv:1610.02357) made small (networks.md, "Face networks").
#include "graph/networks/face_layers.h"
#include "graph/networks/networks.h"

namespace mien {
namespace {

constexpr FaceAct kRelu = {.act = Activation::kRelu};

// y = max_pool(separable_conv1(relu(separable_conv0(x)))) + expansion_conv(x), at half the size.
ValueId Reduction(const Module& m, const std::string& path, bool pre_relu, ValueId x) {
  ValueId y = AppendSeparable(m, {.path = path + "/separable_conv0", .pre_relu = pre_relu}, x);
  y = AppendSeparable(m, {.path = path + "/separable_conv1", .pre_relu = true}, y);
  y = AppendMaxPool(m, path + "/pool", 3, 2, Padding::kSame, y);
  return AppendConv(m, {.path = path + "/expansion_conv", .stride = 2}, x, y);
}

}  // namespace

Result<Graph> BuildFaceAgeGender(const ModelConfig& config, const FaceAgeGenderOptions& options,
                                 const GraphOptions& graph) {
  MIEN_TRY(CheckBuild(config.face_age_gender.has_value(), "age and gender network", graph.batch));
  const FaceAgeGenderConfig& a = *config.face_age_gender;
  Builder b(NameOf(options), config, graph.trace);
  const Module m(&b, "face_age_gender.");
  ValueId x = b.Input("image", {graph.batch, 3, a.input_size, a.input_size});
  x = AppendConv(m, {.path = "entry_flow/conv_in", .stride = 2, .act = kRelu}, x);
  x = Reduction(m, "entry_flow/reduction_block_0", false, x);
  x = Reduction(m, "entry_flow/reduction_block_1", true, x);
  for (int block = 0; block < a.middle_blocks; ++block) {
    const std::string path = "middle_flow/main_block_" + std::to_string(block) + "/separable_conv";
    ValueId y = x;
    for (int layer = 0; layer < 3; ++layer) {
      y = AppendSeparable(m, {.path = path + std::to_string(layer), .pre_relu = true}, y,
                          layer == 2 ? x : kAbsent);
    }
    x = y;
  }
  x = Reduction(m, "exit_flow/reduction_block", true, x);
  x = AppendSeparable(m, {.path = "exit_flow/separable_conv", .act = kRelu}, x);
  x = b.Call<GlobalAvgPool>("avg_pool", {}, {x});
  m.Trace("avg_pool", x);
  b.Output("age", AppendFullyConnected(m, "fc/age", x));
  b.Output("gender", AppendFullyConnected(m, "fc/gender", x));
  return b.Finish();
}

}  // namespace mien
