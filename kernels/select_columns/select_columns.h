// Columns of every row by index: y[n,l,k] = x[n,l,index[k]]. The index is a weight holding whole numbers
// (nflows stores identity_features and transform_features); it was checked to be in range when the model was opened.
// Output [N,L,K].
//
// Inputs ("?": may be absent):
// x      [N,L,D]
// index  [K]
#pragma once

#include "kernels/op.h"

namespace mien {

struct SelectColumns : NoPacking, NoScratch {
  struct Params {
    bool operator==(const Params&) const = default;
  };
  enum Input { kX, kIndex, kInputs };
  static constexpr const char* kName = "select_columns";
  static constexpr int kOutputs = 1;

  static Status Infer(const Params& params, Shapes in, Shape* out);
  static Cost Count(const Params& params, Shapes in);
  static void Ref(const Params& params, Inputs<double> in, Outputs<double> out);
  static void Cpu(const Params& params, const CpuCall& call);
};

}  // namespace mien
