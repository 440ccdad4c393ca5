#include "runtime/builtin_model.h"

namespace mien {

#ifdef MIEN_BUILTIN_MODEL

// The file as it is, 64-byte aligned, between two symbols.
__asm__(
    ".pushsection .rodata\n"
    ".balign 64\n"
    "mien_builtin_model_begin:\n"
    ".incbin \"" MIEN_BUILTIN_MODEL
    "\"\n"
    "mien_builtin_model_end:\n"
    ".popsection\n");
extern "C" const std::byte mien_builtin_model_begin[] __attribute__((visibility("hidden")));
extern "C" const std::byte mien_builtin_model_end[] __attribute__((visibility("hidden")));

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
