#include "runtime/check/rival_check.h"

#include <cstring>

#include "base/interrupt.h"
#include "kernels/tensor/tile.h"
#include "runtime/check/op_call.h"

namespace mien {
namespace {

constexpr GemmShape kGemms[] = {{1, 512, 512}, {18, 512, 512}, {80, 128, 128}};
constexpr ConvShape kConvs[] = {{1, 16, 12, 32, 64, 3, 1, 1},
                                {2, 17, 12, 32, 64, 3, 2, 1},
                                {1, 16, 12, 64, 32, 1, 1, 0},
                                {1, 16, 12, 32, 64, 1, 2, 0}};

std::vector<std::byte> ToElements(Precision precision, const std::vector<float>& floats) {
  std::vector<std::byte> bytes(floats.size() * static_cast<size_t>(ElementBytes(precision)));
  if (precision == Precision::kFloat) {
    std::memcpy(bytes.data(), floats.data(), bytes.size());
  } else {
    std::byte* to = bytes.data();
    for (const float value : floats)
      StoreElement(precision, value, std::exchange(to, to + ElementBytes(precision)));
  }
  return bytes;
}

std::vector<float> ToFloats(Precision precision, const std::vector<std::byte>& bytes) {
  std::vector<float> floats(bytes.size() / static_cast<size_t>(ElementBytes(precision)));
  if (precision != Precision::kHalf) {
    std::memcpy(floats.data(), bytes.data(), bytes.size());
    return floats;
  }
  for (size_t i = 0; i < floats.size(); ++i) {
    uint16_t half;
    std::memcpy(&half, bytes.data() + 2 * i, sizeof(half));
    floats[i] = HalfToFloat(half);
  }
  return floats;
}

// [N,C,...] with the channels last, and back.
std::vector<float> ChannelsLast(const std::vector<float>& x, int64_t n, int64_t channels, bool back = false) {
  std::vector<float> y(x.size());
  const int64_t pixels = static_cast<int64_t>(x.size()) / (n * channels);
  for (int64_t i = 0; i < static_cast<int64_t>(x.size()); ++i) {
    const int64_t p = i % pixels, c = i / pixels % channels, sample = i / pixels / channels;
    const auto last = static_cast<size_t>((sample * pixels + p) * channels + c);
    (back ? y[static_cast<size_t>(i)] : y[last]) = back ? x[last] : x[static_cast<size_t>(i)];
  }
  return y;
}

// Operands and the result of a rival on the device.
class RivalCall {
 public:
  Status Upload(const Device& device, void* stream, Precision precision, const std::vector<float>& x,
                const std::vector<float>& w, size_t y_elements, size_t workspace_bytes) {
    api_ = &device.api();
    stream_ = stream;
    precision_ = precision;
    bytes_ = y_elements * static_cast<size_t>(ElementBytes(precision));
    const std::vector<std::byte> x_bytes = ToElements(precision, x), w_bytes = ToElements(precision, w);
    MIEN_ASSIGN(x_, Filled(x_bytes));
    MIEN_ASSIGN(w_, Filled(w_bytes));
    MIEN_ASSIGN(y_, AllocateOnDevice(*api_, bytes_, "the result of a rival"));
    MIEN_ASSIGN(workspace_, AllocateOnDevice(*api_, workspace_bytes, "the work space of a rival"));
    return {};
  }
  Result<std::vector<float>> Download() {
    std::vector<std::byte> bytes(bytes_);
    MIEN_TRY(DeviceStatus(*api_, api_->download(bytes.data(), y_.get(), bytes_, stream_), "downloading"));
    MIEN_TRY(DeviceStatus(*api_, api_->synchronize(stream_), "running a rival"));
    return ToFloats(precision_, bytes);
  }
  const void* x() const { return x_.get(); }
  const void* w() const { return w_.get(); }
  void* y() const { return y_.get(); }
  void* workspace() const { return workspace_.get(); }

 private:
  // The bytes are there when this returns.
  Result<DeviceHandle> Filled(const std::vector<std::byte>& bytes) {
    MIEN_ASSIGN(DeviceHandle memory, AllocateOnDevice(*api_, bytes.size(), "operands of a rival"));
    MIEN_TRY(
        DeviceStatus(*api_, api_->upload(memory.get(), bytes.data(), bytes.size(), stream_), "uploading"));
    MIEN_TRY(DeviceStatus(*api_, api_->synchronize(stream_), "uploading"));
    return memory;
  }

