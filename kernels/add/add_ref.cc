// add: shape rules, cost and the double reference.
#include "kernels/add/add.h"

#include <algorithm>

#include "kernels/infer.h"

namespace mien {

Status Add::Infer(const Params&, Shapes in, Shape* out) {
  MIEN_TRY(ExpectInputs(kName, in, kInputs));
  Shape any, sample;  // any: the rank of a; sample: a without its batch
  any.rank = std::max(in[kA].rank, 1);
  std::fill_n(any.dim, any.rank, kAny);
  MIEN_TRY(ExpectShape(kName, "a", any, in[kA]));
  sample.rank = in[kA].rank - 1;
  std::copy_n(in[kA].dim + 1, sample.rank, sample.dim);
  if (in[kB] != sample) MIEN_TRY(ExpectShape(kName, "b", in[kA], in[kB]));
  out[0] = in[kA];
  return {};
}

Cost Add::Count(const Params& params, Shapes in) { return CostOf<Add>(params, in, in[kA].elements()); }

void Add::Ref(const Params&, Inputs<double> in, Outputs<double> out) {
  const int64_t repeat = in[kB].shape.elements();
  for (int64_t i = 0; i < in[kA].shape.elements(); ++i) {
    out[0].data[i] = in[kA].data[i] + in[kB].data[i % repeat];
  }
}

}  // namespace mien
