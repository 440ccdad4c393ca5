// The weights of one model in the forms that kernels read them: each form is read from the file, packed once
// and then shared, immutable, by every program and engine that uses the same tensors in the same way (flow
// and flow_inverse share all their matrices). A form lives as long as an engine holds it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "graph/graph.h"
#include "base/buffer.h"
#include "runtime/device_weights.h"
#include "weights/container.h"

namespace mien {

using WeightHandle = std::shared_ptr<const float>;

// One way of using weights. With an op: what its Pack makes of `tensors`, one name per input, empty where the
// input is not a weight. Without (std::monostate): the plain floats of tensors[0], its shape in shapes[0].
struct WeightUse {
  AnyOp op = std::monostate();
  std::vector<std::string> tensors;
  std::vector<Shape> shapes;  // of the op's inputs; the batch of inputs that are not weights is cleared

  bool operator==(const WeightUse&) const = default;
  uint64_t bytes() const;          // of the form
  uint64_t loading_bytes() const;  // taken besides while it is being made
};

WeightUse PlainUse(const std::string& tensor, const Shape& shape);

class WeightStore {
 public:
  explicit WeightStore(const std::shared_ptr<const ModelFile>& model)
      : WeightStore(model->config(), [model](const std::string& tensor, std::span<float> out) {
          return model->ReadFloats(tensor, out);
        }) {}
  // Weights that are in no model file yet.
  WeightStore(ModelConfig config, const WeightSource& read)
      : config_(std::move(config)), read_(read), on_devices_(read) {}

  const ModelConfig& config() const { return config_; }
  DeviceWeights& on_devices() { return on_devices_; }
  bool Holds(const WeightUse& use);
  // The forms of `uses`. What no engine holds is made, together in one block of memory, which lives as long
  // as any of it. `check` is asked before each; its error ends the making. What is packed is read to
  // `workspace` (64-byte aligned), or, where that is too small, to memory taken for the time.
  Result<std::vector<WeightHandle>> Get(const std::vector<WeightUse>& uses,
                                        const std::function<Status()>& check,
                                        std::span<std::byte> workspace);

 private:
  struct Entry {
    WeightUse use;
    std::weak_ptr<const float> form;
  };
  Entry* Find(const WeightUse& use);  // with mutex_ held
  Status Make(const WeightUse& use, std::byte* workspace, float* form) const;

  ModelConfig config_;
  WeightSource read_;
  std::mutex mutex_;
  std::map<std::string, std::vector<Entry>> entries_;  // by the first tensor's name
  DeviceWeights on_devices_;
};

}  // namespace mien
