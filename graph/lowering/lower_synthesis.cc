// StyleGAN2's synthesis: the styles of all layers in one step, each convolution with its ToRGB and the next
// layer's style where it can have them, and only what is read is stored. A convolution or ToRGB by itself is
// the smallest such network.
#include <algorithm>
#include <map>

#include "graph/lowering/lowering.h"

namespace mien {
namespace {

// A ModConv or ToRgb.
struct StyledLayer {
  int node = 0;
  bool conv = false;
  int affine = -1;     // the Linear that makes its style; -1: the style is an operand
  int constant = -1;   // the RepeatBatch that makes its x
  int next = -1;       // a convolution's: the layer whose style multiplies its result
  int rgb = -1;        // a convolution's: the ToRGB done in passing
  bool fused = false;  // a ToRGB's: done in passing
  int stride = 0;      // of its style
  ValueId style = kAbsent, factor = kAbsent, x = kAbsent;  // device values; x times style, where there is one
};

class Synthesis {
 public:
  Synthesis(Lowering& lowering, int first) : l_(lowering), first_(first) {}
  bool Run();

 private:
  const Node& node(const StyledLayer& layer) const { return l_.node(layer.node); }
  // ModConv and ToRgb have x and style in the same places.
  ValueId XOf(const StyledLayer& layer) const { return node(layer).in[ModConv::kX]; }
  ValueId StyleOf(const StyledLayer& layer) const { return node(layer).in[ModConv::kStyle]; }
  ValueId ResultOf(const StyledLayer& layer) const { return node(layer).out[0]; }
  int LayerOf(int node) const {
    const auto found = index_.find(node);
    return found == index_.end() ? -1 : found->second;
  }
  bool Before(ValueId v, int node) const { return v == kAbsent || l_.MakerOf(v) < node; }
  bool WeightOrAbsent(ValueId v) const { return v == kAbsent || l_.IsWeight(v); }

  bool Fits(const StyledLayer& layer) const;
  bool IsAffine(int node) const;
  void FindConstant();
  void FindFusions(int index);
  void EmitStyles();
  void EmitStyles(const std::vector<int>& group);
  Styles::Layer StyleLayer(const StyledLayer& layer) const;
  void EmitConv(StyledLayer& layer);
  void AddRgb(const StyledLayer& rgb, FastModConv::Params& p, std::vector<ValueId>& in,
              std::vector<ValueId>& sources);
  void EmitRgb(const StyledLayer& layer);

