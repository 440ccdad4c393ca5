// mien edit: the main job. Photo (or saved codes, or a seed) -> w_plus -> flow -> attribute coordinates ->
// inverse flow -> picture.
#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>

#include "base/interrupt.h"
#include "base/stream.h"
#include "runtime/face/metadata.h"
#include "runtime/face/photo_editor.h"
#include "tools/batch.h"
#include "tools/detectors.h"
#include "tools/edit_plan.h"
#include "tools/edit_search.h"
#include "tools/faces.h"
#include "tools/inversion_options.h"
#include "tools/numbers.h"
#include "tools/outputs.h"
#include "tools/photo_faces.h"
#include "tools/picture_options.h"
#include "tools/verbs.h"
#include "tools/without_effect.h"

namespace mien {
namespace {

struct EditOptions {
  std::vector<std::string> photos;
  SearchOptions search;
  FaceOptions faces;
  EditWords words;
  PictureOptions picture;
  std::string out, paste = "auto";
  bool crop = false, no_likeness = false, drop_gps = false, resume = false;
  int refine = 0;
  BatchOptions batch;
};

// The pictures of the contact sheet of a face.
Status EditForSheet(Pipeline& pipeline, const EditPlan& plan, const Face& face, std::span<const float> codes,
                    ContactSheet& result) {
  const size_t numbers = codes.size();
  std::vector<float> edited(std::min(plan.pictures.size(), size_t{kMaxBatch}) * numbers);
  for (size_t first = 0; first < plan.pictures.size(); first += kMaxBatch) {
    const auto together =
        std::span(plan.pictures).subspan(first, std::min(plan.pictures.size() - first, size_t{kMaxBatch}));
    MIEN_TRY(CheckInterrupt());
    MIEN_TRY(pipeline.ApplyEdits(together, plan.rows, plan.strength, codes,
                                 std::span(edited).first(together.size() * numbers)));
    for (size_t i = 0; i < together.size(); ++i) {
      MIEN_TRY(CheckInterrupt());
      MIEN_ASSIGN(const Image picture,
                  pipeline.Synthesize(std::span(edited).subspan(i * numbers, numbers), face.noise_seed));
      MIEN_TRY(result.Place(plan.places[first + i], picture));
    }
  }
  return {};
}

Result<std::vector<Face>> FacesOf(const Session& session, const EditOptions& options,
                                  const GeneratorConfig& generator) {
  const bool saved = !options.faces.seeds.empty() || !options.faces.codes.empty();
  if (saved == !options.photos.empty())
    return Status::Error(Code::kUsage, "either photos or --codes and --seeds expected");
  if (saved) return SelectFaces(session, options.faces, generator);
  std::vector<Face> faces;
  for (const std::string& path : options.photos) {
    Face face = FaceInPhoto(path);
    face.noise_seed = session.seed;
    faces.push_back(std::move(face));
  }
  return faces;
}

// Whether scores before and after the edit are reported.
bool TellsScores(const Session& session, const EditOptions& options, const EditPlan& plan, const ModelConfig& model) {
  return session.json && model.attributes && plan.edits() && !plan.sheet() && !options.no_likeness;
}

// What the options want of the pipeline; `record` gets what will be done.
PipelineOptions Wanted(Session& session, const CLI::App& verb, const EditOptions& options, const EditPlan& plan,
                       const std::vector<Face>& faces, const GeneratorConfig& generator, bool scores,
                       nlohmann::json* record) {
  PipelineOptions wanted = {session.run};
  wanted.encode = faces[0].photo;
  wanted.edit = wanted.synthesize = true;
  ChooseMapping(session, verb, options.faces, faces, generator, &wanted, record);
  ChoosePicture(session, options.picture, generator, &wanted, record);
  wanted.edits = static_cast<int>(std::min(plan.pictures.size(), size_t{kMaxBatch}));
  wanted.scores = !plan.until.empty() || scores;
  // The pictures of a sheet share the layers before the first row that may change.
  wanted.incremental = plan.sheet() && !plan.rows[0];
  const bool seeded =
      wanted.random_noise && std::ranges::any_of(faces, [](const Face& face) { return !face.seed; });
  if (seeded) {
    (*record)["seed"] = session.seed;
  } else {
    MentionUnused(session, *verb.get_parent(), {"--seed"},
                  wanted.random_noise ? "the faces and their noise have seeds of their own"
                                      : "only --noise random depends on it");
  }
  return wanted;
}

// The options that change nothing for faces of this kind.
void MentionUnusedPasting(Session& session, const CLI::App& verb, const EditOptions& options, bool photos, bool sheet) {
  if (!photos) {
    MentionUnused(session, verb,
                  {"--aligned", "--face", "--detector", "--crop", "--paste", "--no-likeness", "--drop-gps", "--refine"},
                  "it is for photos");
    return;
  }
  MentionUnusedSearch(session, verb, options.search);
  if (sheet) MentionUnused(session, verb, {"--no-likeness"}, "nothing is measured for a sheet");
  if (sheet || options.crop) MentionUnused(session, verb, {"--paste", "--drop-gps"}, "the face is shown alone");
}

// Makes the picture of one face after the other.
class Editing {
 public:
  // `how`: with photos.
  Editing(Session& session, const EditOptions& options, const EditPlan& plan, const PhotoEditOptions& how,
          Pipeline& pipeline, const PhotoFaces* finder, ContactSheet sheet)
      : session_(session),
        options_(options),
        plan_(plan),
        parameters_(plan.record()),
        pipeline_(pipeline),
        finder_(finder),
        scores_(how.scores),
        search_(session, plan, pipeline, finder == nullptr ? nullptr : &finder->networks()),
        editor_(pipeline, finder == nullptr ? nullptr : &finder->networks(), Seeking(how)),
        refine_(how.refine),
        sheet_(std::move(sheet)),
        codes_(static_cast<size_t>(pipeline.rows()) * static_cast<size_t>(pipeline.w_dim())) {}

