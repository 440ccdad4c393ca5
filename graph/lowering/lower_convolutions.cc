// Rules for the convolutional networks (encoder, classifier, recogniser): what stands around a convolution
// joins it.
//   batch norm -> convolution                  folded into weights and bias
//   convolution -> squeeze-excite              the convolution leaves the sums that the means are made of
//   lateral convolution -> resize              the coarser map is added where the lateral one is made
//   subsample -> squeeze-excite (shortcut)     read with a stride
//   pool or batch norm -> linear -> batch norm one product with the map
//   style heads -> stack_rows                  level k of all heads is one grouped convolution
// A node that joins a later one is deferred: its rule takes it and emits nothing. Whether it joins depends on
// the graph alone, so that both nodes come to the same answer.
#include <algorithm>
#include <tuple>

#include "graph/lowering/lowering.h"

namespace mien {
namespace {

template <class T>
int Int(T n) {
  return static_cast<int>(n);
}
ValueId In(const Lowering& l, int n, int operand) { return l.node(n).in[static_cast<size_t>(operand)]; }
ValueId Out(const Lowering& l, int n) { return l.node(n).out[0]; }

// The one node that reads what n makes, and as which operand; -1: none, several, or an output of the graph.
int OnlyReader(const Lowering& l, int n, int operand) {
  const std::vector<int>& readers = l.ReadersOf(Out(l, n));
  if (readers.size() != 1 || l.IsOutput(Out(l, n))) return -1;
  const std::vector<ValueId>& in = l.node(readers[0]).in;
  const auto at = static_cast<size_t>(operand);
  return at < in.size() && in[at] == Out(l, n) ? readers[0] : -1;
}

// Operands first .. last are weights or absent.
bool AreWeights(const Lowering& l, int n, int first, int last) {
  for (int i = first; i <= last; ++i) {
    if (In(l, n, i) != kAbsent && !l.IsWeight(In(l, n, i))) return false;
  }
  return true;
}

// Rows (or columns) of a kernel: first and number.
using Taps = std::pair<int, int>;

// Those that read anything but padding.
Taps LiveTaps(int64_t size, int64_t out_size, int64_t kernel, const Conv2d::Params& params) {
  int first = -1, last = -1;
  for (int tap = 0; tap < kernel; ++tap) {
    for (int64_t i = 0; i < out_size; ++i) {
      const int64_t source = i * params.stride + tap - params.pad;
      if (source < 0 || source >= size) continue;
      if (first < 0) first = tap;
      last = tap;
    }
  }
  return {first, last - first + 1};
}

// Two taps are left of three where there is one output, whose stride does not matter.
int StrideOf(const Conv2d::Params& params, const Taps& taps) { return taps.second == 2 ? 1 : params.stride; }

// The rows and columns of its kernel that a fast convolution uses.
Taps UsedTaps(const Lowering& l, int n) {
  const Conv2d::Params& params = *l.As<Conv2d>(n);
  const Shape &x = l.ShapeOf(In(l, n, Conv2d::kX)), &y = l.ShapeOf(Out(l, n));
  const int64_t kernel = l.ShapeOf(In(l, n, Conv2d::kWeight))[2];
  const Taps rows = LiveTaps(x[2], y[2], kernel, params), columns = LiveTaps(x[3], y[3], kernel, params);
  const bool square = rows == columns && FastConv::Takes(rows.second, StrideOf(params, rows));
  return square ? rows : Taps(0, Int(kernel));
}

// Those with a clamp stay plain.
bool IsConvolution(const Lowering& l, int n) {
  const Conv2d::Params* p = l.As<Conv2d>(n);
  if (p == nullptr || p->clamp > 0.0f || !AreWeights(l, n, Conv2d::kWeight, Conv2d::kVar) ||
      !AreWeights(l, n, Conv2d::kPrelu, Conv2d::kPrelu))
    return false;
  const Taps taps = UsedTaps(l, n);
  return FastConv::Takes(taps.second, StrideOf(*p, taps));
}

// A linear layer on a map, or on the means of one. Inputs of the graph are images, no maps.
bool IsMapLinear(const Lowering& l, int n) {
  const Linear::Params* p = l.As<Linear>(n);
  if (p == nullptr || p->pre != Activation::kNone || p->act != Activation::kNone || p->act_gain != 1.0f)
    return false;
  if (In(l, n, Linear::kResidual) != kAbsent || !AreWeights(l, n, Linear::kWeight, Linear::kBias))
    return false;
  const ValueId x = In(l, n, Linear::kX);
  const int maker = l.MakerOf(x);
  if (maker < 0) return false;
  return l.ShapeOf(x).rank == 4 ||
         (l.As<GlobalAvgPool>(maker) != nullptr && OnlyReader(l, maker, Linear::kX) == n);
}

bool IsNorm(const Lowering& l, int n) {
  const BatchNorm::Params* p = l.As<BatchNorm>(n);
  return p != nullptr && !p->relu && AreWeights(l, n, BatchNorm::kGamma, BatchNorm::kVar);
}

bool IsSqueezeExcite(const Lowering& l, int n) {
  return l.As<SqueezeExcite>(n) != nullptr && AreWeights(l, n, SqueezeExcite::kFc1, SqueezeExcite::kFc2) &&
         MapChannels(l.ShapeOf(In(l, n, SqueezeExcite::kU))[1]) <= FastSqueezeExcite::kMaxChannels &&
         l.ShapeOf(In(l, n, SqueezeExcite::kFc1))[0] <= FastSqueezeExcite::kMaxChannels;
}

// The shortcut's subsampling that the squeeze-excite does itself.
bool JoinsSqueezeExcite(const Lowering& l, int n) {
  const int reader = l.As<Subsample>(n) == nullptr ? -1 : OnlyReader(l, n, SqueezeExcite::kShortcut);
  return reader >= 0 && IsSqueezeExcite(l, reader);
}

// The batch norm that is folded into the layer n behind it; -1: none.
int NormBefore(const Lowering& l, int n) {
  const int maker = l.MakerOf(In(l, n, 0));
  if (maker < 0 || !IsNorm(l, maker) || OnlyReader(l, maker, 0) != n || l.ShapeOf(Out(l, maker)).rank != 4)
    return -1;
  if (IsMapLinear(l, n)) return maker;
  if (!IsConvolution(l, n)) return -1;
  // Border classes exist for one row of padding on all sides.
  const Conv2d::Params& params = *l.As<Conv2d>(n);
  if (params.end_pad > 0) return -1;
  return params.pad == 0 || (params.pad == 1 && l.ShapeOf(In(l, n, Conv2d::kWeight))[2] == 3) ? maker : -1;
}

// The batch norm that is folded into the linear layer n before it; -1: none.
int NormBehind(const Lowering& l, int n) {
  const int reader = OnlyReader(l, n, BatchNorm::kX);
  return reader >= 0 && IsNorm(l, reader) ? reader : -1;
}

// --- one convolution, or several of equal form side by side

// Where convolutions of equal form that run side by side have their channels: of x, all the same or one after
// the other; of y, from place `first` of `all` on.
struct Places {
  bool shared = false;
  int first = 0, all = 1;
};

FastConv::Weights ConvWeights(const Lowering& l, int n, int groups, bool shared) {
  const Conv2d::Params& params = *l.As<Conv2d>(n);
  const Shape& weight = l.ShapeOf(In(l, n, Conv2d::kWeight));
  FastConv::Weights w;
  w.precision = l.precision();
  w.groups = groups;
  w.shared_input = shared;
  w.inputs = Int(weight[1]);
  w.outputs = Int(weight[0]);
  w.kernel = Int(weight[2]);
  std::tie(w.first, w.taps) = UsedTaps(l, n);
  w.eps = params.eps;
  w.prelu = params.act == Activation::kPRelu;
  if (const int norm = NormBefore(l, n); norm >= 0) {
    w.pre_eps = l.As<BatchNorm>(norm)->eps;
    w.border = params.pad > w.first;
  }
  return w;
}

std::vector<ValueId> ConvSources(const Lowering& l, const std::vector<int>& nodes) {
  std::vector<ValueId> sources;
  for (const int n : nodes) {
    for (int i = Conv2d::kWeight; i <= Conv2d::kVar; ++i) sources.push_back(In(l, n, i));
    sources.push_back(In(l, n, Conv2d::kPrelu));
    const int norm = NormBefore(l, n);
    for (int i = BatchNorm::kGamma; i <= BatchNorm::kVar; ++i)
      sources.push_back(norm < 0 ? kAbsent : In(l, norm, i));
  }
  return sources;
}

FastConv::Params ConvParams(const Lowering& l, const std::vector<int>& nodes, const Places& places) {
  const int n = nodes[0];
  const Conv2d::Params& params = *l.As<Conv2d>(n);
  const Shape &x = l.ShapeOf(In(l, n, Conv2d::kX)), &y = l.ShapeOf(Out(l, n));
  FastConv::Params p;
  p.weights = ConvWeights(l, n, Int(nodes.size()), places.shared);
  p.batch = Int(x[0]);
  p.height = Int(x[2]);
  p.width = Int(x[3]);
  p.out_height = Int(y[2]);
  p.out_width = Int(y[3]);
  p.stride = StrideOf(params, {p.weights.first, p.weights.taps});
  p.pad = params.pad - p.weights.first;
  p.act = params.act;
  p.slope = params.slope;
  p.first_group = places.first;
  p.all_groups = places.all;
  p.tile = FastConv::CheapestTile(p);
  return p;
}

// What n reads in place of its own input where a batch norm before it is folded.
ValueId MapBefore(Lowering& l, int n) {
  const int norm = NormBefore(l, n);
  return l.Map(In(l, norm < 0 ? n : norm, 0));
}

// --- single nodes

void LowerSqueezeExcite(Lowering& l, int n, ValueId sums, int parts) {
  const Shape &u = l.ShapeOf(In(l, n, SqueezeExcite::kU)), &fc1 = l.ShapeOf(In(l, n, SqueezeExcite::kFc1));
  FastSqueezeExcite::Params p;
  p.weights = {Int(u[1]), Int(fc1[0])};
  p.precision = l.precision();
  p.batch = Int(u[0]);
  p.height = Int(u[2]);
  p.width = Int(u[3]);
  p.parts = parts;
  std::vector<ValueId> in = {l.Map(In(l, n, SqueezeExcite::kU)), sums, kAbsent, kAbsent};
  if (ValueId shortcut = In(l, n, SqueezeExcite::kShortcut); shortcut != kAbsent) {
    const int maker = l.MakerOf(shortcut);
    if (maker >= 0 && JoinsSqueezeExcite(l, maker)) {
      p.stride = l.As<Subsample>(maker)->stride;
      shortcut = In(l, maker, Subsample::kX);
    }
    p.shortcut_height = Int(l.ShapeOf(shortcut)[2]);
    p.shortcut_width = Int(l.ShapeOf(shortcut)[3]);
    in[FastSqueezeExcite::kShortcut] = l.Map(shortcut);
  }
  const std::vector<ValueId> sources = {In(l, n, SqueezeExcite::kFc1), In(l, n, SqueezeExcite::kFc2)};
  l.SetMap(Out(l, n),
           l.Emit<FastSqueezeExcite>(l.LayerOf(n), p, std::move(in), sources)[FastSqueezeExcite::kY]);
  l.Take(n);
}

// With the squeeze-excite or the resize behind it, when what these need beside it is there already.
void LowerConvolution(Lowering& l, int n) {
  FastConv::Params p = ConvParams(l, {n}, {});
  std::vector<ValueId> in(FastConv::kOperands, kAbsent);
  in[FastConv::kX] = MapBefore(l, n);
  if (const ValueId residual = In(l, n, Conv2d::kResidual); residual != kAbsent)
    in[FastConv::kResidual] = l.Map(residual);
  p.residual = in[FastConv::kResidual] != kAbsent;
  const auto is_there = [&](ValueId v) { return v == kAbsent || l.MakerOf(v) < n; };
  int end = n;  // the node whose result this step makes
  if (const int up = OnlyReader(l, n, Resize::kAddend); up >= 0 && l.As<Resize>(up) != nullptr &&
                                                        p.act == Activation::kNone &&
                                                        is_there(In(l, up, Resize::kX))) {
    const Shape& coarse = l.ShapeOf(In(l, up, Resize::kX));
    p.coarse_height = Int(coarse[2]);
    p.coarse_width = Int(coarse[3]);
    p.align_corners = l.As<Resize>(up)->align_corners;
    in[FastConv::kCoarse] = l.Map(In(l, up, Resize::kX));
    l.Take(end = up);
  }
  const int excite = OnlyReader(l, n, SqueezeExcite::kU);
  p.sums = excite >= 0 && IsSqueezeExcite(l, excite) && is_there(In(l, excite, SqueezeExcite::kShortcut));
  const std::vector<ValueId> out = l.Emit<FastConv>(l.LayerOf(n), p, std::move(in), ConvSources(l, {n}));
  l.SetMap(Out(l, end), out[FastConv::kY]);
  if (p.sums) LowerSqueezeExcite(l, excite, out[FastConv::kSums], FastConv::Parts(p));
}

MapLinear::Weights LinearWeights(const Lowering& l, int n) {
  const Linear::Params& params = *l.As<Linear>(n);
  const Shape& x = l.ShapeOf(In(l, n, Linear::kX));
  MapLinear::Weights w;
  w.precision = l.precision();
  w.channels = Int(x[1]);
  w.outputs = Int(l.ShapeOf(In(l, n, Linear::kWeight))[0]);
  w.gain = params.weight_gain;
  w.bias_gain = params.bias_gain;
  return w;
}

void LowerLinear(Lowering& l, int n) {
  MapLinear::Params p;
  p.weights = LinearWeights(l, n);
  const int before = NormBefore(l, n), behind = NormBehind(l, n);
  ValueId x = In(l, before < 0 ? n : before, 0);
  p.weights.pooled = l.ShapeOf(x).rank == 2;
  if (p.weights.pooled) x = In(l, l.MakerOf(x), GlobalAvgPool::kX);
  const Shape& map = l.ShapeOf(x);
  p.batch = Int(map[0]);
  p.weights.pixels = Int(map[2] * map[3]);
  std::vector<ValueId> sources;
  for (const int norm : {before, behind}) {
    if (norm >= 0) (norm == before ? p.weights.pre_eps : p.weights.eps) = l.As<BatchNorm>(norm)->eps;
    for (int i = BatchNorm::kGamma; i <= BatchNorm::kVar; ++i)
      sources.push_back(norm < 0 ? kAbsent : In(l, norm, i));
  }
  sources.insert(sources.end(), {kAbsent, In(l, n, Linear::kWeight), In(l, n, Linear::kBias)});
  const ValueId y = l.Emit<MapLinear>(l.LayerOf(n), p, {l.Map(x), kAbsent}, sources)[MapLinear::kY];
  l.SetFloats(Out(l, behind < 0 ? n : behind), y);
  if (behind >= 0) l.Take(behind);
}

// --- style heads

struct Head {
  std::vector<int> convs;  // in order
  int linear;
};

// A convolution with nothing but bias and activation around it, read by `next` alone.
bool IsHeadConvolution(const Lowering& l, int n, int next) {
  return IsConvolution(l, n) && OnlyReader(l, n, 0) == next && In(l, n, Conv2d::kResidual) == kAbsent &&
         NormBefore(l, n) < 0;
}

// The linear layer that makes `v` and the convolutions before it, each read by the next alone; without any it
// is no head.
Head HeadOf(const Lowering& l, ValueId v, int stack, int operand) {
  Head head = {{}, v == kAbsent ? -1 : l.MakerOf(v)};
  int next = head.linear;
  if (next < 0 || !IsMapLinear(l, next) || OnlyReader(l, next, operand) != stack) return head;
  if (l.ShapeOf(In(l, next, Linear::kX)).rank != 4) return head;
  for (int n = l.MakerOf(In(l, next, 0)); n >= 0 && IsHeadConvolution(l, n, next);
       n = l.MakerOf(In(l, next, 0))) {
    head.convs.insert(head.convs.begin(), n);
    next = n;
  }
  return head;
}

// Nodes of one kind that differ only in values and weights.
bool SameForm(const Lowering& l, int a, int b) {
  if (!(l.node(a).op == l.node(b).op) || l.node(a).in.size() != l.node(b).in.size()) return false;
  for (size_t i = 0; i < l.node(a).in.size(); ++i) {
    const ValueId u = l.node(a).in[i], v = l.node(b).in[i];
    if ((u == kAbsent) != (v == kAbsent) || (u != kAbsent && !(l.ShapeOf(u) == l.ShapeOf(v)))) return false;
  }
  return true;
}

// The heads of a stack_rows, by row; empty when they cannot run side by side. No head is longer than the
// next, so that those with a level are the end of the list, and heads of equal length read the same map.
std::vector<Head> HeadsOf(const Lowering& l, int stack) {
  const StackRows::Params* p = l.As<StackRows>(stack);
  if (p == nullptr || !AreWeights(l, stack, StackRows::kAverage, StackRows::kAverage)) return {};
  std::vector<Head> heads;
  int rows = 0;  // up to the last that has a head
  for (int row = 0; row < p->rows; ++row) {
    const int operand = row == 0 ? StackRows::kBase : StackRows::kAverage + row;
    if (In(l, stack, operand) == kAbsent) continue;
    rows = row + 1;
    heads.push_back(HeadOf(l, In(l, stack, operand), stack, operand));
    const Head &head = heads.back(), &base = heads[0];
    if (head.convs.empty() || !SameForm(l, head.linear, base.linear)) return {};
  }
  if (rows != Int(heads.size())) return {};
  for (size_t i = 0; i + 1 < heads.size(); ++i) {
    const std::vector<int>&a = heads[i].convs, &b = heads[i + 1].convs;
    if (a.size() > b.size() || (a.size() == b.size() && In(l, a[0], Conv2d::kX) != In(l, b[0], Conv2d::kX)))
      return {};
    for (size_t k = 1; k <= a.size(); ++k) {
      if (!SameForm(l, a[a.size() - k], b[b.size() - k])) return {};
    }
  }
  return heads;
}

bool JoinsHeads(const Lowering& l, int n) {
  int reader = n;
  while (l.As<StackRows>(reader) == nullptr) {
    const std::vector<int>& readers = l.ReadersOf(Out(l, reader));
    if (readers.size() != 1) return false;
    reader = readers[0];
  }
  for (const Head& head : HeadsOf(l, reader)) {
    if (head.linear == n || std::find(head.convs.begin(), head.convs.end(), n) != head.convs.end())
      return true;
  }
  return false;
}

// Levels are counted from the last convolution, 0. At each one joined map is made: the heads that began
// before read their own channels of the map before; those that begin here read one map and have the first
// places.
void LowerHeads(Lowering& l, int stack, const std::vector<Head>& heads) {
  const int all = Int(heads.size());
  const auto length = [&](int head) { return Int(heads[static_cast<size_t>(head)].convs.size()); };
  const auto level_of = [&](int from, int to, int level) {
    std::vector<int> nodes;
    for (int i = from; i < to; ++i)
      nodes.push_back(heads[static_cast<size_t>(i)].convs[static_cast<size_t>(length(i) - 1 - level)]);
    return nodes;
  };
  ValueId x = kAbsent;
  int began = all;  // heads from here on have begun
  for (int level = length(all - 1) - 1; level >= 0; --level) {
    int first = began;
    while (first > 0 && length(first - 1) > level) --first;
    const Shape& shape = l.ShapeOf(Out(l, level_of(all - 1, all, level)[0]));
    const std::string& layer = l.LayerOf(level_of(all - 1, all, level)[0]);
    const ValueId y = l.NewValue(
        layer, MapBytes(l.precision(), shape[0], shape[2], shape[3], (all - first) * MapChannels(shape[1])));
    const auto emit = [&](int from, int to, ValueId map, bool shared) {
      if (from == to) return;
      const std::vector<int> nodes = level_of(from, to, level);
      l.EmitInto<FastConv>(layer, ConvParams(l, nodes, {shared, from - first, all - first}),
                           {map, kAbsent, kAbsent, kAbsent}, ConvSources(l, nodes), {y, kAbsent});
    };
    emit(began, all, x, false);
    if (first < began) emit(first, began, l.Map(In(l, level_of(first, began, level)[0], Conv2d::kX)), true);
    x = y;
    began = first;
  }
  MapLinear::Params p;
  p.weights = LinearWeights(l, heads[0].linear);
  p.weights.groups = all;
  p.weights.rows = l.As<StackRows>(stack)->rows;
  p.weights.stacked = !l.As<StackRows>(stack)->independent;
  p.batch = Int(l.ShapeOf(Out(l, stack))[0]);
  std::vector<ValueId> sources(MapLinear::kAverage, kAbsent);
  sources.push_back(In(l, stack, StackRows::kAverage));
  for (const Head& head : heads) {
    for (const int operand : {Linear::kWeight, Linear::kBias}) sources.push_back(In(l, head.linear, operand));
  }
  l.SetFloats(Out(l, stack), l.Emit<MapLinear>(l.LayerOf(stack), p, {x, kAbsent}, sources)[MapLinear::kY]);
}

}  // namespace

bool TakeConvolutions(Lowering& l, int n) {
  if (JoinsHeads(l, n) || JoinsSqueezeExcite(l, n)) return true;
  if (const int reader = OnlyReader(l, n, 0); reader >= 0) {
    if (l.As<BatchNorm>(n) != nullptr && NormBefore(l, reader) == n) return true;
    if (l.As<GlobalAvgPool>(n) != nullptr && IsMapLinear(l, reader)) return true;
  }
  if (IsConvolution(l, n)) {
    LowerConvolution(l, n);
  } else if (IsSqueezeExcite(l, n)) {
    LowerSqueezeExcite(l, n, kAbsent, 0);
  } else if (IsMapLinear(l, n)) {
    LowerLinear(l, n);
  } else if (const std::vector<Head> heads = HeadsOf(l, n); !heads.empty()) {
    LowerHeads(l, n, heads);
  } else {
    return false;
  }
  return true;
}

}  // namespace mien
