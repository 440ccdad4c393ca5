// Torch archives since 1.6 (spec i.1): <archive>/data.pkl and one stored member <archive>/data/<key> per
// storage.
#include <map>

#include "weights/header.h"
#include "weights/import/pickle.h"
#include "weights/import/readers.h"
#include "weights/import/zip.h"

namespace mien {
namespace {

struct Archive {
  const ZipEntry* pickle = nullptr;
  std::map<std::string, const ZipEntry*> storages;
};

// Every member has a known role below one common folder; scripts (code/, constants.pkl) have none.
Result<Archive> SortMembers(const SharedSource& source, const std::vector<ZipEntry>& entries) {
  Archive archive;
  std::string folder;
  for (const ZipEntry& entry : entries) {
    const std::string shown = Printable(entry.name);
    const size_t slash = entry.name.find('/');
    if (slash == std::string::npos) {
      return Status::Error(Code::kRefused, "torch zip: %s lies outside the archive's folder", shown.c_str());
    }
    if (folder.empty()) folder = entry.name.substr(0, slash + 1);
    if (entry.name.compare(0, folder.size(), folder) != 0) {
      return Status::Error(Code::kRefused, "torch zip: %s lies outside %s", shown.c_str(),
                           Printable(folder).c_str());
    }
    const std::string role = entry.name.substr(folder.size());
    if (role == "data.pkl") {
      archive.pickle = &entry;
    } else if (role.starts_with("data/") && role.find('/', 5) == std::string::npos) {
      archive.storages.emplace(role.substr(5), &entry);
    } else if (role == "byteorder") {
      MIEN_ASSIGN(const auto text, ReadZipEntry(*source, entry, 64));
      if (std::string_view(reinterpret_cast<const char*>(text.data()), text.size()) != "little") {
        return Status::Error(Code::kRefused, "torch zip: byte order other than little");
      }
    } else if (role != "version" && role != ".format_version" && role != ".storage_alignment" &&
               role != ".data/serialization_id") {
      return Status::Error(Code::kRefused, "torch zip: %s has no place in a checkpoint", shown.c_str());
    }
    MIEN_TRY(VerifyZipEntry(*source, entry));
  }
  if (archive.pickle == nullptr) return Status::Error(Code::kRefused, "torch zip: data.pkl is missing");
  return archive;
}

}  // namespace

Result<ForeignFile> ReadTorchZip(const SharedSource& source) {
  MIEN_ASSIGN(const std::vector<ZipEntry> entries, ReadZip(*source, /*allow_deflate=*/false));
  MIEN_ASSIGN(const Archive archive, SortMembers(source, entries));
  PickleOptions options;
  options.persistent = [&](const PersistentId& id, uint32_t) -> Result<ForeignStorage> {
    const std::string key = Printable(id.key);
    const auto found = archive.storages.find(id.key);
    if (found == archive.storages.end()) {
      return Status::Error(Code::kRefused, "storage %s is not in the archive", key.c_str());
    }
    const uint64_t size = DTypeBytes(id.type);
    if (id.has_view || found->second->bytes % size != 0 || found->second->bytes / size != id.elements) {
      return Status::Error(Code::kRefused, "storage %s: %llu elements do not fill its member", key.c_str(),
                           static_cast<unsigned long long>(id.elements));
    }
    return ForeignStorage{id.type, id.elements, found->second->begin, source};
  };
  const uint64_t begin = archive.pickle->begin, end = begin + archive.pickle->bytes;
  MIEN_ASSIGN(const PickleTree tree, ReadPickle(*source, begin, end, options));
  if (tree.end != end) return Status::Error(Code::kRefused, "torch zip: bytes after the end of data.pkl");
  ForeignFile file;
  file.kind = "torch zip";
  MIEN_TRY(Flatten(tree, &file));
  return file;
}

}  // namespace mien
