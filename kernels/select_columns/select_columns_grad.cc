// select_columns: what was gathered is scattered, and the other way round.
#include "graph/gradient/gradient.h"
#include "kernels/select_columns/select_columns.h"

namespace mien {

void SelectColumns::Grad(const Params& params, GradCall* call) {
  if (!call->wanted[kX]) return;
  const Shape& x = call->ShapeOf(call->in[kX]);
  Params adjoint = params;
  adjoint.scatter = params.scatter > 0 ? 0 : x[x.rank - 1];
  call->d_in[kX] = call->Call<SelectColumns>(adjoint, {call->d_out[0], call->in[kIndex]});
}

}  // namespace mien
