#include "tools/people_folder.h"

#include <algorithm>
#include <filesystem>

#include "base/stream.h"

namespace mien {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMostConsentBytes = 1 << 16;
constexpr const char* kConsentKeys[] = {"source", "permission", "date"};

Result<nlohmann::json> ReadConsent(const std::string& path) {
  MIEN_ASSIGN(const auto file, OpenInput(path, kMostConsentBytes, Code::kFailure));
  std::string text(static_cast<size_t>(file->size()), '\0');
  MIEN_TRY(file->ReadAt(0, std::as_writable_bytes(std::span(text))));
  const nlohmann::json found = nlohmann::json::parse(text, nullptr, false);
  nlohmann::json consent = nlohmann::json::object();
  for (const char* key : kConsentKeys) {
    const bool there =
        found.is_object() && found.contains(key) && found[key].is_string() && !found[key].get<std::string>().empty();
    if (!there) {
      return Status::Error(Code::kFailure, "%s: texts source, permission and date expected, %s is not there",
                           path.c_str(), key);
    }
    consent[key] = found[key];
  }
  return consent;
}

constexpr const char* kPictureEndings[] = {".png", ".jpg", ".jpeg"};
constexpr const char* kCodeEndings[] = {".npz", ".npy", ".safetensors", ".pt", ".pth"};

std::string EndingOf(const std::string& path) {
  std::string ending = fs::path(path).extension().string();
  std::ranges::transform(ending, ending.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; });
  return ending;
}

// By name.
Result<std::vector<std::string>> PicturesIn(const std::string& folder) {
  std::vector<std::string> pictures;
  std::error_code error;
  fs::directory_iterator at(folder, error);
  for (; !error && at != fs::directory_iterator(); at.increment(error)) {
    const std::string path = at->path().string();
    if (std::ranges::find(kPictureEndings, EndingOf(path)) != std::end(kPictureEndings) || HoldsCodes(path))
      pictures.push_back(path);
  }
  if (error)
    return Status::Error(Code::kFailure, "%s: cannot read the folder: %s", folder.c_str(), error.message().c_str());
  std::ranges::sort(pictures);
  return pictures;
}

}  // namespace

bool HoldsCodes(const std::string& path) {
  return std::ranges::find(kCodeEndings, EndingOf(path)) != std::end(kCodeEndings);
}

Result<std::vector<PersonFolder>> ReadPeople(const Session& session, const std::string& folder) {
  std::error_code error;
  std::vector<std::string> folders;
  size_t loose = 0;
  fs::directory_iterator at(folder, error);
  for (; !error && at != fs::directory_iterator(); at.increment(error)) {
    if (fs::is_directory(at->path(), error))
      folders.push_back(at->path().string());
    else
      ++loose;
  }
  if (error)
    return Status::Error(Code::kFailure, "%s: cannot read the folder: %s", folder.c_str(), error.message().c_str());
  if (loose > 0) session.Warn("%s: %zu files lie in no person's folder and are left out", folder.c_str(), loose);
  std::ranges::sort(folders);
  std::vector<PersonFolder> people;
  for (const std::string& path : folders) {
    PersonFolder person;
    person.name = fs::path(path).filename().string();
    person.number = static_cast<int64_t>(people.size());
    MIEN_ASSIGN(person.pictures, PicturesIn(path));
    if (person.pictures.empty()) {
      session.Warn("%s: a folder without pictures and codes in it", path.c_str());
      continue;
    }
    const std::string consent = path + "/consent.json";
    if (fs::exists(consent, error)) {
      auto read = ReadConsent(consent);
      if (read.ok())
        person.consent = std::move(*read);
      else
        session.Warn("%s", read.status().message());
    }
    people.push_back(std::move(person));
  }
  if (people.empty()) {
    return Status::Error(Code::kFailure,
                         "%s: a folder for each person with pictures or codes in it expected, found none",
                         folder.c_str());
  }
  return people;
}

}  // namespace mien
