// The options of the verbs that write pictures: --jpeg, --quality; and of those that synthesize them: --noise,
// --preview, --no-metadata.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "runtime/face/pipeline.h"
#include "tools/session.h"

namespace mien {

struct FormatOptions {
  bool jpeg = false;
  int quality = PictureFormat().quality;
  // The ending of files that are named by the program (OutputFiles::Plan).
  const char* ending() const { return jpeg ? ".jpg" : ""; }
};
void AddFormatOptions(CLI::App& verb, FormatOptions& options);
// The format of the results that go to `out`, of which `path` is one; mentions the options that have no effect.
PictureFormat ChooseFormat(Session& session, const CLI::App& verb, const FormatOptions& options, const std::string& out,
                           const std::string& path);

struct PictureOptions {
  FormatOptions format;
  std::string noise;  // empty: the model's maps, or none where it has none
  int preview = 0;
  bool no_metadata = false;
};
void AddPictureOptions(CLI::App& verb, PictureOptions& options);

// Puts them into the pipeline's options, and into `record` what happens; mentions what has no effect on this
// generator.
void ChoosePicture(Session& session, const PictureOptions& options, const GeneratorConfig& generator,
                   PipelineOptions* pipeline, nlohmann::json* record);

}  // namespace mien
