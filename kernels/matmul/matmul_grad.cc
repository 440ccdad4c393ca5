// matmul: each of its forms has derivatives in the other two.
#include "graph/gradient/gradient.h"
#include "kernels/matmul/matmul.h"

namespace mien {

void MatMul::Grad(const Params& params, GradCall* call) {
  const ValueId a = call->in[kA], b = call->in[kB], d = call->d_out[0];
  const auto product = [&](Form form, ValueId left, ValueId right) {
    return call->Call<MatMul>({form}, {left, right});
  };
  if (call->wanted[kA]) {
    call->d_in[kA] = params.form == Form::kPlain             ? product(Form::kRightTransposed, d, b)
                     : params.form == Form::kRightTransposed ? product(Form::kPlain, d, b)
                                                             : product(Form::kRightTransposed, b, d);
  }
  if (call->wanted[kB]) {
    call->d_in[kB] = params.form == Form::kPlain             ? product(Form::kLeftTransposed, a, d)
                     : params.form == Form::kRightTransposed ? product(Form::kLeftTransposed, d, a)
                                                             : product(Form::kPlain, a, d);
  }
}

}  // namespace mien
