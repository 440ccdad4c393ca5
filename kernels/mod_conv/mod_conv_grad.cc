// mod_conv: derivatives by image, style and noise, from the result alone. With t = u d_o, u = conv(x s, W'):
//   D_o    = sum over pixels of dt t, so d loss / d d_o = D_o / d_o
//   v      = the adjoint of the convolution, of dt d_o
//   dx_i   = gain s_i v_i
//   ds_i   = gain sum v_i x_i - gain^2 s_i sum_o D_o d_o^2 E_oi,   E_oi = sum over taps of W_oi^2
// t is found again from y, whose activation has an inverse; where y is clamped dt is 0, and t does not matter.
#include "graph/gradient/expression.h"
#include "graph/gradient/gradient.h"
#include "kernels/mod_conv/mod_conv.h"

namespace mien {
namespace {

class Rule {
 public:
  Rule(const ModConv::Params& params, GradCall* call)
      : p_(params),
        call_(*call),
        builder_(call->builder),
        name_("gradient/" + call->layer),
        in_(call->in),
        y_(call->ShapeOf(call->out[0])),
        batch_(y_[0]),
        outputs_(y_[1]),
        inputs_(call->ShapeOf(call->in[0])[1]) {}

  void Run() {
    FindDemodulation();
    FindInner();
    if (call_.wanted[ModConv::kNoise]) call_.d_in[ModConv::kNoise] = Noise();
    const bool image = call_.wanted[ModConv::kX], style = call_.wanted[ModConv::kStyle];
    if (!image && !style) return;
    // First, for nothing needs the result and its derivative behind it.
    if (style && p_.demodulate) demodulated_ = call_.Call<MatMul>({}, {Demodulated(), energy_});
    const ValueId v = Adjoint();
    if (image) {
      Expression e;
      const Term t = e(v) * p_.weight_gain;
      call_.d_in[ModConv::kX] = e.Value(builder_, name_, t * e(in_[ModConv::kStyle], true));
    }
    if (style) call_.d_in[ModConv::kStyle] = Style(v);
  }

 private:
  // The derivative of act(t) act_gain by t, from the sign of the result.
  Term Slope(Term y) const {
    if (p_.act == Activation::kNone) return y.formula->Constant(p_.act_gain);
    return Positive(y) * (p_.act_gain * (1 - p_.slope)) + p_.act_gain * p_.slope;
  }
  // dt: that of the result where it is not clamped.
  Term Inner(Term y, Term d) const {
    const Term inner = d * Slope(y);
    return p_.clamp > 0 ? inner * Positive(p_.clamp - y) * Positive(y + p_.clamp) : inner;
  }
  float filter_gain() const { return p_.up ? p_.filter_gain : 1.0f; }

  // squares_ [N,O]: d_o^2.
  void FindDemodulation() {
    if (!p_.demodulate) {
      squares_ = call_.Derived(ModConv::kWeight, "ones", {batch_, outputs_});
      return;
    }
    energy_ = call_.Derived(ModConv::kWeight, "energy", {outputs_, inputs_});
    Expression square, demodulation;
    const Term s = square(in_[ModConv::kStyle]);
    const ValueId squared = square.Value(builder_, name_, s * s);
    const Term sum = demodulation(call_.Call<MatMul>({MatMul::Form::kRightTransposed}, {squared, energy_}));
    const Term one = demodulation.Constant(1.0f);
    squares_ = demodulation.Value(builder_, name_, one / (sum * (p_.weight_gain * p_.weight_gain) + p_.eps));
  }

  // inner_ [N,O,H,W]: dt d_o, times the gain of the filter.
  void FindInner() {
    Expression e;
    const Term y = e(call_.out[0]);
    const Term inner = Inner(y, e(call_.d_out[0]));
    inner_ = e.Value(builder_, name_, inner * Sqrt(e(squares_, true)) * filter_gain());
  }

