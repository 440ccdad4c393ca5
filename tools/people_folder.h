// People in folders: PHOTOS/NAME/*.jpg, or codes of pictures (*.npz) instead, beside them what the person agreed to.
#pragma once

#include <string>
#include <vector>

#include "tools/session.h"

namespace mien {

struct PersonFolder {
  std::string name;
  int64_t number = 0;                 // among all people of the folder, by name
  std::vector<std::string> pictures;  // paths, by name, also of codes
  nlohmann::json consent;             // source, permission, date of consent.json; null: there is none that can be used
};

bool HoldsCodes(const std::string& path);  // by the ending: .npz, .npy, .safetensors, .pt, .pth

// The people of a folder, by name. A folder without pictures is no person. What is wrong with a consent.json is a
// warning, and the person then has none. kFailure: no such folder, nobody in it.
Result<std::vector<PersonFolder>> ReadPeople(const Session& session, const std::string& folder);

}  // namespace mien
