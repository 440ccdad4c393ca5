// What makes the host runner the device of a program (runtime/device.h).
#include "runtime/device.h"

namespace mien {

const Executor* BuildExecutor() { return &simt::TheExecutor(); }

}  // namespace mien
