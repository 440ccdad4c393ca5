// select_columns: shape rules, cost and the double reference.
#include <algorithm>

#include "kernels/infer.h"
#include "kernels/select_columns/select_columns.h"

namespace mien {

Status SelectColumns::Infer(const Params& params, Shapes in, Shape* out) {
  MIEN_TRY(ExpectInputs(kName, in, kInputs));
  const Shape &x = in[kX], &index = in[kIndex];
  MIEN_TRY(ExpectShapeIfPresent(kName, "index", {kAny}, index));
  MIEN_TRY(ExpectAtLeast(kName, "scatter", 0, static_cast<double>(params.scatter)));
  MIEN_TRY(ExpectAtLeast(kName, "first", 0, static_cast<double>(params.first)));
  if (!index.present()) MIEN_TRY(ExpectAtLeast(kName, "count", 1, static_cast<double>(params.count)));
  const int64_t selected = index.present() ? index[0] : params.count;
  Shape expected;
  expected.rank = std::clamp(x.rank, 2, Shape::kMaxRank);
  std::fill_n(expected.dim, expected.rank, kAny);
  if (params.scatter > 0) expected.dim[expected.rank - 1] = selected;
  MIEN_TRY(ExpectShape(kName, "x", expected, x));
  const int64_t columns = params.scatter > 0 ? params.scatter : x[x.rank - 1];
  if (!index.present() || params.scatter > 0) {
    const auto last = static_cast<double>(index.present() ? selected : params.first + params.count);
    MIEN_TRY(ExpectAtMost(kName, "columns", static_cast<double>(columns), last));
  }
  out[0] = x;
  out[0].dim[x.rank - 1] = params.scatter > 0 ? params.scatter : selected;
  return ExpectWithinLimits(kName, out[0]);
}

Cost SelectColumns::Count(const Params& params, Shapes in) { return CostOf<SelectColumns>(params, in, 0); }

void SelectColumns::Ref(const Params& params, Inputs<double> in, Outputs<double> out) {
  const Shape &x = in[kX].shape, &y = out[0].shape;
  const int64_t x_columns = x[x.rank - 1], y_columns = y[y.rank - 1];
  const bool scatter = params.scatter > 0;
  std::fill_n(out[0].data, y.elements(), 0.0);
  for (int64_t row = 0; row < x.elements() / x_columns; ++row) {
    for (int64_t k = 0; k < (scatter ? x_columns : y_columns); ++k) {
      const int64_t column = in[kIndex].present() ? static_cast<int64_t>(in[kIndex].data[k]) : params.first + k;
      out[0].data[row * y_columns + (scatter ? column : k)] = in[kX].data[row * x_columns + (scatter ? k : column)];
    }
  }
}

}  // namespace mien