  // The sum over the channels of dt, times the strength; over the images as well, where they share the map.
  ValueId Noise() {
    Expression e;
    const Term squares = e(squares_);
    const Term strength = e(in_[ModConv::kNoiseStrength]);
    const ValueId factors = e.Value(builder_, name_, strength / (Sqrt(squares) * filter_gain()));
    const ValueId ones = call_.Derived(ModConv::kWeight, "ones", {1, outputs_, 1, 1});
    const ValueId maps = call_.Call<ToRgb>({}, {inner_, factors, ones});
    if (batch_ == 1 || call_.ShapeOf(in_[ModConv::kNoise])[0] > 1) return maps;
    return call_.Call<MatMul>({}, {call_.Derived(ModConv::kWeight, "ones", {1, batch_}), maps});
  }

  ValueId Adjoint() {
    if (!p_.up) {
      const ValueId weight = call_.Derived(ModConv::kWeight, "adjoint", {inputs_, outputs_, 3, 3});
      return call_.Call<Conv2d>({.stride = 1, .pad = 1}, {inner_, weight});
    }
    const auto part = [&](const char* what) { return call_.Derived(ModConv::kFilter, what, {outputs_, 1, 3, 3}); };
    const ValueId some = call_.Call<DepthwiseConv>({.pad = 2}, {inner_, part("filter3")});
    const ValueId filtered = call_.Call<DepthwiseConv>({.end_pad = 1}, {some, part("filter2")});
    const ValueId weight = call_.Derived(ModConv::kWeight, "transposed", {inputs_, outputs_, 3, 3});
    return call_.Call<Conv2d>({.stride = 2}, {filtered, weight});
  }

  // The map of every channel's noise, as an operand of a formula over [N,O,H,W].
  ValueId NoiseMaps() {
    const ValueId noise = in_[ModConv::kNoise];
    Expression e;
    if (call_.ShapeOf(noise)[0] == 1) return e.Value(builder_, name_, e(noise), 2);
    return call_.Call<ToRgb>({}, {noise, call_.Derived(ModConv::kWeight, "ones", {batch_, 1}),
                                  call_.Derived(ModConv::kWeight, "ones", {outputs_, 1, 1, 1})});
  }

  // D_o d_o^2 [N,O].
  ValueId Demodulated() {
    Expression e;
    const Term y = e(call_.out[0]);
    const Term inner = Inner(y, e(call_.d_out[0]));
    Term t = y / Slope(y);
    if (in_[ModConv::kNoise] != kAbsent) {
      const Term noise = e(NoiseMaps());
      t = t - noise * e(in_[ModConv::kNoiseStrength]);
    }
    if (in_[ModConv::kBias] != kAbsent) {
      Expression repeated;
      repeated(squares_);
      t = t - e(repeated.Value(builder_, name_, repeated(in_[ModConv::kBias])), true);
    }
    const ValueId sums = e.Value(builder_, name_, inner * t, 0, 2);
    Expression product;
    const Term sum = product(sums);
    return product.Value(builder_, name_, sum * product(squares_));
  }

  ValueId Style(ValueId v) {
    Expression direct;
    const Term t = direct(v) * p_.weight_gain;
    const ValueId style = direct.Value(builder_, name_, t * direct(in_[ModConv::kX]), 0, 2);
    if (!p_.demodulate) return style;
    Expression sum;
    const Term s = sum(in_[ModConv::kStyle]) * (p_.weight_gain * p_.weight_gain);
    const Term part = s * sum(demodulated_);
    return sum.Value(builder_, name_, sum(style) - part);
  }

  const ModConv::Params& p_;
  GradCall& call_;
  Builder& builder_;
  const std::string name_;
  const std::vector<ValueId>& in_;
  const Shape y_;
  const int64_t batch_, outputs_, inputs_;
  ValueId energy_ = kAbsent, squares_ = kAbsent, inner_ = kAbsent;
  ValueId demodulated_ = kAbsent;  // [N,I]: sum_o D_o d_o^2 E_oi
};

}  // namespace

void ModConv::Grad(const Params& params, GradCall* call) {
  if (params.act_gain <= 0 || (params.act == Activation::kLeaky && params.slope <= 0)) {
    call->builder.Fail(Status::Error(Code::kUsage,
                                     "layer %s: an activation without an inverse has no rule for "
                                     "gradients",
                                     call->layer.c_str()));
    return;
  }
  Rule(params, call).Run();
}

}  // namespace mien
