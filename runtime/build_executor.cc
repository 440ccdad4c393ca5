#include "runtime/device.h"

namespace mien {

// Alone in its file, so that a program that links kernels for another device defines it anew (tests/cuda/runtime).
const Executor* BuildExecutor() {
#ifdef MIEN_CUDA_BUILD
  return &cuda::TheExecutor();
#else
  return nullptr;
#endif
}

}  // namespace mien
