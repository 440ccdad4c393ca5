// Writing tensor files without holding them in memory: every tensor is asked for twice (once for its
// checksum, once for the file), a piece at a time.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "weights/container.h"

namespace mien {

using TakeBytes = std::function<Status(std::span<const std::byte>)>;

struct TensorStream {
  std::string name;
  DType type = DType::kF32;
  Shape shape;
  // Hands the tensor's bytes to `take`, in order and in as many pieces as it likes.
  std::function<Status(const TakeBytes& take)> bytes;
};

Status WriteTensorStreams(const std::string& path, const std::vector<TensorStream>& tensors,
                          const std::map<std::string, std::string>& metadata, TensorFile::Profile profile);

// Length bytes and header, padded to 8 bytes; `checksums` has one per tensor (ignored by the plain profile).
// Refuses what our own reader would refuse.
Result<std::string> EncodeHeader(const std::vector<TensorStream>& tensors,
                                 const std::vector<uint32_t>& checksums,
                                 const std::map<std::string, std::string>& metadata,
                                 TensorFile::Profile profile);

}  // namespace mien
