#include "runtime/builtin_model.h"

#include "runtime/embedded_file.h"

namespace mien {

#ifdef MIEN_BUILTIN_MODEL

MIEN_EMBED_FILE(mien_builtin_model, MIEN_BUILTIN_MODEL);

Result<std::shared_ptr<const ModelFile>> OpenBuiltinModel() {
  const std::span<const std::byte> bytes(mien_builtin_model_begin, mien_builtin_model_end);
  auto opened = ModelFile::Open(std::make_shared<MemorySource>(bytes));
  if (!opened.ok()) return opened.status().Within("the built-in model");
  return opened;
}

#else

Result<std::shared_ptr<const ModelFile>> OpenBuiltinModel() {
  return Status::Error(Code::kUsage, "this build carries no built-in model: name a model file with --model");
}

#endif

}  // namespace mien
