// The container through both doors: any tensor file, and a model file.
#pragma once

#include "tests/fuzz/touch.h"

namespace mien::fuzz {

inline int FuzzContainer(const uint8_t* data, size_t size) {
  const auto source = Borrow(data, size);
  if (const auto file = TensorFile::Open(source, TensorFile::Profile::kPlain); file.ok()) Touch(*file);
  const auto model = ModelFile::Open(source);
  if (!model.ok()) return 0;
  Touch((*model)->file());
  if (ExpectedTensors((*model)->config()).size() != (*model)->file().tensors().size())
    Bug("a model with other tensors");
  const auto again = ConfigFromJson(ConfigToJson((*model)->config()));
  if (!again.ok() || ConfigToJson(*again) != ConfigToJson((*model)->config())) Bug("a config that changes");
  return 0;
}

}  // namespace mien::fuzz
