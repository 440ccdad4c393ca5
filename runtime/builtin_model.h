// The models inside the program: files of weights/builtin, put into the read-only data of the library when it was
// built, so that it runs anywhere without a data folder. People who do not exist, and the face networks.
#pragma once

#include <memory>

#include "weights/container.h"

namespace mien {

// kUsage when this build carries none.
Result<std::shared_ptr<const ModelFile>> OpenBuiltinModel();
Result<std::shared_ptr<const ModelFile>> OpenBuiltinFaces();

}  // namespace mien
