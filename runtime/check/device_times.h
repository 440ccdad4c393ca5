// How fast a device is at the most, measured on it, and how long each step of a program takes beside that:
// what `mien bench` says of a device.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "runtime/check/step_times.h"
#include "runtime/program.h"

namespace mien {

// Milliseconds between two events around what `enqueue` puts into the stream; a run before does not count.
Result<Spread> TimeOnDevice(const DeviceApi& api, void* stream, const std::function<Status()>& enqueue);

Result<Ceilings> MeasureCeilings(const Device& device, void* stream);

// Every step alone, or those of layer `only`, on the numbers that the last run left; kUsage where no layer has that
// name.
Result<std::vector<StepTime>> TimeSteps(const Device& device, const Program& program,
                                        const std::optional<std::string>& only, const Ceilings& ceilings);

}  // namespace mien
