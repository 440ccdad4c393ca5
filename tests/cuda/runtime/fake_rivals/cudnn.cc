// libcudnn.so.9 on host memory, as far as a forward convolution goes.
#include <new>

#include "tests/cuda/runtime/fake_rivals/elements.h"

using namespace mien;

namespace {

constexpr int kBadParam = 2000, kAlgorithm = 6;
constexpr size_t kWorkspaceBytes = 64;

struct Described {  // a tensor, a filter or an op
  int format = -1, type = -1, n = 0, c = 0, h = 0, w = 0;
  int pad = 0, stride = 0, math = -1;

  int64_t At(int i, int channel, int row, int column) const {
    if (format == kRivalChannelsLast) return ((int64_t{i} * h + row) * w + column) * c + channel;
    return ((int64_t{i} * c + channel) * h + row) * w + column;
  }
};

int Create(void** made) { return *made = new Described, 0; }
int Destroy(void* made) { return delete static_cast<Described*>(made), 0; }
Described& Of(void* made) { return *static_cast<Described*>(made); }

bool Fit(const Described& x, const Described& w, const Described& op, const Described& y) {
  const auto out = [&](int side, int kernel) { return (side + 2 * op.pad - kernel) / op.stride + 1; };
  return IsElementType(x.type) && x.type == w.type && x.type == y.type && w.c == x.c && y.n == x.n &&
         y.c == w.n && y.h == out(x.h, w.h) && y.w == out(x.w, w.w) &&
         (op.math == kRivalTensorMath || (x.type == kRivalFloat && op.math >= 0));
}

}  // namespace

extern "C" {

int fake_mode = 0;
void* fake_stream = nullptr;

int cudnnCreate(void** handle) { return fake_mode == 3 ? 1 : Create(handle); }
int cudnnDestroy(void* handle) { return Destroy(handle); }
size_t cudnnGetVersion() { return 91300; }
int cudnnSetStream(void*, void* stream) { return fake_stream = stream, 0; }
const char* cudnnGetErrorString(int status) { return status == 1 ? "not initialized" : "not supported"; }
int cudnnCreateTensorDescriptor(void** made) { return Create(made); }
int cudnnDestroyTensorDescriptor(void* made) { return Destroy(made); }
int cudnnCreateFilterDescriptor(void** made) { return Create(made); }
int cudnnDestroyFilterDescriptor(void* made) { return Destroy(made); }
int cudnnCreateConvolutionDescriptor(void** made) { return Create(made); }
int cudnnDestroyConvolutionDescriptor(void* made) { return Destroy(made); }

int cudnnSetTensor4dDescriptor(void* made, int format, int type, int n, int c, int h, int w) {
  Of(made) = {format, type, n, c, h, w};
  return 0;
}
int cudnnSetFilter4dDescriptor(void* made, int type, int format, int outputs, int inputs, int h, int w) {
  Of(made) = {format, type, outputs, inputs, h, w};
  return 0;
}
int cudnnSetConvolution2dDescriptor(void* made, int pad_h, int pad_w, int stride_h, int stride_w,
                                    int dilation_h, int dilation_w, int mode, int compute_type) {
  if (pad_h != pad_w || stride_h != stride_w || stride_h < 1 || dilation_h != 1 || dilation_w != 1 ||
      mode != kRivalCrossCorrelation || compute_type != kRivalFloat) {
    return kBadParam;
  }
  Of(made).pad = pad_h;
  Of(made).stride = stride_h;
  return 0;
}
int cudnnSetConvolutionMathType(void* made, int math) { return Of(made).math = math, 0; }

int cudnnGetConvolutionForwardAlgorithm_v7(void* handle, void* x, void* w, void* op, void* y, int requested,
                                           int* found, RivalAlgorithm* algorithms) {
  if (handle == nullptr || requested < 1 || !Fit(Of(x), Of(w), Of(op), Of(y))) return kBadParam;
  *found = 1;
  *algorithms = {kAlgorithm, 0, -1.0f, kWorkspaceBytes, 1, Of(op).math, {}};
  return 0;
}
int cudnnGetConvolutionForwardWorkspaceSize(void*, void*, void*, void*, void*, int algorithm, size_t* bytes) {
  return *bytes = kWorkspaceBytes, algorithm == kAlgorithm ? 0 : kBadParam;
}

int cudnnConvolutionForward(void* handle, const void* alpha, void* x_made, const void* x_data, void* w_made,
                            const void* w_data, void* op_made, int algorithm, void* workspace,
                            size_t workspace_bytes, const void* beta, void* y_made, void* y_data) {
  if (fake_mode == 2) return 8;
  const Described &x = Of(x_made), &w = Of(w_made), &op = Of(op_made), &y = Of(y_made);
  if (handle == nullptr || algorithm != kAlgorithm || workspace_bytes < kWorkspaceBytes ||
      !Fit(x, w, op, y) || *static_cast<const float*>(alpha) != 1.0f ||
      *static_cast<const float*>(beta) != 0.0f) {
    return kBadParam;
  }
  std::memset(workspace, 0xff, workspace_bytes);
  const bool tf32 = op.math != kRivalFmaMath;
  for (int n = 0; n < y.n; ++n) {
    for (int o = 0; o < y.c; ++o) {
      for (int row = 0; row < y.h; ++row) {
        for (int column = 0; column < y.w; ++column) {
          double sum = 0.0;
          for (int i = 0; i < w.h * w.w * w.c; ++i) {
            const int c = i % w.c, dx = i / w.c % w.w, dy = i / w.c / w.w;
            const int from_row = row * op.stride + dy - op.pad,
                      from_column = column * op.stride + dx - op.pad;
            if (from_row < 0 || from_row >= x.h || from_column < 0 || from_column >= x.w) continue;
            sum += Element(x_data, x.type, x.At(n, c, from_row, from_column), tf32) *
                   Element(w_data, w.type, w.At(o, c, dy, dx), tf32);
          }
          SetElement(y_data, y.type, y.At(n, o, row, column), sum);
        }
      }
    }
  }
  return 0;
}

}  // extern "C"
