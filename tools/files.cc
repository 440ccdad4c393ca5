#include "tools/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <tuple>

#include "base/file.h"
#include "base/stream.h"

namespace mien {
namespace {

namespace fs = std::filesystem;

// Where a path leads: the file that is there, or the deepest folder that is there and what would be made
// below it.
struct Place {
  dev_t device = 0;
  ino_t inode = 0;
  std::string below;   // empty: the file exists
  std::string folder;  // of what does not exist: the folder in words
  mode_t mode = 0;
  auto Key() const { return std::tie(device, inode, below); }
  bool operator<(const Place& other) const { return Key() < other.Key(); }
};

// The path that a chain of links to nothing ends at.
fs::path FollowLinks(fs::path path) {
  std::error_code error;
  for (int links = 0; links < 40 && fs::is_symlink(fs::symlink_status(path, error)); ++links) {
    const fs::path target = fs::read_symlink(path, error);
    if (error) break;
    path = target.is_absolute() ? target : path.parent_path() / target;
  }
  return path;
}

// `standard` is what "-" stands for. Nothing: a path that cannot be looked at; opening it will say why.
std::optional<Place> Locate(const std::string& path, int standard) {
  struct stat info;
  Place place;
  const bool there = path == "-" ? fstat(standard, &info) == 0 : stat(path.c_str(), &info) == 0;
  if (!there) {
    std::error_code error;
    fs::path folder = fs::weakly_canonical(fs::absolute(FollowLinks(path), error), error);
    if (error) return std::nullopt;
    while (!fs::exists(folder, error) && folder.has_relative_path()) {
      place.below =
          place.below.empty() ? folder.filename().string() : folder.filename().string() + "/" + place.below;
      folder = folder.parent_path();
    }
    place.folder = folder.string();
    if (stat(place.folder.c_str(), &info) != 0) return std::nullopt;
  }
  place.device = info.st_dev;
  place.inode = info.st_ino;
  place.mode = there ? info.st_mode : 0;
  return place;
}

struct Use {
  std::string path;
  const char* role;
  Place place;
  bool makes_folder;
  bool IsStandard() const { return path == "-"; }
  std::string InWords() const { return path + " (" + role + ")"; }
};

std::vector<Use> LocateAll(const std::vector<FileGroup>& groups, int standard) {
  std::vector<Use> uses;
  for (const FileGroup& group : groups) {
    for (const std::string& path : group.paths) {
      if (path.empty()) continue;
      if (const auto place = Locate(path, standard))
        uses.push_back({path, group.role, *place, group.makes_folder});
    }
  }
  return uses;
}

Status Clash(const Use& one, const Use& other, const char* why) {
  return Status::Error(Code::kUsage, "%s and %s are one file: %s", one.InWords().c_str(),
                       other.InWords().c_str(), why);
}

Status CheckInputs(const std::vector<Use>& inputs) {
  std::map<Place, const Use*> streams;
  const Use* standard = nullptr;
  for (const Use& input : inputs) {
    const Use** const before = input.IsStandard() ? &standard : &streams[input.place];
    const mode_t mode = input.place.mode;  // 0: not there
    const bool stream = input.IsStandard() || !(mode == 0 || S_ISREG(mode) || S_ISDIR(mode));
    if (stream && *before != nullptr) return Clash(**before, input, "a stream can be read only once");
    *before = &input;
  }
  return {};
}

// A name without what some file systems do not tell apart: the case of letters, and how others are composed.
std::string Folded(const std::string& name) {
  std::string folded;
  for (const char c : name) {
    if (c >= 'A' && c <= 'Z') folded += static_cast<char>(c - 'A' + 'a');
    if (c > 0 && !(c >= 'A' && c <= 'Z')) folded += c;
  }
  return folded;
}

// Whether two of these files, which are not there yet, would be one. Only the file system knows, so it is
// asked: empty files of their names are made in a new folder beside the place, which is removed again.
Status AskFileSystem(const std::vector<const Use*>& uses) {
  std::string folder = uses[0]->place.folder + "/.mien-XXXXXX";
  if (mkdtemp(folder.data()) == nullptr) return {};  // nothing can be written there either
  std::map<std::pair<dev_t, ino_t>, const Use*> made;
  Status status;
  for (const Use* use : uses) {
    std::string path = use->place.below;
    std::ranges::replace(path, '/', '_');
    path = folder + "/" + path;
    const int file = open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    struct stat info;
    if (file < 0) continue;
    if (fstat(file, &info) == 0) {
      const Use* const first = made.try_emplace({info.st_dev, info.st_ino}, use).first->second;
      if (first != use) status = Clash(*first, *use, "the file system does not tell the two names apart");
    }
    close(file);
  }
  std::error_code error;
  fs::remove_all(folder, error);
  return status;
}

Status CheckOutputs(const std::vector<Use>& outputs) {
  std::map<Place, const Use*> taken;
  std::map<Place, std::vector<const Use*>> alike;
  const Use* standard = nullptr;
  for (const Use& output : outputs) {
    if (output.IsStandard() && standard != nullptr)
      return Clash(*standard, output, "two results need two files");
    if (output.IsStandard()) standard = &output;
    const Use* const before = taken.try_emplace(output.place, &output).first->second;
    if (before != &output && S_ISCHR(output.place.mode)) continue;  // /dev/null takes any number
    if (before != &output) return Clash(*before, output, "two results need two files");
    if (output.place.below.empty()) continue;
    Place folded = output.place;
    folded.below = Folded(folded.below);
    alike[folded].push_back(&output);
  }
  for (const auto& [place, uses] : alike) {
    if (uses.size() > 1) MIEN_TRY(AskFileSystem(uses));
  }
  return {};
}

// Whether the outputs will find their places. A temporary file is made in each folder and removed, which is
// what writing begins with; a stream is not opened.
Status CheckPlaces(const std::vector<Use>& outputs) {
  std::set<std::string> folders;
  for (const Use& output : outputs) {
    if (output.IsStandard() || S_ISDIR(output.place.mode)) continue;  // of a folder writing will tell
    if (IsOutputStream(output.path)) {
      MIEN_TRY(CheckOutputStream(output.path));
      continue;
    }
    const bool missing = output.makes_folder && output.place.below.find('/') != std::string::npos;
    const std::string path =
        missing ? output.place.folder + "/" + output.place.below.substr(0, output.place.below.find('/'))
                : output.path;
    const bool known = !folders.insert(fs::path(path).parent_path().string()).second;
    if (known && (output.place.mode == 0 || S_ISREG(output.place.mode))) continue;
    MIEN_TRY(AtomicFile::Create(path).status());
  }
  return {};
}

}  // namespace

Status CheckFiles(const Session& session, std::vector<FileGroup> inputs, std::vector<FileGroup> outputs) {
  inputs.push_back({"model", {session.model}});
  outputs.push_back({"profile", {session.profile}});
  const std::vector<Use> in = LocateAll(inputs, STDIN_FILENO), out = LocateAll(outputs, STDOUT_FILENO);
  const auto standard = Locate("-", STDOUT_FILENO);
  for (const Use& output : out) {
    const bool stdout_itself = standard && output.place.Key() == standard->Key() && !S_ISCHR(output.place.mode);
    if ((output.IsStandard() || stdout_itself) && session.json)
      return Status::Error(Code::kUsage, "stdout cannot take both %s and --json", output.role);
  }
  std::map<Place, const Use*> read;
  for (const Use& input : in) {
    if (S_ISREG(input.place.mode) || S_ISFIFO(input.place.mode)) read.emplace(input.place, &input);
  }
  for (const Use& output : out) {
    if (const auto found = read.find(output.place); found != read.end())
      return Clash(output, *found->second, "the result would replace what it is made from");
  }
  MIEN_TRY(CheckInputs(in));
  MIEN_TRY(CheckOutputs(out));
  return CheckPlaces(out);
}

}  // namespace mien