  // `overlay`: where a photo without a face goes.
  Status Make(const Face& face, const std::string& overlay) {
    record_ = parameters_;
    report_ = {{"input", face.input}};
    if (face.photo) return MakePhoto(face, overlay);
    record_["pictures"] = {face.name};
    MIEN_TRY(MakeCodes(pipeline_, face, codes_));
    return plan_.sheet() ? EditForSheet(pipeline_, plan_, face, codes_, sheet_) : MakePicture(face);
  }

  // Of the last face.
  const Image& picture() const { return photo_.width > 0 ? photo_ : sheet_.image(); }
  nlohmann::json& record() { return record_; }
  nlohmann::json& report() { return report_; }

 private:
  // With what the face itself decides, where something is sought.
  PhotoEditOptions Seeking(PhotoEditOptions how) {
    if (!plan_.seeks()) return how;
    const uint64_t noise_seed = how.noise_seed;
    how.adjust = [this, noise_seed](std::span<const float> codes, std::vector<Edit>* edits, float* strength) {
      return search_.Adjust(codes, noise_seed, edits, strength);
    };
    return how;
  }

  // Of codes, the one picture.
  Status MakePicture(const Face& face) {
    std::vector<Edit> edits = plan_.pictures[0];
    float strength = plan_.strength;
    std::vector<double> before;
    if (scores_) {
      MIEN_TRY(pipeline_.Synthesize(codes_, face.noise_seed).status());
      MIEN_ASSIGN(before, pipeline_.Scores());
    }
    if (plan_.seeks()) MIEN_TRY(search_.Adjust(codes_, face.noise_seed, &edits, &strength));
    std::vector<float> edited = codes_;
    if (!edits.empty()) MIEN_TRY(pipeline_.ApplyEdit(edits, plan_.rows, strength, codes_, edited));
    MIEN_ASSIGN(const Image picture, pipeline_.Synthesize(edited, face.noise_seed));
    nlohmann::json scores = nlohmann::json::array();
    if (scores_) {
      MIEN_ASSIGN(const std::vector<double> after, pipeline_.Scores());
      scores.push_back(Told(before, after));
    }
    Tell(std::move(scores));
    return sheet_.Place(0, picture);
  }

  nlohmann::json Told(const std::vector<double>& before, const std::vector<double>& after) const {
    const ModelConfig& config = pipeline_.config();
    return ScoresInJson(config.attributes->outputs, before, after, *config.flow, plan_);
  }

  // What was found for the faces of one input, and what the classifier says of each.
  void Tell(nlohmann::json scores) {
    if (plan_.seeks()) record_["found"] = report_["found"] = search_.TakeFound();
    if (scores_) report_["attributes"] = std::move(scores);
  }

