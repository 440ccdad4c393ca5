// libcublas.so.13 on host memory: what arguments mean is as NVIDIA documents it, so that a wrong one gives
// wrong numbers.
#include "tests/cuda/runtime/fake_rivals/elements.h"

using namespace mien;

extern "C" {

int fake_mode = 0;
void* fake_stream = nullptr;

int cublasCreate_v2(void** handle) {
  if (fake_mode == 3) return 1;
  *handle = new int;
  return 0;
}
int cublasDestroy_v2(void* handle) { return delete static_cast<int*>(handle), 0; }
int cublasGetVersion_v2(void*, int* version) { return *version = 130000, 0; }
int cublasSetStream_v2(void*, void* stream) { return fake_stream = stream, 0; }
const char* cublasGetStatusString(int status) { return status == 1 ? "not initialized" : "not supported"; }

// By columns: c [m,n] = alpha op(a) op(b) + beta c, op(a) [m,k], op(b) [k,n].
int cublasGemmEx_64(void* handle, int a_operation, int b_operation, int64_t m, int64_t n, int64_t k,
                    const void* alpha, const void* a, int a_type, int64_t a_stride, const void* b, int b_type,
                    int64_t b_stride, const void* beta, void* c, int c_type, int64_t c_stride, int compute,
                    int algorithm) {
  const bool a_transposed = a_operation == kRivalTransposed, b_transposed = b_operation == kRivalTransposed;
  const bool tf32 = compute == kRivalComputeTf32;
  if (fake_mode == 2) return 8;
  if (handle == nullptr || algorithm != kRivalDefaultGemm || (compute != kRivalCompute32 && !tf32) ||
      !IsElementType(a_type) || a_type != b_type || a_type != c_type || (tf32 && a_type != kRivalFloat) ||
      a_stride < (a_transposed ? k : m) || b_stride < (b_transposed ? n : k) || c_stride < m) {
    return 7;
  }
  for (int64_t column = 0; column < n; ++column) {
    for (int64_t row = 0; row < m; ++row) {
      double sum = 0.0;
      for (int64_t i = 0; i < k; ++i) {
        const int64_t at_a = a_transposed ? i + row * a_stride : row + i * a_stride;
        const int64_t at_b = b_transposed ? column + i * b_stride : i + column * b_stride;
        sum += Element(a, a_type, at_a, tf32) * Element(b, b_type, at_b, tf32);
      }
      const float before = *static_cast<const float*>(beta);
      const int64_t at_c = row + column * c_stride;
      SetElement(c, c_type, at_c,
                 *static_cast<const float*>(alpha) * sum +
                     (before == 0.0f ? 0.0 : before * Element(c, c_type, at_c, false)));
    }
  }
  return 0;
}

}  // extern "C"
