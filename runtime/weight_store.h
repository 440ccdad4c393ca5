// The weights of one model in the forms that kernels read them: each form is read from the file, packed once
// and then shared, immutable, by every program and engine of the same backend that uses the same tensors in the
// same way (flow and flow_inverse share all their matrices). A form lives as long as an engine holds it.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "graph/reference.h"
#include "runtime/backend.h"
#include "weights/container.h"

namespace mien {

using WeightHandle = Memory;

class WeightStore {
 public:
  explicit WeightStore(const std::shared_ptr<const ModelFile>& model)
      : WeightStore(model->config(), [model](const std::string& tensor, std::span<float> out) {
          return model->ReadFloats(tensor, out);
        }) {}
  // Weights that are in no model file yet.
  WeightStore(ModelConfig config, WeightSource read) : config_(std::move(config)), read_(std::move(read)) {}

  const ModelConfig& config() const { return config_; }
  bool Holds(const Backend& backend, const WeightForm& form);
  // By form. What no engine holds is made, together in one block of memory, which lives as long as any of it. `check`
  // is asked before each; its error ends the making. What is packed is read to `workspace` (64-byte aligned), or,
  // where that is too small, to memory taken for the time.
  Result<std::vector<WeightHandle>> Get(const Backend& backend, const std::vector<WeightForm>& forms,
                                        const std::function<Status()>& check, std::span<std::byte> workspace);

 private:
  struct Entry {
    const void* place;
    int ordinal;
    WeightForm form;
    std::weak_ptr<void> held;
  };
  Entry* Find(const Backend& backend, const WeightForm& form);  // with mutex_ held
  Status Make(const WeightForm& form, std::byte* workspace, std::byte* made) const;

  ModelConfig config_;
  WeightSource read_;
  std::mutex mutex_;
  std::map<std::string, std::vector<Entry>> entries_;  // by the names of the tensors
};

}  // namespace mien
