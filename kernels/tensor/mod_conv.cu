// The modulated convolution of stride 1.
#include "kernels/tensor/mod_conv_finish.cuh"

namespace mien::MIEN_EXECUTOR {

template <>
Status RunFast<FastModConv>(const FastModConv::Params& params, const FastCall& call) {
  if (params.weights.up) return RunUpConv(params, call);
  const FastModConv::Weights& w = params.weights;
  GemmLayer layer = {};
  layer.x = static_cast<const std::byte*>(call.in[FastModConv::kX]);
  layer.weights = static_cast<const std::byte*>(call.in[FastModConv::kPacked]);
  layer.partial = static_cast<float*>(call.scratch);
  layer.height = layer.out_height = params.height;
  layer.width = layer.out_width = params.width;
  layer.pixel_bytes = layer.channel_bytes =
      static_cast<int>(MapChannels(w.inputs)) * ElementBytes(w.precision);
  layer.top = layer.left = 1;
  layer.group_outputs = GemmOutputs(w.outputs);
  layer.chunks = GemmChunks(w.precision, w.inputs);
  const ModConvFinish::Params finish = FinishOf(params, call);
  return WithModConvTile(params, [&]<class Tile>() {
    layer.grid = ModConvGrid<Tile>(params);
    return WithElement(w.precision, [&]<class Element>() {
      return RunGemm<Tile, Element, ModConvFinish>(layer, params.batch, finish, call.stream);
    });
  });
}

}  // namespace mien::MIEN_EXECUTOR
