// In a file of its own: whoever links the library without asking for it does not get its 13 MB.
#include "runtime/builtin_model.h"
#include "runtime/embedded_file.h"

namespace mien {

MIEN_EMBED_FILE(mien_builtin_faces, MIEN_BUILTIN_FACES);

Result<std::shared_ptr<const ModelFile>> OpenBuiltinFaces() {
  const std::span<const std::byte> bytes(mien_builtin_faces_begin, mien_builtin_faces_end);
  auto opened = ModelFile::Open(std::make_shared<MemorySource>(bytes));
  if (!opened.ok()) return opened.status().Within("the built-in face networks");
  return opened;
}

}  // namespace mien
