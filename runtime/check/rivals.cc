#include "runtime/check/rivals.h"

#ifdef MIEN_RIVALS
#include <dlfcn.h>
#endif

namespace mien {
namespace {

constexpr float kOne = 1.0f, kZero = 0.0f;

int TypeOf(Precision precision) { return precision == Precision::kHalf ? kRivalHalf : kRivalFloat; }

#ifdef MIEN_RIVALS
// The first of the files that can be loaded. It stays loaded.
Result<void*> LoadLibrary(std::initializer_list<const char*> files) {
  std::string tried;
  for (const char* file : files) {
    if (void* const library = dlopen(file, RTLD_NOW | RTLD_LOCAL)) return library;
    tried += (tried.empty() ? "" : "; ") + std::string(dlerror());
  }
  return Status::Error(Code::kDevice, "%s", tried.c_str());
}
void* Symbol(void* library, const char* name) { return dlsym(library, name); }
#else
Result<void*> LoadLibrary(std::initializer_list<const char*>) {
  return Status::Error(Code::kDevice, "this build loads no rivals (MIEN_RIVALS)");
}
void* Symbol(void*, const char*) { return nullptr; }
#endif

template <class Call>
Status Find(void* library, const char* name, Call* call) {
  *call = reinterpret_cast<Call>(Symbol(library, name));
  if (*call != nullptr) return {};
  return Status::Error(Code::kDevice, "has no %s", name);
}

template <class Calls>
Status Check(const Calls& calls, int status, const char* what) {
  if (status == 0) return {};
  return Status::Error(Code::kDevice, "%s: %s (%d)", what, calls.error(status), status);
}

Result<DeviceHandle> Made(const CudnnCalls& calls, int (*create)(void**), int (*destroy)(void*),
                          const char* what) {
  void* made = nullptr;
  MIEN_TRY(Check(calls, create(&made), what));
  return DeviceHandle(made, {destroy});
}

}  // namespace

#define MIEN_CALL(field, symbol, result, parameters) MIEN_TRY(Find(library, #symbol, &rival.calls_.field));

Result<Cublas> Cublas::Open(void* stream) {
  Cublas rival;
  MIEN_ASSIGN(void* const library, LoadLibrary({"libcublas.so.13", "libcublas.so.12"}));
  MIEN_CUBLAS_CALLS(MIEN_CALL)
  void* handle = nullptr;
  MIEN_TRY(Check(rival.calls_, rival.calls_.create(&handle), "creating a handle"));
  rival.handle_ = DeviceHandle(handle, {rival.calls_.destroy});
  int version = 0;
  MIEN_TRY(Check(rival.calls_, rival.calls_.version(handle, &version), "asking for the version"));
  MIEN_TRY(Check(rival.calls_, rival.calls_.set_stream(handle, stream), "setting the stream"));
  rival.name_ = "cuBLAS " + std::to_string(version);
  return rival;
}

Result<Cudnn> Cudnn::Open(void* stream) {
  Cudnn rival;
  MIEN_ASSIGN(void* const library, LoadLibrary({"libcudnn.so.9", "libcudnn.so.8"}));
  MIEN_CUDNN_CALLS(MIEN_CALL)
  void* handle = nullptr;
  MIEN_TRY(Check(rival.calls_, rival.calls_.create(&handle), "creating a handle"));
  rival.handle_ = DeviceHandle(handle, {rival.calls_.destroy});
  MIEN_TRY(Check(rival.calls_, rival.calls_.set_stream(handle, stream), "setting the stream"));
  rival.name_ = "cuDNN " + std::to_string(rival.calls_.version());
  return rival;
}

#undef MIEN_CALL

// Its matrices are stored by columns: y^T [outputs,rows] = w x^T, where w and x as they lie are w^T and x^T.
Status Cublas::Multiply(Precision precision, const GemmShape& shape, const void* x, const void* w,
                        void* y) const {
  const int type = TypeOf(precision);
  const int compute = precision == Precision::kTf32 ? kRivalComputeTf32 : kRivalCompute32;
  return Check(calls_,
               calls_.multiply(handle_.get(), kRivalTransposed, kRivalPlain, shape.outputs, shape.rows,
                               shape.inputs, &kOne, w, type, shape.inputs, x, type, shape.inputs, &kZero, y,
                               type, shape.outputs, compute, kRivalDefaultGemm),
               "multiplying");
}

Result<Cudnn::Convolution> Cudnn::Prepare(Precision precision, const ConvShape& s) const {
  const int type = TypeOf(precision);
  Convolution made;
  MIEN_ASSIGN(made.x, Made(calls_, calls_.create_tensor, calls_.destroy_tensor, "describing x"));
  MIEN_ASSIGN(made.w, Made(calls_, calls_.create_filter, calls_.destroy_filter, "describing w"));
  MIEN_ASSIGN(made.y, Made(calls_, calls_.create_tensor, calls_.destroy_tensor, "describing y"));
  MIEN_ASSIGN(made.op,
              Made(calls_, calls_.create_convolution, calls_.destroy_convolution, "describing the op"));
  void *const x = made.x.get(), *const w = made.w.get(), *const y = made.y.get(), *const op = made.op.get();
  MIEN_TRY(Check(calls_, calls_.set_tensor(x, kRivalChannelsLast, type, s.batch, s.inputs, s.height, s.width),
                 "describing x"));
  MIEN_TRY(Check(calls_,
                 calls_.set_filter(w, type, kRivalChannelsLast, s.outputs, s.inputs, s.kernel, s.kernel),
                 "describing w"));
  MIEN_TRY(
      Check(calls_,
            calls_.set_tensor(y, kRivalChannelsLast, type, s.batch, s.outputs, s.out_height(), s.out_width()),
            "describing y"));
  MIEN_TRY(Check(
      calls_,
      calls_.set_convolution(op, s.pad, s.pad, s.stride, s.stride, 1, 1, kRivalCrossCorrelation, kRivalFloat),
      "describing the op"));
  // Floats are multiplied as tf32 by default.
  constexpr int kMath[] = {kRivalFmaMath, kRivalDefaultMath, kRivalTensorMath};
  MIEN_TRY(Check(calls_, calls_.set_math(op, kMath[static_cast<size_t>(precision)]), "describing the op"));
  int found = 0;
  RivalAlgorithm best = {};
  MIEN_TRY(
      Check(calls_, calls_.choose(handle_.get(), x, w, op, y, 1, &found, &best), "choosing an algorithm"));
  MIEN_TRY(Check(calls_, best.status, "choosing an algorithm"));
  made.algorithm = best.algorithm;
  MIEN_TRY(Check(calls_, calls_.workspace(handle_.get(), x, w, op, y, made.algorithm, &made.workspace_bytes),
                 "asking for the work space"));
  return made;
}

Status Cudnn::Convolve(const Convolution& made, const void* x, const void* w, void* y,
                       void* workspace) const {
  return Check(calls_,
               calls_.convolve(handle_.get(), &kOne, made.x.get(), x, made.w.get(), w, made.op.get(),
                               made.algorithm, workspace, made.workspace_bytes, &kZero, made.y.get(), y),
               "convolving");
}

Rivals OpenRivals(void* stream) {
  Rivals rivals = {stream, {}, {}, {}};
  const auto open = [&](const char* name, auto opened, auto* place) {
    if (opened.ok()) *place = std::move(*opened);
    rivals.lines.push_back(opened.ok() ? (*place)->name()
                                       : std::string(name) + ": " + opened.status().message());
  };
  open("cuBLAS", Cublas::Open(stream), &rivals.cublas);
  open("cuDNN", Cudnn::Open(stream), &rivals.cudnn);
  return rivals;
}

}  // namespace mien
