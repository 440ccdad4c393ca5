#include "runtime/device_weights.h"

#include "base/buffer.h"

namespace mien {
namespace {

bool IsPlain(const DeviceWeight& weight) { return std::holds_alternative<std::monostate>(weight.op); }

}  // namespace

bool SameForm(const DeviceWeight& a, const DeviceWeight& b) {
  if (a.tensors != b.tensors || IsPlain(a) != IsPlain(b)) return false;
  return IsPlain(a) || (a.shapes == b.shapes && FastSameWeights(a.op, b.op));
}

DeviceWeights::Entry* DeviceWeights::Find(const Device& device, const DeviceWeight& weight) {
  std::string key;
  for (const std::string& tensor : weight.tensors) key += tensor + "\n";
  auto& candidates = entries_[key];
  for (Entry& entry : candidates) {
    if (entry.executor == device.executor && entry.ordinal == device.ordinal && SameForm(entry.weight, weight))
      return &entry;
  }
  candidates.push_back({device.executor, device.ordinal, weight, {}});
  return &candidates.back();
}

bool DeviceWeights::Holds(const Device& device, const DeviceWeight& weight) {
  std::lock_guard lock(mutex_);
  return !Find(device, weight)->form.expired();
}

Result<DeviceWeightHandle> DeviceWeights::Get(const Device& device, const DeviceValue& value, void* staging,
                                              void* stream) {
  std::lock_guard lock(mutex_);
  Entry* entry = Find(device, value.weight);
  if (DeviceWeightHandle form = entry->form.lock()) return form;
  MIEN_TRY(Pack(value, staging));
  const DeviceApi& api = device.api();
  MIEN_ASSIGN(DeviceHandle memory, AllocateOnDevice(api, value.bytes, value.name.c_str()));
  MIEN_TRY(DeviceStatus(api, api.upload(memory.get(), staging, value.bytes, stream), "uploading weights"));
  MIEN_TRY(DeviceStatus(api, api.synchronize(stream), "uploading weights"));
  DeviceWeightHandle form = std::move(memory);
  entry->form = form;
  return form;
}

Status DeviceWeights::Pack(const DeviceValue& value, void* staging) const {
  const DeviceWeight& weight = value.weight;
  if (IsPlain(weight))
    return read_(weight.tensors[0], {static_cast<float*>(staging), value.bytes / sizeof(float)});
  std::vector<Buffer> loaded(weight.tensors.size());
  std::vector<View<const float>> views(weight.tensors.size());
  for (size_t i = 0; i < views.size(); ++i) {
    views[i].shape = weight.shapes[i];
    if (weight.tensors[i].empty()) continue;
    const auto elements = static_cast<size_t>(weight.shapes[i].elements());
    MIEN_ASSIGN(loaded[i], Buffer::Uninitialised(sizeof(float) * elements, "weights being packed"));
    MIEN_TRY(read_(weight.tensors[i], {loaded[i].as<float>(), elements}));
    views[i].data = loaded[i].as<float>();
  }
  FastPack(weight.op, views, static_cast<std::byte*>(staging));
  return {};
}

}  // namespace mien
