// The model inside the program: weights/builtin/mien.safetensors, put into the read-only data of the library
// when it was built, so that the program runs anywhere without a data folder.
#pragma once

#include <memory>

#include "weights/container.h"

namespace mien {

// kUsage when this build carries none.
Result<std::shared_ptr<const ModelFile>> OpenBuiltinModel();

}  // namespace mien
