// The product of two matrices that are both computed (linear has a weight that is packed once):
//   kPlain             y = a b     a [..., K]  b [K, ...]    y [..., ...]
//   kRightTransposed   y = a b^T   a [..., K]  b [M, K]      y [..., M]
//   kLeftTransposed    y = a^T b   a [..., R]  b [..., M]    y [R, M], summed over all that comes before
// More dimensions are read as one where the sum or a side of y has them: kPlain a [N,L,K] b [K,P,Q] gives [N,L,P,Q];
// kRightTransposed sums over the last dimensions of a that b [M,...] has behind its first; kLeftTransposed over all
// of a but the last, which b starts with. So the derivative of each by each operand is one of the three.
//
// Inputs ("?": may be absent):
// a  as above
// b  as above
#pragma once

#include "kernels/op.h"

namespace mien {

struct MatMul : NoPacking {
  enum class Form : uint8_t { kPlain, kRightTransposed, kLeftTransposed };
  struct Params {
    Form form = Form::kPlain;
    bool operator==(const Params&) const = default;
  };
  enum Input { kA, kB, kInputs };
  static constexpr const char* kName = "matmul";
  static constexpr int kOutputs = 1;

  // y [rows, columns] is a sum over `depth`; the strides find a[row, k] and b[k, column].
  struct Product {
    int64_t rows, depth, columns;
    int64_t a_row, a_k, b_k, b_column;
    Product(const Params& params, const Shape& a, const Shape& b);
  };

  static Status Infer(const Params& params, Shapes in, Shape* out);
  static Cost Count(const Params& params, Shapes in);
  static void Ref(const Params& params, Inputs<double> in, Outputs<double> out);
  static int64_t ScratchFloats(const Params& params, Shapes in, int threads);
  static void Cpu(const Params& params, const CpuCall& call);
  static void Grad(const Params& params, GradCall* call);
};

}  // namespace mien
