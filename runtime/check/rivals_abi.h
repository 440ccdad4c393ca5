// What is called of cuBLAS and cuDNN, declared anew, because their headers are not needed to build: handles
// and descriptors are void*, enumerators are int. tests/cuda/runtime/rivals_abi_test.cc holds every line to
// NVIDIA's headers where they are installed. MIEN_CALL(field, symbol, result, parameters).
#pragma once

#include <cstddef>
#include <cstdint>

namespace mien {

// cudaDataType and cudnnDataType_t have the same numbers.
enum RivalType { kRivalFloat = 0, kRivalHalf = 2 };
enum RivalOperation { kRivalPlain = 0, kRivalTransposed = 1 };
enum RivalCompute { kRivalCompute32 = 68, kRivalComputeTf32 = 77 };
enum RivalGemm { kRivalDefaultGemm = -1 };
enum RivalFormat { kRivalChannelsLast = 1 };
enum RivalMode { kRivalCrossCorrelation = 1 };
enum RivalMath { kRivalDefaultMath = 0, kRivalTensorMath = 1, kRivalFmaMath = 3 };

struct RivalAlgorithm {
  int algorithm, status;
  float milliseconds;
  size_t workspace_bytes;
  int determinism, math;
  int reserved[3];
};

#define MIEN_CUBLAS_CALLS(MIEN_CALL)                                                                       \
  MIEN_CALL(create, cublasCreate_v2, int, (void** handle))                                                 \
  MIEN_CALL(destroy, cublasDestroy_v2, int, (void* handle))                                                \
  MIEN_CALL(version, cublasGetVersion_v2, int, (void* handle, int* version))                               \
  MIEN_CALL(set_stream, cublasSetStream_v2, int, (void* handle, void* stream))                             \
  MIEN_CALL(error, cublasGetStatusString, const char*, (int status))                                       \
  MIEN_CALL(                                                                                               \
      multiply, cublasGemmEx_64, int,                                                                      \
      (void* handle, int a_operation, int b_operation, int64_t m, int64_t n, int64_t k, const void* alpha, \
       const void* a, int a_type, int64_t a_stride, const void* b, int b_type, int64_t b_stride,           \
       const void* beta, void* c, int c_type, int64_t c_stride, int compute, int algorithm))

#define MIEN_CUDNN_CALLS(MIEN_CALL)                                                                       \
  MIEN_CALL(create, cudnnCreate, int, (void** handle))                                                    \
  MIEN_CALL(destroy, cudnnDestroy, int, (void* handle))                                                   \
  MIEN_CALL(version, cudnnGetVersion, size_t, ())                                                         \
  MIEN_CALL(set_stream, cudnnSetStream, int, (void* handle, void* stream))                                \
  MIEN_CALL(error, cudnnGetErrorString, const char*, (int status))                                        \
  MIEN_CALL(create_tensor, cudnnCreateTensorDescriptor, int, (void** tensor))                             \
  MIEN_CALL(destroy_tensor, cudnnDestroyTensorDescriptor, int, (void* tensor))                            \
  MIEN_CALL(set_tensor, cudnnSetTensor4dDescriptor, int,                                                  \
            (void* tensor, int format, int type, int n, int c, int h, int w))                             \
  MIEN_CALL(create_filter, cudnnCreateFilterDescriptor, int, (void** filter))                             \
  MIEN_CALL(destroy_filter, cudnnDestroyFilterDescriptor, int, (void* filter))                            \
  MIEN_CALL(set_filter, cudnnSetFilter4dDescriptor, int,                                                  \
            (void* filter, int type, int format, int outputs, int inputs, int h, int w))                  \
  MIEN_CALL(create_convolution, cudnnCreateConvolutionDescriptor, int, (void** convolution))              \
  MIEN_CALL(destroy_convolution, cudnnDestroyConvolutionDescriptor, int, (void* convolution))             \
  MIEN_CALL(set_convolution, cudnnSetConvolution2dDescriptor, int,                                        \
            (void* convolution, int pad_h, int pad_w, int stride_h, int stride_w, int dilation_h,         \
             int dilation_w, int mode, int compute_type))                                                 \
  MIEN_CALL(set_math, cudnnSetConvolutionMathType, int, (void* convolution, int math))                    \
  MIEN_CALL(choose, cudnnGetConvolutionForwardAlgorithm_v7, int,                                          \
            (void* handle, void* x, void* w, void* convolution, void* y, int requested, int* found,       \
             RivalAlgorithm* algorithms))                                                                 \
  MIEN_CALL(workspace, cudnnGetConvolutionForwardWorkspaceSize, int,                                      \
            (void* handle, void* x, void* w, void* convolution, void* y, int algorithm, size_t* bytes))   \
  MIEN_CALL(convolve, cudnnConvolutionForward, int,                                                       \
            (void* handle, const void* alpha, void* x, const void* x_data, void* w, const void* w_data,   \
             void* convolution, int algorithm, void* workspace, size_t workspace_bytes, const void* beta, \
             void* y, void* y_data))

#define MIEN_CALL(field, symbol, result, parameters) result(*field) parameters = nullptr;
struct CublasCalls {
  MIEN_CUBLAS_CALLS(MIEN_CALL)
};
struct CudnnCalls {
  MIEN_CUDNN_CALLS(MIEN_CALL)
};
#undef MIEN_CALL

}  // namespace mien
