// Faces that a verb starts from: photos, saved codes, or seeds, which the mapping network makes faces of.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

#include "runtime/face/pipeline.h"
#include "tools/session.h"

namespace mien {

struct FaceOptions {
  std::vector<std::string> seeds, codes;
  float psi = 1.0f;
  int psi_cutoff = -1, label = -1;
};
// --seeds, --codes, --psi, --psi-cutoff, --label.
void AddFaceOptions(CLI::App& verb, FaceOptions& options);

struct Face {
  std::string name;   // what its picture is called
  std::string input;  // what messages call it: the path of a photo or of codes, or "seed7"
  bool photo = false;
  std::optional<uint32_t> seed;
  std::vector<float> w_plus;  // [L,D] of saved codes
  uint64_t noise_seed = 0;
  Status problem;  // of a file of codes that cannot be read
};

// The face in a photo.
Face FaceInPhoto(const std::string& path);
// kUsage: the model cannot edit.
Status CheckEditable(const ModelConfig& config);

// The faces of --seeds, then those of --codes. A file that cannot be read is one face with a problem. kUsage: seeds
// that are none, more than 4096 faces.
Result<std::vector<Face>> SelectFaces(const Session& session, const FaceOptions& options,
                                      const GeneratorConfig& generator);
bool IsSeed(const std::string& text);
// A seed ("7") or a file that holds one code.
Result<Face> SelectFace(const Session& session, const std::string& text, const GeneratorConfig& generator);

// Whether psi and its cutoff (-1: all rows) change what the mapping network of this generator gives; mentions
// those that do not.
bool TruncationWorks(Session& session, const GeneratorConfig& generator, float psi, int cutoff);

// Puts label and truncation into the pipeline's options, and into `record` those that have an effect on the
// faces; mentions the others.
void ChooseMapping(Session& session, const CLI::App& verb, const FaceOptions& options,
                   const std::vector<Face>& faces, const GeneratorConfig& generator,
                   PipelineOptions* pipeline, nlohmann::json* record);

// w_plus [L,D] of a face that is no photo: read or computed.
Status MakeCodes(Pipeline& pipeline, const Face& face, std::span<float> w_plus);

}  // namespace mien
