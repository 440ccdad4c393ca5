#include "runtime/interrupt.h"

#include <csignal>

namespace mien {
namespace {

std::atomic<bool> interrupted{false};
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler may only touch lock-free atomics");

void OnSignal(int) { interrupted.store(true, std::memory_order_relaxed); }

}  // namespace

void InstallInterruptHandler() {
  struct sigaction action = {};
  action.sa_handler = OnSignal;
  action.sa_flags = SA_RESETHAND;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

const std::atomic<bool>& InterruptFlag() { return interrupted; }

Status CheckInterrupt() {
  if (!interrupted.load(std::memory_order_relaxed)) return {};
  return Status::Error(Code::kInterrupted, "interrupted");
}

}  // namespace mien
