// How long NVIDIA's libraries take for what a step of a program multiplies, without anything that the step
// does besides.
#pragma once

#include "runtime/check/device_times.h"
#include "runtime/check/rivals.h"

namespace mien {

struct RivalTime {
  // Empty: the step is no plain product or convolution, or its rival is not there or refuses it.
  std::string rival;
  double milliseconds = 0.0;
};

// By step. A convolution, modulated ones without upsampling included: cuDNN's forward convolution of as many
// channels as the maps store; a fully connected layer on rows: cuBLAS's product.
Result<std::vector<RivalTime>> TimeRivals(const Device& device, const DeviceProgram& program,
                                          const Rivals& rivals);

}  // namespace mien