  Status MakePhoto(const Face& face, const std::string& overlay) {
    MIEN_ASSIGN(Image photo, ReadPicture(session_, face.input));
    if (options_.drop_gps) {
      DropPlace(&photo);
    } else if (TellsPlace(photo) && !options_.crop && !plan_.sheet()) {
      session_.Note("%s: where it was taken stays in the picture (GPS); --drop-gps takes it out",
                    InputName(face.input).c_str());
    }
    std::vector<PhotoFace> found;
    if (!options_.search.aligned) {
      MIEN_ASSIGN(found, finder_->Find(session_, face.input, photo, overlay, &report_));
      MIEN_TRY(Describe(found));
    }
    if (plan_.sheet()) return MakeSheet(face, photo, found);
    editor_.Take(std::move(found));
    MIEN_ASSIGN(const std::vector<EditedFace> edited, editor_.EditPhoto(plan_.pictures[0], &photo));
    EditRecord record = plan_.edit;
    nlohmann::json scores = nlohmann::json::array();
    for (const EditedFace& one : edited) {
      if (scores_) scores.push_back(Told(one.scores_before, one.scores_after));
      if (one.as_it_is && !options_.search.aligned) MentionAligned(session_, face.input);
      if (!one.likeness) continue;
      session_.Note("%s: %s", InputName(face.input).c_str(), EditInWords(*one.likeness, Portrayed(session_)).c_str());
      record.likeness.push_back(*one.likeness);
    }
    const nlohmann::json told = nlohmann::json::parse(ToJson(record));
    if (told.contains("likeness")) record_["likeness"] = report_["likeness"] = told["likeness"];
    Tell(std::move(scores));
    photo_ = std::move(photo);
    return {};
  }

  Status Describe(const std::vector<PhotoFace>& found) {
    report_["faces"] = nlohmann::json::array();
    for (const PhotoFace& one : found) {
      MIEN_ASSIGN(const Quad quad, FaceQuad(RoundedLandmarks(one.landmarks)));
      report_["faces"].push_back(Description(one, quad));
    }
    return {};
  }

  Status MakeSheet(const Face& face, const Image& photo, const std::vector<PhotoFace>& found) {
    MIEN_ASSIGN(const FaceCrop crop, found.empty()
                                         ? CutCentre(photo)
                                         : CutFaceOf(session_, face.input, photo, found[0],
                                                     std::max(kCropSide, refine_ ? pipeline_.image_side() : 0)));
    MIEN_TRY(pipeline_.Encode(crop.picture, codes_));
    if (refine_) MIEN_TRY(refine_(crop.picture, codes_));
    return EditForSheet(pipeline_, plan_, face, codes_, sheet_);
  }

