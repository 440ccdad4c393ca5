#include "runtime/check/instruction_check.h"

#include "base/interrupt.h"

namespace mien {
namespace {

constexpr size_t kInBytes = kWrapperInWords * sizeof(uint32_t),
                 kOutBytes = kWrapperOutWords * sizeof(uint32_t);

// The answers, from memory of kInBytes + kOutBytes.
Result<std::vector<uint32_t>> Answers(const Device& device, void* stream, std::byte* memory, Wrapper wrapper,
                                      const std::vector<uint32_t>& in) {
  const DeviceApi& api = device.api();
  std::vector<uint32_t> out(kWrapperOutWords, 0);
  auto* const answers = reinterpret_cast<uint32_t*>(memory + kInBytes);
  MIEN_TRY(DeviceStatus(api, api.upload(memory, in.data(), kInBytes, stream), "uploading inputs"));
  MIEN_TRY(DeviceStatus(api, api.upload(answers, out.data(), kOutBytes, stream), "uploading inputs"));
  MIEN_TRY(
      device.executor->run_wrapper(wrapper, {reinterpret_cast<uint32_t*>(memory), answers, {&api, stream}}));
  MIEN_TRY(DeviceStatus(api, api.download(out.data(), answers, kOutBytes, stream), "downloading answers"));
  MIEN_TRY(DeviceStatus(api, api.synchronize(stream), "running"));
  return out;
}

}  // namespace

Result<std::vector<OpCheck>> CheckWrappersOnDevice(const Device& device) {
  std::vector<OpCheck> checks;
  MIEN_ASSIGN(const DeviceHandle stream, CreateStream(device.api()));
  MIEN_ASSIGN(const DeviceHandle memory,
              AllocateOnDevice(device.api(), kInBytes + kOutBytes, "words of the wrappers"));
  for (int w = 0; w < static_cast<int>(Wrapper::kCount); ++w) {
    MIEN_TRY(CheckInterrupt());
    const auto wrapper = static_cast<Wrapper>(w);
    const std::vector<uint32_t> in = WrapperInput(wrapper);
    const auto out = Answers(device, stream.get(), static_cast<std::byte*>(memory.get()), wrapper, in);
    if (!out.ok()) return out.status().Within("%s", WrapperName(wrapper));
    const WrapperError found = CompareWrapper(wrapper, in, *out);
    checks.push_back({WrapperName(wrapper), "ptx", kWrapperBlocks, found.error, found.tolerance, ""});
  }
  return checks;
}

}  // namespace mien
