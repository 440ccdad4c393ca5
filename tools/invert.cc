// mien invert: latent codes from which the generator makes a photo.
#include "tools/invert.h"

#include <memory>
#include <optional>

#include "base/stream.h"
#include "tools/batch.h"
#include "tools/inversion_options.h"
#include "tools/numbers.h"
#include "tools/outputs.h"
#include "tools/photo_faces.h"
#include "tools/tensors.h"
#include "tools/verbs.h"
#include "tools/without_effect.h"

namespace mien {
namespace {

struct InvertOptions {
  std::vector<std::string> inputs;
  SearchOptions search;
  std::string output, replay, start = "encoder";
  InversionRules rules;
  InversionSnapshots snapshots;
  bool no_likeness = false;
  BatchOptions batch;
};

// One photo after the other: found, encoded, inverted.
class Inverting {
 public:
  Inverting(Session& session, const InvertOptions& options, std::shared_ptr<const ModelFile> model)
      : session_(session), options_(options), model_(std::move(model)), run_(session.run) {}

  Status Open() {
    if (!model_->config().generator) {
      return Status::Error(Code::kUsage,
                           "inversion needs the component generator, which this model file does not have");
    }
    if (options_.search.aligned && options_.no_likeness) return {};
    MIEN_ASSIGN(finder_, PhotoFaces::Create(session_, options_.search, !options_.no_likeness));
    run_ = RunBeside(session_.run, finder_->networks());
    return {};
  }

  Status Make(const std::string& path, const std::string& overlay) {
    MIEN_ASSIGN(const Image photo, ReadPicture(session_, path));
    report_ = {{"input", path}};
    std::vector<PhotoFace> faces;
    if (!options_.search.aligned) {
      MIEN_ASSIGN(faces, finder_->Find(session_, path, photo, overlay, &report_));
    }
    std::vector<FaceCrop> crops(std::max<size_t>(faces.size(), 1));
    const int side = std::max(kCropSide, model_->config().generator->resolution);
    for (size_t i = 0; i < crops.size(); ++i) {
      MIEN_ASSIGN(crops[i], faces.empty() ? CutCentre(photo) : CutFaceOf(session_, path, photo, faces[i], side));
    }
    if (crops.size() > 1 && !options_.snapshots.path.empty())
      return Status::Error(Code::kUsage, "--snapshot: one face expected, %zu found", crops.size());
    MIEN_TRY(Begin(crops));
    MIEN_TRY(Prepare());
    report_["faces"] = nlohmann::json::array();
    for (size_t i = 0; i < crops.size(); ++i) MIEN_TRY(Invert(path, crops[i].picture, i));
    return {};
  }

  const std::vector<NamedTensor>& results() const { return results_; }
  const nlohmann::json& report() const { return report_; }

 private:
  // The codes that are begun with. What makes them goes where it is not needed again, to leave its memory.
  Status Begin(const std::vector<FaceCrop>& crops) {
    if (pipeline_ == nullptr) {
      PipelineOptions wanted = {run_};
      wanted.encode = options_.start == "encoder";
      wanted.map = !wanted.encode;
      wanted.psi = 0;  // the average face, whatever seed and label
      if (wanted.map && model_->config().generator->label_dim > 0) wanted.label = 0;
      MIEN_ASSIGN(pipeline_, Pipeline::Create(model_, wanted));
    }
    const auto count = static_cast<int64_t>(crops.size());
    results_ = {{"w_plus", {count, pipeline_->rows(), pipeline_->w_dim()}, {}}};
    results_[0].values.resize(static_cast<size_t>(results_[0].shape.elements()));
    for (size_t i = 0; i < crops.size(); ++i) {
      MIEN_TRY(options_.start == "encoder" ? pipeline_->Encode(crops[i].picture, CodesOf(i))
                                           : pipeline_->FromSeed(0, CodesOf(i)));
    }
    if (options_.inputs.size() == 1) pipeline_.reset();
    return {};
  }

  Status Prepare() {
    if (inverter_ != nullptr) return {};
    MIEN_ASSIGN(inverter_, MakeInverter(session_, model_, options_.rules, pipeline_.get()));
    return {};
  }

  Status Invert(const std::string& path, const Image& square, size_t i) {
    MIEN_ASSIGN(const InvertedFace face,
                InvertWithProgress(session_, *inverter_, options_.rules, square, CodesOf(i), options_.snapshots));
    session_.Note("%s: PSNR %.2f dB before, %.2f dB after %d steps", InputName(path).c_str(), face.psnr_before,
                  face.psnr_after, options_.rules.steps);
    report_["faces"].push_back(Report(face));
    if (!options_.no_likeness) MIEN_TRY(Compare(path, square, face));
    if (options_.rules.learn_noise) AddNoise(i);
    return {};
  }

