#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>

// Under AddressSanitizer an allocation that cannot be had answers null, as it does without: tests ask for such.
extern "C" const char* __asan_default_options() { return "allocator_may_return_null=1"; }

namespace {

bool finished = false;

// A test case, or the code under it, that calls exit(0) must not count as a pass.
void RefuseEarlyExit() {
  if (finished) return;
  std::fputs("the program ended before its tests did\n", stderr);
  _exit(EXIT_FAILURE);
}

}  // namespace

int main(int count, char** words) {
  // Shells start what runs in the background, and nohup what it runs, with signals ignored; tests send them.
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) std::signal(signal, SIG_DFL);
  std::atexit(RefuseEarlyExit);
  doctest::Context context;
  context.applyCommandLine(count, words);
  const int status = context.run();
  finished = true;
  return status;
}
