// Columns of every row: y[..., k] = x[..., c(k)], where c(k) is index[k] or, without an index, first + k for k < count.
// The index is a weight holding whole numbers (nflows stores identity_features and transform_features); it was checked
// to be in range when the model was opened. Output [..., K].
// scatter = D > 0 is the adjoint: y [..., D], y[..., c(k)] = x[..., k], and every other column is 0; the columns of an
// index are distinct then.
//
// Inputs ("?": may be absent):
// x       [N,D], [N,L,D] or more dimensions; scatter: [..., K]
// index?  [K]
#pragma once

#include "kernels/op.h"

namespace mien {

struct SelectColumns : NoPacking, NoScratch {
  struct Params {
    int64_t first = 0, count = 0;  // without an index
    int64_t scatter = 0;
    bool operator==(const Params&) const = default;
  };
  enum Input { kX, kIndex, kInputs };
  static constexpr const char* kName = "select_columns";
  static constexpr int kOutputs = 1;
  static constexpr uint32_t kConstant = 1u << kIndex;  // to Grad

  static Status Infer(const Params& params, Shapes in, Shape* out);
  static Cost Count(const Params& params, Shapes in);
  static void Ref(const Params& params, Inputs<double> in, Outputs<double> out);
  static void Cpu(const Params& params, const CpuCall& call);
  static void Grad(const Params& params, GradCall* call);
};

}  // namespace mien
