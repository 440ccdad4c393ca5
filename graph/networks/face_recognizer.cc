// The recogniser, a port of dlib's residual network: a vector per face; people are told apart by its distance
// (networks.md, "Face networks").
#include "graph/networks/face_layers.h"
#include "graph/networks/networks.h"

namespace mien {
namespace {

constexpr FaceAct kRelu = {.act = Activation::kRelu};

FaceConv Scaled(const std::string& path) {
  return {.path = path, .weight = "conv/filters", .bias = "conv/bias", .scaled = true};
}

// y = relu(conv2(relu(conv1(x))) + x)
ValueId Residual(const Module& m, const std::string& path, ValueId x) {
  FaceConv first = Scaled(path + "/conv1"), second = Scaled(path + "/conv2");
  first.act = second.act = kRelu;
  return AppendConv(m, second, AppendConv(m, first, x), x);
}

// The same at half the size: the shortcut is the mean of each four pixels, with zeros for the channels that it lacks;
// where the convolutions give one row and column less than it, they get zeros there.
ValueId Down(const Module& m, const std::string& path, ValueId x) {
  Builder& b = m.builder();
  FaceConv first = Scaled(path + "/conv1"), second = Scaled(path + "/conv2");
  first.act = kRelu;
  first.stride = 2;
  first.padding = Padding::kValid;
  const ValueId inner = AppendConv(m, first, x);
  ValueId shortcut = b.Call<Pool2d>(path + "/pool", {.kind = PoolKind::kAverage}, {x});
  const int channels = static_cast<int>(b.ShapeOf(inner)[1] - b.ShapeOf(x)[1]);
  const int rows = static_cast<int>(b.ShapeOf(shortcut)[2] - b.ShapeOf(inner)[2]);
  if (channels > 0) shortcut = b.Call<ZeroPad>(path + "/channels", {.channels = channels}, {shortcut});
  if (rows == 0) {
    second.act = kRelu;
    return AppendConv(m, second, inner, shortcut);
  }
  const ValueId y = AppendConv(m, second, inner);
  const ValueId padded = b.Call<ZeroPad>(path + "/rows", {.rows = rows, .columns = rows}, {y});
  const ValueId sum = b.Call<Add>(path + "/sum", {}, {padded, shortcut});
  const ValueId out =
      b.Call<BiasAct>(path, {.act = Activation::kRelu}, {sum, kAbsent, kAbsent, kAbsent, kAbsent});
  m.Trace(path, out);
  return out;
}

}  // namespace

Result<Graph> BuildFaceRecognizer(const ModelConfig& config, const FaceRecognizerOptions& options,
                                  const GraphOptions& graph) {
  MIEN_TRY(CheckBuild(config.face_recognizer.has_value(), "face recognizer", graph.batch));
  const FaceRecognizerConfig& r = *config.face_recognizer;
  Builder b(NameOf(options), config, graph.trace);
  const Module m(&b, "face_recognizer.");
  ValueId x = b.Input("image", {graph.batch, 3, r.input_size, r.input_size});
  std::string stage;
  for (size_t s = 0; s < r.channels.size(); ++s) {
    stage = "conv" + std::to_string(r.channels[s]) + "_";
    if (s == 0) {
      FaceConv stem = Scaled(stage + "down");
      stem.act = kRelu;
      stem.stride = 2;
      stem.padding = Padding::kValid;
      x = AppendMaxPool(m, "pool", 3, 2, Padding::kValid, AppendConv(m, stem, x));
    } else {
      x = Down(m, stage + "down", x);
    }
    for (int block = 1; block <= r.blocks[s]; ++block) x = Residual(m, stage + std::to_string(block), x);
  }
  x = Down(m, stage + "down_out", x);
  x = b.Call<GlobalAvgPool>("avg_pool", {}, {x});
  m.Trace("avg_pool", x);
  b.Output("descriptor", b.Call<Linear>("fc", {}, {x, m.Weight("fc"), kAbsent, kAbsent, kAbsent, kAbsent}));
  return b.Finish();
}

}  // namespace mien
