// The flow (graph/networks/flow.cc): a launch per linear layer. The first of a coupling picks its columns, norms are
// applied where rows are read, the last makes the coupling, and one launch at the end adds all of logabsdet.
#include <algorithm>

#include "graph/lowering/lower_rows.h"

namespace mien {
namespace {

class Flow {
 public:
  Flow(Lowering* lowering, int first) : lowering_(*lowering), first_(first), next_(first) {}
  bool Match();  // nodes first ... are a flow, in either direction, and nobody looks inside
  void Emit();

 private:
  struct Coupling {
    int norm = -1, select = 0, couple = 0;
    std::vector<int> layers;  // Linear; the last makes shift and scale
  };

  template <class Op>
  const typename Op::Params* Next() const {
    return next_ < static_cast<int>(lowering_.graph().nodes.size()) ? lowering_.As<Op>(next_) : nullptr;
  }
  const std::vector<ValueId>& In(int n) const { return lowering_.node(n).in; }
  ValueId Out(int n) const { return lowering_.node(n).out[0]; }
  bool AreWeights(int n, int from) const {
    return std::all_of(In(n).begin() + from, In(n).end(), [&](ValueId v) { return lowering_.IsWeight(v); });
  }
  // The node of the norm before or after this layer or coupling, -1: none.
  int BatchNormOf(int layer) const {
    const int maker = lowering_.MakerOf(In(layer)[Linear::kX]);
    return maker >= first_ && lowering_.As<BatchNorm>(maker) != nullptr ? maker : -1;
  }

  bool MatchCoupling();
  bool MatchNorm(bool inverse, Coupling* coupling);
  bool MatchNet(Coupling* coupling);
  bool AddLogAbsDet(ValueId value);
  bool IsPrivate() const;
  RowsCoupling::Weights WeightsOf(const Coupling& coupling) const;
  void EmitLayers(const Coupling& coupling);
  void EmitCoupling(const Coupling& coupling);

