// Linear on rows (kernels/linear) with what precedes it where it is read and all that follows where it is
// written:
//   u = norm(x[columns]),  t = pre(u) . W^T * weight_gain + bias_c
//   y = gate_c act(t) act_gain + residual
// c = r mod contexts is the context of row r. bias_c (the column of W that the context picks included) and
// gate_c (the sigmoid of the context's layer) are tables made at Pack.
#pragma once

#include "kernels/tensor/rows.h"

namespace mien {

struct RowsLinear {
  struct Weights {
    Precision precision = Precision::kHalf;
    int inputs = 0, outputs = 0;
    int contexts = 0;
    bool context_in_weight = false, gated = false;
    float weight_gain = 1.0f, bias_gain = 1.0f;
    bool picked = false;  // inputs are read one by one: kColumns of x, or all where that is absent
    RowsNorm norm = RowsNorm::kNone;  // of the columns of x; kFlow: the inverse
    float eps = 0.0f;
    bool operator==(const Weights&) const = default;
  };
  struct Params {
    Weights weights;
    int rows = 0;
    int stride = 0, first = 0;  // numbers from one row of x to the next, and before the first
    bool norm = false;          // false: weights.norm is not applied
    bool residual = false;
    bool relu = false;  // pre
    Activation act = Activation::kNone;
    float slope = 0.2f, act_gain = 1.0f;
    bool operator==(const Params&) const = default;
  };
  enum Source { kWeight, kBias, kGateWeight, kGateBias, kColumns, kNorm, kSources = kNorm + kNormTensors };
  enum Operand { kX, kResidual, kPacked, kOperands };
  enum Result { kY, kResults };
  static constexpr const char* kName = "rows_linear";
  static uint64_t PackedBytes(const Weights& weights);
  static void Pack(const Weights& weights, Inputs<float> sources, std::byte* packed);
  static uint64_t ResultBytes(const Params& params, int result);
  static uint64_t ScratchBytes(const Params&) { return 0; }
  static FastCost Count(const Params& params);

  // Where the parts of the packed weights begin, in bytes. bias and gate: by context and feature.
  struct Layout {
    uint64_t factors, bias, gate, columns, norm, end;
  };
  static Layout LayoutOf(const Weights& weights);
};

}  // namespace mien
