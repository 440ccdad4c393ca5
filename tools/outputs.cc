#include "tools/outputs.h"

#include <unistd.h>

#include <filesystem>

#include "base/file.h"
#include "base/stream.h"
#include "base/text.h"
#include "runtime/face/provenance.h"
#include "tools/without_effect.h"

namespace mien {

namespace fs = std::filesystem;

void ReportChoices(Session& session, const Pipeline& pipeline) {
  session.Detail("%s", pipeline.engine().backend().reason.c_str());
  session.Detail("%s", pipeline.engine().memory_reason().c_str());
  MentionCpuOptions(session, pipeline.engine().backend());
}

void AddPreview(CLI::App& verb, int& resolution) {
  verb.add_option("--preview", resolution, "stop at this resolution: a smaller picture, sooner")
      ->type_name("R");
}

Result<Image> ReadPicture(Session& session, const std::string& path) {
  PictureNotes notes;
  MIEN_ASSIGN(Image image, ReadImage(path, &notes));
  for (const std::string& warning : notes.warnings)
    session.Warn("%s: %s", InputName(path).c_str(), warning.c_str());
  if (notes.orientation != 1) {
    session.Detail("%s: turned upright: EXIF orientation %d", InputName(path).c_str(), notes.orientation);
  }
  session.report["inputs"].push_back({{"input", path}, {"orientation", notes.orientation}});
  return image;
}

Status WritePicture(const std::string& path, const Image& image, const std::vector<PictureText>& texts,
                    const PictureFormat& format) {
  if (path != "-") return WriteImage(path, image, texts, format);
  MIEN_ASSIGN(const std::vector<std::byte> file, EncodePicture(image, texts, format));
  return WriteStdout(file);
}

std::string ResultName(const std::string& input) {
  return input == "-" ? "stdin" : fs::path(input).stem().string();
}

bool IsFolder(const std::string& out) {
  std::error_code error;
  return out.ends_with('/') || fs::is_directory(out, error);
}

Result<OutputFiles> OutputFiles::Plan(const std::vector<std::string>& names, const std::string& out,
                                      FileKind kind, const std::string& ending) {
  OutputFiles outputs;
  if (out == "-" && names.size() > 1)
    return Status::Error(Code::kUsage, "several results need a folder as output, not stdout");
  if (out == "-" || (names.size() == 1 && !IsFolder(out))) {
    MIEN_TRY(FormatOf(kind, out).status());
    outputs.paths_ = {out};
    return outputs;
  }
  std::error_code error;
  if (!IsFolder(out) && (NamesFile(out) || fs::exists(out, error))) {
    return Status::Error(Code::kUsage, "%s: %zu results need a folder, this is the name of a file",
                         out.c_str(), names.size());
  }
  MIEN_ASSIGN(const std::string format, FormatOf(kind, "result" + ending));
  outputs.folder_ = out;
  for (const std::string& name : names) outputs.paths_.push_back((fs::path(out) / (name + format)).string());
  return outputs;
}

OutputFiles::~OutputFiles() {
  for (auto folder = made_.rbegin(); folder != made_.rend(); ++folder) rmdir(folder->c_str());
}

Status OutputFiles::MakeFolder() {
  std::error_code error;
  if (folder_.empty() || fs::is_directory(folder_, error)) return {};
  fs::path path;
  for (const fs::path& part : fs::path(folder_)) {
    path /= part;
    if (part.empty() || fs::exists(path, error)) continue;
    if (!fs::create_directory(path, error) && error) {
      return Status::Error(Code::kFailure, "%s: cannot make the folder: %s", path.c_str(),
                           error.message().c_str());
    }
    made_.push_back(path.string());
  }
  return {};
}

std::vector<PictureText> Provenance(const nlohmann::json& parameters, bool edited) {
  return ProvenanceTexts(parameters.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace), edited);
}

Progress::Progress(const Session& session, size_t total)
    : shown_(!session.quiet && total > 1 && isatty(STDERR_FILENO)), total_(total) {}

Progress::~Progress() {
  if (shown_) ShowLastLine("");
}

void Progress::Step(const std::string& what) {
  const size_t made = begun_ - skipped_;
  ++begun_;
  if (!shown_) return;
  std::string line = std::to_string(begun_) + "/" + std::to_string(total_) + " " + ForTerminal(what);
  if (made > 0) {
    const double so_far = std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
    const auto left = static_cast<double>(total_ - begun_ + 1);
    line += ", " + DurationInWords(so_far / static_cast<double>(made) * left) + " left";
  }
  ShowLastLine(line);
}

}  // namespace mien
