// Weights that rules for gradients read: made of a model's own when a program's weights are read, so that kernels pack
// them as any other. Builder::Derived names them `NAME|what[shape]`. Of a convolution's weight [O,I,k,k] and of a
// filter of upsampling f [4,4]:
//   transposed  [I,O,k,k]  w[o,i]
//   adjoint     [I,O,k,k]  w[o,i] turned by 180 degrees: the adjoint of a convolution of stride 1
//   energy      [O,I]      the sum of w[o,i]^2 over the taps
//   filter3     [C,1,3,3]  two filters of which f is the convolution, where f is an outer product, as in every public
//   filter2     [C,1,3,3]  network; the second has four taps
//   down        [C,C,7,7]  the adjoint of upsampling by f, as a convolution of stride 2, padding 3
//   ones        any shape
#pragma once

#include <span>

#include "graph/reference.h"
#include "weights/config.h"

namespace mien {

// `text`: what it is, as in the name, with its shape or without. `source`: the shape of the numbers `in`; one of
// leading ones more is taken as well. kRefused: a filter that is no outer product. kFailure: an unknown `what`, sizes
// that do not belong together.
Status Derive(const std::string& text, const Shape& source, std::span<const float> in, std::span<float> out);

// Reads the weights of a model of this config through `read`, and what is derived of them.
WeightSource WithDerivedWeights(const ModelConfig& config, WeightSource read);

}  // namespace mien
