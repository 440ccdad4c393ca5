// Noise, bias and activation on a feature map: y = clamp(act(x + noise_strength * noise + bias) * act_gain).
// The unfused counterpart of the epilogues, for traces. Output shape of x ([N,C,H,W] or [N,C]).
//
// Inputs ("?": may be absent):
// x                [N,C,H,W] or [N,C]
// noise?           [1 or N,1,H,W]
// noise_strength?  [1], with noise
// bias?            [C]
// prelu?           [C], slopes of kPRelu
#pragma once

#include "kernels/op.h"

namespace mien {

struct BiasAct : NoPacking, NoScratch {
  struct Params {
    Activation act = Activation::kNone;
    float slope = 0.2f;      // of kLeaky
    float act_gain = 1.0f;
    float clamp = 0.0f;      // 0: none
    bool operator==(const Params&) const = default;
  };
  enum Input { kX, kNoise, kNoiseStrength, kBias, kPrelu, kInputs };
  static constexpr const char* kName = "bias_act";
  static constexpr int kOutputs = 1;

  static Status Infer(const Params& params, Shapes in, Shape* out);
  static Cost Count(const Params& params, Shapes in);
  static void Ref(const Params& params, Inputs<double> in, Outputs<double> out);
  static void Cpu(const Params& params, const CpuCall& call);
};

}  // namespace mien
