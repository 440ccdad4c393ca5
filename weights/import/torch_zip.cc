// Torch archives since 1.6 (networks.md, "Torch archives"): <archive>/data.pkl and one member <archive>/data/<key> per
// storage. Torch stores them; archives that were unpacked and packed again are deflated and have entries for their
// folders.
#include <algorithm>
#include <map>
#include <optional>

#include "weights/header.h"
#include "weights/import/pickle.h"
#include "weights/import/readers.h"
#include "weights/import/zip.h"

namespace mien {
namespace {

struct Member {
  const ZipEntry* entry = nullptr;
  std::optional<ZipData> data;  // once it was opened
};

struct Archive {
  std::vector<ZipEntry> entries;
  const ZipEntry* pickle = nullptr;
  std::map<std::string, Member> storages;
};

// Not what torch saves: most often several downloads in one archive.
Status NoPickle(const std::vector<ZipEntry>& entries) {
  for (const ZipEntry& entry : entries) {
    for (const char* end : {".pt", ".pth", ".pkl", ".ckpt", ".safetensors", ".tar"}) {
      if (!entry.name.ends_with(end)) continue;
      return Status::Error(Code::kRefused,
                           "it is an archive of %zu files (%s, ...): unpack it and give one of them",
                           entries.size(), Printable(entry.name).c_str());
    }
  }
  return Status::Error(Code::kRefused, "torch zip: data.pkl is missing");
}

// The archive is the folder of the one data.pkl, wherever a later hand put it; what lies beside it means
// nothing.
Result<Archive> SortMembers(const SharedSource& source, Budget& budget) {
  Archive archive;
  MIEN_ASSIGN(archive.entries, ReadZip(*source, budget));
  for (const ZipEntry& entry : archive.entries) {
    if (entry.name != "data.pkl" && !entry.name.ends_with("/data.pkl")) continue;
    if (archive.pickle != nullptr) return Status::Error(Code::kRefused, "torch zip: more than one data.pkl");
    archive.pickle = &entry;
  }
  if (archive.pickle == nullptr) return NoPickle(archive.entries);
  const std::string folder = archive.pickle->name.substr(0, archive.pickle->name.size() - 8);
  for (const ZipEntry& entry : archive.entries) {
    if (!entry.name.starts_with(folder)) continue;
    const std::string role = entry.name.substr(folder.size());
    if (role.starts_with("data/")) {
      if (!budget.Memory(256 + role.size())) return budget.Spent();
      archive.storages.emplace(role.substr(5), Member{&entry, {}});
    } else if (role == "byteorder") {
      char text[6] = {0};
      MIEN_ASSIGN(const ZipData data, OpenZipEntry(source, entry, budget));
      MIEN_TRY(data.source->ReadAt(
          data.begin, std::as_writable_bytes(std::span(text)).first(std::min<uint64_t>(6, data.bytes))));
      if (data.bytes != 6 || std::string_view(text, 6) != "little")
        return Status::Error(Code::kRefused, "torch zip: byte order other than little");
    } else if (role == "constants.pkl" || role.starts_with("code/")) {
      return Status::Error(
          Code::kRefused,
          "a TorchScript program (%s): in Python, save the state_dict() of its module and give that",
          Printable(entry.name).c_str());
    }
  }
  return archive;
}

// The storage of a persistent id: a member, opened once.
Result<ForeignStorage> FindStorage(const SharedSource& source, const PersistentId& id, Archive* archive,
                                   Budget& budget) {
  const std::string key = Printable(id.key);
  const auto found = archive->storages.find(id.key);
  if (found == archive->storages.end())
    return Status::Error(Code::kRefused, "storage %s is not in the archive", key.c_str());
  Member& member = found->second;
  const uint64_t bytes = member.entry->bytes;
  if (id.has_view || bytes % id.type.bytes != 0 || bytes / id.type.bytes != id.elements) {
    return Status::Error(Code::kRefused, "storage %s: %llu elements do not fill its member", key.c_str(),
                         static_cast<unsigned long long>(id.elements));
  }
  if (!member.data) {
    MIEN_ASSIGN(member.data, OpenZipEntry(source, *member.entry, budget));
  }
  return ForeignStorage{id.type.type, id.elements, member.data->begin, member.data->source};
}

}  // namespace

Result<ForeignFile> ReadTorchZip(const SharedSource& source) {
  Budget budget(source->size());
  MIEN_ASSIGN(Archive archive, SortMembers(source, budget));
  MIEN_ASSIGN(const ZipData pickle, OpenZipEntry(source, *archive.pickle, budget));
  PickleOptions options;
  options.persistent = [&](const PersistentId& id, uint32_t) {
    return FindStorage(source, id, &archive, budget);
  };
  options.embedded = [&](uint64_t begin, uint64_t bytes) {
    return ReadEmbeddedStorage(pickle.source, begin, bytes, budget);
  };
  ForeignFile file;
  file.kind = "torch zip";
  {
    const uint64_t end = pickle.begin + pickle.bytes;
    MIEN_ASSIGN(const PickleTree tree, ReadPickle(pickle.source, pickle.begin, end, options, budget));
    if (tree.end != end) return Status::Error(Code::kRefused, "torch zip: bytes after the end of data.pkl");
    MIEN_TRY(Flatten(tree, &file, budget));
  }
  MIEN_TRY(file.Finish(source->size()));
  return file;
}

}  // namespace mien
