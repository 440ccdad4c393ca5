// Plain C inside: it runs before the C++ library is ready, and may not take memory itself.
#include "tests/support/shim.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>

extern "C" {  // glibc's own functions under their other names
void* __libc_malloc(size_t bytes);
void* __libc_calloc(size_t count, size_t bytes);
void* __libc_realloc(void* memory, size_t bytes);
void* __libc_memalign(size_t alignment, size_t bytes);
void __libc_free(void* memory);
}

namespace mien::testing {
namespace {

std::atomic<bool> armed{false};
std::atomic<long> calls{0}, live{0};
Fault armed_kind;
long fails_at;
bool fails_later;
char names[512];  // of the file functions that were called, until it is full; for tests of one thread

bool Fails(Fault kind, int error) {
  if (!armed.load(std::memory_order_relaxed) || kind != armed_kind) return false;
  const long call = calls.fetch_add(1, std::memory_order_relaxed);
  if (fails_at < 0 || call < fails_at || (call > fails_at && !fails_later)) return false;
  errno = error;
  return true;
}

bool NoMemory() { return Fails(Fault::kMemory, ENOMEM); }
bool BadFile(const char* function) {
  if (armed.load(std::memory_order_relaxed) && armed_kind == Fault::kFile && std::strlen(names) + 16 < sizeof names)
    std::strcat(std::strcat(names, function), " ");
  return Fails(Fault::kFile, EIO);
}

void* Taken(void* memory) {
  if (memory != nullptr) live.fetch_add(1, std::memory_order_relaxed);
  return memory;
}

// The C library's function of this name.
template <class Function>
Function* Next(const char* name, Function*) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}
#define MIEN_NEXT(name) static auto* const next = Next(#name, static_cast<decltype(&name)>(nullptr))

void DoNothing() {}

[[gnu::constructor]] void ArmByEnvironment() {
  const char* const exits = std::getenv("MIEN_FAULT_EXITS");
  for (long left = exits == nullptr ? 0 : std::strtol(exits, nullptr, 10); left > 0; --left) std::atexit(DoNothing);
  const char* const fault = std::getenv("MIEN_FAULT");
  if (fault == nullptr) return;
  const char* const number = std::strchr(fault, ':');
  if (number == nullptr) return;
  char* end = nullptr;
  const long at = std::strtol(number + 1, &end, 10);
  Arm(*fault == 'm' ? Fault::kMemory : *fault == 't' ? Fault::kThread : Fault::kFile, at, *end == '+');
}

[[gnu::destructor]] void WriteCount() {
  const long counted = Disarm();
  const char* const path = std::getenv("MIEN_FAULT_COUNT");
  if (path == nullptr) return;
  const int file = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0600);
  dprintf(file, "%ld\n", counted);
  close(file);
}

}  // namespace

void Arm(Fault kind, long at, bool all_later) {
  armed_kind = kind;
  fails_at = at;
  fails_later = all_later;
  calls = 0;
  *names = 0;
  armed = true;
}

long Disarm() {
  armed = false;
  return calls;
}

const char* FileCalls() { return names; }
long LiveAllocations() { return live; }

}  // namespace mien::testing

using namespace mien::testing;

extern "C" {

void* malloc(size_t bytes) noexcept { return NoMemory() ? nullptr : Taken(__libc_malloc(bytes)); }
void* calloc(size_t count, size_t bytes) noexcept {
  return NoMemory() ? nullptr : Taken(__libc_calloc(count, bytes));
}
void* realloc(void* memory, size_t bytes) noexcept {
  if (NoMemory()) return nullptr;
  void* const moved = __libc_realloc(memory, bytes);
  if (memory == nullptr) return Taken(moved);
  if (bytes == 0) live.fetch_sub(1, std::memory_order_relaxed);
  return moved;
}
void* memalign(size_t alignment, size_t bytes) noexcept {
  return NoMemory() ? nullptr : Taken(__libc_memalign(alignment, bytes));
}
void* aligned_alloc(size_t alignment, size_t bytes) noexcept { return memalign(alignment, bytes); }
int posix_memalign(void** memory, size_t alignment, size_t bytes) noexcept {
  void* const taken = memalign(alignment, bytes);
  if (taken == nullptr) return ENOMEM;
  *memory = taken;
  return 0;
}
void free(void* memory) noexcept {
  if (memory != nullptr) live.fetch_sub(1, std::memory_order_relaxed);
  __libc_free(memory);
}

int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*start)(void*),
                   void* argument) noexcept {
  MIEN_NEXT(pthread_create);
  if (Fails(Fault::kThread, EAGAIN)) return EAGAIN;
  return next(thread, attributes, start, argument);
}

int open(const char* path, int flags, ...) {
  MIEN_NEXT(open);
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, mode_t) : 0;
  va_end(arguments);
  return BadFile(__func__) ? -1 : next(path, flags, mode);
}
ssize_t read(int file, void* bytes, size_t count) {
  MIEN_NEXT(read);
  return BadFile(__func__) ? -1 : next(file, bytes, count);
}
ssize_t pread(int file, void* bytes, size_t count, off_t offset) {
  MIEN_NEXT(pread);
  return BadFile(__func__) ? -1 : next(file, bytes, count, offset);
}
// Not what is said on stderr.
ssize_t write(int file, const void* bytes, size_t count) {
  MIEN_NEXT(write);
  return file != STDERR_FILENO && BadFile(__func__) ? -1 : next(file, bytes, count);
}
int fsync(int file) {
  MIEN_NEXT(fsync);
  return BadFile(__func__) ? -1 : next(file);
}
// Closed all the same, as on Linux.
int close(int file) {
  MIEN_NEXT(close);
  const bool fails = BadFile(__func__);
  const int closed = next(file);
  if (!fails) return closed;
  errno = EIO;
  return -1;
}
int rename(const char* from, const char* to) noexcept {
  MIEN_NEXT(rename);
  return BadFile(__func__) ? -1 : next(from, to);
}
int mkostemp(char* path, int flags) {
  MIEN_NEXT(mkostemp);
  return BadFile(__func__) ? -1 : next(path, flags);
}
int fchmod(int file, mode_t mode) noexcept {
  MIEN_NEXT(fchmod);
  return BadFile(__func__) ? -1 : next(file, mode);
}
int stat(const char* path, struct stat* info) noexcept {
  MIEN_NEXT(stat);
  return BadFile(__func__) ? -1 : next(path, info);
}
int fstat(int file, struct stat* info) noexcept {
  MIEN_NEXT(fstat);
  return BadFile(__func__) ? -1 : next(file, info);
}
}