  Session& session_;
  const EditOptions& options_;
  const EditPlan& plan_;
  const nlohmann::json parameters_;  // of all
  Pipeline& pipeline_;
  const PhotoFaces* finder_;  // null: nothing is searched or measured
  const bool scores_;         // are reported
  EditSearch search_;
  PhotoEditor editor_;
  const std::function<Status(const Image&, std::span<float>)> refine_;  // of PhotoEditOptions
  ContactSheet sheet_;  // of one picture, or of all edits
  Image photo_;         // that was edited
  std::vector<float> codes_;
  nlohmann::json record_, report_;
};

// How photos are edited, which is put into the plan's record.
Result<PhotoEditOptions> ChoosePhoto(const Session& session, const EditOptions& options, const FlowConfig& flow,
                                     EditPlan* plan) {
  EditRecord& record = plan->edit;
  record.aligned = options.search.aligned;
  if (!options.search.aligned) {
    record.face = options.search.face;
    record.detector = kDetectorNames[static_cast<size_t>(options.search.detector)];
  }
  PhotoEditOptions how = {plan->rows, plan->strength, session.seed,
                          {},         options.crop,   !plan->sheet() && !options.no_likeness};
  MIEN_ASSIGN(how.paste, ParsePaste(options.paste));
  if (plan->sheet()) return how;
  record.crop = options.crop;
  std::vector<Edit> edits = plan->pictures[0];
  for (const EditPlan::Sought& sought : plan->until) {
    const auto place = std::ranges::find(flow.attributes, sought.attribute) - flow.attributes.begin();
    edits.push_back({static_cast<int>(place)});
  }
  if (!options.crop) record.paste = NameOf(how.paste.value_or(AutoPaste(edits, flow)));
  return how;
}

// Where everything goes, compared with what is read.
Result<OutputFiles> PlanOutputs(const Session& session, const EditOptions& options, const std::vector<Face>& faces,
                                std::vector<std::string>* overlays) {
  std::vector<std::string> names;
  for (const Face& face : faces) names.push_back(face.name);
  MIEN_ASSIGN(OutputFiles outputs,
              OutputFiles::Plan(names, options.out, FileKind::kPicture, options.picture.format.ending()));
  const bool searches = faces[0].photo && !options.search.aligned;
  for (const std::string& path : outputs.paths())
    overlays->push_back(searches && path != "-" ? Beside(path, ".faces.png") : "");
  const FileGroup pictures = outputs.Group("picture");
  const bool makes_folder = pictures.makes_folder;
  MIEN_TRY(CheckFiles(session, {{"photo", options.photos}, {"codes", options.faces.codes}},
                      {pictures, {"overlay", *overlays, makes_folder}, {"manifest", {options.batch.manifest}}}));
  return outputs;
}

// What is recorded of each picture besides the parameters of all.
constexpr const char* kOwnRecords[] = {"found", "likeness", "pictures", "seed"};

// Whether the file `path` is what this program made by `record` of an input that is older than it.
bool IsMade(const std::string& path, const std::string& input, const nlohmann::json& record) {
  namespace fs = std::filesystem;
  std::error_code error;
  if (!fs::is_regular_file(path, error)) return false;  // reading from a stream would wait
  const auto made = fs::last_write_time(path, error);
  if (error) return false;
  const auto source = fs::last_write_time(input, error);  // a seed is no file and never changes
  if (!error && source > made) return false;
  const auto file = OpenInput(path, kMaxImageFileBytes, Code::kFailure);
  if (!file.ok()) return false;
  const auto texts = ReadTexts(**file);
  if (!texts.ok()) return false;
  const std::vector<PictureText> current = Provenance(record, true);
  nlohmann::json found;
  bool same_program = false;
  for (const PictureText& text : *texts) {
    if (text.keyword == kSoftware) same_program = text == current[0];
    if (text.keyword == kParameters) found = nlohmann::json::parse(text.text, nullptr, false);
  }
  if (!found.is_object()) return false;
  for (const char* key : kOwnRecords) {
    if (!record.contains(key)) found.erase(key);
  }
  return same_program && found == nlohmann::json::parse(current[1].text);
}

Status RunEdit(Session& session, const CLI::App& verb, EditOptions options) {
  MIEN_TRY(ParseShard(options.batch.shard).status());
  MIEN_TRY(ExpandInto(&options.photos, &options.out));
  if (options.photos.size() <= 1 && !IsFolder(options.out))
    MIEN_TRY(FormatOf(FileKind::kPicture, options.out).status());
  MIEN_ASSIGN(const auto model, OpenModel(session));
  const ModelConfig& config = model->config();
  MIEN_TRY(CheckEditable(config));
  MIEN_ASSIGN(const std::vector<Face> faces, FacesOf(session, options, *config.generator));
  std::vector<std::string> overlays;
  MIEN_ASSIGN(OutputFiles outputs, PlanOutputs(session, options, faces, &overlays));
  const PictureFormat format =
      ChooseFormat(session, verb, options.picture.format, options.out, outputs.paths()[0]);
  MIEN_ASSIGN(EditPlan plan, PlanEdits(session, options.words, config, RuleOf(Portrayed(session)).threshold));
  MentionUnusedPasting(session, verb, options, faces[0].photo, plan.sheet());
  const bool scores = TellsScores(session, options, plan, config);
  PipelineOptions wanted = Wanted(session, verb, options, plan, faces, *config.generator, scores, &plan.more);
  plan.edit.model = model->file().fingerprint();
  if (format.kind == PictureKind::kJpeg) plan.edit.quality = format.quality;
  PhotoEditOptions how;
  if (faces[0].photo) {
    MIEN_ASSIGN(how, ChoosePhoto(session, options, *config.flow, &plan));
  }
  how.scores = scores;
  if (options.resume && options.picture.no_metadata)
    WithoutEffect(session, "--resume", "with --no-metadata no picture tells how it was made");
  std::optional<PhotoFaces> finder;
  const bool searches = faces[0].photo && !options.search.aligned, describes = how.likeness || plan.identity_below > 0;
  if (searches || describes) {
    SearchOptions search = options.search;
    search.aligned = !searches;
    MIEN_ASSIGN(finder, PhotoFaces::Create(session, search, describes));
    if (finder->all() && (options.crop || plan.sheet()))
      return Status::Error(Code::kUsage, "--face all: --crop and sheets show one face; its number expected");
    static_cast<RunOptions&>(wanted) = RunBeside(session.run, finder->networks());
  }
  MIEN_ASSIGN(const auto pipeline, Pipeline::Create(model, wanted));
  ReportChoices(session, *pipeline);
  const int side = pipeline->image_side();
  MIEN_ASSIGN(ContactSheet sheet, ContactSheet::Create(plan.columns * plan.lines, plan.columns, side, side,
                                                       plan.sheet() ? kSheetGap : 0));
  std::unique_ptr<PhotoInverter> inverter;
  if (faces[0].photo && options.refine > 0) {
    InversionRules rules;
    rules.steps = options.refine;
    plan.more["refine"] = options.refine;
    MIEN_ASSIGN(inverter, MakeInverter(session, model, rules, pipeline.get()));
    how.refine = [&session, &inverter, rules](const Image& square, std::span<float> w_plus) -> Status {
      MIEN_ASSIGN(const InvertedFace refined, InvertWithProgress(session, *inverter, rules, square, w_plus));
      session.Note("refined: PSNR %.2f dB before, %.2f dB after %d steps", refined.psnr_before, refined.psnr_after,
                   rules.steps);
      return {};
    };
  }
  Editing editing(session, options, plan, how, *pipeline, finder ? &*finder : nullptr, std::move(sheet));
  const nlohmann::json parameters = plan.record();
  session.report["parameters"] = parameters;
  session.report["files"] = nlohmann::json::array();
  const auto make = [&](size_t i) -> Status {
    if (!overlays[i].empty()) MIEN_TRY(outputs.MakeFolder());
    return editing.Make(faces[i], overlays[i]);
  };
  const auto write = [&](size_t i) -> Status {
    if (wanted.random_noise) editing.record()["seed"] = faces[i].noise_seed;
    MIEN_TRY(outputs.MakeFolder());
    MIEN_TRY(WritePicture(outputs.paths()[i], editing.picture(),
                          options.picture.no_metadata ? std::vector<PictureText>()
                                                      : Provenance(editing.record(), !faces[i].seed.has_value()),
                          format));
    editing.report()["output"] = outputs.paths()[i];
    session.report["files"].push_back(editing.report());
    return {};
  };
  std::vector<std::string> inputs;
  for (const Face& face : faces) inputs.push_back(face.input);
  const auto entry = [&](size_t) {
    nlohmann::json line = editing.report();
    line["parameters"] = parameters;
    return line;
  };
  const auto there = [&](size_t i) { return options.resume && IsMade(outputs.paths()[i], faces[i].input, parameters); };
  return RunBatch(session, inputs, options.batch, {make, write, entry, there});
}

}  // namespace

void AddEdit(CLI::App& app, Session& session) {
  auto options = std::make_shared<EditOptions>();
  CLI::App* verb = app.add_subcommand("edit", "edit a face in a photo, or one of saved codes or of a seed");
  verb->add_option("IN", options->photos, "photos (PNG or JPEG; - is stdin), or folders of them")->type_name("FILE");
  verb->add_option("-o,--output", options->out, "PNG or .jpg (- is stdout); with several faces a folder")
      ->type_name("PATH")
      ->required();
  AddEditWords(*verb, options->words);
  AddSearchOptions(*verb, options->search);
  AddAligned(*verb, options->search);
  verb->add_flag("--crop", options->crop, "write the edited face alone, as the generator draws it");
  verb->add_option(
          "--paste", options->paste,
          "how the edit comes into the photo: replace (the edited face itself), difference (the photo plus what "
          "the edit changes), auto (by the attribute)")
      ->check(CLI::IsMember({"auto", "replace", "difference"}))
      ->capture_default_str();
  verb->add_flag("--no-likeness", options->no_likeness, "do not measure whether it is still the same person");
  verb->add_flag("--drop-gps", options->drop_gps, "do not write where a photo was taken into the edited one");
  verb->add_option("--refine", options->refine,
                   "bring the photo's code closer to it by so many steps of inversion before the edit")
      ->transform(WholeNumber())
      ->check(CLI::Range(0, 100000))
      ->capture_default_str();
  AddFaceOptions(*verb, options->faces);
  AddPictureOptions(*verb, options->picture);
  AddBatchOptions(*verb, options->batch);
  verb->add_flag("--resume", options->resume,
                 "leave out what is there already, made of the same input with the same parameters")
      ->group("Many inputs");
  verb->footer(
      "To edit a mix of two faces or a step between them: mien synth --save-codes, then mien edit --codes.");
  verb->callback([&session, verb, options] { session.status = RunEdit(session, *verb, *options); });
}

}  // namespace mien
