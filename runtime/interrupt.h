// SIGINT and SIGTERM set a flag; long work looks at it between steps and answers kInterrupted, so that
// destructors remove what is unfinished. A second signal ends the process at once.
#pragma once

#include <atomic>

#include "runtime/base/status.h"

namespace mien {

void InstallInterruptHandler();
const std::atomic<bool>& InterruptFlag();
Status CheckInterrupt();  // kInterrupted once a signal came

}  // namespace mien
