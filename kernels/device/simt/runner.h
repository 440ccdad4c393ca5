// The host runner, as the tests see it: executes CUDA kernels on the CPU, thread by thread, so that every
// kernel is proven without a GPU. One launch at a time, on one operating-system thread. README.md says what
// it can and cannot see.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/status.h"

namespace mien::simt {

struct Options {
  // 0: threads, warps and blocks in order, each warp as far as it gets. Otherwise every block draws a random
  // priority per warp and the runnable warp of highest priority goes on (after Burckhardt et al., "A
  // randomized scheduler with probabilistic guarantees of finding bugs", 2010); lanes are rotated, blocks
  // shuffled. Uniformly random orders are too fair to find missing barriers.
  uint64_t seed = 0;
  size_t shared_limit = size_t{99} << 10;  // per block; the smallest of the architectures from sm_80 on
  bool traffic = false;                    // count wavefronts and sectors (needs the hooks)
};
void Configure(const Options& options);
const Options& CurrentOptions();

// Linear memory of the device: aligned to 256 bytes as cudaMalloc's, between guard zones that every launch
// checks, filled with 0xff bytes (NaN). Known to the race checker in units of `element_bytes`.
void* AllocateGlobal(size_t bytes, size_t element_bytes);
// Fills an array with NaN again. From now on kernels alone write it: with the hooks, a read of what none has
// written fails.
void PoisonGlobal(void* memory);
void FreeGlobal(void* memory);

template <class T>
class GlobalArray {
 public:
  explicit GlobalArray(size_t count, size_t element_bytes = sizeof(T))
      : data_(static_cast<T*>(AllocateGlobal(count * sizeof(T), element_bytes))), count_(count) {}
  GlobalArray(GlobalArray&& other) noexcept : data_(other.data_), count_(other.count_) {
    other.data_ = nullptr;
  }
  GlobalArray& operator=(GlobalArray&&) = delete;
  ~GlobalArray() {
    if (data_ != nullptr) FreeGlobal(data_);
  }
  T* data() const { return data_; }
  size_t size() const { return count_; }
  T& operator[](size_t i) const { return data_[i]; }
  T* begin() const { return data_; }
  T* end() const { return data_ + count_; }

 private:
  T* data_;
  size_t count_;
};

// True in a program whose kernels were compiled with the access hooks: launches then fail on races and on
// accesses outside the arrays.
bool HooksPresent();
uint64_t HookedAccesses();  // checked so far
bool AddressSanitizerPresent();

// Accesses of one source line, in requests: one instruction executed by one warp.
struct SiteTraffic {
  std::string path, place;  // "/source/add.cu:41", "add.cu:41"
  std::string kind;         // "shared read", "global write", ...
  uint64_t requests = 0;
  uint64_t actual = 0;  // shared: wavefronts; global: 32-byte sectors
  uint64_t ideal = 0;   // the fewest that could carry the same bytes
};
std::vector<SiteTraffic> TakeTraffic();  // since the last call
std::string TrafficTable(const std::vector<SiteTraffic>& traffic);

// Name and template arguments of a kernel as in a disassembly, without namespaces: "Convolve<__half, 64>".
std::string KernelName(const char* mangled_name);

// What has been launched so far, by KernelName.
struct LaunchSize {
  int threads = 0;          // per block, the most
  size_t shared_bytes = 0;  // dynamic, the most
  uint64_t launches = 0;
};
const std::map<std::string, LaunchSize>& LaunchedKernels();

}  // namespace mien::simt
