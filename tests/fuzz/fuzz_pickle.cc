// The pickle machine alone, as a module pickle and with every storage there is.
#include "tests/fuzz/touch.h"
#include "weights/import/pickle.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto source = mien::fuzz::Borrow(data, size);
  if (const auto file = mien::ReadModulePickle(source); file.ok()) mien::fuzz::Touch(*file);
  // A pickle of a torch archive, its storages made up: the input's own bytes, as many as there are.
  mien::PickleOptions options;
  options.persistent = [&](const mien::PersistentId& id, uint32_t) -> mien::Result<mien::ForeignStorage> {
    if (id.elements > size / id.type.bytes)
      return mien::Status::Error(mien::Code::kRefused, "too large");
    return mien::ForeignStorage{id.type.type, id.elements, 0, source};
  };
  mien::Budget budget(size);
  const auto tree = mien::ReadPickle(source, 0, size, options, budget);
  if (!tree.ok()) return 0;
  mien::ForeignFile file;
  if (mien::Flatten(*tree, &file, budget).ok() && file.Finish(size).ok()) mien::fuzz::Touch(file);
  return 0;
}
