#include "base/interrupt.h"

#include <csignal>

namespace mien {
namespace {

std::atomic<bool> interrupted{false};
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler may only touch lock-free atomics");

void OnSignal(int number) {
  if (!interrupted.exchange(true, std::memory_order_relaxed)) return;
  std::signal(number, SIG_DFL);
  std::raise(number);  // is delivered when this handler returns
}

}  // namespace

void InstallSignalHandlers() {
  struct sigaction action = {};
  action.sa_handler = OnSignal;  // without SA_RESTART: a blocked read or write returns
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction inherited = {};
    if (sigaction(number, nullptr, &inherited) == 0 && inherited.sa_handler != SIG_IGN)
      sigaction(number, &action, nullptr);
  }
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
}

const std::atomic<bool>& InterruptFlag() { return interrupted; }

Status CheckInterrupt() {
  if (!interrupted.load(std::memory_order_relaxed)) return {};
  return Status::Error(Code::kInterrupted, "interrupted");
}

}  // namespace mien