  // How far the face recogniser is from the photo, before and after.
  Status Compare(const std::string& path, const Image& square, const InvertedFace& face) {
    FaceNetworks& networks = finder_->networks();
    MIEN_ASSIGN(const std::vector<float> photo, DescribeCrop(networks, square));
    MIEN_ASSIGN(const std::vector<float> before, DescribeCrop(networks, face.picture_before));
    MIEN_ASSIGN(const std::vector<float> after, DescribeCrop(networks, face.picture_after));
    nlohmann::json& report = report_["faces"].back();
    report["before"]["recognizer_distance"] = Distance(photo, before);
    report["after"]["recognizer_distance"] = Distance(photo, after);
    session_.Note("%s: the recogniser's distance to the photo %.3f before, %.3f after", InputName(path).c_str(),
                  Distance(photo, before), Distance(photo, after));
    return {};
  }

  // noise.{i}, of several faces [N,1,H,W].
  void AddNoise(size_t face) {
    const Inversion& inversion = inverter_->inversion();
    for (size_t k = 0; k < inversion.noise_maps(); ++k) {
      if (face == 0) results_.push_back({"noise." + std::to_string(k), inversion.noise_shape(k), {}});
      NamedTensor& maps = results_[k + 1];
      maps.shape.dim[0] = static_cast<int64_t>(face) + 1;
      maps.values.insert(maps.values.end(), inversion.noise(k).begin(), inversion.noise(k).end());
    }
  }

  std::span<float> CodesOf(size_t i) {
    const size_t numbers = results_[0].values.size() / static_cast<size_t>(results_[0].shape[0]);
    return std::span(results_[0].values).subspan(i * numbers, numbers);
  }

