// e4e (arXiv:2102.02766) and pSp (arXiv:2008.00951) encoders: IR-SE trunk, feature pyramid, one style head
// per row of w_plus.
//   c1, c2, c3 = trunk at S/4, S/8, S/16;  p2 = up(c3) + lateral(c2);  p1 = up(p2) + lateral(c1)
//   heads 0-2 read c3, 3-6 read p2, the others p1
//   e4e: w_plus[l] = head_0 + (l > 0 ? head_l : 0) + latent_avg[l];  pSp: w_plus[l] = head_l + latent_avg[l]
#include <algorithm>
#include <cmath>

#include "graph/networks/networks.h"
#include "graph/networks/trunk.h"

namespace mien {
namespace {

// up(x) + lateral(c); up is bilinear with aligned corners.
ValueId Pyramid(const Module& m, const std::string& lateral, ValueId x, ValueId c) {
  Builder& b = m.builder();
  ConvLayer layer;
  layer.conv = lateral;
  layer.bias = true;
  const ValueId addend = m.Conv(layer, c);
  Resize::Params params;
  params.height = static_cast<int>(b.ShapeOf(c)[2]);
  params.width = static_cast<int>(b.ShapeOf(c)[3]);
  params.align_corners = true;
  const std::string path = lateral + ".sum";
  if (!m.tracing()) return b.Call<Resize>(path, params, {x, addend});
  return b.Call<Add>(path, {}, {b.Call<Resize>(lateral + ".up", params, {x, kAbsent}), addend});
}

// Stride-2 convolutions down to one pixel, then a linear layer, [N,w_dim].
ValueId StyleHead(const Module& m, const std::string& path, ValueId x) {
  Builder& b = m.builder();
  for (int k = 0; b.ShapeOf(x)[2] > 1; ++k) {
    ConvLayer layer;
    layer.conv = path + ".convs." + std::to_string(2 * k);
    layer.bias = true;
    layer.stride = 2;
    layer.act = Activation::kLeaky;
    layer.act_path = path + ".convs." + std::to_string(2 * k + 1);
    x = m.Conv(layer, x);
  }
  Linear::Params params;
  params.weight_gain = 1.0f / std::sqrt(static_cast<float>(b.ShapeOf(x)[1]));
  const ValueId y = m.FullyConnected(path + ".linear", x, params);
  m.Trace(path, y);
  return y;
}

}  // namespace

Result<Graph> BuildEncoder(const ModelConfig& config, const EncoderOptions& options, const GraphOptions& graph) {
  MIEN_TRY(CheckBuild(config.encoder.has_value(), "encoder", graph.batch));
  const EncoderConfig& e = *config.encoder;
  if (options.stages < -1)
    return Status::Error(Code::kUsage, "stages %d, at least 0 expected", options.stages);
  if (options.stages >= 0 && e.kind == EncoderKind::kPsp) {
    return Status::Error(Code::kUsage, "stages %d: the encoder is pSp's, whose rows have no common base",
                         options.stages);
  }
  Builder b(NameOf(options), config, graph.trace);
  const Module m(&b, "encoder.");
  const ValueId image = b.Input("image", {graph.batch, 3, e.input_size, e.input_size});
  const std::vector<ValueId> stages = AppendTrunk(m, e.trunk, image);
  const ValueId c1 = stages[1], c2 = stages[2], c3 = stages[3];

  StackRows::Params stack;
  stack.rows = e.rows;
  stack.independent = e.kind == EncoderKind::kPsp;
  std::vector<ValueId> codes(static_cast<size_t>(e.rows) + 1, kAbsent);  // base, average, deltas of rows 1..
  const int last = options.stages < 0 ? e.rows - 1 : std::min(options.stages, e.rows - 1);
  ValueId feature = c3;
  for (int i = 0; i <= last; ++i) {
    if (i == 3) feature = Pyramid(m, "latlayer1", feature, c2);
    if (i == 7) feature = Pyramid(m, "latlayer2", feature, c1);
    codes[i == 0 ? size_t{StackRows::kBase} : static_cast<size_t>(i) + 1] =
        StyleHead(m, "styles." + std::to_string(i), feature);
  }
  if (e.adds_latent_avg && options.latent_avg) codes[StackRows::kAverage] = m.Weight("latent_avg");
  b.Output("w_plus", b.Call<StackRows>("w_plus", stack, std::move(codes)));
  return b.Finish();
}

}  // namespace mien