  Lowering& l_;
  const int first_;
  std::vector<StyledLayer> layers_;
  std::map<int, int> index_;  // of layers_, by node
};

// All operands are there before the first layer runs, or made by these layers; weights are weights.
bool Synthesis::Fits(const StyledLayer& layer) const {
  const std::vector<ValueId>& in = node(layer).in;
  const auto made = [&](ValueId v) { return Before(v, first_) || LayerOf(l_.MakerOf(v)) >= 0; };
  if (!(made(XOf(layer)) || layer.constant >= 0) || !(Before(StyleOf(layer), first_) || layer.affine >= 0))
    return false;
  if (layer.conv) {
    return l_.IsWeight(in[ModConv::kWeight]) && WeightOrAbsent(in[ModConv::kFilter]) &&
           made(in[ModConv::kNoise]) && WeightOrAbsent(in[ModConv::kNoiseStrength]) &&
           WeightOrAbsent(in[ModConv::kBias]);
  }
  return l_.IsWeight(in[ToRgb::kWeight]) && l_.ShapeOf(in[ToRgb::kWeight])[0] <= FastToRgb::kMaxColors &&
         WeightOrAbsent(in[ToRgb::kBias]) && WeightOrAbsent(in[ToRgb::kFilter]) && made(in[ToRgb::kSkip]);
}

// A plain affine of one row that only these layers read.
bool Synthesis::IsAffine(int n) const {
  const Linear::Params* p = n < first_ || l_.IsTaken(n) ? nullptr : l_.As<Linear>(n);
  if (p == nullptr || p->pre != Activation::kNone || p->act != Activation::kNone || p->act_gain != 1.0f ||
      p->contexts != 0)
    return false;
  const std::vector<ValueId>& in = l_.node(n).in;
  const int rank = p->row >= 0 ? 3 : 2;
  if (in[Linear::kResidual] != kAbsent || !l_.IsWeight(in[Linear::kWeight]) ||
      !WeightOrAbsent(in[Linear::kBias]) || !Before(in[Linear::kX], first_) ||
      l_.ShapeOf(in[Linear::kX]).rank != rank)
    return false;
  const ValueId y = l_.node(n).out[0];
  for (const int reader : l_.ReadersOf(y)) {
    if (LayerOf(reader) < 0) return false;
  }
  return !l_.IsOutput(y);
}

void Synthesis::FindConstant() {
  StyledLayer& layer = layers_[0];
  const int n = l_.MakerOf(XOf(layer));
  if (n < first_ || !layer.conv || l_.As<RepeatBatch>(n) == nullptr ||
      !l_.IsWeight(l_.node(n).in[RepeatBatch::kX]))
    return;
  if (l_.ReadersOf(XOf(layer)).size() == 1 && !l_.IsOutput(XOf(layer))) layer.constant = n;
}

// The first convolution that reads the result has it times its style, the first ToRGB may be done in passing.
void Synthesis::FindFusions(int index) {
  constexpr int64_t kMostOutputs = 128;  // more do not fit into one block
  StyledLayer& layer = layers_[static_cast<size_t>(index)];
  const ValueId y = ResultOf(layer);
  for (const int reader : l_.ReadersOf(y)) {
    const int other = LayerOf(reader);
    if (other < 0 || XOf(layers_[static_cast<size_t>(other)]) != y) continue;
    StyledLayer& to = layers_[static_cast<size_t>(other)];
    if (to.conv) {
      if (layer.next < 0) layer.next = other;
    } else if (layer.rgb < 0 && !l_.As<ModConv>(layer.node)->up && l_.ShapeOf(y)[1] <= kMostOutputs &&
               Before(node(to).in[ToRgb::kSkip], layer.node)) {
      layer.rgb = other;
      to.fused = true;
    }
  }
}

Styles::Layer Synthesis::StyleLayer(const StyledLayer& layer) const {
  Styles::Layer to;
  to.inputs = static_cast<int>(l_.ShapeOf(XOf(layer))[1]);
  if (layer.affine >= 0) {
    const Linear::Params& p = *l_.As<Linear>(layer.affine);
    to.row = p.row < 0 ? 0 : p.row;
    to.affine_gain = p.weight_gain;
    to.bias_gain = p.bias_gain;
  }
  if (layer.conv) {
    const ModConv::Params& p = *l_.As<ModConv>(layer.node);
    to.outputs = static_cast<int>(l_.ShapeOf(ResultOf(layer))[1]);
    to.demodulate = p.demodulate;
    to.gain = p.weight_gain;
    to.eps = p.eps;
  } else {
    to.gain = l_.As<ToRgb>(layer.node)->weight_gain;
  }
  return to;
}

// One step for the layers whose affines read the same value, one for each other layer.
void Synthesis::EmitStyles() {
  std::map<ValueId, std::vector<int>> groups;
  for (int i = 0; i < static_cast<int>(layers_.size()); ++i) {
    const StyledLayer& layer = layers_[static_cast<size_t>(i)];
    if (layer.affine < 0) {
      EmitStyles({i});
      continue;
    }
    std::vector<int>& group = groups[l_.node(layer.affine).in[Linear::kX]];
    if (group.size() == Styles::kMaxLayers) {
      EmitStyles(group);
      group.clear();
    }
    group.push_back(i);
  }
  for (const auto& [w_plus, group] : groups) EmitStyles(group);
}

void Synthesis::EmitStyles(const std::vector<int>& group) {
  const StyledLayer& first = layers_[static_cast<size_t>(group[0])];
  Styles::Params params;
  params.precision = l_.precision();
  params.batch = static_cast<int>(l_.ShapeOf(XOf(first))[0]);
  std::vector<ValueId> in(Styles::kOperands, kAbsent), sources = {kAbsent};
  if (first.affine >= 0) {
    const ValueId w_plus = l_.node(first.affine).in[Linear::kX];
    const Shape& shape = l_.ShapeOf(w_plus);
    params.rows = shape.rank == 3 ? static_cast<int>(shape[1]) : 1;
    params.weights.w_dim = static_cast<int>(shape[shape.rank - 1]);
    in[Styles::kWPlus] = l_.Floats(w_plus);
  } else {
    in[Styles::kStyle] = l_.Floats(StyleOf(first));
  }
  if (first.constant >= 0) {
    const Shape& x = l_.ShapeOf(XOf(first));
    params.weights.constant_pixels = static_cast<int>(x[2] * x[3]);
    sources[Styles::kConstant] = l_.node(first.constant).in[RepeatBatch::kX];
  }
  for (const int i : group) {
    const StyledLayer& layer = layers_[static_cast<size_t>(i)];
    params.weights.layers.push_back(StyleLayer(layer));
    const bool affine = layer.affine >= 0;
    sources.push_back(affine ? l_.node(layer.affine).in[Linear::kWeight] : kAbsent);
    sources.push_back(affine ? l_.node(layer.affine).in[Linear::kBias] : kAbsent);
    sources.push_back(layer.conv ? node(layer).in[ModConv::kWeight] : kAbsent);
  }
  const std::vector<ValueId> out = l_.Emit<Styles>("styles", params, in, sources);
  for (size_t g = 0; g < group.size(); ++g) {
    StyledLayer& layer = layers_[static_cast<size_t>(group[g])];
    layer.style = out[static_cast<size_t>(Styles::StyleOf(static_cast<int>(g)))];
    layer.factor = out[static_cast<size_t>(Styles::FactorOf(static_cast<int>(g)))];
    layer.stride = static_cast<int>(MapChannels(params.weights.layers[g].inputs));
    if (layer.constant >= 0) layer.x = out[Styles::kConstantMap];
  }
}

void Synthesis::EmitConv(StyledLayer& layer) {
  const ModConv::Params& from = *l_.As<ModConv>(layer.node);
  const std::vector<ValueId>& operands = node(layer).in;
  const Shape &x = l_.ShapeOf(XOf(layer)), &y = l_.ShapeOf(ResultOf(layer));
  if (layer.x == kAbsent) {
    const ImportMap::Params import = {{},
                                      l_.precision(),
                                      static_cast<int>(x[0]),
                                      static_cast<int>(x[1]),
                                      static_cast<int>(x[2]),
                                      static_cast<int>(x[3]),
                                      layer.stride};
    layer.x = l_.Emit<ImportMap>(l_.LayerOf(layer.node), import, {l_.Floats(XOf(layer)), layer.style})[0];
  }
  FastModConv::Params p;
  p.weights = {l_.precision(), from.up, static_cast<int>(x[1]), static_cast<int>(y[1]), 0};
  p.batch = static_cast<int>(x[0]);
  p.height = static_cast<int>(x[2]);
  p.width = static_cast<int>(x[3]);
  p.factor_stride = static_cast<int>(MapChannels(y[1]));
  p.filter_gain = from.filter_gain;
  p.act = from.act;
  p.slope = from.slope;
  p.act_gain = from.act_gain;
  p.clamp = from.clamp;
  std::vector<ValueId> in(FastModConv::kOperands, kAbsent), sources(FastModConv::kSources, kAbsent);
  in[FastModConv::kX] = layer.x;
  in[FastModConv::kFactor] = layer.factor;
  sources[FastModConv::kWeight] = operands[ModConv::kWeight];
  sources[FastModConv::kFilter] = operands[ModConv::kFilter];
  sources[FastModConv::kBias] = operands[ModConv::kBias];
  if (const ValueId noise = operands[ModConv::kNoise]; noise != kAbsent) {
    in[FastModConv::kNoise] = l_.Floats(noise);
    sources[FastModConv::kNoiseStrength] = operands[ModConv::kNoiseStrength];
    p.noise_stride = l_.ShapeOf(noise)[0] > 1 ? static_cast<int>(y[2] * y[3]) : 0;
  }
  StyledLayer* const next = layer.next < 0 ? nullptr : &layers_[static_cast<size_t>(layer.next)];
  if (next != nullptr) {
    p.store = true;
    p.next_style_stride = next->stride;
    in[FastModConv::kNextStyle] = next->style;
  }
  size_t fused = next != nullptr ? 1 : 0;
  if (layer.rgb >= 0) {
    AddRgb(layers_[static_cast<size_t>(layer.rgb)], p, in, sources);
    ++fused;
  }
  p.store_plain = l_.IsOutput(ResultOf(layer)) || l_.ReadersOf(ResultOf(layer)).size() > fused;
  const std::vector<ValueId> out = l_.Emit<FastModConv>(l_.LayerOf(layer.node), p, in, sources);
  if (next != nullptr) next->x = out[FastModConv::kY];
  if (p.store_plain) l_.SetMap(ResultOf(layer), out[FastModConv::kPlain]);
  if (layer.rgb >= 0)
    l_.SetFloats(ResultOf(layers_[static_cast<size_t>(layer.rgb)]), out[FastModConv::kImage]);
}

void Synthesis::AddRgb(const StyledLayer& rgb, FastModConv::Params& p, std::vector<ValueId>& in,
                       std::vector<ValueId>& sources) {
  const ToRgb::Params& from = *l_.As<ToRgb>(rgb.node);
  const std::vector<ValueId>& operands = node(rgb).in;
  p.weights.rgb = static_cast<int>(l_.ShapeOf(operands[ToRgb::kWeight])[0]);
  p.rgb_style_stride = rgb.stride;
  p.rgb_clamp = from.clamp;
  p.rgb_filter_gain = from.filter_gain;
  in[FastModConv::kRgbStyle] = rgb.style;
  in[FastModConv::kSkip] = operands[ToRgb::kSkip] == kAbsent ? kAbsent : l_.Floats(operands[ToRgb::kSkip]);
  sources[FastModConv::kRgbWeight] = operands[ToRgb::kWeight];
  sources[FastModConv::kRgbBias] = operands[ToRgb::kBias];
  sources[FastModConv::kRgbFilter] = operands[ToRgb::kFilter];
}

void Synthesis::EmitRgb(const StyledLayer& layer) {
  const ToRgb::Params& from = *l_.As<ToRgb>(layer.node);
  const std::vector<ValueId>& operands = node(layer).in;
  const Shape& x = l_.ShapeOf(XOf(layer));
  FastToRgb::Params p;
  p.weights = {static_cast<int>(x[1]), static_cast<int>(l_.ShapeOf(operands[ToRgb::kWeight])[0])};
  p.precision = l_.precision();
  p.batch = static_cast<int>(x[0]);
  p.height = static_cast<int>(x[2]);
  p.width = static_cast<int>(x[3]);
  p.style_stride = layer.stride;
  p.clamp = from.clamp;
  p.filter_gain = from.filter_gain;
  const ValueId skip = operands[ToRgb::kSkip] == kAbsent ? kAbsent : l_.Floats(operands[ToRgb::kSkip]);
  const std::vector<ValueId> out =
      l_.Emit<FastToRgb>(l_.LayerOf(layer.node), p, {l_.Map(XOf(layer)), layer.style, skip, kAbsent},
                         {operands[ToRgb::kWeight], operands[ToRgb::kBias], operands[ToRgb::kFilter]});
  l_.SetFloats(ResultOf(layer), out[FastToRgb::kImage]);
}

bool Synthesis::Run() {
  for (int n = first_; n < static_cast<int>(l_.graph().nodes.size()); ++n) {
    if (l_.IsTaken(n) || (l_.As<ModConv>(n) == nullptr && l_.As<ToRgb>(n) == nullptr)) continue;
    index_[n] = static_cast<int>(layers_.size());
    layers_.push_back({.node = n, .conv = l_.As<ModConv>(n) != nullptr});
  }
  if (layers_.empty()) return false;
  FindConstant();
  for (StyledLayer& layer : layers_) {
    if (const int maker = l_.MakerOf(StyleOf(layer)); maker >= 0 && IsAffine(maker)) layer.affine = maker;
    if (!Fits(layer)) return false;
  }
  // Whoever asks is one of the nodes.
  const auto mine = [&](const StyledLayer& layer) {
    return layer.node == first_ || layer.affine == first_ || layer.constant == first_;
  };
  if (std::none_of(layers_.begin(), layers_.end(), mine)) return false;
  for (int i = 0; i < static_cast<int>(layers_.size()); ++i) {
    if (layers_[static_cast<size_t>(i)].conv) FindFusions(i);
  }
  EmitStyles();
  for (StyledLayer& layer : layers_) {
    if (layer.conv) EmitConv(layer);
    if (!layer.conv && !layer.fused) EmitRgb(layer);
    for (const int n : {layer.node, layer.affine, layer.constant}) {
      if (n >= 0) l_.Take(n);
    }
  }
  return true;
}

}  // namespace

bool TakeSynthesis(Lowering& lowering, int n) { return Synthesis(lowering, n).Run(); }

}  // namespace mien
