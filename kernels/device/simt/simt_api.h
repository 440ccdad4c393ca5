// The host runner as a device (kernels/device/device_api.h): global memory with guard zones and poison, launches that
// run at once, graphs that record launches and copies and replay them.
#pragma once

#include "kernels/device/device_api.h"

namespace mien::simt {

const DeviceApi& TheDeviceApi();

}  // namespace mien::simt
