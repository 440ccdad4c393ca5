// matmul: shape rules and the double reference.
#include <algorithm>

#include "kernels/infer.h"
#include "kernels/matmul/matmul.h"

namespace mien {
namespace {

int64_t ProductOf(const Shape& shape, int begin, int end) {
  int64_t product = 1;
  for (int i = begin; i < end; ++i) product *= shape[i];
  return product;
}

// Dimensions that a sum runs over: of a, of b from the end or the start.
int SummedDimensions(MatMul::Form form, const Shape& a, const Shape& b) {
  switch (form) {
    case MatMul::Form::kPlain:
      return 1;
    case MatMul::Form::kRightTransposed:
      return b.rank - 1;
    case MatMul::Form::kLeftTransposed:
      return a.rank - 1;
  }
  return 0;
}

}  // namespace

MatMul::Product::Product(const Params& params, const Shape& a, const Shape& b) {
  const int summed = SummedDimensions(params.form, a, b);
  if (params.form == Form::kLeftTransposed) {
    depth = ProductOf(a, 0, summed);
    rows = a[a.rank - 1];
  } else {
    depth = ProductOf(a, a.rank - summed, a.rank);
    rows = a.elements() / depth;
  }
  columns = b.elements() / depth;
  a_row = params.form == Form::kLeftTransposed ? 1 : depth;
  a_k = params.form == Form::kLeftTransposed ? rows : 1;
  b_k = params.form == Form::kRightTransposed ? 1 : columns;
  b_column = params.form == Form::kRightTransposed ? depth : 1;
}

Status MatMul::Infer(const Params& params, Shapes in, Shape* out) {
  MIEN_TRY(ExpectInputs(kName, in, kInputs));
  const Shape &a = in[kA], &b = in[kB];
  Shape any;
  any.rank = std::clamp(a.rank, 2, Shape::kMaxRank);
  std::fill_n(any.dim, any.rank, kAny);
  MIEN_TRY(ExpectShape(kName, "a", any, a));
  // Of b: what the sum runs over is as in a, the rest as it likes; at least one dimension of each.
  Shape expected;
  expected.rank = std::clamp(b.rank, 2, params.form == Form::kRightTransposed ? a.rank : Shape::kMaxRank);
  if (params.form == Form::kLeftTransposed) expected.rank = std::max(expected.rank, a.rank);
  std::fill_n(expected.dim, expected.rank, kAny);
  const int summed = SummedDimensions(params.form, a, expected);
  const bool behind = params.form == Form::kRightTransposed;
  const int from = params.form == Form::kLeftTransposed ? 0 : a.rank - summed;
  std::copy_n(a.dim + from, summed, expected.dim + (behind ? 1 : 0));
  MIEN_TRY(ExpectShape(kName, "b", expected, b));
  const int rows = params.form == Form::kLeftTransposed ? 1 : a.rank - summed, columns = b.rank - summed;
  MIEN_TRY(ExpectAtMost(kName, "dimensions of the product", Shape::kMaxRank, rows + columns));
  out[0] = Shape();
  out[0].rank = rows + columns;
  std::copy_n(params.form == Form::kLeftTransposed ? a.dim + a.rank - 1 : a.dim, rows, out[0].dim);
  std::copy_n(behind ? b.dim : b.dim + summed, columns, out[0].dim + rows);
  return ExpectWithinLimits(kName, out[0]);
}

void MatMul::Ref(const Params& params, Inputs<double> in, Outputs<double> out) {
  const Product p(params, in[kA].shape, in[kB].shape);
  for (int64_t row = 0; row < p.rows; ++row) {
    for (int64_t column = 0; column < p.columns; ++column) {
      double sum = 0;
      for (int64_t k = 0; k < p.depth; ++k)
        sum += in[kA].data[row * p.a_row + k * p.a_k] * in[kB].data[k * p.b_k + column * p.b_column];
      out[0].data[row * p.columns + column] = sum;
    }
  }
}

}  // namespace mien
