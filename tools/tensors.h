// Tensors exchanged with the outside: ordinary safetensors files, and .npz archives as the public scripts
// write and read them (numpy.savez; key "f" or "w" is w_plus). Everything is float32 in memory.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "runtime/base/tensor.h"

namespace mien {

struct NamedTensor {
  std::string name;
  Shape shape;
  std::vector<float> values;
};

// Which of the two it is, the content says.
Result<std::vector<NamedTensor>> ReadTensors(const std::string& path);
// Which of the two it becomes, the name says: .npz, anything else is safetensors.
Status WriteTensors(const std::string& path, const std::vector<NamedTensor>& tensors,
                    const std::map<std::string, std::string>& metadata);

const NamedTensor* FindTensor(const std::vector<NamedTensor>& tensors,
                              const std::string& name);  // null: not there

}  // namespace mien
