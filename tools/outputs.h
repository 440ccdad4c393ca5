// What the verbs that handle pictures share: inputs and outputs by name ("-" is stdin or stdout), provenance
// texts, progress on a terminal.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "runtime/image.h"
#include "runtime/pipeline.h"
#include "tools/session.h"

namespace mien {

constexpr int kSheetGap = 4;  // white pixels between the pictures of a contact sheet

// The pipeline options that come from the global options; the caller adds what it wants to do.
PipelineOptions PipelineFor(const Session& session);
// Where the pipeline runs and how, with --verbose.
void ReportChoices(const Session& session, const Pipeline& pipeline);
// --preview R.
void AddPreview(CLI::App& verb, int& resolution);

// The photo `path`, upright. What was found wrong and ignored is a warning; a picture that was turned is told with --verbose
// and by "inputs" in the report.
Result<Image> ReadPicture(Session& session, const std::string& path);
Status WritePicture(const Session& session, const std::string& path, const Image& image,
                    const std::vector<PngText>& texts);

// Where the result of each input goes. One input: OUT, or a file in OUT when that is a folder. Several: OUT
// is a folder, made when it is not there, and each result is named like its input with `extension`. Two
// inputs of one name, or an output that is one of the inputs, are usage errors.
Result<std::vector<std::string>> OutputPaths(const std::vector<std::string>& inputs, const std::string& out,
                                             const std::string& extension);

// PNG texts that say what made the picture: the program, the parameters as JSON, and the mark of synthetic
// media (IPTC digital source type in XMP). `edited`: made from a photo, otherwise from nothing.
std::vector<PngText> Provenance(const nlohmann::json& parameters, bool edited);

// Warns once per picture that it is taken as it is: nothing finds the face or aligns it yet.
void WarnUnaligned(const Session& session, const std::string& path, const Image& photo, int input_size);

// "3/12 name" on a terminal, nothing elsewhere or with --quiet; the line is cleared at the end.
class Progress {
 public:
  Progress(const Session& session, size_t total);
  ~Progress();
  void Step(const std::string& what);

 private:
  bool shown_;
  size_t total_, done_ = 0;
};

}  // namespace mien
