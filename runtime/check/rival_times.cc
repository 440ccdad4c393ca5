#include "runtime/check/rival_times.h"

#include <algorithm>
#include <optional>

#include "base/interrupt.h"
#include "kernels/tensor/tile.h"

namespace mien {
namespace {

// What a rival would have to do for a step.
struct RivalWork {
  std::optional<GemmShape> gemm;
  std::optional<ConvShape> conv;
};

template <class Call>
RivalWork WorkOf(const Call&) {
  return {};
}

RivalWork WorkOf(const FastOpCall<FastConv>& call) {
  const FastConv::Params& p = call.params;
  const FastConv::Weights& w = p.weights;
  if (w.groups != 1 || w.taps != w.kernel) return {};
  ConvShape shape = {p.batch,
                     p.height,
                     p.width,
                     static_cast<int>(MapChannels(w.inputs)),
                     static_cast<int>(MapChannels(w.outputs)),
                     w.kernel,
                     p.stride,
                     p.pad};
  if (shape.out_height() != p.out_height || shape.out_width() != p.out_width) return {};
  return {{}, shape};
}

RivalWork WorkOf(const FastOpCall<FastModConv>& call) {
  const FastModConv::Params& p = call.params;
  if (p.weights.up) return {};
  return {{},
          ConvShape{p.batch, p.height, p.width, static_cast<int>(MapChannels(p.weights.inputs)),
                    static_cast<int>(MapChannels(p.weights.outputs)), 3, 1, 1}};
}

RivalWork WorkOf(const FastOpCall<RowsLinear>& call) {
  return {GemmShape{call.params.rows, call.params.weights.inputs, call.params.weights.outputs}, {}};
}

RivalWork WorkOf(const FastOpCall<RowsCoupling>& call) {
  const RowsCoupling::Weights& w = call.params.weights;
  return {GemmShape{call.params.rows, w.inputs, (w.additive ? 1 : 2) * w.transformed}, {}};
}

RivalWork WorkOf(const PlainOp& plain) {
  const auto dim = [&](size_t operand, int i) { return static_cast<int>(plain.in[operand][i]); };
  if (const auto* conv = std::get_if<OpCall<Conv2d>>(&plain.op); conv != nullptr && conv->params.end_pad == 0) {
    return {
        {},
        ConvShape{dim(Conv2d::kX, 0), dim(Conv2d::kX, 2), dim(Conv2d::kX, 3), dim(Conv2d::kX, 1),
                  dim(Conv2d::kWeight, 0), dim(Conv2d::kWeight, 2), conv->params.stride, conv->params.pad}};
  }
  if (const auto* conv = std::get_if<OpCall<ModConv>>(&plain.op); conv != nullptr && !conv->params.up) {
    const int kernel = dim(ModConv::kWeight, 2);
    return {{},
            ConvShape{dim(ModConv::kX, 0), dim(ModConv::kX, 2), dim(ModConv::kX, 3), dim(ModConv::kX, 1),
                      dim(ModConv::kWeight, 0), kernel, 1, kernel / 2}};
  }
  if (std::get_if<OpCall<Linear>>(&plain.op) != nullptr) {
    const int outputs = dim(Linear::kWeight, 0);
    return {GemmShape{static_cast<int>(plain.out[0].elements() / outputs), dim(Linear::kWeight, 1), outputs},
            {}};
  }
  return {};
}

// Elements of x, w and y, each up to where the next may begin: at a multiple of 256 bytes.
struct Sizes {
  uint64_t x = 0, w = 0, y = 0;
  uint64_t all() const { return x + w + y; }
};
uint64_t Product(std::initializer_list<int> dims) {
  uint64_t product = 1;
  for (const int dim : dims) product *= static_cast<uint64_t>(dim);
  return (product + 127) / 128 * 128;
}
Sizes SizesOf(const GemmShape& s) {
  return {Product({s.rows, s.inputs}), Product({s.outputs, s.inputs}), Product({s.rows, s.outputs})};
}
Sizes SizesOf(const ConvShape& s) {
  return {Product({s.batch, s.height, s.width, s.inputs}), Product({s.outputs, s.kernel, s.kernel, s.inputs}),
          Product({s.batch, s.out_height(), s.out_width(), s.outputs})};
}

// Numbers in [-1, 1) of the precision's element: what a multiplier costs depends on its bits.
Status FillWithNumbers(const DeviceApi& api, void* stream, Precision precision, void* memory,
                       uint64_t elements) {
  constexpr uint64_t kAtOnce = uint64_t{1} << 20;
  const auto each = static_cast<uint64_t>(ElementBytes(precision));
  std::vector<std::byte> numbers(kAtOnce * each);
  for (uint64_t i = 0; i < kAtOnce; ++i) {
    const float value = static_cast<float>(static_cast<uint32_t>(i) * 2654435769u >> 8) * 0x1p-23f - 1.0f;
    StoreElement(precision, value, numbers.data() + i * each);
  }
  for (uint64_t first = 0; first < elements; first += kAtOnce) {
    const uint64_t bytes = std::min(kAtOnce, elements - first) * each;
    std::byte* const place = static_cast<std::byte*>(memory) + first * each;
    MIEN_TRY(DeviceStatus(api, api.upload(place, numbers.data(), bytes, stream), "uploading numbers"));
  }
  return DeviceStatus(api, api.synchronize(stream), "uploading numbers");
}

// Operands and result of any of the steps, one after the other.
struct RivalMemory {
  DeviceHandle numbers;
  uint64_t element_bytes;
  std::byte* at(uint64_t elements) const {
    return static_cast<std::byte*>(numbers.get()) + elements * element_bytes;
  }
};

Result<Spread> TimeGemm(const Device& device, void* stream, const Cublas& cublas, Precision precision,
                        const RivalMemory& memory, const GemmShape& s) {
  const Sizes sizes = SizesOf(s);
  return TimeOnDevice(device.api(), stream, [&] {
    return cublas.Multiply(precision, s, memory.at(0), memory.at(sizes.x), memory.at(sizes.x + sizes.w));
  });
}

Result<Spread> TimeConv(const Device& device, void* stream, const Cudnn& cudnn, Precision precision,
                        const RivalMemory& memory, const ConvShape& s) {
  const Sizes sizes = SizesOf(s);
  MIEN_ASSIGN(const Cudnn::Convolution prepared, cudnn.Prepare(precision, s));
  MIEN_ASSIGN(const DeviceHandle workspace,
              AllocateOnDevice(device.api(), prepared.workspace_bytes, "the work space of a rival"));
  return TimeOnDevice(device.api(), stream, [&] {
    return cudnn.Convolve(prepared, memory.at(0), memory.at(sizes.x), memory.at(sizes.x + sizes.w), workspace.get());
  });
}

}  // namespace

Result<std::vector<RivalTime>> TimeRivals(const Device& device, const Program& program, const Rivals& rivals) {
  const std::vector<Executable::Call>& calls = program.executable().calls;
  const Precision precision = program.executable().precision;
  void* const stream = rivals.stream;
  std::vector<RivalWork> works;
  uint64_t elements = 0;
  for (const Executable::Call& call : calls) {
    works.push_back(std::visit([](const auto& step) { return WorkOf(step); }, call.fast()));
    if (works.back().gemm) elements = std::max(elements, SizesOf(*works.back().gemm).all());
    if (works.back().conv) elements = std::max(elements, SizesOf(*works.back().conv).all());
  }
  RivalMemory memory = {DeviceHandle(), static_cast<uint64_t>(ElementBytes(precision))};
  MIEN_ASSIGN(memory.numbers,
              AllocateOnDevice(device.api(), elements * memory.element_bytes, "operands of the rivals"));
  MIEN_TRY(FillWithNumbers(device.api(), stream, precision, memory.numbers.get(), elements));
  std::vector<RivalTime> times(calls.size());
  for (size_t n = 0; n < calls.size(); ++n) {
    MIEN_TRY(CheckInterrupt());
    Result<Spread> time = Spread();
    if (works[n].gemm && rivals.cublas) {
      time = TimeGemm(device, stream, *rivals.cublas, precision, memory, *works[n].gemm);
      times[n].rival = rivals.cublas->name();
    } else if (works[n].conv && rivals.cudnn) {
      time = TimeConv(device, stream, *rivals.cudnn, precision, memory, *works[n].conv);
      times[n].rival = rivals.cudnn->name();
    }
    times[n] = time.ok() ? RivalTime{times[n].rival, time->median} : RivalTime();
  }
  return times;
}

}  // namespace mien
