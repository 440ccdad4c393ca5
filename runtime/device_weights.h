// The weights of one model on devices: each form (graph/lowering/device_graph.h) is read, packed on the host and uploaded once,
// then shared, immutable, by every program and engine that packs the same tensors in the same way.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "graph/lowering/device_graph.h"
#include "graph/reference.h"
#include "runtime/device.h"

namespace mien {

using DeviceWeightHandle = std::shared_ptr<void>;  // the address on the device

// The same bytes, and so one form.
bool SameForm(const DeviceWeight& a, const DeviceWeight& b);

class DeviceWeights {
 public:
  explicit DeviceWeights(WeightSource read) : read_(std::move(read)) {}

  bool Holds(const Device& device, const DeviceWeight& weight);
  // Makes the form of `value` when no engine holds it: packed into `staging`, pinned memory of value.bytes.
  Result<DeviceWeightHandle> Get(const Device& device, const DeviceValue& value, void* staging, void* stream);

 private:
  struct Entry {
    const Executor* executor;
    int ordinal;
    DeviceWeight weight;
    std::weak_ptr<void> form;
  };
  Entry* Find(const Device& device, const DeviceWeight& weight);  // with mutex_ held
  Status Pack(const DeviceValue& value, void* staging) const;

  WeightSource read_;
  std::mutex mutex_;
  std::map<std::string, std::vector<Entry>> entries_;  // by the names of the tensors
};

}  // namespace mien
