#include "graph/gradient/inversion_step.h"

#include "graph/gradient/expression.h"

namespace mien {
namespace {

constexpr int kAll = 4;  // dimensions of a picture

// The filter of upsampling, and what makes its taps sum to 4.
struct Filter {
  ValueId taps;
  float gain;
};

Filter FilterOf(Builder* builder, const GeneratorConfig& g) {
  const bool nvidia = g.convention == Convention::kNvidia;
  return {builder->Weight(nvidia ? "generator.synthesis.b8.resample_filter" : "generator.to_rgbs.0.upsample.kernel"),
          nvidia ? 4.0f : 1.0f};
}

ValueId Scaled(Builder* builder, ValueId x, float factor) {
  Expression e;
  const Term t = e(x);
  return e.Value(*builder, "scaled", t * factor);
}

// Half the size. Its adjoint is upsampling divided by 4.
ValueId Half(Builder* builder, const Filter& filter, ValueId x) {
  const int64_t channels = builder->ShapeOf(x)[1];
  const ValueId down = builder->Derived(filter.taps, "down", {channels, channels, 7, 7});
  std::vector<ValueId> operands(Conv2d::kInputs, kAbsent);
  operands[Conv2d::kX] = x;
  operands[Conv2d::kWeight] = down;
  return Scaled(builder, builder->Call<Conv2d>("half", {.stride = 2, .pad = 3}, operands), filter.gain / 4);
}

// The derivative of the weighted sum of all scales from k on by `difference`, at scale k.
ValueId Errors(Builder* builder, const Filter& filter, const std::vector<double>& scales, size_t k,
               ValueId difference) {
  const auto numbers = static_cast<double>(builder->ShapeOf(difference).elements());
  Expression error, derivative;
  const Term e = error(difference);
  const ValueId sum = error.Value(*builder, "error", e * e, 0, kAll);
  builder->Output("mse/" + std::to_string(k), Scaled(builder, sum, static_cast<float>(1 / numbers)));
  Term d = derivative(difference) * static_cast<float>(2 * scales[k] / numbers);
  if (k + 1 < scales.size()) {
    const ValueId smaller = Errors(builder, filter, scales, k + 1, Half(builder, filter, difference));
    d = d + derivative(builder->Call<Upsample>("double", {.gain = filter.gain / 4}, {smaller, filter.taps}));
  }
  return derivative.Value(*builder, "derivative", d);
}

}  // namespace

Result<Graph> BuildInversionStep(const ModelConfig& config, const InversionStepOptions& options) {
  Builder builder("inversion_step", config, false);
  SynthesisOptions synthesis;
  synthesis.noise = NoiseMode::kInput;
  synthesis.noise_per_sample = options.noise_per_sample;
  MIEN_ASSIGN(const SynthesisValues values, AddSynthesis(&builder, config, synthesis, options.batch));
  const Shape image = builder.ShapeOf(values.image);
  const int most = config.generator->log2_resolution() - 1;
  if (options.scales.empty() || options.scales.size() > static_cast<size_t>(most)) {
    return Status::Error(Code::kUsage, "inversion: 1 to %d scales expected, %zu found", most, options.scales.size());
  }
  const ValueId target = builder.Input("target", image);
  builder.Output("image", values.image);
  Expression e;
  const Term picture = e(values.image);
  const ValueId difference = e.Value(builder, "difference", picture - e(target));
  const Filter filter = options.scales.size() > 1 ? FilterOf(&builder, *config.generator) : Filter{kAbsent, 1.0f};
  const ValueId derivative = Errors(&builder, filter, options.scales, 0, difference);
  std::vector<ValueId> by = {values.w_plus};
  if (options.noise_gradients) by.insert(by.end(), values.noise.begin(), values.noise.end());
  const std::vector<ValueId> gradients = AddGradients(&builder, {values.image}, {derivative}, by);
  for (size_t i = 0; i < by.size(); ++i)
    builder.Output("gradient/" + (i == 0 ? "w_plus" : "noise." + std::to_string(i - 1)), gradients[i]);
  return builder.Finish();
}

}  // namespace mien
