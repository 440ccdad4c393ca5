// The options of the verbs that synthesize pictures: --noise, --preview, --no-metadata.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "runtime/face/pipeline.h"
#include "tools/session.h"

namespace mien {

struct PictureOptions {
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
