// mien synth: seeds or saved codes to pictures. Several make a contact sheet, or one file each in a folder.
#include <cmath>
#include <filesystem>

#include "runtime/base/interrupt.h"
#include "tools/codes.h"
#include "tools/outputs.h"
#include "tools/tensors.h"
#include "tools/verbs.h"

namespace mien {
namespace {

constexpr size_t kMaxPictures = 4096;

struct SynthOptions {
  std::vector<std::string> seeds, codes;
  std::string out, save_codes, noise = "const";
  float psi = 1.0f;
  int psi_cutoff = -1, columns = 0, preview = 0;
  bool no_metadata = false;
};

// "5", "3,8", "0-15".
Result<std::vector<uint32_t>> ParseSeeds(const std::vector<std::string>& texts) {
  std::vector<uint32_t> seeds;
  for (const std::string& text : texts) {
    size_t at = 0;
    while (at <= text.size()) {
      const size_t comma = std::min(text.find(',', at), text.size());
      unsigned long long low = 0, high = 0;
      int used = 0;
      const std::string part = text.substr(at, comma - at);
      const int count = std::sscanf(part.c_str(), "%10llu%n-%10llu%n", &low, &used, &high, &used);
      if (count == 1) high = low;
      if (count < 1 || part[0] < '0' || part[0] > '9' || used != static_cast<int>(part.size()) ||
          high < low || high > 0xffffffffu || high - low >= kMaxPictures ||
          seeds.size() + (high - low) >= kMaxPictures) {
        return Status::Error(Code::kUsage,
                             "seeds %s: numbers below 2^32 such as 5, 3,8 or 0-15 expected, at most %zu",
                             text.c_str(), kMaxPictures);
      }
      for (unsigned long long seed = low; seed <= high; ++seed) seeds.push_back(static_cast<uint32_t>(seed));
      at = comma + 1;
    }
  }
  return seeds;
}

// One picture to be made.
struct Source {
  std::string name;
  uint32_t seed = 0;          // of the noise, and of the face when there are no codes
  std::vector<float> w_plus;  // [L,D]; empty: not computed yet
};

Status AddSeeds(const SynthOptions& options, std::vector<Source>& sources) {
  MIEN_ASSIGN(auto seeds, ParseSeeds(options.seeds));
  for (const uint32_t seed : seeds) sources.push_back({"seed" + std::to_string(seed), seed, {}});
  return {};
}

Status AddCodes(const Session& session, const std::string& path, const Pipeline& pipeline,
                std::vector<Source>& sources) {
  MIEN_ASSIGN(const Codes codes, ReadCodes(session, path, pipeline.rows(), pipeline.w_dim()));
  for (size_t i = 0; i < codes.size(); ++i) {
    Source source = {codes.name(i), session.seed + static_cast<uint32_t>(i), {}};
    source.w_plus.resize(static_cast<size_t>(pipeline.rows()) * static_cast<size_t>(pipeline.w_dim()));
    codes.CopyTo(i, source.w_plus);
    sources.push_back(std::move(source));
  }
  return {};
}

std::vector<PngText> Texts(const SynthOptions& options, nlohmann::json parameters,
                           const std::vector<std::string>& names) {
  if (options.no_metadata) return {};
  parameters["pictures"] = names;
  return Provenance(parameters, false);
}

Status SaveCodes(const std::string& path, const Pipeline& pipeline, const std::vector<Source>& sources) {
  NamedTensor all = {"w_plus", {static_cast<int64_t>(sources.size()), pipeline.rows(), pipeline.w_dim()}, {}};
  for (const Source& source : sources)
    all.values.insert(all.values.end(), source.w_plus.begin(), source.w_plus.end());
  return WriteTensors(path, {all}, {{"mien.source", "synth"}});
}

Result<Image> MakePicture(Pipeline& pipeline, Source& source) {
  MIEN_TRY(CheckInterrupt());
  if (source.w_plus.empty()) {
    source.w_plus.resize(static_cast<size_t>(pipeline.rows()) * pipeline.w_dim());
    MIEN_TRY(pipeline.FromSeed(source.seed, source.w_plus));
  }
  return pipeline.Synthesize(source.w_plus, source.seed);
}

// One file per picture in a folder.
Status WriteFolder(Session& session, const SynthOptions& options, Pipeline& pipeline, std::vector<Source>& sources,
                   OutputFiles& outputs, const nlohmann::json& parameters) {
  const std::vector<std::string>& paths = outputs.paths();
  session.report["files"] = paths;
  Progress progress(session, sources.size());
  for (size_t i = 0; i < sources.size(); ++i) {
    progress.Step(sources[i].name);
    MIEN_ASSIGN(Image image, MakePicture(pipeline, sources[i]));
    MIEN_TRY(outputs.MakeFolder());
    MIEN_TRY(WritePicture(session, paths[i], image, Texts(options, parameters, {sources[i].name})));
  }
  return {};
}

// One file: the picture, or a contact sheet.
Status WriteSheet(Session& session, const SynthOptions& options, Pipeline& pipeline,
                  std::vector<Source>& sources, const nlohmann::json& parameters) {
  const int count = static_cast<int>(sources.size()), side = pipeline.image_side();
  const int square = static_cast<int>(std::ceil(std::sqrt(static_cast<double>(count))));
  MIEN_ASSIGN(ContactSheet sheet, ContactSheet::Create(count, options.columns > 0 ? options.columns : square,
                                                       side, side, count > 1 ? kSheetGap : 0));
  session.report["files"] = {options.out};
  std::vector<std::string> names;
  Progress progress(session, sources.size());
  for (int i = 0; i < count; ++i) {
    progress.Step(sources[i].name);
    names.push_back(sources[i].name);
    MIEN_ASSIGN(Image image, MakePicture(pipeline, sources[i]));
    MIEN_TRY(sheet.Place(i, image));
  }
  return WritePicture(session, options.out, sheet.image(), Texts(options, parameters, names));
}

// All files are checked before the first picture is made.
Result<OutputFiles> PlanFiles(const Session& session, const SynthOptions& options, const std::vector<Source>& sources) {
  std::vector<std::string> names;
  for (const Source& source : sources) names.push_back(source.name);
  if (!IsFolder(options.out)) names.resize(1);  // a contact sheet
  MIEN_ASSIGN(OutputFiles outputs, OutputFiles::Plan(names, options.out, FileKind::kPicture));
  MIEN_TRY(CheckFiles(session, {{"codes", options.codes}},
                      {{"picture", outputs.paths()}, {"codes", {options.save_codes}}}));
  return outputs;
}

Status RunSynth(Session& session, const SynthOptions& options) {
  if (!IsFolder(options.out)) MIEN_TRY(FormatOf(FileKind::kPicture, options.out).status());
  if (!options.save_codes.empty()) MIEN_TRY(FormatOf(FileKind::kTensors, options.save_codes).status());
  MIEN_ASSIGN(auto model, OpenModel(session));
  PipelineOptions wanted = PipelineFor(session);
  wanted.synthesize = true;
  wanted.map = options.codes.empty() || !options.seeds.empty();
  wanted.random_noise = options.noise == "random";
  wanted.no_noise = options.noise == "none";
  wanted.psi = options.psi;
  wanted.psi_cutoff = options.psi_cutoff;
  wanted.resolution = options.preview;
  MIEN_ASSIGN(auto pipeline, Pipeline::Create(model, wanted));
  ReportChoices(session, *pipeline);
  SynthOptions chosen = options;
  if (wanted.map && chosen.seeds.empty()) chosen.seeds = {std::to_string(session.seed)};
  std::vector<Source> sources;
  MIEN_TRY(AddSeeds(chosen, sources));
  for (const std::string& path : chosen.codes) MIEN_TRY(AddCodes(session, path, *pipeline, sources));
  nlohmann::json parameters = {{"verb", "synth"}, {"noise", options.noise}, {"psi", options.psi}};
  if (options.preview > 0) parameters["preview"] = options.preview;
  MIEN_ASSIGN(OutputFiles outputs, PlanFiles(session, chosen, sources));
  MIEN_TRY(IsFolder(options.out) ? WriteFolder(session, chosen, *pipeline, sources, outputs, parameters)
                                 : WriteSheet(session, chosen, *pipeline, sources, parameters));
  return chosen.save_codes.empty() ? Status() : SaveCodes(chosen.save_codes, *pipeline, sources);
}

}  // namespace

void AddSynth(CLI::App& app, Session& session) {
  auto options = std::make_shared<SynthOptions>();
  CLI::App* verb = app.add_subcommand("synth", "seeds or saved codes to pictures");
  verb->add_option("--seeds", options->seeds, "seeds, e.g. 0-15 or 3,8 (default: that of --seed)");
  verb->add_option("--codes", options->codes, kCodesHelp)->type_name("FILE");
  verb->add_option("-o,--output", options->out,
                   "PNG (several pictures: a contact sheet; - is stdout), or a folder")
      ->required();
  verb->add_option("--psi", options->psi, "truncation of seeds towards the average face")
      ->capture_default_str();
  verb->add_option("--psi-cutoff", options->psi_cutoff, "rows that are truncated (default: all)")
      ->check(CLI::Range(0, 64));
  verb->add_option("--noise", options->noise, "const (the model's maps), none, or random (from the seed)")
      ->check(CLI::IsMember({"const", "none", "random"}))
      ->capture_default_str();
  verb->add_option("--columns", options->columns,
                   "pictures in a row of the contact sheet (default: about square)")
      ->check(CLI::Range(1, 1024));
  verb->add_option("--save-codes", options->save_codes, "write the w_plus of all pictures (.safetensors, .npz or .npy)")
      ->type_name("FILE");
  AddPreview(*verb, options->preview);
  verb->add_flag("--no-metadata", options->no_metadata, "write no text into the PNG");
  verb->callback([&session, options] { session.status = RunSynth(session, *options); });
}

}  // namespace mien