  Session& session_;
  const InvertOptions& options_;
  const std::shared_ptr<const ModelFile> model_;
  RunOptions run_;
  std::optional<PhotoFaces> finder_;
  std::unique_ptr<Pipeline> pipeline_;
  std::unique_ptr<PhotoInverter> inverter_;
  std::vector<NamedTensor> results_;
  nlohmann::json report_;
};

// Where the codes go, compared with what is read; `overlays` gets where a photo without a face goes.
Result<OutputFiles> PlanOutputs(const Session& session, const InvertOptions& options,
                                std::vector<std::string>* overlays) {
  std::vector<std::string> names;
  for (const std::string& input : options.inputs) names.push_back(ResultName(input));
  MIEN_ASSIGN(OutputFiles outputs, OutputFiles::Plan(names, options.output, FileKind::kTensors));
  for (const std::string& path : outputs.paths()) {
    if (options.rules.learn_noise) MIEN_TRY(CheckFormat(path, 2));
    overlays->push_back(options.search.aligned ? "" : Beside(path, ".faces.png"));
  }
  const FileGroup codes = outputs.Group("codes");
  const bool makes_folder = codes.makes_folder;
  MIEN_TRY(CheckFiles(session, {{"photo", options.inputs}},
                      {codes,
                       {"overlay", *overlays, makes_folder},
                       {"manifest", {options.batch.manifest}},
                       {"snapshot", {options.snapshots.path}}}));
  return outputs;
}

Status RunInvert(Session& session, InvertOptions options) {
  MIEN_TRY(ParseShard(options.batch.shard).status());
  MIEN_TRY(ExpandInto(&options.inputs, &options.output));
  if (!options.snapshots.path.empty() && options.inputs.size() > 1)
    return Status::Error(Code::kUsage, "--snapshot: one photo expected, %zu found", options.inputs.size());
  std::vector<std::string> overlays;
  MIEN_ASSIGN(OutputFiles outputs, PlanOutputs(session, options, &overlays));
  const std::vector<std::string>& paths = outputs.paths();
  MIEN_ASSIGN(auto model, OpenModel(session));
  Inverting inverting(session, options, std::move(model));
  MIEN_TRY(inverting.Open());
  session.report["files"] = nlohmann::json::array();
  session.report["inversions"] = nlohmann::json::array();
  const auto make = [&](size_t i) -> Status {
    if (!overlays[i].empty()) MIEN_TRY(outputs.MakeFolder());
    return inverting.Make(options.inputs[i], overlays[i]);
  };
  const auto write = [&](size_t i) -> Status {
    MIEN_TRY(outputs.MakeFolder());
    MIEN_TRY(WriteTensors(paths[i], inverting.results(), {{"mien.source", "invert"}}));
    session.report["files"].push_back(paths[i]);
    session.report["inversions"].push_back(inverting.report());
    return {};
  };
  const auto entry = [&](size_t i) {
    return nlohmann::json{{"input", options.inputs[i]}, {"output", paths[i]}, {"faces", inverting.report()["faces"]}};
  };
  return RunBatch(session, options.inputs, options.batch, {make, write, entry, {}});
}

void AddRules(CLI::App& verb, InvertOptions& o) {
  verb.option_defaults()->group("How it is inverted");
  verb.add_option("--start", o.start, "encoder (its code of the photo) or mean (the generator's average face)")
      ->check(CLI::IsMember({"encoder", "mean"}))
      ->capture_default_str();
  verb.add_option_function<std::string>(
          "--space", [&o](const std::string& space) { o.rules.same_rows = space == "w"; },
          "w+ (rows of their own) or w (one row for all)")
      ->check(CLI::IsMember({"w", "w+"}))
      ->default_str("w+");
  verb.add_option("--steps", o.rules.steps, "of Adam")
      ->transform(WholeNumber())
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  verb.add_option("--learning-rate", o.rules.learning_rate, "the largest; it rises at first and falls at the end")
      ->check(CLI::Range(1e-9, 10.0))
      ->capture_default_str();
  verb.add_option("--scales", o.rules.scales,
                  "weights of the mean squared error at full size, half of it, and so on, separated by commas")
      ->delimiter(',')
      ->expected(1, 16)
      ->check(CLI::Range(0.0, 1e6))
      ->default_str("1,1,1,1");
  verb.add_option("--keep-start", o.rules.start_weight,
                  "weight of the mean squared distance to the code it begins with: more keeps it editable")
      ->check(CLI::Range(0.0, 1e6))
      ->capture_default_str();
  verb.add_flag("--learn-noise", o.rules.learn_noise, "the noise maps, too: noise.0, noise.1, ... beside w_plus");
  verb.add_option("--noise-weight", o.rules.noise_weight, "of what keeps the picture out of the noise maps")
      ->check(CLI::Range(0.0, 1e9))
      ->capture_default_str();
  verb.option_defaults()->group("Options");
}

Status RunVerb(Session& session, const CLI::App& app, const CLI::App& verb, const InvertOptions& options) {
  if (options.inputs.empty() == options.replay.empty())
    return Status::Error(Code::kUsage, "photos, or --replay expected");
  MentionUnused(session, app, {"--seed"}, "nothing here is random");
  if (!options.replay.empty()) {
    MentionUnused(session, app, {"--backend", "--precision", "--memory", "--graphs", "--exact"},
                  "recorded steps are taken on the CPU by the direct algorithms");
    return ReplayInversion(session, options.replay, options.output);
  }
  MentionUnusedSearch(session, verb, options.search);
  if (!options.rules.learn_noise) MentionUnused(session, verb, {"--noise-weight"}, "without --learn-noise");
  return RunInvert(session, options);
}

}  // namespace

void AddInvert(CLI::App& app, Session& session) {
  auto options = std::make_shared<InvertOptions>();
  CLI::App* verb = app.add_subcommand("invert", "latent codes from which the generator makes a photo");
  verb->add_option("IN", options->inputs, "photos (PNG or JPEG; - is stdin), or folders of them")->type_name("FILE");
  verb->add_option("-o,--output", options->output,
                   "FILE.safetensors, .npz or .npy, or a folder: codes that edit and synth take with --codes")
      ->type_name("PATH")
      ->required();
  AddSearchOptions(*verb, options->search);
  AddAligned(*verb, options->search);
  AddRules(*verb, *options);
  verb->add_flag("--no-likeness", options->no_likeness, "do not measure how near the face recogniser finds it");
  verb->add_option("--replay", options->replay, "take the recorded steps of a file instead, and write what comes out")
      ->type_name("FILE");
  CLI::Option* const snapshot =
      verb->add_option("--snapshot", options->snapshots.path, "where the run is kept, of one photo with one face")
          ->type_name("FILE");
  verb->add_option("--snapshot-every", options->snapshots.every, "steps between two snapshots")
      ->transform(WholeNumber())
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str()
      ->needs(snapshot);
  verb->add_flag("--resume", options->snapshots.resume, "go on from the snapshot where there is one; the same bytes")
      ->needs(snapshot);
  AddBatchOptions(*verb, options->batch);
  verb->footer(
      "Steps are taken on the CPU in fp32. --threads changes no bit. With --space w the mean of the rows is "
      "begun with.");
  verb->callback([&app, &session, verb, options] { session.status = RunVerb(session, app, *verb, *options); });
}

}  // namespace mien
