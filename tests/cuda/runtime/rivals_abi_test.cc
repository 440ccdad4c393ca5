// What runtime/check/rivals_abi.h declares anew, against NVIDIA's headers. Where those are not installed nothing is
// compiled.
#if __has_include(<cublas_v2.h>) && __has_include(<cudnn.h>)
#include "runtime/check/rivals_abi.h"

#include <cublas_v2.h>
#include <cudnn.h>

#include <cstddef>
#include <type_traits>

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

namespace mien::testing {
namespace {

// Passed the same way: pointers, or whole numbers of the same size.
template <class A, class B>
constexpr bool kSame = sizeof(A) == sizeof(B) && std::is_pointer_v<A> == std::is_pointer_v<B> &&
                       !std::is_floating_point_v<A> && !std::is_floating_point_v<B>;

template <class A, class... As, class B, class... Bs>
constexpr bool SameCall(A (*)(As...), B (*)(Bs...)) {
  if constexpr (sizeof...(As) != sizeof...(Bs))
    return false;
  else
    return kSame<A, B> && (kSame<As, Bs> && ...);
}

#define MIEN_CALL(field, symbol, result, parameters) \
  static_assert(                                     \
      SameCall(static_cast<result(*) parameters>(nullptr), static_cast<decltype(&symbol)>(nullptr)));
MIEN_CUBLAS_CALLS(MIEN_CALL)
MIEN_CUDNN_CALLS(MIEN_CALL)
#undef MIEN_CALL

static_assert(int{kRivalFloat} == CUDA_R_32F && int{kRivalHalf} == CUDA_R_16F);
static_assert(int{kRivalFloat} == CUDNN_DATA_FLOAT && int{kRivalHalf} == CUDNN_DATA_HALF);
static_assert(int{kRivalPlain} == CUBLAS_OP_N && int{kRivalTransposed} == CUBLAS_OP_T);
static_assert(int{kRivalCompute32} == CUBLAS_COMPUTE_32F &&
              int{kRivalComputeTf32} == CUBLAS_COMPUTE_32F_FAST_TF32);
static_assert(int{kRivalDefaultGemm} == CUBLAS_GEMM_DEFAULT);
static_assert(int{kRivalChannelsLast} == CUDNN_TENSOR_NHWC &&
              int{kRivalCrossCorrelation} == CUDNN_CROSS_CORRELATION);
static_assert(int{kRivalDefaultMath} == CUDNN_DEFAULT_MATH);
static_assert(int{kRivalTensorMath} == CUDNN_TENSOR_OP_MATH && int{kRivalFmaMath} == CUDNN_FMA_MATH);

using Theirs = cudnnConvolutionFwdAlgoPerf_t;
static_assert(sizeof(RivalAlgorithm) == sizeof(Theirs));
static_assert(offsetof(RivalAlgorithm, algorithm) == offsetof(Theirs, algo));
static_assert(offsetof(RivalAlgorithm, status) == offsetof(Theirs, status));
static_assert(offsetof(RivalAlgorithm, workspace_bytes) == offsetof(Theirs, memory));
static_assert(offsetof(RivalAlgorithm, math) == offsetof(Theirs, mathType));

}  // namespace
}  // namespace mien::testing
#endif