  Lowering& lowering_;
  const int first_;
  int next_;
  bool inverse_ = false;
  std::vector<Coupling> couplings_;
  ValueId x_ = kAbsent, logabsdet_ = kAbsent;
  ValueId rows_ = kAbsent, parts_ = kAbsent;  // device values
  int parts_per_row_ = 0, part_ = 0;
};

bool Flow::Match() {
  x_ = In(first_)[0];
  while (Next<SelectColumns>() != nullptr || Next<FlowNorm>() != nullptr) {
    if (!MatchCoupling()) return false;
  }
  return !couplings_.empty() && IsPrivate();
}

bool Flow::MatchCoupling() {
  Coupling c;
  if (!MatchNorm(true, &c) || Next<SelectColumns>() == nullptr || In(next_)[0] != x_ || !AreWeights(next_, 1))
    return false;
  c.select = next_++;
  if (!MatchNet(&c)) return false;
  const AffineCoupling::Params* params = Next<AffineCoupling>();
  const ValueId p = Out(c.layers.back());
  const Shape &x = lowering_.ShapeOf(x_), &identity = lowering_.ShapeOf(Out(c.select));
  if (params == nullptr || In(next_)[AffineCoupling::kX] != x_ || In(next_)[AffineCoupling::kP] != p ||
      !AreWeights(next_, AffineCoupling::kIndex) || (!couplings_.empty() && params->inverse != inverse_) ||
      lowering_.ShapeOf(In(next_)[AffineCoupling::kIndex])[0] + identity[2] != x[2])
    return false;
  inverse_ = params->inverse;
  c.couple = next_++;
  x_ = Out(c.couple);
  if (!AddLogAbsDet(lowering_.node(c.couple).out[1]) || !MatchNorm(false, &c)) return false;
  couplings_.push_back(std::move(c));
  return couplings_.back().norm < 0 || lowering_.As<FlowNorm>(couplings_.back().norm)->inverse == inverse_;
}

bool Flow::MatchNorm(bool inverse, Coupling* coupling) {
  const FlowNorm::Params* norm = Next<FlowNorm>();
  if (norm == nullptr || norm->inverse != inverse) return true;
  if (coupling->norm >= 0 || In(next_)[FlowNorm::kX] != x_ || !AreWeights(next_, 1)) return false;
  coupling->norm = next_++;
  x_ = Out(coupling->norm);
  return AddLogAbsDet(lowering_.node(coupling->norm).out[1]);
}

// Linear layers, each reading the columns, another layer or a norm of one.
bool Flow::MatchNet(Coupling* coupling) {
  for (; Next<AffineCoupling>() == nullptr; ++next_) {
    if (Next<BatchNorm>() != nullptr && AreWeights(next_, 1)) continue;
    if (Next<Linear>() == nullptr || !HasRowsForm(lowering_, next_)) return false;
    if (coupling->layers.empty() != (In(next_)[Linear::kX] == Out(coupling->select))) return false;
    coupling->layers.push_back(next_);
  }
  if (coupling->layers.size() < 2) return false;
  const int last = coupling->layers.back();
  return *lowering_.As<Linear>(last) == Linear::Params() && BatchNormOf(last) < 0 &&
         In(last)[Linear::kResidual] == kAbsent && In(last)[Linear::kGateWeight] == kAbsent;
}

bool Flow::AddLogAbsDet(ValueId value) {
  if (logabsdet_ == kAbsent) {
    logabsdet_ = value;
    return true;
  }
  if (Next<Add>() == nullptr || In(next_) != std::vector<ValueId>{logabsdet_, value}) return false;
  logabsdet_ = Out(next_++);
  return true;
}

// Traces look inside: then the plain kernels run.
bool Flow::IsPrivate() const {
  for (int n = first_; n < next_; ++n) {
    for (const ValueId v : lowering_.node(n).out) {
      if (v == x_ || v == logabsdet_) continue;
      const std::vector<int>& readers = lowering_.ReadersOf(v);
      if (lowering_.IsOutput(v) ||
          std::any_of(readers.begin(), readers.end(), [&](int r) { return r >= next_; }))
        return false;
    }
  }
  return true;
}

RowsCoupling::Weights Flow::WeightsOf(const Coupling& c) const {
  RowsCoupling::Weights w;
  w.precision = lowering_.precision();
  w.inputs = static_cast<int>(lowering_.ShapeOf(In(c.layers.back())[Linear::kX])[2]);
  w.transformed = static_cast<int>(lowering_.ShapeOf(In(c.couple)[AffineCoupling::kIndex])[0]);
  w.identity = static_cast<int>(lowering_.ShapeOf(Out(c.select))[2]);
  w.additive = lowering_.As<AffineCoupling>(c.couple)->additive;
  w.norm = c.norm >= 0;
  if (w.norm) w.eps = lowering_.As<FlowNorm>(c.norm)->eps;
  return w;
}

void Flow::EmitLayers(const Coupling& c) {
  for (size_t i = 0; i + 1 < c.layers.size(); ++i) {
    const int n = c.layers[i];
    RowsStep step = RowsStepOf(lowering_, n);
    const bool first = i == 0;
    // The flow's norm is packed in both directions, so that they share the weights.
    const int norm = first ? c.norm : BatchNormOf(n);
    if (norm >= 0) {
      step.params.weights.norm = first ? RowsNorm::kFlow : RowsNorm::kBatch;
      step.params.weights.eps =
          first ? lowering_.As<FlowNorm>(norm)->eps : lowering_.As<BatchNorm>(norm)->eps;
      step.params.norm = !first || inverse_;
      std::copy_n(In(norm).begin() + 1, kNormTensors, step.sources.begin() + RowsLinear::kNorm);
    }
    ValueId x = rows_;
    if (first) {
      step.params.weights.picked = true;
      step.params.stride = static_cast<int>(lowering_.ShapeOf(x_)[2]);
      step.sources[RowsLinear::kColumns] = In(c.select)[SelectColumns::kIndex];
    } else {
      step.params.relu |= norm >= 0 && lowering_.As<BatchNorm>(norm)->relu;
      x = lowering_.Floats(In(norm >= 0 ? norm : n)[0]);
    }
    EmitRows(lowering_, n, step, x);
  }
}

void Flow::EmitCoupling(const Coupling& c) {
  const int last = c.layers.back();
  RowsCoupling::Params params;
  params.weights = WeightsOf(c);
  const Shape& shape = lowering_.ShapeOf(x_);
  params.rows = static_cast<int>(shape[0] * shape[1]);
  params.inverse = inverse_;
  params.parts = parts_per_row_;
  params.first_part = part_;
  part_ += RowsCoupling::Parts(params.weights);
  std::vector<ValueId> sources = {In(last)[Linear::kWeight], In(last)[Linear::kBias],
                                  In(c.couple)[AffineCoupling::kIndex], In(c.select)[SelectColumns::kIndex]};
  sources.resize(RowsCoupling::kSources, kAbsent);
  if (c.norm >= 0) std::copy_n(In(c.norm).begin() + 1, kNormTensors, sources.begin() + RowsCoupling::kNorm);
  const std::string& layer = lowering_.LayerOf(c.couple);
  const ValueId y = lowering_.NewValue(layer, RowsCoupling::ResultBytes(params, RowsCoupling::kY));
  if (parts_ == kAbsent) {
    parts_ = lowering_.NewValue(lowering_.LayerOf(lowering_.MakerOf(logabsdet_)),
                                RowsCoupling::ResultBytes(params, RowsCoupling::kParts));
  }
  const ValueId h = lowering_.Floats(In(last)[Linear::kX]);
  lowering_.EmitInto<RowsCoupling>(layer, params, {h, rows_, kAbsent}, sources, {y, parts_});
  rows_ = y;
}

void Flow::Emit() {
  for (const Coupling& c : couplings_) parts_per_row_ += RowsCoupling::Parts(WeightsOf(c));
  rows_ = lowering_.Floats(In(first_)[0]);
  for (const Coupling& c : couplings_) {
    EmitLayers(c);
    EmitCoupling(c);
  }
  FlowLogAbsDet::Params params;
  params.rows = static_cast<int>(lowering_.ShapeOf(logabsdet_).elements());
  params.parts = parts_per_row_;
  lowering_.SetFloats(x_, rows_);
  lowering_.SetFloats(logabsdet_,
                      lowering_.Emit<FlowLogAbsDet>(lowering_.LayerOf(lowering_.MakerOf(logabsdet_)), params,
                                                    {parts_})[FlowLogAbsDet::kLogAbsDet]);
  for (int n = first_; n < next_; ++n) lowering_.Take(n);
}

}  // namespace

bool TakeFlow(Lowering& lowering, int n) {
  if (lowering.As<SelectColumns>(n) == nullptr && lowering.As<FlowNorm>(n) == nullptr) return false;
  Flow flow(&lowering, n);
  if (!flow.Match()) return false;
  flow.Emit();
  return true;
}

}  // namespace mien
