// Fully connected layer over rows, with everything the networks put around it:
//   t = pre(x) . W^T * weight_gain + b * bias_gain        (+ column K + c of W, see contexts)
//   y = gate(act(t) * act_gain) + residual
// Rows: x [N,K] gives y [N,M]; x [N,L,K] gives y [N,L,M], or with row >= 0 only that row, y [N,M];
// x [N,C,H,W] is read as [N,C*H*W].
// contexts = C > 0: every row r of x [N,L,K] (L = C) also carries the one-hot context c = r mod L. The weight is then
// [M,K+C] when context_in_weight (the columns past K belong to the context, order "x then context"), and with gate
// operands y is multiplied by sigmoid(gate_weight[:,c] + gate_bias): the GLU of the flow's residual blocks
// (networks.md, "Couplings").
//
// Inputs ("?": may be absent):
// x             [N,K], [N,L,K] or [N,C,H,W]
// weight        [M,K] or [M,K+C]
// bias?         [M]
// gate_weight?  [M,C], both or none
// gate_bias?    [M]
// residual?     shape of y
#pragma once

#include "kernels/op.h"

namespace mien {

struct Linear {
  struct Params {
    float weight_gain = 1.0f;
    float bias_gain = 1.0f;
    Activation pre = Activation::kNone;   // kNone or kRelu
    Activation act = Activation::kNone;   // kNone, kRelu, kLeaky, kSigmoid
    float slope = 0.2f;                   // of kLeaky
    float act_gain = 1.0f;
    int row = -1;
    int contexts = 0;
    bool context_in_weight = false;
    bool operator==(const Params&) const = default;
  };
  enum Input { kX, kWeight, kBias, kGateWeight, kGateBias, kResidual, kInputs };
  static constexpr const char* kName = "linear";
  static constexpr int kOutputs = 1;
  static constexpr uint32_t kConstant = 1u << kWeight | 1u << kBias | 1u << kGateWeight | 1u << kGateBias;  // to Grad
  static constexpr uint32_t kPacked = 1u << kWeight | 1u << kBias | 1u << kGateWeight | 1u << kGateBias;

  static Status Infer(const Params& params, Shapes in, Shape* out);
  static Cost Count(const Params& params, Shapes in);
  static void Ref(const Params& params, Inputs<double> in, Outputs<double> out);
  static bool SamePacking(const Params& a, Shapes, const Params& b, Shapes) {
    return a.weight_gain == b.weight_gain && a.bias_gain == b.bias_gain &&
          a.contexts == b.contexts && a.context_in_weight == b.context_in_weight;
  }
  static int64_t PackedFloats(const Params& params, Shapes in);
  static void Pack(const Params& params, Inputs<float> in, float* packed);
  static int64_t ScratchFloats(const Params& params, Shapes in, int threads);
  static void Cpu(const Params& params, const CpuCall& call);
  static void Grad(const Params& params, GradCall* call);
};

}  // namespace mien
