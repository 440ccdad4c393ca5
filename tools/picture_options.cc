#include "tools/picture_options.h"

#include "tools/outputs.h"
#include "tools/without_effect.h"

namespace mien {

void AddPictureOptions(CLI::App& verb, PictureOptions& options) {
  verb.option_defaults()->group("Pictures");
  verb.add_option("--noise", options.noise,
                  "const (the model's maps; the default where it has them), none, or random (from the seed)")
      ->check(CLI::IsMember({"const", "none", "random"}));
  AddPreview(verb, options.preview);
  verb.add_flag("--no-metadata", options.no_metadata, "write no text into the PNG");
  verb.option_defaults()->group("Options");
}

void ChoosePicture(Session& session, const PictureOptions& options, const GeneratorConfig& generator,
                   PipelineOptions* pipeline, nlohmann::json* record) {
  std::string noise = options.noise.empty() ? "const" : options.noise;
  if (noise == "const" && !generator.has_noise_maps) {
    noise = "none";
    if (!options.noise.empty()) WithoutEffect(session, "--noise const", "the model has no noise maps");
  }
  pipeline->random_noise = noise == "random";
  pipeline->no_noise = noise == "none";
  pipeline->resolution = options.preview;
  (*record)["noise"] = noise;
  if (options.preview == generator.resolution) {
    WithoutEffect(session, "--preview " + std::to_string(options.preview),
                  "the model's pictures have this size");
  } else if (options.preview > 0) {
    (*record)["preview"] = options.preview;
  }
}

}  // namespace mien
