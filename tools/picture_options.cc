#include "tools/picture_options.h"

#include "tools/numbers.h"
#include "tools/outputs.h"
#include "tools/without_effect.h"

namespace mien {

void AddFormatOptions(CLI::App& verb, FormatOptions& options) {
  verb.add_flag("--jpeg", options.jpeg, "write JPEG where no name says the format: into a folder, to stdout");
  verb.add_option("--quality", options.quality, "of JPEG")
      ->transform(WholeNumber())
      ->check(CLI::Range(1, 100))
      ->capture_default_str();
}

PictureFormat ChooseFormat(Session& session, const CLI::App& verb, const FormatOptions& options, const std::string& out,
                           const std::string& path) {
  if (!IsFolder(out) && NamesFile(out)) MentionUnused(session, verb, {"--jpeg"}, "the name of the file decides");
  PictureFormat format;
  const bool jpeg = NamesFile(path) ? *FormatOf(FileKind::kPicture, path) != ".png" : options.jpeg;
  if (!jpeg) MentionUnused(session, verb, {"--quality"}, "it is that of JPEG, and PNG is written");
  format.kind = jpeg ? PictureKind::kJpeg : PictureKind::kPng;
  format.quality = options.quality;
  return format;
}

void AddPictureOptions(CLI::App& verb, PictureOptions& options) {
  verb.option_defaults()->group("Pictures");
  AddFormatOptions(verb, options.format);
  verb.add_option("--noise", options.noise,
                  "const (the model's maps; the default where it has them), none, or random (from the seed)")
      ->check(CLI::IsMember({"const", "none", "random"}));
  AddPreview(verb, options.preview);
  verb.add_flag("--no-metadata", options.no_metadata, "write nothing about what made the picture into its file");
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
