// From bytes to tokens to a validated table: the closed JSON subset of a safetensors header, and the rules of
// the layout (no holes, no overlap, no trailing bytes). Nothing here touches tensor data.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "weights/container.h"
#include "weights/problems.h"

namespace mien {

struct HeaderLimits {
  uint64_t header_bytes;
  size_t tensors;
  size_t metadata;
  size_t name_bytes;
  size_t rank;
  bool plain_names;  // any printable UTF-8; otherwise [A-Za-z0-9._/-] only
};
HeaderLimits LimitsOf(TensorFile::Profile profile);

// A tensor as the header spells it; numbers are not yet believed.
struct RawTensor {
  std::string name, type;
  uint64_t dims[Shape::kMaxRank] = {0, 0, 0, 0, 0};
  size_t rank = 0;        // may be more than that; plain profile only
  uint64_t elements = 1;  // of all dimensions; UINT64_MAX: too many to count
  uint64_t begin = 0, end = 0;
};

struct RawHeader {
  std::vector<RawTensor> tensors;
  std::map<std::string, std::string> metadata;
};

// Strict: objects, arrays of unsigned integers, strings; no duplicate, unknown or missing keys. Refused at
// the first character that does not fit, with its position.
Result<RawHeader> ParseHeader(std::string_view text, const HeaderLimits& limits);

using UnreadTensors = std::vector<std::pair<std::string, std::string>>;  // TensorFile::unread

// Entries in file order, offsets counted from the start of the file. Every rule that is broken is added to
// `problems`. A tensor of a type or a size that is none of ours goes to `unread`; without one it is a broken
// rule.
std::vector<TensorEntry> ValidateTable(const RawHeader& raw, uint64_t data_start, uint64_t file_bytes,
                                       Problems& problems, UnreadTensors* unread);

bool IsModelName(std::string_view name);  // [A-Za-z0-9._/-]+
bool IsValidUtf8(std::string_view text);
std::string Printable(std::string_view text);  // for messages: short, and nothing that could steer a terminal

}  // namespace mien
