// What the verbs that handle pictures share: inputs by name ("-" is stdin), where results go ("-" is stdout),
// provenance texts, progress on a terminal.
#pragma once

#include <CLI/CLI.hpp>
#include <chrono>
#include <string>
#include <vector>

#include "runtime/face/image.h"
#include "runtime/face/pipeline.h"
#include "tools/files.h"
#include "tools/formats.h"
#include "tools/session.h"

namespace mien {

constexpr int kSheetGap = 4;  // white pixels between the pictures of a contact sheet

// Where the pipeline runs and how, with --verbose; and what has no effect there.
void ReportChoices(Session& session, const Pipeline& pipeline);
// --preview R.
void AddPreview(CLI::App& verb, int& resolution);

// The photo `path`, upright. What was found wrong and ignored is a warning; a picture that was turned is told
// with --verbose and by "inputs" in the report.
Result<Image> ReadPicture(Session& session, const std::string& path);
Status WritePicture(const std::string& path, const Image& image, const std::vector<PictureText>& texts,
                    const PictureFormat& format);

// What a result is called that is made from the file `input`: its name without folder and ending.
std::string ResultName(const std::string& input);

// Where the results of a verb go. Made before anything is computed; then CheckFiles has its say about
// Group().
class OutputFiles {
 public:
  // One result: OUT, or NAME.ending in OUT where that is a folder or ends with '/'. Several: OUT is a folder,
  // there or to be made. The endings are those of the kind unless `ending` (".npz") is given for the files in
  // a folder. Usage errors: a format that is not written; several results where OUT is a file, names one
  // ("strip.png") or is "-";
  // "-" for anything but a picture.
  static Result<OutputFiles> Plan(const std::vector<std::string>& names, const std::string& out,
                                  FileKind kind, const std::string& ending = "");
  OutputFiles(OutputFiles&& other) = default;
  OutputFiles& operator=(OutputFiles&& other) = delete;
  ~OutputFiles();  // takes away the folders that MakeFolder made where nothing lies in them

  const std::vector<std::string>& paths() const { return paths_; }
  // For CheckFiles: the paths, and whether their folder is made when it is not there.
  FileGroup Group(const char* role) const { return {role, paths_, !folder_.empty()}; }
  // The folder, when it is not there yet. To be called before each write: there is no folder before there is
  // a result.
  Status MakeFolder();

 private:
  OutputFiles() = default;
  std::vector<std::string> paths_;
  std::string folder_;             // empty: none is needed
  std::vector<std::string> made_;  // outermost first
};

// Whether Plan would put results into OUT instead of naming one after it.
bool IsFolder(const std::string& out);

// ProvenanceTexts of these parameters.
std::vector<PictureText> Provenance(const nlohmann::json& parameters, bool edited);

// "3/12 name, 40 s left" on a terminal, nothing elsewhere or with --quiet; the line is cleared at the end. The time
// comes from the steps before this one.
class Progress {
 public:
  Progress(const Session& session, size_t total);
  ~Progress();
  void Step(const std::string& what);
  void Skip() { ++skipped_; }  // the step was nothing to do, and tells nothing of the others

 private:
  bool shown_;
  size_t total_, begun_ = 0, skipped_ = 0;
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace mien
