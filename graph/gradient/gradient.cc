#include "graph/gradient/gradient.h"

#include <algorithm>

namespace mien {
namespace {

// The rule of the node's op; false: it has none, or takes what is asked for as constant.
bool RunRule(const AnyOp& op, GradCall* call) {
  return std::visit(
      [&](const auto& held) {
        using Held = std::decay_t<decltype(held)>;
        if constexpr (std::is_same_v<Held, std::monostate>) {
          return false;
        } else if constexpr (HasGradient<typename Held::Type>) {
          for (size_t i = 0; i < call->wanted.size(); ++i) {
            if (call->wanted[i] && HasInput(ConstantOperands<typename Held::Type>(), i)) return false;
          }
          Held::Type::Grad(held.params, call);
          return true;
        } else {
          return false;
        }
      },
      op);
}

class Reverse {
 public:
  Reverse(Builder* builder, const std::vector<ValueId>& by)
      : builder_(*builder), nodes_(builder->graph().nodes), parts_(builder->graph().values.size()) {
    depends_.resize(parts_.size(), false);
    for (const ValueId id : by) depends_[At(id)] = true;
    for (const Node& node : nodes_) {
      const bool reached = std::ranges::any_of(node.in, [&](ValueId id) { return id != kAbsent && depends_[At(id)]; });
      for (const ValueId id : node.out) depends_[At(id)] = depends_[At(id)] || reached;
    }
  }

  void Add(ValueId of, ValueId derivative) {
    if (derivative != kAbsent) parts_[At(of)].push_back(derivative);
  }
  void Run() {
    for (size_t n = nodes_.size(); n-- > 0;) Run(nodes_[n]);
  }
  // The sum of all that was added; at most eight operands go into one node.
  ValueId Total(ValueId of) {
    std::vector<ValueId>& parts = parts_[At(of)];
    while (parts.size() > 1) {
      const size_t count = std::min<size_t>(parts.size(), Formula::kOperands);
      Formula formula;
      Term sum = formula.In(0);
      for (size_t i = 1; i < count; ++i) sum = sum + formula.In(static_cast<int>(i));
      formula = sum;
      std::vector<ValueId> operands(parts.begin(), parts.begin() + static_cast<std::ptrdiff_t>(count));
      operands.resize(Pointwise::kInputs, kAbsent);
      parts.erase(parts.begin(), parts.begin() + static_cast<std::ptrdiff_t>(count));
      const std::string layer = "gradient/" + builder_.graph().values[At(of)].name;
      parts.insert(parts.begin(), builder_.Call<Pointwise>(layer, {formula}, std::move(operands)));
    }
    return parts.empty() ? kAbsent : parts[0];
  }

 private:
  static size_t At(ValueId id) { return static_cast<size_t>(id); }

  void Run(const Node& node) {
    std::vector<bool> wanted;
    for (const ValueId id : node.in) wanted.push_back(id != kAbsent && depends_[At(id)]);
    if (std::ranges::none_of(wanted, [](bool w) { return w; })) return;
    std::vector<ValueId> d_out;
    for (const ValueId id : node.out) d_out.push_back(Total(id));
    if (std::ranges::all_of(d_out, [](ValueId id) { return id == kAbsent; })) return;
    const std::string layer = builder_.graph().values[At(node.out[0])].name;
    GradCall call = {builder_, layer, node.in, node.out, d_out, wanted, std::vector<ValueId>(node.in.size(), kAbsent)};
    if (!RunRule(node.op, &call)) {
      builder_.Fail(Status::Error(Code::kUsage, "%s: layer %s: %s has no rule for gradients",
                                  builder_.graph().name.c_str(), layer.c_str(), OpName(node.op)));
      return;
    }
    for (size_t i = 0; i < node.in.size(); ++i) {
      if (wanted[i]) Add(node.in[i], call.d_in[i]);
    }
  }

  Builder& builder_;
  const std::vector<Node> nodes_;            // those of the forward pass
  std::vector<bool> depends_;                // by value: on what the derivatives are by
  std::vector<std::vector<ValueId>> parts_;  // by value: derivatives that add up
};

}  // namespace

std::vector<ValueId> AddGradients(Builder* builder, const std::vector<ValueId>& of, const std::vector<ValueId>& d_of,
                                  const std::vector<ValueId>& by) {
  std::vector<ValueId> gradients(by.size(), kAbsent);
  if (!builder->ok()) return gradients;
  Reverse reverse(builder, by);
  for (size_t i = 0; i < of.size(); ++i) reverse.Add(of[i], d_of[i]);
  reverse.Run();
  for (size_t i = 0; i < by.size() && builder->ok(); ++i) gradients[i] = reverse.Total(by[i]);
  return gradients;
}

std::vector<ValueId> AddGradients(Builder* builder, ValueId loss, const std::vector<ValueId>& by) {
  if (!builder->ok()) return std::vector<ValueId>(by.size(), kAbsent);
  Formula one;
  one = one.Constant(1.0f);
  std::vector<ValueId> operands(Pointwise::kInputs, kAbsent);
  operands[0] = loss;
  return AddGradients(builder, {loss}, {builder->Call<Pointwise>("gradient", {one}, operands)}, by);
}

}  // namespace mien