  const DeviceApi* api_ = nullptr;
  void* stream_ = nullptr;
  Precision precision_ = Precision::kFloat;
  size_t bytes_ = 0;
  DeviceHandle x_, w_, y_, workspace_;
};

template <class Op>
Result<Call<Op>> RunOurs(const Device& device, const OpCase<Op>& c, Precision precision) {
  Call<Op> call = {c, std::vector<Shape>(Op::kOutputs), {}, {}, {}};
  MIEN_TRY(Prepare(&call));
  MIEN_TRY(RunOnDevice(GraphOf(call), device, precision, call.in, &call.out));
  return call;
}

OpCheck CheckOf(const std::string& op, const DeviceForm& form, const std::string& rival,
                const std::vector<float>& ours, const std::vector<float>& theirs) {
  // Both may be at their gates; in fp32 a rival may use Winograd's algorithm.
  return {op, form.name, 1, Compare(ours, theirs).rms, 2 * form.gate, "against " + rival};
}

OpCase<Linear> CaseOf(const GemmShape& s) {
  return {"", Tag::kTiny, {}, {{s.rows, s.inputs}, {s.outputs, s.inputs}, {}, {}, {}, {}}, 0.0};
}

OpCase<Conv2d> CaseOf(const ConvShape& s) {
  std::vector<Shape> shapes(Conv2d::kInputs);
  shapes[Conv2d::kX] = {s.batch, s.inputs, s.height, s.width};
  shapes[Conv2d::kWeight] = {s.outputs, s.inputs, s.kernel, s.kernel};
  return {"", Tag::kTiny, {{.stride = s.stride, .pad = s.pad}}, shapes, 0.0};
}

Result<OpCheck> CheckGemm(const Device& device, void* stream, const Cublas& cublas, const GemmShape& s,
                          const DeviceForm& form, const Call<Linear>& ours) {
  RivalCall call;
  MIEN_TRY(call.Upload(device, stream, form.precision, ours.in[Linear::kX], ours.in[Linear::kWeight],
                       ours.out[0].size(), 0));
  MIEN_TRY(cublas.Multiply(form.precision, s, call.x(), call.w(), call.y()));
  MIEN_ASSIGN(const std::vector<float> theirs, call.Download());
  return CheckOf(
      "linear " + std::to_string(s.rows) + "x" + std::to_string(s.inputs) + "x" + std::to_string(s.outputs),
      form, cublas.name(), ours.out[0], theirs);
}

Result<OpCheck> CheckConv(const Device& device, void* stream, const Cudnn& cudnn, const ConvShape& s,
                          const DeviceForm& form, const Call<Conv2d>& ours) {
  MIEN_ASSIGN(const Cudnn::Convolution prepared, cudnn.Prepare(form.precision, s));
  RivalCall call;
  MIEN_TRY(call.Upload(device, stream, form.precision, ChannelsLast(ours.in[Conv2d::kX], s.batch, s.inputs),
                       ChannelsLast(ours.in[Conv2d::kWeight], s.outputs, s.inputs), ours.out[0].size(),
                       prepared.workspace_bytes));
  MIEN_TRY(cudnn.Convolve(prepared, call.x(), call.w(), call.y(), call.workspace()));
  MIEN_ASSIGN(const std::vector<float> theirs, call.Download());
  const std::string kernel = std::to_string(s.kernel);
  return CheckOf("conv2d " + kernel + "x" + kernel + " stride " + std::to_string(s.stride), form,
                 cudnn.name(), ours.out[0], ChannelsLast(theirs, s.batch, s.outputs, true));
}

}  // namespace

Result<std::vector<OpCheck>> CheckAgainstRivals(const Device& device, Rivals* rivals) {
  void* const stream = rivals->stream;
  std::vector<OpCheck> checks;
  const auto add = [&](const std::string& rival, const Result<OpCheck>& check) {
    if (check.ok())
      checks.push_back(*check);
    else
      rivals->lines.push_back(rival + ": " + check.status().message());
    return CheckInterrupt();
  };
  for (const DeviceForm& form : kDeviceForms) {
    for (const GemmShape& shape : kGemms) {
      if (!rivals->cublas) break;
      const OpCase<Linear> c = CaseOf(shape);
      MIEN_ASSIGN(const Call<Linear> ours, RunOurs(device, c, form.precision));
      MIEN_TRY(add(rivals->cublas->name(), CheckGemm(device, stream, *rivals->cublas, shape, form, ours)));
    }
    for (const ConvShape& shape : kConvs) {
      if (!rivals->cudnn) break;
      const OpCase<Conv2d> c = CaseOf(shape);
      MIEN_ASSIGN(const Call<Conv2d> ours, RunOurs(device, c, form.precision));
      MIEN_TRY(add(rivals->cudnn->name(), CheckConv(device, stream, *rivals->cudnn, shape, form, ours)));
    }
  }
  return checks;
}

}  // namespace mien
